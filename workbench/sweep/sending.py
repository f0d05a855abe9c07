"""Send functions to other processes: pickle them by value, or run the source of the file that holds them again."""

import dataclasses
import functools
import hashlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from workbench.sweep.definition import SweepError
from workbench.workers.worker import writable


@dataclasses.dataclass(frozen=True)
class FileFunction:
    """The function `name` of the file `path`, whose content is `source`; once unpickled, it is the function itself.

    Another process runs the source instead of unpickling what the file defines. So the file may define locks and
    caches, which cannot be pickled, may change meanwhile, and need not be on the other machine.
    """

    path: str
    source: bytes
    name: str

    def __reduce__(self) -> tuple[Callable, tuple]:
        return _load, (self.path, self.source, self.name)


class _Pickler(cloudpickle.Pickler):
    """Pickle by value, as cloudpickle does, also a function with a cache that is defined in a notebook or a script."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, functools._lru_cache_wrapper):
            module = sys.modules.get(value.__module__)
            if value.__module__ == "__main__" or getattr(module, value.__qualname__, None) is not value:
                return _with_cache, (value.__wrapped__, value.cache_parameters())
        return super().reducer_override(value)


def _with_cache(function: Callable, settings: dict[str, Any]) -> Callable:
    return functools.lru_cache(**settings)(function)


def pickled(value: Any) -> bytes:
    """Return `value` pickled so that a process can unpickle it that has not imported what it is made of."""
    file = io.BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


def read_file(path: Path) -> bytes:
    """Return the content of a file of Python source; raise SweepError if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SweepError(f"file {str(path)!r}: does not exist") from None
    except (OSError, ValueError) as problem:  # the latter for a name that no file can have
        raise SweepError(f"file {str(path)!r}: cannot be read ({getattr(problem, 'strerror', problem)})") from None


def run_file(path: str, source: bytes) -> ModuleType:
    """Run a file's source as a module, once in each process, and return the module."""
    digest = hashlib.sha256(f"{path}: {source!r}".encode("utf-8", "surrogatepass")).hexdigest()
    name = f"{Path(path).stem}_{digest[:8]}"  # a changed file has another name
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    try:
        exec(compile(source, writable(path), "exec", dont_inherit=True), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load(path: str, source: bytes, name: str) -> Any:
    return functools.reduce(getattr, name.split("."), run_file(path, source))
