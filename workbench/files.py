"""Write files and folders completely or not at all, and replace only what the workbench wrote.

A file is written under another name and then renamed. A folder is written under a hidden name beside its final path and
then renamed. The hidden name contains the host and the process number, so that a later run can find and remove what a
killed process has left.

A folder's manifest.json lists the files that the workbench wrote there, each with a digest of its content. A file is
replaced or removed only if its digest is in that list, so that a file that somebody added or changed is never lost.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

LONGEST = 120  # characters in a folder's name, at most
LONGEST_BYTES = 160  # the same in UTF-8: a hidden name adds up to 95 bytes, and a file system allows 255
UNSAFE = re.compile(r"[^\w.=+-]+")
MANIFEST = "manifest.json"
INDEX_MARK = '<meta name="generator" content="operator-workbench">'  # in the head of each written index.html
HIDDEN = re.compile(r"\.(?P<role>partial|replaced)@(?P<host>[^@]*)@(?P<process>\d+)@[0-9a-f]{8}@(?P<name>.+)")


class Refused(ValueError):
    """A request is refused and nothing has been run, because of a file, a folder, a notebook or a sweep."""


class NotWritten(OSError):
    """A file or folder could not be written, for example because the disk is full; the message names it."""

    def __str__(self) -> str:
        return f"{self.filename!r}: cannot be written ({self.strerror}); make room there, or write to another folder"


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Raise NotWritten, which names `place`, instead of an OSError of the block, also where blocks are nested."""
    try:
        yield
    except OSError as problem:
        raise NotWritten(problem.errno, problem.strerror or str(problem), str(place)) from problem


def status_kilobytes(field: str) -> int:
    """Return a field of this process's status on Linux, in kB: VmRSS is the memory in use and VmHWM its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def write_whole(file: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `file`, then rename it to `file`; raise NotWritten if that fails.

    A file that is replaced keeps its permissions.
    """
    with writing(file):
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem[:40]}-", suffix=file.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            temporary.chmod(stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o644)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(file: Path, text: str) -> None:
    """Write a text file in UTF-8; at every moment, the file has either the old or the new content."""
    write_whole(file, lambda new: new.write_text(text, encoding="utf-8"))


def folder_name(stem: str, parameters: Mapping[str, Any]) -> str:
    """Return the name of a run's folder: the notebook's stem and parameters, as in `01-lrn--alpha=0.01--size=7`.

    Characters that a file name cannot hold are replaced, and a checksum then keeps different names different.
    """
    wanted = "--".join([stem, *(f"{name}={value}" for name, value in parameters.items())])
    safe = UNSAFE.sub("_", wanted).lstrip(".")
    if safe == wanted and len(safe) <= LONGEST and len(safe.encode()) <= LONGEST_BYTES and safe != "index.html":
        return safe
    digest = hashlib.sha256(wanted.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[: LONGEST - 9].encode()[: LONGEST_BYTES - 9].decode(errors='ignore')}-{digest}"


def check_name(name: str) -> str:
    """Return a folder name given by the user; raise Refused if it is not a safe file name."""
    if not isinstance(name, str) or not name or name != folder_name(name, {}):
        raise Refused(
            f"name {name!r}: must be letters, digits and _.=+- alone, at most {LONGEST}, and must not begin with a dot"
        )
    return name


def prepare(directory: Path) -> None:
    """Make `directory` and remove what killed processes left there; raise Refused if it cannot be written to."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as problem:
        raise Refused(
            f"output folder {str(directory)!r}: cannot be written to ({problem.strerror}); name another with --output"
        ) from None
    _remove_stale(directory)


@contextlib.contextmanager
def partial(directory: Path, name: str) -> Iterator[Path]:
    """Yield a new hidden folder to write to; it is removed at the end unless it has been published."""
    folder = _hidden(directory, "partial", name)
    with writing(folder.parent / name):
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, place: Path) -> None:
    """Add a manifest to `folder` and rename it to `place`, replacing an earlier result of the workbench.

    Raises Refused in the same cases as `check_replaceable`, and NotWritten if the disk is full; `place` is then
    unchanged.
    """
    with writing(place):
        _write_manifest(folder, {name: [digest] for name, digest in _digests(folder)})
        _put(folder, place)


def _put(folder: Path, place: Path) -> None:
    replaced = _hidden(place.parent, "replaced", place.name)
    while True:
        check_replaceable(place)
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
            _remove(replaced)  # meanwhile, another run has published this name: the later result wins
    _remove(replaced)


def check_replaceable(place: Path) -> None:
    """Raise Refused if `place` holds anything that the workbench did not write or that was changed since."""
    if not os.path.lexists(place):
        return
    if place.is_symlink() or not place.is_dir():
        raise _not_ours(place, "is not a folder")
    known = {digest for digests in _read_manifest(place).values() for digest in digests}
    for name, digest in _digests(place):
        if name != MANIFEST and digest not in known:
            raise _not_ours(place, f"holds {name!r}")
    if not (place / MANIFEST).is_file():
        raise _not_ours(place, f"has no {MANIFEST}")


def check_index(directory: Path) -> None:
    """Raise Refused if `directory` has an index.html that the workbench did not write."""
    index = directory / "index.html"
    if os.path.lexists(index) and not (_is_plain(index) and INDEX_MARK.encode() in index.read_bytes()[:4096]):
        raise _not_ours(index, "is a page that the workbench did not write")


def check_files(folder: Path, names: Iterable[str]) -> None:
    """Raise Refused if `folder` has a file with one of these names that the workbench did not write."""
    known = _read_manifest(folder)
    for name in names:
        file = folder / name
        if os.path.lexists(file) and (not _is_plain(file) or _digest(file) not in known.get(name, [])):
            raise _not_ours(file, "was changed, or was not written by the workbench")


def replace_file(file: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a new file, replace `file` with it, and list it in the folder's manifest.

    Raises Refused in the same cases as `check_files`; `file` is then unchanged.
    """
    folder = file.parent

    def write_and_list(new: Path) -> None:
        write(new)
        check_files(folder, [file.name])
        # Old and new are both listed until the next call, so that the manifest is right even after a kill in between.
        known = _read_manifest(folder)
        _write_manifest(folder, {**known, file.name: [*known.get(file.name, [])[-1:], _digest(new)]})

    write_whole(file, write_and_list)


def _not_ours(place: Path, what: str) -> Refused:
    return Refused(
        f"{str(place)!r}: {what}; the workbench replaces only what it wrote itself and what nobody has changed since; "
        "move it away, or give another --output or --name"
    )


def _is_plain(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each file below `folder` with its digest, or an empty one if it is not a plain file."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix(), _digest(path) if _is_plain(path) else ""


def _read_manifest(folder: Path) -> dict[str, list[str]]:
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {str(name): [str(digest) for digest in digests] for name, digests in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_manifest(folder: Path, files: Mapping[str, list[str]]) -> None:
    write_text(folder / MANIFEST, json.dumps({"writer": "operator-workbench", "files": dict(files)}, indent=1) + "\n")


def _host() -> str:
    return UNSAFE.sub("_", socket.gethostname()).replace("@", "_")


def _hidden(directory: Path, role: str, name: str) -> Path:
    return directory / f".{role}@{_host()}@{os.getpid()}@{os.urandom(4).hex()}@{name}"


def _remove_stale(directory: Path) -> None:
    """Remove what killed processes have left, and restore a result that one of them was about to replace."""
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
    with contextlib.suppress(ProcessLookupError):
        with contextlib.suppress(PermissionError):  # the process of another user
            os.kill(process, 0)
        return True
    return False
