"""The folder of a sweep, which holds all its results and everything that is needed to continue it.

    sweep.json      the definition
    trials.jsonl    one line for each finished trial, in the order in which they finished
    trials/00007/   files of a notebook's trial: the executed notebook, its report and figures
    lock            held while a sweep runs
    report.html, metrics.json, trials.csv, trials.parquet, figures/, and their manifest.json: written at the end

A trial is finished when its line is complete. The next start removes or replaces what a killed process left unfinished.
"""

import array
import contextlib
import dataclasses
import fcntl
import json
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from workbench import files
from workbench.sweep.definition import Definition, SweepError, SweepStopped
from workbench.sweep.records import Record, is_whole
from workbench.workers.messages import Outcome

RESERVE = 2**24  # bytes that must be free before the first trial
RECORD_BYTES = 2**11  # space for a trial's line and its rows in the tables
LINE = re.compile(rb'\{"number": (\d{1,9}), "status": .*\}\n')  # a trial's line; `index` reads only the number
WRITTEN = ("report.html", "metrics.json", "trials.csv", "trials.parquet")  # replaced when a continued sweep ends
FIGURES = "figures"
LOCKED = re.compile(rb"(process \d*)?")  # the content of the file `lock`
LINE_START = b'{"number": '
GAP = 10**6  # a trial's number exceeds the number of lines before its own by at most this, the most trials at once
NEW = -1  # stands in for the place of a trial that is not finished


@dataclasses.dataclass(frozen=True)
class SweepResult:
    """The result of a sweep: its folder, its definition, the number of trials by status, and the best trial.

    With two objectives, `best` is the best trial by the first one.
    """

    folder: Path
    definition: Definition
    counts: dict[str, int]
    best: Record | None

    @property
    def ok(self) -> bool:
        """Tell whether no trial failed."""
        return not self.counts["failed"]

    def records(self) -> Iterator[Record]:
        """Yield the finished trials in the order of their numbers."""
        return read_records(self.folder)


class SweepFolder:
    """A sweep's folder, locked so that no other process can use it until it is closed."""

    def __init__(self, path: Path, definition: Definition):
        self.path = path
        self.trials = path / "trials"
        _check_no_other(path)
        self._lock = _take_lock(path)
        try:
            self._open(definition)
        except OSError as problem:
            self._lock.close()
            raise SweepError(
                f"folder {str(path)!r}: cannot be written to ({problem.strerror}); make room, or name another"
            ) from None
        except BaseException:
            self._lock.close()
            raise

    def _open(self, definition: Definition) -> None:
        files.check_files(self.path, WRITTEN)
        files.check_replaceable(self.path / FIGURES)
        self.definition = _agree(self.path, definition)
        self.id = read_definition(self.path)["id"]
        files.prepare(self.trials)  # removes partial folders of a killed run
        self._journal = (self.path / "trials.jsonl").open("ab+")
        self._places, end = index(self._journal)
        self._journal.truncate(end)  # an incomplete last line, left when the process was killed

    def close(self) -> None:
        """Close the journal and release the lock."""
        with contextlib.suppress(OSError):  # a full disk, reported before; the last line is incomplete
            self._journal.close()
        fcntl.flock(self._lock, fcntl.LOCK_UN)  # forked processes may still have the file open
        self._lock.close()

    def __contains__(self, number: int) -> bool:
        return number < len(self._places) and self._places[number] != NEW

    def __len__(self) -> int:
        """Return the number of finished trials."""
        return sum(place != NEW for place in self._places)

    def __getitem__(self, number: int) -> Record:
        """Return a finished trial; raise SweepError if its line does not fit the definition."""
        record, place = read_at(self._journal, self._places[number]), self._places[number]
        dimensions, wanted = self.definition.space.dimensions, len(self.definition.objectives)
        odd = [name for name, each in dimensions.items() if not each.holds(record.parameters.get(name))]
        if odd or (record.status == "ok" and not len(record.values) == len(record.spread) == wanted):
            what = f"the value of {odd[0]}" if odd else "the number of values"
            raise _no_trial(self._journal, place, f"{what} does not fit the definition")
        return record

    def numbers(self) -> Iterator[int]:
        """Yield the numbers of the finished trials, in order."""
        return (number for number, place in enumerate(self._places) if place != NEW)

    def add(self, record: Record, outcome: Outcome) -> None:
        """Write a finished trial; `flush` then makes sure that it is on the disk."""
        name = trial_name(record.number)
        with self._writing():
            if outcome.files:
                with files.partial(self.trials, name) as folder:
                    for file, content in outcome.files.items():
                        (folder / file).parent.mkdir(parents=True, exist_ok=True)
                        (folder / file).write_bytes(content)
                    files.publish(folder, self.trials / name)
            place = self._journal.seek(0, os.SEEK_END)
            self._journal.write(record.to_json().encode(errors="replace") + b"\n")
            _set_place(self._places, record.number, place)

    def flush(self) -> None:
        """Wait until everything that was added is on the disk."""
        with self._writing():
            self._journal.flush()
            os.fsync(self._journal.fileno())

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise SweepStopped(f"folder {str(self.path)!r}: cannot be written to ({problem.strerror})") from None


def reserve(directory: Path, trials: int, trial_bytes: int) -> None:
    """Create `directory`; raise SweepError if it is not writable or lacks room for `trials` of `trial_bytes` each."""
    files.prepare(directory)
    needed = RESERVE + trials * (trial_bytes + RECORD_BYTES)
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            os.posix_fallocate(file.fileno(), 0, needed)
    except OSError as problem:
        raise SweepError(
            f"output folder {str(directory)!r}: no room for {needed / 2**20:,.0f} MB ({problem.strerror}); make room, "
            "or name another with --output"
        ) from None


def trial_name(number: int) -> str:
    """Return the name of a trial's folder."""
    return f"{number:05d}"


def read_definition(path: Path) -> dict:
    """Return the content of sweep.json in the folder `path`; raise SweepError if it cannot be read."""
    try:
        content = json.loads((path / "sweep.json").read_text(encoding="utf-8"))
        if not (content["id"] and isinstance(content["id"], str) and isinstance(content["space"], dict)):
            raise ValueError("its id or its space is of another kind")
        if not (is_whole(content["in_flight"]) and content["in_flight"] > 0):
            raise ValueError(f"its in_flight is {content['in_flight']!r}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise SweepError(
            f"folder {str(path)!r}: has no readable sweep.json ({type(problem).__name__}: {problem}); give another name"
        ) from None
    return content


def read_records(path: Path) -> Iterator[Record]:
    """Yield the finished trials of the sweep in the folder `path`, in the order of their numbers."""
    with (path / "trials.jsonl").open("rb") as journal:
        places, _ = index(journal)
        for place in places:
            if place != NEW:
                yield read_at(journal, place)


def index(journal: BinaryIO) -> tuple[array.array, int]:
    """Return the byte at which each trial's line begins, by trial number, and the end of the last complete line.

    Raises SweepError, which names the line, if a complete line is not a trial.
    """
    places, place = array.array("q"), 0
    journal.seek(0)
    for count, line in enumerate(journal, start=1):
        if not line.endswith(b"\n") and LINE_START.startswith(line[: len(LINE_START)]):
            break  # still being written, or cut off
        found = LINE.fullmatch(line)
        if found is None or int(found[1]) > count + GAP:
            raise SweepError(f"{str(journal.name)!r}: line {count} is not a trial; remove it, and the trial runs again")
        _set_place(places, int(found[1]), place)
        place += len(line)
    return places, place


def read_at(journal: BinaryIO, place: int) -> Record:
    """Return the record whose line begins at byte `place` of the journal; raise SweepError if it cannot be read."""
    journal.seek(place)
    try:
        return Record.from_json(journal.readline().decode())
    except ValueError as problem:
        raise _no_trial(journal, place, str(problem)) from None


def _no_trial(journal: BinaryIO, place: int, reason: str) -> SweepError:
    return SweepError(f"{str(journal.name)!r}: the line at byte {place}: {reason}; remove it, and the trial runs again")


def _set_place(places: array.array, number: int, place: int) -> None:
    places.extend([NEW] * (number + 1 - len(places)))
    places[number] = place


def _check_no_other(path: Path) -> None:
    """Raise SweepError if the folder holds other files and no sweep, another's lock, or an unreadable sweep.json."""
    if not path.is_dir():
        return
    others = []
    if (path / "sweep.json").exists():
        read_definition(path)
    else:
        others = [each.name for each in path.iterdir() if each.name != "lock" and not each.name.startswith(".")]
    lock = path / "lock"
    is_plain = lock.is_file() and not lock.is_symlink()
    if os.path.lexists(lock) and not (is_plain and LOCKED.fullmatch(lock.read_bytes())):
        others.append("lock")
    if others:
        raise SweepError(f"folder {str(path)!r}: holds something else ({min(others)}); give another name")


def _take_lock(path: Path):
    files.prepare(path)
    lock = (path / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise SweepError(
            f"sweep {path.name!r} in {str(path.parent)!r}: is running{f' in {holder}' if holder else ''}; wait for "
            "it to end, or give another name"
        ) from None
    with contextlib.suppress(OSError):  # on a full disk nothing is written; the lock holds anyway
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
    return lock


def _agree(path: Path, definition: Definition) -> Definition:
    """Return the definition to use; raise SweepError if the folder holds another sweep that has trials.

    If the folder holds no sweep, or another one without trials, `definition` is written to it.
    """
    file, wanted = path / "sweep.json", definition.as_json()
    there = read_definition(path) if file.exists() else {}
    free = {"in_flight"} & there.keys()  # not compared: it was fixed when the sweep first started
    different = [name for name in wanted if name not in free and there.get(name) != wanted[name]]
    journal = path / "trials.jsonl"
    if different and not (journal.exists() and journal.stat().st_size):
        content = {"id": uuid.uuid4().hex, **wanted}
        files.write_text(file, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return definition
    if different:
        heading = f"sweep {path.name!r} in {str(path.parent)!r}: exists with another definition; give another name"
        lines = [f"  {name}: {there.get(name)!r} there, {wanted[name]!r} now" for name in different]
        raise SweepError("\n".join([heading, *lines]))
    return dataclasses.replace(definition, in_flight=there["in_flight"])
