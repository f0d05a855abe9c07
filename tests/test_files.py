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


@pytest.mark.parametrize(
    ("problem", "error", "message"),
    [
        (
            OSError(28, "No space left on device"),
            files.NotWritten,
            r"rows\.json': cannot be written \(No space",
        ),
        (OSError("disk full"), OSError, r"rows\.json': cannot be written \(disk full\); make room there"),
        (KeyboardInterrupt(), KeyboardInterrupt, "^$"),
    ],
)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, problem, error, message):
    file = tmp_path / "rows.json"
    file.write_text("old")

    def write(to):
        to.write_text("half")
        raise problem

    with pytest.raises(error, match=message) as raised:
        write_whole(file, write)
    assert getattr(raised.value, "errno", None) == getattr(problem, "errno", None)
    with pytest.raises(files.NotWritten, match="No such file"):  # nor is a folder made
        write_whole(tmp_path / "absent" / "rows.json", lambda to: to.write_text("new"))
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    file = tmp_path / "rows.json"
    file.write_text("old")
    file.chmod(0o600)
    files.write_text(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


def test_a_full_disk_keeps_the_earlier_result_and_names_it(tmp_path, monkeypatch):
    def full(**options):
        raise OSError(28, "No space left on device")

    publish(tmp_path, "old")
    monkeypatch.setattr(files.tempfile, "mkstemp", full)
    with pytest.raises(files.NotWritten, match=r"place': cannot be written \(No space left on device\)"):
        publish(tmp_path, "new")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["manifest.json", "old", "place"]


def publish(directory, name):
    with files.partial(directory, "place") as folder:
        (folder / name).touch()
        files.prepare(directory)  # the folder of a process that lives stays
        files.publish(folder, directory / "place")


def test_what_appears_while_another_run_publishes_is_not_replaced(tmp_path, monkeypatch):
    """Between the two renames of a replacement, another program puts a folder there."""
    publish(tmp_path, "old")
    rename = Path.rename

    def renamed(self, target):
        if self.name == "place":
            rename(self, target)
            (tmp_path / "place").mkdir()
            (tmp_path / "place" / "thesis.txt").write_text("years of work")
            return None
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    with pytest.raises(files.Refused, match=r"place': holds 'thesis\.txt'"):
        publish(tmp_path, "new")
    assert (tmp_path / "place" / "thesis.txt").read_text() == "years of work"


def test_publish_replaces_an_earlier_result(tmp_path):
    for name in ("old", "new"):
        publish(tmp_path, name)
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
