"""Read a user's own files. An error names the file, and the place in it that cannot be used."""

import contextlib
import numbers
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.splits import Dataset, described
from workbench.lazily import naming_the_extra

MODES = ("1", "L", "P", "RGB")  # black and white, grey, palette, colour: others have an alpha channel or more bits


def read_table(
    path: str | Path, target: str, *, columns: Sequence[str] = (), group: str = "", regression: bool = False
) -> Dataset:
    """Return the rows of a CSV file with a header, or of a Parquet file if its name ends in .parquet.

    `columns` are the features; none named means all others. Each value of the column `target` is a class, in sorted
    order, or with `regression` a number. Rows with the same value in the column `group` are a group.

    Raises:
        ValueError: the file or a value in it cannot be used; the message names the column and the row.
    """
    with naming_the_extra():
        from pyarrow import csv, parquet
    with naming(path):
        if Path(path).suffix.lower() == ".parquet":
            found = parquet.read_table(path)
        else:
            check_commas(path)
            found = csv.read_csv(path)
        if twice := [name for name in found.column_names if found.column_names.count(name) > 1]:
            raise ValueError(f"has the column {twice[0]!r} twice; rename one")
        table = found.to_pydict()
        names = list(columns) or [name for name in table if name not in (target, group)]
        if missing := [name for name in (*names, target, group or target) if name not in table]:
            raise ValueError(f"has no column {missing[0]!r}; its columns are {', '.join(map(repr, table))}")
        if target in columns:
            raise ValueError(f"columns={list(columns)}: the target {target!r} cannot be a feature, too")
        if not names or not table[target]:
            raise ValueError("has no rows, or no columns beside the target; it must have a row for each example")
        x = np.stack([_numbers(name, table[name]) for name in names], axis=1)
        y, classes = (_numbers(target, table[target]), ()) if regression else _labels(target, table[target])
        groups = np.unique(list(map(str, table[group])), return_inverse=True)[1] if group else None
        return _described(path, x, y, classes, groups, f"columns {', '.join(names)}; y is {target}")


def read_npz(path: str | Path, *, ids: bool = False) -> Dataset:
    """Return the arrays `x` and `y` of an npz file, and `groups` and `classes` (names of labels 0, 1, ...) if there.

    Whole numbers in x become floats, unless they are `ids`. Without `classes`, each value of y is a class, in sorted
    order; floats are numbers to predict. Python objects are not read, as reading them can run code.

    Raises:
        ValueError: the file, an array or a number in it cannot be used.
    """
    with naming(path):
        Path(path).stat()  # raises FileNotFoundError
        if not zipfile.is_zipfile(path):
            raise ValueError("is not an npz file; write one with numpy.savez(file, x=x, y=y)")
        with np.load(path, allow_pickle=False) as archive:
            if missing := {"x", "y"} - set(archive):
                raise ValueError(f"has no array {min(missing)!r}; its arrays are {', '.join(map(repr, archive))}")
            found = {name: _array(archive, name) for name in ("x", "y", "groups", "classes") if name in archive}
        x, y, classes = found["x"], found["y"], tuple(map(str, np.ravel(found.get("classes", ()))))
        if y.dtype.kind != "f" and not classes:
            y, classes = _labels("y", y)
        x = x if ids or x.dtype.kind not in "biu" else x.astype(np.result_type(x, np.float32))
        return _described(path, x, y, classes, found.get("groups"), "arrays x and y")


def read_images(folder: str | Path, *, grey: bool = False) -> Dataset:
    """Return images as numbers in [0, 1], shape (3, rows, columns) or with `grey` (1, rows, columns).

    `folder` has a folder of images for each class; its name is the class. Hidden files and folders are passed over.

    Raises:
        ValueError: there is no folder, a folder is empty, a file is no image, or images differ in size.
    """
    kinds = (kind for kind in sorted(Path(folder).glob("[!.]*")) if kind.is_dir())
    files = [file for kind in kinds for file in sorted(kind.glob("[!.]*")) or [kind]]
    if not files:
        raise ValueError(f"{folder}: has no folders; each class must have a folder with its images")
    images = [image_pixels(file, "L" if grey else "RGB") for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            sizes = f"has {image.shape[1:]} rows and columns of pixels, {files[0].name} {images[0].shape[1:]}"
            raise ValueError(f"{file}: {sizes}; make all images the same size")
    classes, y = np.unique([file.parent.name for file in files], return_inverse=True)
    with naming(folder):
        return _described(folder, np.stack(images), y, classes.tolist(), None, "images; the class is the folder")


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Put the file's name in front of what a ValueError, or an error of a damaged archive, says."""
    try:
        yield
    except UnicodeDecodeError as problem:
        raise ValueError(f"{path}: is not text in UTF-8 ({problem.reason}); save it so") from problem
    except (ValueError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as problem:
        raise ValueError(f"{path}: {problem}") from problem


def check_commas(path: str | Path) -> None:
    """Raise ValueError for a CSV file whose first line has semicolons or tabs, and no commas, between columns."""
    with open(path, "rb") as file:
        first = file.readline(1_000_000)
    if b"," not in first and (b";" in first or b"\t" in first):
        raise ValueError("has semicolons or tabs between columns; write commas there, and points in numbers, as in 0.5")


def _numbers(name: str, values: Sequence[Any]) -> np.ndarray:
    found = np.array([value if isinstance(value, numbers.Real) else np.nan for value in values], np.float64)
    if not np.isfinite(found).all():
        row = int(np.argmin(np.isfinite(found)))
        words = "leave out the row or the column, or fill in a number"
        raise ValueError(f"column {name!r}, row {row + 1}: {values[row]!r} is no finite number; {words}")
    return found


def _labels(name: str, values: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    for row, value in enumerate(np.ravel(values), 1):
        if value is None or value == "" or value != value or isinstance(value, bytes):
            raise ValueError(f"{name!r}, row {row}: the label is missing, or not in UTF-8; mend it or leave it out")
    classes, y = np.unique(np.asarray(values), return_inverse=True)
    if len(classes) > max(2, len(y) / 2):
        raise ValueError(f"{name!r} has {len(classes)} classes in {len(y)} rows; is it a number (regression)?")
    return y.reshape(np.shape(values)), tuple(map(str, classes))


def _array(archive: Any, name: str) -> np.ndarray:
    try:
        return archive[name]
    except ValueError:
        raise ValueError(f"array {name!r} has Python objects, which are not read; save numbers or text") from None


def image_pixels(file: Path, mode: str) -> np.ndarray:
    """Return an image as numbers in [0, 1], shape (1, rows, columns) in mode "L", (3, rows, columns) in "RGB"."""
    with naming_the_extra():
        from PIL import Image, ImageOps
    try:
        with Image.open(file) as image:
            if image.mode not in MODES:
                raise ValueError(f"its mode is {image.mode}, not one of {', '.join(MODES)}")
            upright = ImageOps.exif_transpose(image)  # a telephone stores a picture lying, and says so
            pixels = np.asarray(upright.convert(mode), np.float32) / 255
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise ValueError(f"{file}: cannot be read as an image: {problem}; remove it, or convert it to RGB") from problem
    return np.moveaxis(np.atleast_3d(pixels), 2, 0)


def _described(path: Any, x: np.ndarray, y: np.ndarray, classes: Any, groups: np.ndarray | None, what: str) -> Dataset:
    split = "at random, if no two examples belong together" if groups is None else "by group"
    words = {"what": what, "split": split, "source": Path(path).name, "licence": "the owner's"}
    return described(Path(path).stem, x, y, classes, groups, **words)
