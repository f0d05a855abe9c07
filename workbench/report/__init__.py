"""Reports: run notebooks with checked parameters through papermill, save each run in a folder, and write HTML pages."""

from typing import TYPE_CHECKING

from workbench.lazily import lazily

if TYPE_CHECKING:
    from workbench.report.parameters import Parameter as Parameter
    from workbench.report.parameters import ParameterError as ParameterError
    from workbench.report.results import Result as Result
    from workbench.report.runs import run_all as run_all
    from workbench.report.runs import run_notebook as run_notebook
    from workbench.report.runs import save_all as save_all
    from workbench.report.source import NotebookError as NotebookError

__all__, __getattr__ = lazily(
    __name__,
    source="NotebookError",
    parameters="Parameter ParameterError",
    results="Result",
    runs="run_all run_notebook save_all",
)
