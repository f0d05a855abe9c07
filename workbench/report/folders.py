"""Folders that appear whole or not at all.

A result is written to a hidden folder beside its place and renamed into it. The hidden folder's name carries the
host and the process it belongs to, so that a later run can tell what a killed one has left behind.
"""

import contextlib
import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.report.source import NotebookError

LONGEST = 120  # characters of a folder's name
UNSAFE = re.compile(r"[^\w.=+-]+")
HIDDEN = re.compile(r"\.(?P<role>partial|replaced)@(?P<host>[^@]*)@(?P<process>\d+)@(?P<random>[^@]*)@(?P<name>.+)")


def folder_name(stem: str, parameters: Mapping[str, Any]) -> str:
    """Name the folder of a run: the notebook's stem and the parameters given, as in `01-lrn--alpha=0.01--size=7`.

    What a file name cannot hold is replaced, and a checksum keeps names apart that would then be equal.
    """
    wanted = "--".join([stem, *(f"{name}={value}" for name, value in parameters.items())])
    safe = UNSAFE.sub("_", wanted).lstrip(".")
    if safe == wanted and len(safe) <= LONGEST and safe != "index.html":
        return safe
    return f"{safe[: LONGEST - 9]}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"


def check_name(name: str) -> str:
    """Return a folder name given by hand, or raise NotebookError."""
    if not isinstance(name, str) or not name or name != folder_name(name, {}):
        raise NotebookError(
            f"name {name!r}: must be letters, digits and _.=+- alone, at most {LONGEST}, and not begin with a dot"
        )
    return name


def prepare(directory: Path) -> None:
    """Make `directory` and see that it can be written to, or raise NotebookError naming it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as problem:
        raise NotebookError(
            f"output folder {str(directory)!r}: cannot be written to ({problem.strerror}); name another with --output"
        ) from None
    _remove_stale(directory)


@contextlib.contextmanager
def partial(directory: Path, name: str) -> Iterator[Path]:
    """Give a new hidden folder to write to; it is removed at the end, unless it has been published."""
    folder = _hidden(directory, "partial", name)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, place: Path) -> None:
    """Rename `folder` to `place`; what has been there is replaced."""
    replaced = _hidden(place.parent, "replaced", place.name)
    while True:
        with contextlib.suppress(FileNotFoundError):
            place.rename(replaced)
        try:
            folder.rename(place)
            break
        except OSError:
            if not place.exists():
                with contextlib.suppress(FileNotFoundError):
                    replaced.rename(place)
                raise
            _remove(replaced)  # another run has published the same name in between: the later one stays
    _remove(replaced)


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is at every moment either the earlier or the new one."""
    new = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _host() -> str:
    return UNSAFE.sub("_", socket.gethostname()).replace("@", "_")


def _hidden(directory: Path, role: str, name: str) -> Path:
    return directory / f".{role}@{_host()}@{os.getpid()}@{os.urandom(4).hex()}@{name}"


def _remove_stale(directory: Path) -> None:
    """Remove what killed processes have left, and put back a result that one of them was about to replace."""
    for path in directory.iterdir():
        found = HIDDEN.fullmatch(path.name)
        if found is None or found["host"] != _host() or _is_alive(int(found["process"])):
            continue
        place = directory / found["name"]
        if found["role"] == "replaced" and not place.exists():
            with contextlib.suppress(OSError):
                path.rename(place)
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
