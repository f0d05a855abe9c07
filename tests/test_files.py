"""Files and folders appear complete or not at all."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import files
from workbench.files import write_whole


def test_a_file_is_what_was_written(tmp_path):
    file = tmp_path / "rows.json"
    names = []

    def write(to):
        names.append(to.name)
        assert to.parent == tmp_path  # the same file system
        assert not file.exists()
        to.write_text("new")

    write_whole(file, write)
    assert file.read_text() == "new"
    assert names[0].startswith(".rows-")
    assert names[0].endswith(".json")  # what is written can depend on the ending
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    write_whole(file, lambda to: to.write_text("2"))
    assert file.read_text() == "2"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("problem", [OSError("disk full"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, problem):
    file = tmp_path / "rows.json"
    file.write_text("old")

    def write(to):
        to.write_text("half")
        raise problem

    with pytest.raises(type(problem)):
        write_whole(file, write)
    with pytest.raises(FileNotFoundError):  # nor is a folder made
        write_whole(tmp_path / "absent" / "rows.json", lambda to: to.write_text("new"))
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_no_place_for_a_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "absent" / "rows.json", lambda to: to.write_text("new"))


def test_publish_replaces_an_earlier_result(tmp_path):
    for name in ("old", "new"):
        with files.partial(tmp_path, "place") as folder:
            (folder / name).touch()
            files.prepare(tmp_path)  # the folder of a process that lives stays
            files.publish(folder, tmp_path / "place")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "place",
        "place/manifest.json",
        "place/new",
    ]


def test_a_result_that_was_about_to_be_replaced_is_put_back(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    moved = tmp_path / files._hidden(tmp_path, "replaced", "place").name.replace(f"@{os.getpid()}@", f"@{dead.pid}@")
    moved.mkdir()
    (moved / "old").touch()
    files.prepare(tmp_path)
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*")] == [Path("place"), Path("place/old")]


def test_folder_names_are_safe_and_differ():
    assert files.folder_name("01-lrn", {"alpha": 1e-5, "size": 7}) == "01-lrn--alpha=1e-05--size=7"
    names = {files.folder_name("n", {"p": value}) for value in ("a/b", "a_b", "a b", "../a", "x" * 500, "x" * 501)}
    assert len(names) == 6
    assert all("/" not in name and len(name) <= 120 for name in names)
    assert not files.folder_name(".hidden", {}).startswith(".")
