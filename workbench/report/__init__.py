"""Reports: run notebooks with checked parameters through papermill, save each run in a folder, and write HTML pages."""

from workbench.lazily import lazily

__all__, __getattr__ = lazily(
    __name__,
    source="NotebookError",
    parameters="Parameter ParameterError",
    results="Result",
    runs="run_all run_notebook save_all",
)
