"""Import slow or optional modules on first use, and name the extra that brings a package that is missing."""

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

# The extra of pyproject.toml that brings each optional package, by the name under which it is imported.
EXTRAS = {
    "notebooks": "matplotlib ipywidgets IPython jupyterlab papermill nbclient nbconvert nbformat sklearn PIL "
    "latex2mathml",
    "sweep": "optuna pyarrow cloudpickle jinja2",
    "cluster": "dask distributed",
    "torch": "torch",
}


class MissingExtra(ModuleNotFoundError):
    """A package that one of the extras brings is not installed; the message says which."""


@contextlib.contextmanager
def naming_the_extra() -> Iterator[None]:
    """Raise MissingExtra in place of the block's ModuleNotFoundError, where one of the extras brings the module."""
    try:
        yield
    except ModuleNotFoundError as problem:
        top = (problem.name or "").partition(".")[0]
        extra = next((extra for extra, names in EXTRAS.items() if top in names.split()), None)
        if extra is None:
            raise
        words = f"{top} is not installed; get it with: pip install 'operator-workbench[{extra}]'"
        raise MissingExtra(words, name=problem.name) from None


def lazily(package: str, **homes: str) -> tuple[list[str], Callable[[str], Any]]:
    """Return `__all__` and `__getattr__` of a package; `homes` has the names, by the module of it that defines them."""
    home = {name: module for module, names in homes.items() for name in names.split()}

    def find(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with naming_the_extra():
            return getattr(import_module(f"{package}.{home[name]}"), name)

    return sorted(home), find
