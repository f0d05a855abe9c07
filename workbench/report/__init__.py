"""Notebooks run through papermill: parameters checked, results kept in a folder each, reports in HTML."""

from workbench.lazily import lazily

__all__, __getattr__ = lazily(
    __name__,
    source="NotebookError",
    parameters="Parameter ParameterError",
    results="Result",
    runs="run_all run_notebook save_all",
)
