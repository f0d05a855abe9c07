"""A handout holds no answers, checks them, and the answers that come back make a table."""

import csv
import json
import re
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from typer.testing import CliRunner

import workbench.classroom
from workbench.classroom import grading
from workbench.classroom.exercises import exercises, grade_id, without_answers
from workbench.classroom.grading import grade, read_answers, write_table
from workbench.classroom.handout import make_handout
from workbench.cli import app
from workbench.files import Refused
from workbench.report import runs
from workbench.workers.messages import failed

SOLUTION = {"tags": ["solution"]}
CELLS = [
    new_code_cell("from workbench.explore.notebook import check\nbase = 3", id="start"),
    new_markdown_cell("**Exercise 7.** Draw it. **Exercise.** What is the square of 12?", id="text"),
    new_code_cell(
        "my_prediction = None\nbase, other = 12, 5\n\ndef square(x):\n    return x * base\n\ntruth = square(12)\n"
        "check(my_prediction, truth, hint='Twelve times itself.')",
        id="square",
        metadata=SOLUTION,
    ),
    new_markdown_cell("<details><summary>Answer</summary>144</details>", id="answer", metadata=SOLUTION),
    new_code_cell("truth = other + 1\nother += 1", id="uses"),
    new_markdown_cell("**Exercise 2.** And which way?", id="more"),
    new_code_cell("my_words = {'a': None, 'b': None}\nprint(truth)", id="words"),
    new_code_cell(
        "truths = {'a': 'up', 'b': 'down'}\nhints = {'a': 'A?', 'b': 'B?'}\nfor name, each in my_words.items():\n"
        "    check(each, truths[name], hint=hints[name])",
        id="ways",
    ),
    new_code_cell("secret = 42", id="code", metadata=SOLUTION),
]
SEALED = {"square": ["sealed:1:2:3"], "ways": ["sealed:4::5", "sealed:6::7"]}


def made(cells):
    return new_notebook(cells=nbformat.from_dict(json.loads(json.dumps(cells))))


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    place = tmp_path_factory.mktemp("class")
    nbformat.write(made(CELLS), place / "task.ipynb")
    answers, errors = make_handout([place / "task.ipynb"], output=place / "handout")
    assert errors == {}
    return place / "handout", answers


def test_a_student_gets_what_the_check_and_later_cells_need():
    student = without_answers(made(CELLS), SEALED)
    found = {cell.id: cell.source for cell in student.cells}
    assert list(found) == ["start", "text", "square-answer", "square", "uses", "more", "words", "ways", "code"]
    assert found["text"] == "**Exercise 1.** Draw it. **Exercise 2.** What is the square of 12?"
    assert found["more"] == "**Exercise 3.** And which way?"
    assert found["square-answer"] == "my_prediction = None  # your answer"
    assert found["square"] == (  # other is read by the next cell, truth is bound there before it is read
        "base, other = 12, 5\ncheck(my_prediction, 'sealed:1:2:3', hint='Twelve times itself.')"
    )
    assert found["ways"].startswith("hints = {'a': 'A?', 'b': 'B?'}\nsealed = iter([\n    'sealed:4::5',\n")
    assert found["ways"].endswith("check(each, next(sealed), hint=hints[name])")
    assert found["code"] == "# your answer"
    marked = {grade_id(cell): cell.metadata.nbgrader for cell in student.cells if grade_id(cell)}
    kinds = {name: (about.grade, about.solution, about.locked) for name, about in marked.items()}
    answer, test = (False, True, False), (True, False, True)
    assert kinds == {
        **{"square-answer": answer, "square": test, "ways-answer": answer, "ways": test, "code": answer},
    }
    assert not [cell.id for cell in student.cells if "solution" in cell.metadata.get("tags", [])]


def test_a_handout_of_a_handout_is_the_same():
    student = without_answers(made(CELLS), SEALED)
    both = (student, without_answers(student, SEALED))
    once, twice = ([(grade_id(cell), cell.source) for cell in of.cells if cell.id != "code"] for of in both)
    assert once == twice


def test_a_second_check_below_a_heading_has_a_number_of_its_own():
    cells = [new_code_cell("check(my_x, 1)") for _ in range(3)]
    found = exercises(made([cells[0], new_markdown_cell("**Exercise.** Why?"), *cells[1:]]))
    assert list(found) == ["0", "1", "1.2"]


def test_an_exercise_that_cannot_be_sealed_or_answered_is_refused():
    with pytest.raises(Refused, match="exercise 'ways': its check was not called"):
        without_answers(made(CELLS), {"square": ["sealed:1:2:3"]})
    with pytest.raises(Refused, match="exercise 'c0': no cell before it assigns its answer to a name"):
        without_answers(made([new_code_cell("x = 1\ncheck(x, 1)", id="c0")]), {"c0": ["sealed:1:2:3"]})


def test_cells_without_exercises_stay_as_they_are():
    sources = ["%matplotlib inline\ncheck(1, 2)", "check(1)", "shop.check(1, 2)", "def check("]
    cells = [new_code_cell(source) for source in sources]
    assert exercises(made(cells)) == {}
    assert [cell.source for cell in without_answers(made(cells), {}).cells] == sources


def test_a_handout_has_a_folder_and_an_archive_without_answers_and_the_teachers_copy(handout):
    place, answers = handout
    names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    wanted = ["manifest.json", "student.zip", "student/task.ipynb", "teacher/answers.json", "teacher/task.ipynb"]
    assert names == wanted
    ways = {"exercise": "3", "name": "ways", "truths": ["up", "down"], "tolerances": [0.02, 0.02]}
    assert answers == {"task": [{"exercise": "2", "name": "square", "truths": [144.0], "tolerances": [0.02]}, ways]}
    assert read_answers(place / "teacher" / "answers.json") == answers
    student = (place / "student" / "task.ipynb").read_text()
    assert zipfile.ZipFile(place / "student.zip").read("student/task.ipynb").decode() == student
    shown = re.sub(r"sealed:[^'\"\\]*", "", student)  # a seal may hold any digits
    assert not [word for word in ("144", "42", "x * base", '"up"', "'up'", "No prediction yet") if word in shown]
    teacher = nbformat.read(place / "teacher" / "task.ipynb", as_version=4)
    assert [cell.id for cell in teacher.cells] == [cell.id for cell in CELLS]
    assert teacher.cells[2].source == CELLS[2].source
    assert "No prediction yet" in teacher.cells[2].outputs[0].text


def answered(handout, place, square=None, words=None, more=""):
    """Write a student's copy with answers, source text, below `place`."""
    notebook = nbformat.read(handout[0] / "student" / "task.ipynb", as_version=4)
    for cell in notebook.cells:
        if grade_id(cell) == "square-answer" and square:
            cell.source = f"{more}\nmy_prediction = {square}"
        if grade_id(cell) == "ways-answer" and words:
            cell.source = f"my_words = {words}"
    place.mkdir(parents=True)
    nbformat.write(notebook, place / "task.ipynb")


def test_answers_are_read_without_running_anything(handout, tmp_path, no_process):
    answered(handout, tmp_path / "ann" / "deep", "12 ** 2", "{'a': 'up', 'b': 'up'}")
    answered(handout, tmp_path / "\r=bob", "'143/1'", "{'a': 'UP.', 'b': ' down'}")
    answered(handout, tmp_path / "cleo", "open('/tmp/x', 'w')", more="my_prediction = 144")
    answered(handout, tmp_path / "dan")
    answered(handout, tmp_path / "eve", "'1e999999999'", "{'b': None}")
    answered(handout, tmp_path / "fay", "9 ** 9 ** 9", "[" * 500)
    answered(handout, tmp_path / "gil", "'a/b'", "{'a': 'up'}")
    table = tmp_path / "table.csv"
    write_table(grade(tmp_path, handout[0] / "teacher" / "answers.json"), handout[1], table)
    header, *rows = csv.reader(table.read_bytes().decode().splitlines())
    assert header == ["student", "task 2", "task 3", "sum", "notes"]
    assert rows == [
        ["'=bob", "1", "1", "2", ""],
        ["ann", "1", "0.5", "1.5", ""],
        ["cleo", "?", "", "0", ""],
        ["dan", "", "", "0", ""],
        ["eve", "0", "", "0", ""],
        ["fay", "?", "", "0", ""],
        ["gil", "0", "0.5", "0.5", ""],
    ]


def test_a_notebook_that_cannot_be_read_costs_its_own_row(handout, tmp_path, no_process):
    answered(handout, tmp_path / "ann", "144")
    contents = {"bob": b"not json", "cleo": b'{"cells": 3}', "dan": b"[" * 100_000, "eve": b"\xff\x00", "fay": None}
    for name, content in contents.items():
        (tmp_path / name).mkdir()
        if content is not None:
            (tmp_path / name / "task.ipynb").write_bytes(content)
    answered(handout, tmp_path / "gil" / "a", "1")
    answered(handout, tmp_path / "gil" / "b", "1")
    hostile = made([new_code_cell("my_x = 1", metadata={"nbgrader": "text"}), new_code_cell("", metadata={})])
    (tmp_path / "hal").mkdir()
    nbformat.write(hostile, tmp_path / "hal" / "task.ipynb")
    for name, other in (("ida", tmp_path / "ann" / "task.ipynb"), ("jon", "task.ipynb")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "task.ipynb").symlink_to(other)
    (tmp_path / "kim").mkdir()
    (tmp_path / "kim" / "task (1).ipynb").write_text("{}")
    (tmp_path / "kim" / "other.ipynb").write_text("{}")
    for name, file in (("lea", "Task.ipynb"), ("max", "task.ipynb.txt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("{}")
    rows = {row.student: row for row in grade(tmp_path, handout[0] / "teacher" / "answers.json")}
    assert rows["kim"].notes == ["task is missing; 'task (1).ipynb' is there: rename it"]
    assert rows["lea"].notes == ["task is missing; 'Task.ipynb' is there: rename it"]
    assert rows["max"].notes == ["task is missing; 'task.ipynb.txt' is there: rename it"]
    assert (rows["ann"].scores, rows["ann"].notes) == ({("task", "2"): 1.0, ("task", "3"): ""}, [])
    assert rows["ida"].notes == ["task is a link to another file, which may be somebody else's"]
    assert rows["jon"].notes == ["task is missing"]
    for name in ("bob", "cleo", "dan", "eve"):
        assert rows[name].notes[0].startswith("notebook task: is not a Jupyter notebook"), name
    assert (rows["fay"].notes, rows["gil"].notes) == (["task is missing"], ["task is there 2 times; keep one"])
    assert rows["hal"].scores == {("task", "2"): "", ("task", "3"): ""}
    assert rows["hal"].notes == [f"task: the cell for the answer to exercise {each} is not there" for each in (2, 3)]


def test_a_run_computes_answers_and_survives_what_students_write(handout, tmp_path):
    loud = "import os\nprint('x' * 30_000_000)\nos.write(1, b'y' * 999)"
    answered(handout, tmp_path / "ann", "sum([100, 44])", "{'a': 'u' + 'p', 'b': str('no')}", more=loud)
    answered(handout, tmp_path / "bob", "abs(1)", more="raise RuntimeError('own\\nerror')")
    answered(handout, tmp_path / "cem", "abs(1)", "{'a': 'up', 'b': 'down'}", more="raise SystemExit")
    ann, bob, cem = grade(tmp_path, handout[0] / "teacher" / "answers.json", run=True)
    assert (ann.scores, ann.notes) == ({("task", "2"): 1.0, ("task", "3"): 0.5}, [])
    assert bob.scores == {("task", "2"): "?", ("task", "3"): ""}
    assert bob.notes == ["task failed: exception: RuntimeError: own error"]
    assert cem.scores == {("task", "2"): "?", ("task", "3"): 1.0}
    assert cem.notes == ["task: the check of exercise 2 did not run, so its answer is open"]


def test_a_run_has_a_time_limit_and_no_outputs_from_before(handout, tmp_path, monkeypatch):
    answered(handout, tmp_path / "cleo", "abs(1)", "{'a': 'up', 'b': 'down'}", more="while True:\n    pass")

    def run_alone(setup, task, tell):
        cells = nbformat.reads(setup.work.text, as_version=4).cells
        assert (setup.timeout, [cell.outputs for cell in cells if cell.cell_type == "code"]) == (7, [[]] * 8)
        assert Path(setup.work.folder).is_dir()
        assert list(Path(setup.work.folder).iterdir()) == []
        return failed("time-out", "Too long.", "2030-01-01T00:00:00+00:00", 7.0)

    monkeypatch.setattr(grading, "run_alone", run_alone)
    (row,) = grade(tmp_path, handout[0] / "teacher" / "answers.json", run=True, timeout=7)
    assert row.scores == {("task", "2"): "?", ("task", "3"): 1.0}
    assert row.notes == ["task failed: time-out: Too long."]


EXERCISE = {"exercise": "1", "name": "a", "truths": [1], "tolerances": [0.02]}
WRONG = [
    *({"tolerances": []}, {"truths": [None]}, {"truths": 3}, {"tolerances": ["x"]}, {"exercise": 1}, {"name": None}),
    {"exercise": []},
]


@pytest.mark.parametrize(
    "content",
    [None, "{}", "[1]", "[" * 100_000, *(json.dumps({"notebooks": {"a": [EXERCISE | each]}}) for each in WRONG)],
)
def test_answers_and_folders_of_another_kind_are_refused(tmp_path, content):
    file = tmp_path / "answers.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Refused, match=r"give the answers\.json of the teacher's folder"):
        grade(tmp_path, file)
    file.write_text('{"notebooks": {}}')
    with pytest.raises(Refused, match="has no folders; it must have one for each student"):
        grade(tmp_path, file)


def test_nothing_is_written_over_other_files(tmp_path, no_process):
    nbformat.write(made(CELLS), tmp_path / "task.ipynb")
    (tmp_path / "handout").mkdir()
    Path(tmp_path / "handout" / "mine.txt").write_text("x")
    with pytest.raises(Refused, match="replaces only what it wrote"):
        make_handout([tmp_path / "task.ipynb"], output=tmp_path / "handout")


def test_nothing_is_written_after_a_failure(tmp_path, monkeypatch):
    nbformat.write(made(CELLS), tmp_path / "task.ipynb")
    failure = failed("exception", "ValueError", "2030-01-01T00:00:00+00:00", 1.0)
    monkeypatch.setattr(runs, "run_alone", lambda setup, task, tell: failure)
    answers, errors = make_handout([tmp_path / "task.ipynb"], output=tmp_path / "handout")
    assert (answers, errors) == ({"task": []}, {tmp_path / "task.ipynb": failure.error})
    assert [path.name for path in tmp_path.iterdir()] == ["task.ipynb"]


def test_the_commands_write_and_refuse(handout, tmp_path, monkeypatch, no_process):
    run = CliRunner()
    monkeypatch.chdir(tmp_path)
    answered(handout, tmp_path / "in" / "ann", "144")
    file = str(handout[0] / "teacher" / "answers.json")
    given = run.invoke(app, ["grade", "in", "--answers", file, "--output", "t.csv"])
    assert (given.exit_code, given.output) == (0, "t.csv: 1 student\n")
    assert Path("t.csv").read_text() == "student,task 2,task 3,sum,notes\nann,1,,1,\n"
    again = run.invoke(app, ["grade", "in", "--answers", file, "--output", "t.csv"])
    assert again.output == given.output  # the same table is not kept
    for number in (1, 2):
        Path("t.csv").write_text(f"by hand {number}")
        again = run.invoke(app, ["grade", "in", "--answers", file, "--output", "t.csv"])
        assert again.output == f"t.csv: 1 student; the table before is t-{number}.csv now\n"
    assert [Path(f"t-{number}.csv").read_text() for number in (1, 2)] == ["by hand 1", "by hand 2"]
    (tmp_path / "in" / "bob.zip").write_bytes(b"")
    given = run.invoke(app, ["grade", "in", "--answers", file, "--output", "t.csv"])
    assert given.stdout == "t.csv: 1 student\n"
    assert " ".join(given.stderr.split()) == "not read: in/bob.zip; put it, unpacked, in a folder for its student"
    for words in (["grade", "in"], ["grade", "in", "--answers", file, "--timeout", "0"], ["handout"], ["cite", "in"]):
        assert run.invoke(app, words).exit_code == 2, words
    cited = run.invoke(app, ["cite"])
    assert (cited.exit_code, cited.output.startswith("@software{operator-workbench,")) == (0, True)
    made_of = {"one": [{}, {}], "two": []}
    monkeypatch.setattr(workbench.classroom, "make_handout", lambda found, **options: (made_of, {}))
    shown = run.invoke(app, ["handout", "a.ipynb", "--output", "there"])
    assert (shown.exit_code, shown.output) == (0, "one: 2 exercises\ntwo: 0 exercises\nthere\n")
    failure = {"kind": "exception", "message": "KeyError", "traceback": ""}
    monkeypatch.setattr(workbench.classroom, "make_handout", lambda found, **options: ({}, {Path("a.ipynb"): failure}))
    shown = run.invoke(app, ["handout", "a.ipynb"])
    assert (shown.exit_code, "no handout was written" in shown.output) == (1, True)
