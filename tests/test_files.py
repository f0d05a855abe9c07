"""Files appear whole or not at all."""

import stat

import pytest

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
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_is_replaced(tmp_path):
    file = tmp_path / "rows.json"
    file.write_text("old, and longer")
    write_whole(file, lambda to: to.write_text("new"))
    assert file.read_text() == "new"
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
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_no_place_for_a_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "absent" / "rows.json", lambda to: to.write_text("new"))
