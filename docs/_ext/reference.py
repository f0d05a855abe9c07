"""Write docs/reference from the package: a page for each module, the declared operators and the commands."""

import importlib
import inspect
import pkgutil
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from declared import cell, commands_page, operators_page
from docstrings import escaped
from sphinx.application import Sphinx
from sphinx.ext.autodoc.mock import mock

import workbench

INDEX = """# Reference

These pages are made from the package itself: from the docstrings, the declarations of the operators and the help of the
commands.

- [](workbench.rst): the functions that most users need
- [](operators.md): the arguments of every operator, with the allowed values
- [](commands.md): the command line

| module | what belongs there |
|---|---|
{table}

```{{toctree}}
:hidden:
:titlesonly:

workbench
operators
commands
{pages}
```
"""


def write_reference(app: Sphinx) -> None:
    """Make docs/reference anew; the pages of `workbench.torch` do not need PyTorch."""
    with mock(["torch"]):
        torch: Any = importlib.import_module("torch")
        torch.Tensor = type("Tensor", (), {})  # that a type such as Tensor | None can be made of
        _write_reference(app)


def _write_reference(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "reference"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    modules = list(public_modules())
    rooms = [module for module in modules if module.__name__.count(".") == 1]
    table = "\n".join(f"| [{m.__name__}]({m.__name__}.rst) | {cell(summary(m))} |" for m in rooms)
    pages = {"index.md": INDEX.format(table=table, pages="\n".join(module.__name__ for module in rooms))}
    pages |= {"operators.md": operators_page(), "commands.md": commands_page()}
    pages["workbench.rst"] = module_page(workbench, [])
    for module in modules:
        inside = [each.__name__ for each in modules if each.__name__.rpartition(".")[0] == module.__name__]
        pages[f"{module.__name__}.rst"] = module_page(module, inside)
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")


def public_modules() -> Iterator[ModuleType]:
    """Yield every module of the package, except those whose name begins with an underscore."""
    for found in pkgutil.walk_packages(workbench.__path__, "workbench."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            yield importlib.import_module(found.name)


def module_page(module: ModuleType, inside: list[str]) -> str:
    """Return the page of a module: its docstring, what it defines, what it passes on, and the modules `inside` it."""
    name = module.__name__
    elsewhere = {each: place for each in vars(module) if (place := documented_name(module, each)) != f"{name}.{each}"}
    elsewhere |= {each: documented_name(module, each) for each in getattr(module, "__all__", ())}  # loaded on request
    elsewhere = {each: place for each, place in elsewhere.items() if place != f"{name}.{each}"}
    lines = [name, "=" * len(name), "", f".. automodule:: {name}", "   :members:"]
    if inspect.isfunction(vars(workbench).get(name.removeprefix("workbench."))):
        lines.append("   :no-index:")  # a function has this name too; the index leads to it
    if elsewhere:
        lines.append(f"   :exclude-members: {', '.join(elsewhere)}")
    passed_on = [each for each in getattr(module, "__all__", ()) if each in elsewhere]
    if passed_on:
        lines += ["", ".. list-table::", "   :widths: auto", ""]
    for each in passed_on:
        lines += [f"   * - :py:obj:`~{elsewhere[each]}`", f"     - {escaped(summary(getattr(module, each)))}"]
    if inside:
        lines += ["", ".. toctree::", "   :caption: Modules", "   :titlesonly:", "", *(f"   {each}" for each in inside)]
    return "\n".join(lines) + "\n"


def documented_name(module: ModuleType, name: str) -> str:
    """Return the name under which an object of `module` is documented.

    It is the name where the object is defined; for the functions that users call as `workbench.NAME`, it is that.
    """
    found = getattr(module, name)
    here = f"{module.__name__}.{name}"
    if name.startswith("_") or not (inspect.isroutine(found) or inspect.isclass(found)):
        return here
    home = getattr(found, "__module__", None)
    if not isinstance(home, str) or home.split(".")[0] != "workbench":
        return here
    if inspect.isfunction(found) and name in workbench.__all__ and getattr(workbench, name) is found:
        return f"workbench.{name}"
    return f"{home}.{name}"


def summary(found: Any) -> str:
    """Return the first paragraph of the docstring of a module, class or function, on one line."""
    documented = inspect.ismodule(found) or inspect.isroutine(found) or inspect.isclass(found)
    text = (inspect.getdoc(found) or "") if documented else ""
    return " ".join(text.partition("\n\n")[0].split())


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_reference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
