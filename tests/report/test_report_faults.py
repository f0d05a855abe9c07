"""One bad thing - an output, a folder, a full disk - is reported by name and costs itself alone."""

import errno
import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output
from rich.console import Console

from workbench import files
from workbench.report import NotebookError, markup, run_all, run_notebook, runs, save_all

from .conftest import build

METRIC = "application/vnd.workbench.metric+json"
PIXEL = "iVBORw0KGgo="


def shown(data, **metadata):
    return new_output("display_data", data=data, metadata=metadata)


BAD = {
    "no base64": ([shown({"image/png": "not base64"})], "picture 1 .*'figure-1', cannot be saved"),
    "half of a picture": ([shown({"image/png": PIXEL}), shown({"image/png": "iVBOR"})], "picture 2 .*cannot be saved"),
    "a long name": ([shown({"image/png": PIXEL}, workbench={"figure": 300 * "x"})], None),
    "fold scores at the end of the range": ([shown({METRIC: {"name": "loss", "value": [1e308, 1e308]}})], None),
    "fold scores with a large spread": ([shown({METRIC: {"name": "loss", "value": [1.7e308, -1.7e308]}})], None),
    "fold scores that are not finite": ([shown({METRIC: {"name": "loss", "value": ["inf", float("inf"), 1.0]}})], None),
    "a number beyond a float": ([shown({METRIC: {"name": "loss", "value": [10**400, 1]}})], None),
    "a text as metadata": ([shown({"image/png": PIXEL}, workbench="x")], None),
    "a text as metadata of a picture": ([shown({"image/png": PIXEL}, **{"image/png": "x"})], "no outputs"),
    "half of a character": ([shown({METRIC: {"name": "\ud800", "value": "\udcff"}, "text/plain": "\udcff"})], None),
}


@pytest.mark.parametrize(("outputs", "problem"), BAD.values(), ids=BAD)
def test_a_bad_output_costs_itself_alone(outputs, problem, executed, tmp_path):
    executed["bad"] = [*outputs, shown({METRIC: {"name": "kept", "value": 2.5}})]
    notebooks = [build(tmp_path / f"{name}.ipynb", "# T", "1") for name in ("bad", "good")]
    bad, good = run_all(notebooks, output=tmp_path / "out")
    assert good.ok
    assert bad.metrics["kept"] == 2.5
    assert bad.ok == (problem is None)
    if problem:
        assert bad.error["kind"] == "bad output"
        assert re.search(problem, bad.error["message"])
    page = (tmp_path / "out" / "bad" / "report.html").read_text(encoding="utf-8")
    assert "kept" in page
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "bad/report.html" in index
    assert "good/report.html" in index


def test_outputs_that_cannot_be_converted_cost_only_the_page_its_outputs(executed, tmp_path, monkeypatch):
    convert = markup.body

    def fail(notebook, path, *more):
        if any(cell.get("outputs") for cell in notebook.cells):
            raise RuntimeError("no idea")
        return convert(notebook, path, *more)

    monkeypatch.setattr(markup, "body", fail)
    executed["bad"] = [shown({METRIC: {"name": "kept", "value": 2.5}})]
    bad, good = run_all([build(tmp_path / f"{name}.ipynb", "x = 1") for name in ("bad", "good")], output=tmp_path)
    assert good.ok
    assert (bad.metrics, bad.error["kind"]) == ({"kept": 2.5}, "bad output")
    assert "RuntimeError: no idea" in bad.error["message"]
    page = (tmp_path / "bad" / "report.html").read_text(encoding="utf-8")
    assert "no idea" in page
    assert ">x<" in page
    assert nbformat.read(tmp_path / "bad" / "notebook.ipynb", as_version=4).cells[-1].outputs


def full(path, *arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["publish", "write_text"])
def test_a_disk_that_is_full_when_a_result_is_written_fails_that_notebook(step, executed, tmp_path, monkeypatch):
    write = getattr(files, step)
    calls = []

    def full_at_first(*arguments):
        calls.append(arguments)
        (full if len(calls) == 1 else write)(*arguments)

    monkeypatch.setattr(files, step, full_at_first)
    notebooks = [build(tmp_path / f"{name}.ipynb", "x = 1") for name in ("first", "second")]
    first, second = run_all(notebooks, output=tmp_path / "out", jobs=1, console=Console(quiet=True))
    assert first.error == {
        "kind": "not written",
        "message": f"{tmp_path / 'out' / 'first'}: No space left on device",
        "traceback": "",
    }
    assert second.ok
    assert (tmp_path / "out" / "second" / "report.html").is_file()


def test_files_that_appear_while_a_notebook_runs_cost_only_its_result(executed, tmp_path, monkeypatch):
    check = files.check_replaceable
    monkeypatch.setattr(files, "check_replaceable", lambda place: None)  # before the run, nothing is in the way
    mine = tmp_path / "out" / "first" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    notebooks = [build(tmp_path / f"{name}.ipynb", "x = 1") for name in ("first", "second")]
    publish = files.publish

    def check_and_publish(folder, place):
        check(place)
        publish(folder, place)

    monkeypatch.setattr(files, "publish", check_and_publish)
    first, second = run_all(notebooks, output=tmp_path / "out")
    assert (first.error["kind"], second.ok) == ("not written", True)
    assert "'thesis.txt'; the workbench replaces only" in first.error["message"]
    assert mine.read_text() == "years of work"


def test_save_keeps_a_change_that_was_made_while_the_notebook_ran(executed, tmp_path, monkeypatch):
    changed, other = (build(tmp_path / f"{name}.ipynb", "x = 1") for name in ("changed", "other"))
    execute = runs.run_alone

    def change_and_execute(setup, task, tell):
        if setup.work.path == str(changed):
            build(changed, "x = 'years of work'")
        return execute(setup, task, tell)

    monkeypatch.setattr(runs, "run_alone", change_and_execute)
    executed["other"] = [new_output("stream", text="shown")]
    errors = save_all([changed, other], jobs=1)
    assert "was changed while it ran" in errors[changed]["message"]
    assert nbformat.read(changed, as_version=4).cells[0].source == "x = 'years of work'"
    assert errors[other] is None
    assert nbformat.read(other, as_version=4).cells[0].outputs[0].text == "shown"


@pytest.mark.filterwarnings("error:Cell is missing an id")
def test_save_keeps_links_and_permissions(executed, tmp_path):
    real = build(tmp_path / "elsewhere" / "real.ipynb", "x = 1")
    real.chmod(0o640)
    link = tmp_path / "link.ipynb"
    link.symlink_to(real)
    without_identifiers = json.loads(real.read_text())
    for cell in without_identifiers["cells"]:
        del cell["id"]
    real.write_text(json.dumps(without_identifiers))
    executed["link"] = [new_output("stream", text="shown")]
    assert save_all([link]) == {link: None}
    assert link.is_symlink()
    assert nbformat.read(real, as_version=4).cells[0].outputs[0].text == "shown"
    assert real.stat().st_mode & 0o777 == 0o640


def test_names_that_are_not_utf_8_are_run_and_listed(executed, tmp_path):
    odd = build(Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff")) / os.fsdecode(b"\xfe.ipynb"), "x = 1")
    result = run_notebook(odd, output=odd.parent / "out")
    assert result.ok
    assert result.notebook.endswith("/a\\udcff/\\udcfe.ipynb")
    assert save_all([odd]) == {odd: None}
    assert f"{result.name}/report.html" in (odd.parent / "out" / "index.html").read_text(encoding="utf-8")


def test_a_name_too_long_for_a_file_is_refused_or_shortened(executed, tmp_path):
    with pytest.raises(NotebookError, match=r"xxx\.ipynb.*cannot be read \(File name too long\)"):
        run_notebook(f"{300 * 'x'}.ipynb", output=tmp_path)
    notebook = build(tmp_path / "n.ipynb", "x = 1", parameters="word: str = 'a'")
    names = {run_notebook(notebook, {"word": 100 * "語" + last}, output=tmp_path / "out").name for last in "ab"}
    assert len(names) == 2
    assert all(name.startswith("n--word=語語") and len(name.encode()) <= 160 for name in names)
    longest = build(tmp_path / f"{249 * 'n'}.ipynb", "x = 1")
    assert save_all([longest]) == {longest: None}


@pytest.mark.parametrize("workbench", ["x", 5, ["LRN"], {"operator": ["LRN"]}, {"operator": {}}])
def test_metadata_of_another_form_are_refused_by_name(workbench, tmp_path):
    notebook = build(tmp_path / "n.ipynb", "# T", parameters="a: int = 1", workbench=workbench)
    with pytest.raises(NotebookError, match="metadata"):
        run_notebook(notebook, output=tmp_path / "out")
