"""Only files that the workbench wrote and nobody changed are replaced or removed; others are refused before work."""

import os
import shutil

import pytest

from workbench import files
from workbench.files import Refused
from workbench.report import page, run_all, run_notebook
from workbench.sweep import sweep

from .conftest import build


def published(place, **texts):
    """Publish a folder with these files at `place`."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with files.partial(place.parent, place.name) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text)
        files.publish(folder, place)


def contents(directory):
    return {
        str(path.relative_to(directory)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in directory.rglob("*")
        if (path.is_file() and path.name != "lock") or path.is_symlink()
    }


def loss(x: float = 0.5) -> float:
    return (x - 0.3) ** 2


FOREIGN = {
    "a folder with a file": lambda place: (place.mkdir(), (place / "thesis.txt").write_text("years of work")),
    "an empty folder": lambda place: place.mkdir(),
    "a plain file": lambda place: place.write_text("years of work"),
    "a link to nothing": lambda place: place.symlink_to("nowhere"),
    "a file added to ours": lambda place: (published(place, ours="1"), (place / "thesis.txt").write_text("years")),
    "a file of ours that was changed": lambda place: (published(place, ours="1"), (place / "ours").write_text("2")),
    "a link in ours": lambda place: (published(place, ours="1"), (place / "link").symlink_to("ours")),
    "a folder with a manifest of something else": lambda place: (
        place.mkdir(),
        (place / "manifest.json").write_text('{"name": "an application", "files": {"a.js": 1}}'),
        (place / "a.js").write_text("years of work"),
    ),
}


@pytest.mark.usefixtures("no_process")
@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_a_run_refuses_a_place_that_holds_what_it_did_not_write(make, tmp_path):
    notebook = build(tmp_path / "data.ipynb", "x = 1")
    make(tmp_path / "data")
    before = contents(tmp_path)
    for call in (lambda: run_notebook(notebook, output=tmp_path), lambda: run_all([notebook], output=tmp_path)):
        with pytest.raises(Refused, match=r"data'.*replaces only what it wrote"):
            call()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_what_appears_while_a_notebook_runs_is_not_replaced(make, tmp_path):
    make(tmp_path / "data")
    before = contents(tmp_path)
    with files.partial(tmp_path, "data") as folder, pytest.raises(Refused, match="replaces only"):
        files.publish(folder, tmp_path / "data")
    assert contents(tmp_path) == before


def test_a_copy_that_an_editor_keeps_of_our_own_file_is_no_obstacle(tmp_path):
    published(tmp_path / "n", **{"notebook.ipynb": "{}"})
    copy = tmp_path / "n" / ".ipynb_checkpoints" / "notebook-checkpoint.ipynb"
    copy.parent.mkdir()
    shutil.copy(tmp_path / "n" / "notebook.ipynb", copy)
    published(tmp_path / "n", new="1")
    assert set(contents(tmp_path / "n")) == {"manifest.json", "new"}


@pytest.mark.usefixtures("no_process")
def test_an_index_that_is_not_ours_is_refused(tmp_path):
    notebook = build(tmp_path / "n.ipynb", "x = 1")
    (tmp_path / "index.html").write_text("<html>my home page</html>")
    before = contents(tmp_path)
    for call in (
        lambda: run_notebook(notebook, output=tmp_path),
        lambda: sweep(loss, {"x": "0..1"}, trials=1, output=tmp_path, in_process=True),
        lambda: page.write_index(tmp_path),
    ):
        with pytest.raises(Refused, match=r"index\.html.*replaces only"):
            call()
        assert contents(tmp_path) == before


def test_our_own_index_is_replaced(tmp_path):
    page.write_index(tmp_path)
    published(tmp_path / "later", x="1")
    (tmp_path / "later" / "metrics.json").write_text("{}")
    page.write_index(tmp_path)
    assert "later" in (tmp_path / "index.html").read_text()
    (tmp_path / "index.html").rename(tmp_path / "kept.html")
    (tmp_path / "index.html").symlink_to("kept.html")
    with pytest.raises(Refused, match="replaces only"):
        page.write_index(tmp_path)


def run_sweep(output, trials=2):
    return sweep(loss, {"x": "0..1"}, sampler="random", trials=trials, output=output, name="first", in_process=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Run a sweep once; return its output folder, for tests that change a copy."""
    output = tmp_path_factory.mktemp("finished")
    run_sweep(output)
    return output


SWEEP_FOREIGN = {
    "figures is a link": lambda folder: (shutil.rmtree(folder / "figures"), (folder / "figures").symlink_to("../mine")),
    "a picture was added": lambda folder: (folder / "figures" / "mine.png").write_text("picture"),
    "the table was changed": lambda folder: (folder / "trials.csv").write_text("my notes"),
    "the page was changed": lambda folder: (folder / "report.html").write_text("my page"),
    "the metrics are a link": lambda folder: (
        (folder / "metrics.json").unlink(),
        (folder / "metrics.json").symlink_to("../mine/x"),
    ),
}


@pytest.mark.parametrize("change", SWEEP_FOREIGN.values(), ids=SWEEP_FOREIGN)
def test_a_sweep_replaces_only_what_it_wrote(change, finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x").write_text("years of work")
    change(tmp_path / "first")
    before = contents(tmp_path)
    with pytest.raises(Refused, match="replaces only what it wrote"):
        run_sweep(tmp_path, trials=4)
    assert contents(tmp_path) == before


def test_a_sweep_that_goes_on_replaces_its_own_tables_and_pictures(tmp_path):
    for trials in (2, 3, 3):
        folder = run_sweep(tmp_path, trials).folder
        assert (folder / "trials.csv").read_text().count("\n") == trials + 1


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_a_sweep_refuses_a_folder_that_holds_something_else(make, tmp_path):
    if make is FOREIGN["an empty folder"]:
        pytest.skip("a sweep fills a folder and replaces none")
    make(tmp_path / "first")
    before = contents(tmp_path)
    with pytest.raises(Refused, match="first"):
        run_sweep(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["lock", "sweep.json"])
@pytest.mark.parametrize("text", ['{"id": 7, "version": 2}', "[1, 2]", "{}", "years of work"])
def test_a_sweep_refuses_files_of_other_programs_with_the_names_of_its_own(name, text, tmp_path):
    file = tmp_path / "first" / name
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(Refused, match=rf"first'.*{name}"):
        run_sweep(tmp_path)
    assert file.read_text() == text
    file.rename(tmp_path / "mine")
    file.symlink_to("../mine")
    with pytest.raises(Refused, match=rf"first'.*{name}"):
        run_sweep(tmp_path)
    assert (tmp_path / "mine").read_text() == text


def test_a_run_refuses_the_folder_of_a_sweep(finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    before = contents(tmp_path)
    with pytest.raises(Refused, match=r"first'.*replaces only"):
        run_notebook(build(tmp_path / "n.ipynb", "x = 1"), output=tmp_path, name="first")
    assert {name: text for name, text in contents(tmp_path).items() if name != "n.ipynb"} == before
