"""The target of a sweep: a notebook or a plain function, with the parameters that it declares.

A function declares its parameters in its signature, as in `alpha: Annotated[float, "strength [0 .. 10]"] = 1e-4`; the
text has the form of a comment in a notebook's parameters cell. Two names are special: `seed` receives the trial's seed
unless the sweep sets it, and `trial` receives a `workbench.sweep.trial.Trial`, which takes intermediate values.
"""

import dataclasses
import functools
import hashlib
import importlib
import inspect
import os
import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from workbench.operator import REQUIRED
from workbench.report import parameters, results
from workbench.report.parameters import Parameter
from workbench.report.source import clean, load, without_outputs
from workbench.sweep.definition import SweepError
from workbench.sweep.sending import FileFunction, pickled, read_file, run_file
from workbench.sweep.trial import FunctionTrial, finish_notebook
from workbench.workers.messages import FunctionWork, NotebookWork
from workbench.workers.worker import writable

SEED, TRIAL = "seed", "trial"
MAX_OUTPUT_RATIO = 10  # a trial's files are assumed to take at most ten times the size of its notebook
LARGEST_SEED = 2**31 - 1
NUMPY_KINDS = ((np.bool, bool), (np.integer, int), (np.floating, float), (np.str_, str))
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@dataclasses.dataclass(frozen=True)
class Target:
    """A notebook or a function to sweep over.

    Either `notebook` or `function` is set. `takes_trial` says whether the function has a parameter `trial`. `digest`
    changes when the code changes. Every trial gets `defaults`, unless the sweep sets other values. `known` are the
    metrics in a notebook's saved outputs; it is empty if they are not known.
    """

    name: str
    declared: dict[str, Parameter]
    digest: str
    notebook: NotebookWork | None = None
    function: Callable | FileFunction | None = None
    takes_trial: bool = False
    defaults: dict[str, Any] = dataclasses.field(default_factory=dict)
    known: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """Return a short name that can name a folder."""
        if self.names_notebook:
            return Path(self.name).stem
        return re.sub(r"\W+", "", self.name.rpartition(":")[2].rpartition(".")[2])

    @property
    def names_notebook(self) -> bool:
        """Tell whether the target was given as a notebook, even if a function that it registers runs instead."""
        return self.name.endswith(".ipynb")

    @property
    def trial_bytes(self) -> int:
        """Return the bytes that a trial's files may take: a notebook's trial saves the notebook, report and figures."""
        return MAX_OUTPUT_RATIO * Path(self.notebook.path).stat().st_size if self.is_notebook else 0

    @property
    def is_notebook(self) -> bool:
        return self.notebook is not None

    def work(self, objectives: tuple[str, ...]) -> NotebookWork | FunctionWork:
        """Return the work to send to a worker; `objectives` name the numbers of a function that returns no dict."""
        if self.notebook is not None:
            return self.notebook
        return FunctionWork(pickled(FunctionTrial(self.function, self.takes_trial, objectives)))

    def seed(self, seed: int) -> dict[str, int]:
        """Return {"seed": seed}, moved into the parameter's limits, or {} without an int parameter `seed`."""
        parameter = self.declared.get(SEED)
        if parameter is None or parameter.arg is None or parameter.arg.type is not int:
            return {}
        low = parameter.arg.low or 0
        high = parameter.arg.high if parameter.arg.high is not None else LARGEST_SEED
        return {SEED: int(low + seed % (high - low + 1))}

    def check_complete(self, given: Mapping[str, Any]) -> None:
        """Raise ParameterError if `given` lacks a parameter that has no default."""
        given = {*given, *self.seed(0)}
        missing = [name for name, each in self.declared.items() if each.default is REQUIRED and name not in given]
        if missing:
            problems = [f"{name}: has no default; give {self.declared[name].allowed}" for name in missing]
            raise parameters.ParameterError(problems, self.declared)


def find_target(what: Path | str | Callable) -> Target:
    """Return the target for `what`: a notebook's path, a function, "module:function" or "file.py:function".

    If a notebook's metadata register a function, `{"workbench": {"function": "module:function"}}`, the trials call this
    function. The declarations and defaults of its parameters are still those of the notebook.

    Raises:
        Refused: the notebook, module, file or function does not exist, or a sweep cannot run it.
    """
    if callable(what):
        inner = what.func if isinstance(what, functools.partial) else what
        owner = inner if hasattr(inner, "__qualname__") else type(inner)
        return _function(what, f"{owner.__module__}:{owner.__qualname__}")
    text = str(what)
    if text.endswith(".ipynb") or ":" not in text:
        return _notebook(Path(what))
    return _named(text)


def working_folder() -> str:
    """Return the current folder; raise SweepError if it has been removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise SweepError("the working folder no longer exists; change to one that does") from None


def _notebook(path: Path) -> Target:
    import nbformat

    source = load(path)
    path = Path(os.path.relpath(path, working_folder()))  # one name for a notebook, however it was given
    declared = parameters.declared(source)
    registered = source.metadata.get("workbench", {}).get("function")
    if registered is not None:
        return _registered(path, declared, str(registered))
    sent = clean(without_outputs(source))
    text = nbformat.writes(sent)
    code = "\0".join(cell.source for cell in sent.cells if cell.cell_type == "code")
    return Target(
        name=writable(str(path)),
        declared=declared,
        digest=_digest(code),
        notebook=NotebookWork(
            text, str(path), str(path.resolve().parent), finish=finish_notebook, shutdown="immediate"
        ),  # does not wait half a second for each kernel to end itself
        known=tuple(results.metrics(load(path))),
    )


def _registered(path: Path, declared: dict[str, Parameter], name: str) -> Target:
    function = _named(name)
    others = [each for each in function.declared if each not in declared]
    if others:
        raise SweepError(
            f"notebook {str(path)!r}: registers {name}, which takes {', '.join(others)}: its parameters must be some "
            f"of the notebook's, {', '.join(declared)}"
        )
    shared = {each: declared[each] for each in function.declared}
    defaults = {each: parameter.default for each, parameter in shared.items() if each != SEED}
    return dataclasses.replace(function, name=writable(str(path)), declared=shared, defaults=defaults)


def _function(function: Callable, name: str, sent: FileFunction | None = None) -> Target:
    """Return the target for a function; workers get `sent`, if given, and the pickled function otherwise."""
    try:
        signature, hints = inspect.signature(function), typing.get_type_hints(_inner(function), include_extras=True)
    except (TypeError, ValueError, NameError) as problem:
        raise SweepError(f"function {name}: its signature cannot be read ({problem})") from None
    declared = {}
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            raise SweepError(f"function {name}: parameter {parameter.name!r} cannot be given by name, as a sweep does")
        if parameter.kind is parameter.VAR_KEYWORD or parameter.name == TRIAL:
            continue
        declared[parameter.name] = _declared(parameter, hints.get(parameter.name))
    try:
        pickled(sent or function)
    except Exception as problem:  # pickling the function can raise anything
        raise SweepError(f"function {name}: cannot be sent to another process ({problem})") from None
    return Target(
        name=writable(name),
        declared=declared,
        digest=_digest(_source(function)),
        function=sent or function,
        takes_trial=TRIAL in signature.parameters,
    )


def _declared(parameter: inspect.Parameter, hint: Any) -> Parameter:
    words = [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, str)]
    kind = typing.get_args(hint)[0] if words else hint
    default = REQUIRED if parameter.default is parameter.empty else parameter.default
    if isinstance(default, np.generic):
        default = default.item()
    if kind is None and default is not REQUIRED:
        kind = type(default)
    if isinstance(kind, type):
        kind = next((plain for scalar, plain in NUMPY_KINDS if issubclass(kind, scalar)), kind)
    if kind is None and parameter.name == SEED:
        kind = int
    return parameters.from_help(
        parameter.name, getattr(kind, "__name__", str(kind)), default, words[0] if words else ""
    )


def _named(text: str) -> Target:
    """Return the target for the name of a function, "module:function" or "file.py:function"."""
    place, _, name = text.rpartition(":")
    if place.endswith(".py"):
        path, source = os.path.join(working_folder(), place), read_file(Path(place))
        try:
            module = run_file(path, source)
        except (Exception, SystemExit) as problem:  # the file's code can raise anything
            raise SweepError(f"file {place!r}: cannot be imported ({type(problem).__name__}: {problem})") from None
        return _function(_attribute(module, text), text, FileFunction(path, source, name))
    try:
        module = importlib.import_module(place)
    except (Exception, SystemExit) as problem:
        raise SweepError(
            f"module {place!r}: cannot be imported ({problem}); give a notebook, module:function or file.py:function"
        ) from None
    return _function(_attribute(module, text), text)


def _attribute(module: ModuleType, text: str) -> Callable:
    place, _, name = text.rpartition(":")
    function = getattr(module, name, None)
    if not callable(function):
        public = [each for each, _ in inspect.getmembers(module, inspect.isfunction) if not each.startswith("_")]
        raise SweepError(f"{text}: {place} has no function {name!r}; it has {', '.join(public) or 'none'}")
    return function


def _inner(function: Callable) -> Callable:
    """Return the function that a `functools.partial` or a callable object calls, which has the annotations."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if _has_code(function) else type(function).__call__


def _source(function: Callable) -> str:
    """Return text that changes with a function's code, and with the values that a partial or an object holds."""
    try:
        source = inspect.getsource(_inner(function))
    except (OSError, TypeError):  # no source file, as at a prompt
        source = getattr(getattr(function, "__code__", None), "co_code", b"").hex()
    if _has_code(function):
        return source
    held = (function.args, function.keywords) if isinstance(function, functools.partial) else ()
    return source + ADDRESS.sub("", repr((held, getattr(function, "__dict__", {}))))


def _has_code(function: Callable) -> bool:
    return inspect.isroutine(function) or hasattr(function, "__wrapped__")  # as one with a cache has


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
