"""Make a handout: notebooks without answers for the students, and complete ones with the answers for the teacher."""

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from rich.console import Console

from workbench import files
from workbench.classroom.exercises import exercises, numbered, without_answers
from workbench.explore.answers import seal
from workbench.report.runs import Batch, Job, read_executed, read_jobs, side_by_side
from workbench.report.source import clean
from workbench.workers.messages import RECORDED, Outcome

HANDOUT = Path("handout")
STUDENT, TEACHER, ANSWERS = "student", "teacher", "answers.json"
LARGEST_NOTES = 1_000_000  # bytes that are read of what a run has noted

Answers = dict[str, list[dict[str, Any]]]  # of each notebook: number, name, truths and tolerances of each exercise


def make_handout(
    notebooks: Iterable[Path | str],
    *,
    output: Path | str = HANDOUT,
    jobs: int | None = None,
    timeout: float | None = None,
    console: Console | None = None,
) -> tuple[Answers, dict[Path, dict[str, str]]]:
    """Run notebooks, and write `output`/student, the same as student.zip, and `output`/teacher with answers.json.

    Return the answers by notebook, and the errors of notebooks that failed; if any failed, nothing is written.

    Raises:
        Refused: a notebook cannot be read, an exercise has no answer to seal, or `output` has other files.
    """
    place = Path(output).absolute()
    found = read_jobs(notebooks, timeout)
    files.prepare(place.parent)
    files.check_replaceable(place)
    with files.partial(place.parent, place.name) as folder:
        for name in (STUDENT, TEACHER):
            (folder / name).mkdir()

        def work(job: Job, batch: Batch) -> tuple[list[dict[str, Any]], dict[str, str] | None]:
            with tempfile.TemporaryDirectory(prefix="handout-") as scratch:
                outcome = batch.execute(job, Path(scratch))
                answers = [] if outcome.error else _write(job, outcome, Path(scratch), folder)
            batch.finish(job.name, outcome.duration_seconds, outcome.error)
            return answers, outcome.error

        results = side_by_side(found, work, jobs, console, Path("reports"))
        failed = {job.path: error for job, (_, error) in zip(found, results, strict=True) if error}
        answers = {job.path.stem: each for job, (each, _) in zip(found, results, strict=True)}
        if not failed:
            text = json.dumps({"writer": "operator-workbench", "notebooks": answers}, indent=1, ensure_ascii=False)
            (folder / TEACHER / ANSWERS).write_text(text + "\n", encoding="utf-8")
            shutil.make_archive(str(folder / STUDENT), "zip", folder, STUDENT)
            files.publish(folder, place)
    return answers, failed


def _write(job: Job, outcome: Outcome, scratch: Path, folder: Path) -> list[dict[str, Any]]:
    """Write both copies of a notebook that ran in `scratch`; return its answers."""
    executed = read_executed(job, scratch)
    answers = _answers(executed, notes(scratch / RECORDED))
    sealed = {each["name"]: list(map(seal, each["truths"], each["tolerances"])) for each in answers}
    # The copy for students is made of the notebook before it ran, and of no output.
    for name, made in ((STUDENT, without_answers(job.notebook, sealed)), (TEACHER, numbered(executed))):
        text = nbformat.writes(clean(made)) + "\n"
        (folder / name / f"{job.path.stem}.ipynb").write_text(text, encoding="utf-8")
    return answers


def notes(file: Path) -> dict[int, list[dict[str, Any]]]:
    """Return what `check` noted in a run, by the number of its cell; a file that anything has written is read, too."""
    found: dict[int, list[dict[str, Any]]] = {}
    text = b""
    if file.is_file():
        with open(file, "rb") as opened:
            text = opened.read(LARGEST_NOTES)
    for line in text.decode("utf-8", "replace").splitlines():
        try:
            note = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(note, dict) and isinstance(note.get("check"), int):
            found.setdefault(note["check"], []).append(note)
    return found


def _answers(executed: NotebookNode, noted: dict[int, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    answers = []
    for number, cell in exercises(executed).items():
        of = noted.get(cell.execution_count, [])
        truths, tolerances = [note["truth"] for note in of], [note["tolerance"] for note in of]
        answers.append({"exercise": number, "name": cell.id, "truths": truths, "tolerances": tolerances})
    return answers
