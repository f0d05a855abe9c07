"""A user's own files become the arrays they hold, or are refused by name."""

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet, table

from workbench.data.files import image_pixels, read_images, read_npz, read_table

CSV = b"width,kind,height,year\n1.5,pear,-2,2001\n\n2,apple,3e1,2002\n0.25,pear,4,2001\n"
FOUR, ONES = np.arange(4.0)[:, None], np.array([0, 0, 1, 1])


@pytest.fixture
def write(tmp_path):
    def written(name, content):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, dict):
            np.savez(path, **content)
        elif isinstance(content, Image.Image):
            content.save(path)
        else:
            path.write_bytes(content)
        return path

    return written


def test_a_table_becomes_features_and_sorted_classes(write, tmp_path):
    found = read_table(write("fruit.csv", CSV), "kind", group="year")
    assert found.x.tolist() == [[1.5, -2], [2, 30], [0.25, 4]]
    assert (found.classes, found.y.tolist(), found.groups.tolist()) == (("apple", "pear"), [1, 0, 1], [0, 1, 0])
    assert "width, height; y is kind" in str(found.card)
    chosen = read_table(write("fruit.csv", CSV), "height", columns=["width"], regression=True)
    assert (chosen.x.tolist(), chosen.y.tolist(), chosen.classes) == ([[1.5], [2], [0.25]], [-2, 30, 4], ())
    columns = {"a": [1, 2, 3], "b": [0.5, 1.5, -1], "flag": [True, False, True], "year": [10, 9, 10]}
    parquet.write_table(table(columns), tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet", "year")
    assert found.x.tolist() == [[1, 0.5, 1], [2, 1.5, 0], [3, -1, 1]]
    assert (found.classes, found.y.tolist()) == (("9", "10"), [1, 0, 1])


@pytest.mark.parametrize(
    ("content", "target", "options", "words"),
    [
        (CSV, "colour", {}, "t.csv: has no column 'colour'; its columns are 'width', 'kind', 'height', 'year'"),
        (CSV, "year", {}, "column 'kind', row 1: 'pear' is no finite number; leave out the row"),
        (CSV, "width", {"columns": ["height"]}, "'width' has 3 classes in 3 rows; is it a number"),
        (b"a,b\n1,x\n,y\n3,x\n", "b", {}, "column 'a', row 2: None is no finite number"),
        (b"a,b\n1,x\n2,y\ninf,x\n", "b", {}, "column 'a', row 3: inf"),
        (b"a,b\n1,x\n2,\n3,x\n", "b", {}, "'b', row 2: the label is missing"),
        (b"a,b\n1,caf\xe9\n2,x\n3,x\n", "b", {}, "'b', row 1: the label is missing, or not in UTF-8"),
        (b"a,b\n1,x\n2\n3,x\n", "b", {}, "t.csv: CSV parse error: .*got 1"),
        (b"a,a,b\n1,2,x\n2,3,y\n", "b", {}, "t.csv: has the column 'a' twice"),
        (b"a,b\n1,x\n2,x\n", "b", {}, "t.csv: y: all are of class 'x'"),
        (b"a,b\n", "b", {}, "t.csv: has no rows"),
        (b"b\nx\ny\n", "b", {}, "t.csv: has no rows, or no columns beside the target; it must have"),
        (b"a;b\n1,5;x\n2,5;y\n", "b", {}, "t.csv: has semicolons or tabs between columns; write commas"),
        (b"a\tb\n1\tx\n2\ty\n", "b", {}, "t.csv: has semicolons or tabs"),
        (b"gr\xf6\xdfe,b\n1,x\n2,y\n3,x\n", "b", {}, "t.csv: is not text in UTF-8 .*; save it so"),
        (b"", "b", {}, "t.csv: .*[Ee]mpty"),
        (CSV, "width", {"columns": ["height", "width"]}, "the target 'width' cannot be a feature, too"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(write, content, target, options, words):
    with pytest.raises(ValueError, match=words):
        read_table(write("t.csv", content), target, **options)


def test_an_archive_keeps_its_shapes_and_knows_labels_from_numbers(write):
    x = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    found = read_npz(write("a.npz", {"x": x, "y": np.array(["v", "u", "v", "u"]), "groups": np.array([5, 5, 7, 7])}))
    assert (found.x.dtype, found.x.tolist()) == (np.float32, x.tolist())
    assert (found.classes, found.y.tolist(), found.groups.tolist()) == (("u", "v"), [1, 0, 1, 0], [5, 5, 7, 7])
    assert read_npz(write("b.npz", {"x": x, "y": np.array([7, 4, 4, 7])})).y.tolist() == [1, 0, 0, 1]
    named = read_npz(write("c.npz", {"x": x, "y": np.array([2, 0, 0, 2]), "classes": np.array(["p", "q", "r"])}))
    assert (named.classes, named.y.tolist()) == (("p", "q", "r"), [2, 0, 0, 2])
    assert read_npz(write("d.npz", {"x": x, "y": np.arange(8.0).reshape(4, 2)})).classes == ()
    ids = np.array([[3, -1], [0, 2]])
    assert read_npz(write("e.npz", {"x": ids, "y": np.array([1, 0])}), ids=True).x.tolist() == ids.tolist()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x04N.", "a.npz: is not an npz file; write one with"),
        ({"x": FOUR, "y": ONES[:, None]}, r"y: int64, shape \(4, 1\); must be integers, shape \(4,\)"),
        ({"x": FOUR}, "a.npz: has no array 'y'; its arrays are 'x'"),
        ({"x": np.array([{}, 1, 2, 3]), "y": FOUR}, "a.npz: array 'x' has Python objects"),
        ({"x": FOUR, "y": ONES * 2, "classes": np.array(["a", "b"])}, r"y\[2\]=2: must be from 0 to 1"),
        ({"x": FOUR, "y": np.array([3, 3, 3, 3])}, "a.npz: y: all are of class '3'"),
        ({"x": FOUR * np.nan, "y": ONES}, r"a.npz: x\[0, 0\]=nan: must be finite"),
    ],
)
def test_archives_that_cannot_be_used_are_refused(write, content, words):
    with pytest.raises(ValueError, match=words):
        read_npz(write("a.npz", content))


def test_a_damaged_archive_is_named(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=(50, 2)), y=np.arange(50) % 2)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[60] ^= 255  # within the compressed numbers, where zlib notices it, not the archive's checksum
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz: Error -3 while decompressing"):
        read_npz(tmp_path / "a.npz")


def picture(mode="RGB", size=(4, 2), colour=None):
    return Image.new(mode, size, colour)


def test_a_folder_of_images_becomes_numbers_from_0_to_1(write, tmp_path):
    images = {"dog/1.png": picture(colour=(255, 51, 0)), "cat/1.png": picture(colour=(0, 0, 102))}
    hidden = {"cat/.DS_Store": b"", ".hidden/1.png": b"", "notes.txt": b"beside the folders"}
    for name, content in (images | {"cat/2.png": picture("L", colour=255)} | hidden).items():
        write(name, content)
    found = read_images(tmp_path)
    assert (found.classes, found.y.tolist()) == (("cat", "dog"), [0, 0, 1])
    assert found.x.shape == (3, 3, 2, 4)  # images, colours, rows, columns
    np.testing.assert_allclose(found.x[:, :, 1, 3], [[0, 0, 0.4], [1, 1, 1], [1, 0.2, 0]])
    grey = read_images(tmp_path, grey=True).x
    np.testing.assert_allclose(grey[2], np.full((1, 2, 4), (299 * 255 + 587 * 51) / 255000), atol=1 / 255)


def test_an_image_that_a_telephone_has_stored_lying_is_turned(tmp_path):
    image, exif = Image.new("RGB", (30, 20)), Image.Exif()
    image.paste((255, 255, 255), (0, 0, 15, 20))  # white at the left, which is above once it is turned
    exif[0x112] = 6  # the tag Orientation: turn to the right
    image.save(tmp_path / "lying.png", exif=exif)
    assert image_pixels(tmp_path / "lying.png", "L")[0].tolist() == [[1] * 20] * 15 + [[0] * 20] * 15


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"1.png": picture()}, "has no folders; each class must have a folder"),
        ({"a/1.png": picture(), "b/.hidden": b""}, "b: cannot be read as an image"),
        ({"a/1.png": picture(), "a/2.png": picture()}, "y: all are of class 'a'"),
        ({"a/1.png": picture(), "b/2.png": picture(size=(4, 3))}, r"b.2.png: has \(3, 4\) rows and .*1.png \(2, 4\)"),
        ({"a/1.png": picture(), "b/2.png": b"text"}, "b.2.png: cannot be read as an image"),
        ({"a/1.png": picture("RGBA"), "b/2.png": picture()}, "a.1.png: .* its mode is RGBA"),
    ],
)
def test_folders_that_cannot_be_used_are_refused(write, tmp_path, files, words):
    for name, content in files.items():
        write(name, content)
    with pytest.raises(ValueError, match=words) as refusal:
        read_images(tmp_path)
    assert str(refusal.value).startswith(str(tmp_path))
