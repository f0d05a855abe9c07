"""Notebooks run through papermill: parameters checked, results kept in a folder each, reports in HTML."""

from workbench.report.parameters import Parameter, ParameterError
from workbench.report.results import Result
from workbench.report.runs import run_all, run_notebook, save_all
from workbench.report.source import NotebookError

__all__ = ["NotebookError", "Parameter", "ParameterError", "Result", "run_all", "run_notebook", "save_all"]
