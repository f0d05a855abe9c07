"""Check the answers of a class, and write one table of them.

Answers are read from the cells in which they are written, and nothing is run. An answer that is computed, such as
`my_prediction = np.sqrt(10)`, needs a run. A run has a time limit and takes nothing from the notebook but its answers:
they are compared here, in another process. But it is a program of the student's, with the rights of the teacher.
"""

import ast
import csv
import dataclasses
import io
import itertools
import json
import tempfile
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from workbench import files
from workbench.classroom.exercises import ANSWER, answer_lines, grade_id
from workbench.classroom.handout import Answers, notes
from workbench.explore.answers import is_right
from workbench.files import Refused
from workbench.parallel import available_threads
from workbench.report.runs import check_timeout
from workbench.report.source import NotebookError, load, without_outputs
from workbench.workers.messages import RECORDED, NotebookWork, Setup, Task
from workbench.workers.pool import close_workers, run_alone
from workbench.workers.worker import writable

LARGEST = 50_000_000  # bytes of a notebook
TIMEOUT = 120.0  # seconds for each notebook that is run
COMPUTED = "?"  # in the table: the answer is computed, and was not run
FORMULA = ("=", "+", "-", "@")  # a spreadsheet would compute a name that begins with one of them
SILENCE = "import os, sys\nsys.stdout = sys.stderr = open(os.devnull, 'w')"  # what is printed is of no use here

Given = dict[str, list[Any] | None]  # the values that were given, by exercise; None if they are computed


@dataclasses.dataclass
class Row:
    """One student: by notebook and number a score from 0 to 1, "" or COMPUTED, and notes of what was wrong."""

    student: str
    scores: dict[tuple[str, str], float | str]
    notes: list[str]


def grade(
    folder: Path | str,
    answers: Path | str,
    *,
    run: bool = False,
    jobs: int | None = None,
    timeout: float | None = TIMEOUT,
) -> list[Row]:
    """Return a row for each student, a folder in `folder` that holds the notebooks, at any depth.

    `answers` is the teacher's answers.json. With `run`, notebooks with computed answers are run, `jobs` at once.

    Raises:
        Refused: the folder has no folders of students, `answers` cannot be read, or the timeout is not above 0. A
            student's file never raises.
    """
    known, timeout = read_answers(Path(answers)), check_timeout(timeout)
    found = Path(folder)
    students = sorted(place for place in found.glob("[!.]*") if place.is_dir())
    if not students:
        raise Refused(f"{str(found)!r}: has no folders; it must have one for each student, with the notebooks in it")
    session = uuid.uuid4().hex if run else ""
    with ThreadPoolExecutor(min(jobs or available_threads(), len(students))) as pool:
        try:
            return list(pool.map(lambda student: _row(student, known, session, timeout), students))
        except BaseException:
            close_workers(session)
            raise


def read_answers(file: Path) -> Answers:
    """Return the answers of a handout; raise Refused if the file is not what `workbench handout` wrote."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["notebooks"]
        if not all(_is_exercise(each) for notebook in found.values() for each in notebook):
            raise ValueError("an exercise is not complete")
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        reason = getattr(problem, "strerror", None) or "is not what `workbench handout` wrote"
        raise Refused(f"answers {str(file)!r}: {reason}; give the answers.json of the teacher's folder") from None


def _is_exercise(found: dict[str, Any]) -> bool:
    truths, tolerances = found["truths"], found["tolerances"]
    texts = isinstance(found["exercise"], str) and isinstance(found["name"], str) and len(truths) == len(tolerances)
    kinds = all(isinstance(each, str | int | float) for each in truths)
    return texts and kinds and all(isinstance(each, int | float) for each in tolerances)


def write_table(rows: Sequence[Row], answers: Answers, file: Path) -> Path | None:
    """Write a CSV file with a line for each student and a column for each exercise, their sum, and notes.

    A teacher may have changed the table that was there: it gets a free name such as grades-1.csv, which is returned.
    """
    columns = [(notebook, each["exercise"]) for notebook, of in answers.items() for each in of]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["student", *(f"{notebook} {number}" for notebook, number in columns), "sum", "notes"])
    for row in rows:
        scores = [row.scores.get(column, "") for column in columns]
        total = sum(score for score in scores if not isinstance(score, str))
        name = " ".join(row.student.split())  # programs take a carriage return for the end of a row
        name = f"'{name}" if name.startswith(FORMULA) else name
        table.writerow([name, *map(_shown, scores), _shown(total), "; ".join(row.notes)])
    new = writable(text.getvalue())
    kept = None
    if file.is_file() and file.read_bytes() != new.encode():
        names = (file.with_stem(f"{file.stem}-{number}") for number in itertools.count(1))
        kept = file.rename(next(name for name in names if not name.exists()))
    files.write_text(file, new)
    return kept


def _shown(score: float | str) -> str:
    return score if isinstance(score, str) else f"{score:.3g}"


def _row(student: Path, known: Answers, session: str, timeout: float | None) -> Row:
    row = Row(student.name, {}, [])
    for name, exercises in known.items():
        try:
            notebook = _read(student, name)
            given = _given(notebook)
            if session and None in given.values():
                given |= _given_in_run(notebook, session, timeout, row, name)
        except NotebookError as problem:
            row.notes.append(" ".join(str(problem).split()))
            continue
        cells = set(map(grade_id, notebook.cells))
        for each in exercises:
            if each["name"] + ANSWER not in cells:
                row.notes.append(f"{name}: the cell for the answer to exercise {each['exercise']} is not there")
            if session and given.get(each["name"], []) is None and not row.notes:
                row.notes.append(f"{name}: the check of exercise {each['exercise']} did not run, so its answer is open")
            row.scores[name, each["exercise"]] = _score(given.get(each["name"], []), each)
    return row


def _read(student: Path, name: str) -> NotebookNode:
    """Return a student's notebook; raise NotebookError if there is none, or it cannot be used."""
    all_paths = [path for path in student.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts and path.is_file()]
    paths = sorted(path for path in all_paths if path.name == f"{name}.ipynb")
    if any(path.is_symlink() for path in paths):
        raise NotebookError(f"{name} is a link to another file, which may be somebody else's")
    if not paths:  # a browser adds " (1)" or ".txt"
        found = (path.name for path in student.rglob("*") if path.is_file())
        alike = sorted(each for each in found if each.lower().startswith(name.lower()))
        raise NotebookError(f"{name} is missing" + (f"; {alike[0]!r} is there: rename it" if alike else ""))
    if len(paths) > 1:
        raise NotebookError(f"{name} is there {len(paths)} times; keep one")
    if paths[0].stat().st_size > LARGEST:
        raise NotebookError(f"{name} has more than {LARGEST // 10**6} MB; clear its outputs")
    try:
        return load(paths[0])
    except NotebookError as problem:
        raise NotebookError(str(problem).replace(repr(str(paths[0])), name)) from None


def _given(notebook: NotebookNode) -> Given:
    """Return the values that are written in the answer cells; of cells with one name, the last that has an answer."""
    given: Given = {}
    for cell in notebook.cells:
        name = grade_id(cell)
        lines = answer_lines(cell) if cell.cell_type == "code" and name.endswith(ANSWER) else []
        if lines and (values := _values(lines[-1])) != [None]:
            given[name.removesuffix(ANSWER)] = values
    return given


def _values(line: Any) -> list[Any] | None:
    """Return the values of an assignment, those of a dict one by one; None if they must be computed."""
    if line.value is not None:
        return [line.value]
    try:
        found = ast.literal_eval(line.expression)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return list(found.values()) if isinstance(found, dict) else [found]


def _given_in_run(notebook: NotebookNode, session: str, timeout: float | None, row: Row, name: str) -> Given:
    """Run a notebook in an empty folder and return the answers that it computes; note in the row how it failed."""
    bare = without_outputs(notebook)
    bare.cells.insert(0, new_code_cell(SILENCE))
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
        (Path(scratch) / "work").mkdir()
        work = NotebookWork(nbformat.writes(bare), f"{name}.ipynb", str(Path(scratch) / "work"), scratch)
        outcome = run_alone(Setup(session, work, timeout), Task(0, {}), lambda cell_index: None)
        noted = notes(Path(scratch) / RECORDED)
        try:
            executed = nbformat.read(Path(scratch) / "notebook.ipynb", as_version=4)
        except Exception:  # the kernel died before it ran a cell
            executed = bare
    if outcome.error:
        message = " ".join(outcome.error["message"].split())[:200]
        row.notes.append(f"{name} failed: {outcome.error['kind']}: {message}")
    cells = [cell for cell in executed.cells if cell.cell_type == "code" and cell.execution_count in noted]
    return {grade_id(cell): [note.get("prediction") for note in noted[cell.execution_count]] for cell in cells}


def _score(values: list[Any] | None, exercise: dict[str, Any]) -> float | str:
    """Return the share of an exercise's answers that are right; "" if there is none."""
    if values is None:
        return COMPUTED
    if all(value is None for value in values):
        return ""
    truths = exercise["truths"]
    right = map(_is_right, values, truths, exercise["tolerances"])
    return sum(right) / len(truths)


def _is_right(value: Any, truth: float | str, tolerance: float) -> bool:
    try:
        return value is not None and is_right(value, truth, tolerance)
    except ValueError:
        return False
