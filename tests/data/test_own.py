"""The file that a notebook's parameter names becomes what the notebook needs, or is refused by name."""

import numpy as np
import pytest
from PIL import Image
from pyarrow import array, int64, list_, parquet, table

from workbench.data import own

CSV = b"a,kind,b\n1,u,2\n3,v,5\n5,u,2\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_FROM", str(tmp_path))

    def written(name, content):
        if isinstance(content, dict):
            with open(tmp_path / name, "wb") as file:  # a name that ends in .NPZ would get another ending
                np.savez_compressed(file, **content)
        elif isinstance(content, bytes):
            (tmp_path / name).write_bytes(content)
        elif isinstance(content, np.ndarray):
            Image.fromarray(content).save(tmp_path / name)
        else:
            parquet.write_table(content, tmp_path / name)
        return name

    return written


def test_an_image_becomes_grey_and_smaller(write, capsys):
    pixels = np.zeros((40, 62, 3), np.uint8)
    pixels[:20, :, 1] = 255  # green above
    found = own.picture(write("p.png", pixels), 10)
    assert found.shape == (10, 15)
    np.testing.assert_allclose(found[:5], 0.587, atol=0.5 / 255)
    assert not found[5:].any()
    assert capsys.readouterr().out.startswith("Data: p.png, 40 x 62 pixels, shown with 10 x 15.\n")
    assert own.picture("p.png", 400).shape == (40, 62)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p.png", b"text", r"p\.png: cannot be read as an image"),
        ("p.png", np.zeros((30, 12, 3), np.uint8), r"p\.png: has 30 x 12 pixels; .* from 16 pixels"),
        ("p.png", np.zeros((17, 5000), np.uint8), r"has 17 x 5000 pixels; .* at most 2000 once"),
        ("p.png", np.full((20, 21), 7, np.uint8), r"p\.png: all pixels are alike"),
        ("p.csv", CSV, r"p\.csv: this notebook reads \.png, \.jpg"),
    ],
)
def test_images_that_cannot_be_used_are_refused(write, name, content, words):
    with pytest.raises(ValueError, match=words):
        own.picture(write(name, content))


LISTS = [[62, 80, 5], [], [5], [2**62, 1]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", f"who,ids\na,62 80 5\nb,\nc,5\nd,{2**62} 1\n".encode()),
        ("l.csv", f"ids\n62 80 5\n\n5\n{2**62} 1\n".encode()),
        ("l.parquet", table({"ids": array(LISTS, list_(int64()))})),
        ("L.PARQUET", table({"ids": array(LISTS, list_(int64()))})),
        ("l.npz", {"values": np.array([62, 80, 5, 5, 2**62, 1]), "lengths": np.array([3, 0, 1, 2])}),
        ("L.NPZ", {"values": np.array([62, 80, 5, 5, 2**62, 1]), "lengths": np.array([3, 0, 1, 2])}),
    ],
)
def test_lists_of_ids_come_from_three_kinds_of_file(write, capsys, name, content):
    found = own.id_lists(write(name, content))
    assert found.values.tolist() == [62, 80, 5, 5, 2**62, 1]
    assert (found.lengths.tolist(), found.ids) == ([3, 0, 1, 2], 5)
    few = found.first(lists=3, longest=2)
    assert (few.values.tolist(), few.lengths.tolist(), few.ids) == ([62, 80, 5], [2, 0, 1], 3)
    assert f"{name}, 4 lists with 6 ids, 5 of them different" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.csv", b"id\n1 2\n", r"l\.csv: has no column 'ids'; its columns are 'id'; rename"),
        ("l.csv", b"ids\n1 2\n3 x\n", r"l\.csv: column 'ids', row 2: 'x' is no whole number from 0"),
        ("l.csv", b"ids\n1 -2\n", "row 1: '-2' is no whole number"),
        ("l.csv", b"ids\n9223372036854775808\n", "row 1: '9223372036854775808' is no whole number"),
        ("l.csv", b"ids\n\n\n", r"l\.csv: has no ids"),
        ("l.csv", b"\xff\x00", r"l\.csv: "),
        ("l.parquet", table({"ids": [1, 2]}), "row 1: 1 is no list"),
        ("l.parquet", table({"ids": [[1.5]]}), r"row 1: 1\.5 is no whole number"),
        ("l.parquet", table({"ids": [[1], None]}), "row 2: None is no list"),
        ("l.parquet", b"PAR1", r"l\.parquet: "),
        ("l.npz", b"PK", r"l\.npz: is not an npz file"),
        ("l.npz", {"values": np.arange(3)}, r"l\.npz: has no array 'lengths'; its arrays are 'values'"),
        ("l.npz", {"values": np.arange(3), "lengths": np.array([1, 1])}, "add up to 2; must add up to the 3 values"),
        ("l.npz", {"values": np.arange(3), "lengths": np.array([4, -1])}, "lengths: int64, shape .* from 0"),
        ("l.npz", {"values": np.ones(3), "lengths": np.array([3])}, "values: float64, shape"),
        ("l.npz", {"values": np.array([2**63], np.uint64), "lengths": np.array([1])}, "values: uint64, shape"),
        ("l.npz", {"values": np.arange(2), "lengths": np.array([2**62] * 4 + [2])}, f"add up to {2**64 + 2}; must"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(write, name, content, words):
    with pytest.raises(ValueError, match=words):
        own.id_lists(write(name, content))


def test_the_target_is_y_or_the_last_column_and_shows_its_kind(write, capsys):
    numbers = own.table(write("t.csv", b"y,b\n1.5,1\n2.5,2\n3,2\n"), classes=False)
    assert (numbers.y.tolist(), numbers.x.tolist(), numbers.classes) == ([1.5, 2.5, 3.0], [[1], [2], [2]], ())
    few = own.table(write("t.csv", b"b,last\n1,7\n2,9\n2,7\n"), classes=True)
    assert (few.y.tolist(), few.classes) == ([0, 1, 0], ("7", "9"))
    many = own.table(write("t.parquet", table({"b": range(50), "last": range(21, 71)})), classes=False)
    assert many.y.tolist() == list(range(21, 71))
    images = own.table(write("t.npz", {"x": np.ones((4, 2, 3)), "y": np.array(["u", "v"] * 2)}), classes=True)
    assert images.x.shape == (4, 6)
    assert "Data: t.npz, 4 rows; arrays x and y, 2 classes." in capsys.readouterr().out


def test_a_table_for_linear_models_is_centred_and_scaled(write):
    found = own.linear(write("t.csv", b"a,y,b,c\n1,2,4,5\n3,4.5,8,5\n5,7,0,5\n"))
    assert (found.loss, found.names, found.file) == ("least squares", ("a", "b", "c"), "t.csv")
    root = np.sqrt(1.5)
    np.testing.assert_allclose(found.X, [[-root, 0, 0], [0, root, 0], [root, -root, 0]], atol=1e-12)
    np.testing.assert_allclose(found.y, [-root, 0, root], atol=1e-12)
    two = own.linear(write("k.csv", b"a,kind\n1,u\n3,v\n5,u\n"))
    assert (two.loss, two.y.tolist(), two.names) == ("logistic", [-1, 1, -1], ("a",))
    for name in ("k.npz", "K.NPZ"):
        assert own.linear(write(name, {"x": np.eye(3), "y": np.arange(3.0)})).names == ("0", "1", "2")
    large = table({"a": [0.5, 1.5, 4.0], "y": [1.5, 2.5, 3.0]})
    assert own.linear(write("K.PARQUET", large)).names == ("a",)


@pytest.mark.parametrize(
    ("name", "content", "needs", "words"),
    [
        ("t.csv", b"a,y\n1,2\n,3\n4,1\n", None, r"t\.csv: column 'a', row 2: None is no finite number"),
        ("t.csv", b"a,y\n1,2\n1,nan\n4,1.5\n", None, r"t\.csv: column 'y', row 2: None is no finite number"),
        ("t.csv", CSV, None, "column 'kind', row 1: 'u' is no finite number"),
        ("t.csv", b"a,a\n1,2\n", None, r"t\.csv: has the column 'a' twice"),
        ("t.csv", b"", None, r"t\.csv: .*[Ee]mpty"),
        ("t.csv", b"a;y\n1,5;2\n2,5;3\n", None, r"t\.csv: has semicolons or tabs"),
        ("T.NPZ", {"x": np.zeros((3, 4_000_000)), "y": np.ones(3)}, None, r"T\.NPZ: holds 1\.2e\+07 numbers"),
        ("t.csv", b"a,k\n1,u\n2,v\n3,u\n", False, "'k' has 2 classes; this notebook needs numbers to predict"),
        ("t.csv", b"a,k\n1,1.5\n2,2\n", True, "'k' has numbers to predict; this notebook needs text"),
        ("t.csv", b"a,k\n1,u\n2,v\n3,w\n4,u\n5,v\n6,w\n", None, r"t\.csv: has 3 classes, .* must have two classes"),
        ("t.npz", {"x": np.eye(3), "y": np.ones(3)}, None, r"t\.npz: all numbers of 'y' are 1"),
        ("t.npz", {"x": np.diag([1, 1e200, 1]), "y": np.arange(3.0)}, None, r"t\.npz: holds numbers beyond 1e\+150"),
        ("t.npz", {"x": np.array(1.0), "y": np.array(2.0)}, None, r"t\.npz: x: float64, shape \(\); must be numbers"),
        ("t.npz", {"x": np.eye(3), "y": np.ones((3, 2))}, None, r"t\.npz: has 0 classes, and y has 2 axes"),
        ("t.parquet", b"PAR1", None, r"t\.parquet: "),
        ("t.npz", {"x": np.zeros((3, 4_000_000)), "y": np.ones(3)}, None, r"t\.npz: holds 1\.2e\+07 numbers"),
        ("t.txt", b"", None, r"t\.txt: this notebook reads \.csv, \.parquet, \.npz"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(write, name, content, needs, words):
    with pytest.raises(ValueError, match=words):
        own.linear(write(name, content), classes=needs)


def test_large_and_missing_files_are_refused_unread(write, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"data='gone\.csv': there is no such file in .*give its whole path"):
        own.table("gone.csv")
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        own.table(".")
    with open(tmp_path / "large.csv", "wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(ValueError, match=r"large\.csv: has 50 MB; must be at most 50 MB; take a part"):
        own.table("large.csv")
    monkeypatch.setattr(own, "NUMBERS", 7)
    with pytest.raises(ValueError, match=r"t\.parquet: holds 8 numbers"):
        own.table(write("t.parquet", table({"a": [1, 2, 3, 4], "y": [1, 2, 1, 2]})))


def test_parts_are_fifths_of_enough_examples(write):
    data = own.table(write("t.npz", {"x": np.eye(163), "y": np.arange(163) % 3}))
    assert own.parts(data) == {"train": 64, "validation": 32, "test": 64}
    few = own.table(write("f.npz", {"x": np.eye(159), "y": np.arange(159) % 3}))
    with pytest.raises(ValueError, match=r"f\.npz: has 159 examples; 160 or more are needed"):
        own.parts(few)
