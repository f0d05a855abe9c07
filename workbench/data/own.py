"""Load the file that a notebook's parameter `data` names, and say what it holds; or refuse it with what would do.

A relative path starts at the folder in which `workbench run` was called, or else at the notebook's folder.
"""

import dataclasses
import os
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.data.files import check_commas, image_pixels, naming, read_npz, read_table
from workbench.data.photographs import shrunk
from workbench.data.real_data import DataSet
from workbench.data.splits import Dataset
from workbench.lazily import naming_the_extra

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
TABLES = (".csv", ".parquet", ".npz")
MEGABYTES = 50  # size of a file, at most
NUMBERS = 10_000_000  # in a table or an archive, at most, once it is unpacked
LARGEST = 1e150  # of the numbers of a linear model, whose squares are added
CLASSES = 20  # whole numbers with at most so many different values are classes
FEWEST = 160  # examples for training: two fifths of them make one batch of 64
SHORTEST = 16  # pixels of an image's shorter side, at least
WIDEST = 2000  # pixels of an image's side after it was shrunk, at most


class Lists(NamedTuple):
    """Lists of ids one after another: `values` (all ids,) int64, `lengths` (lists,) int32, and how many ids differ."""

    values: np.ndarray
    lengths: np.ndarray
    ids: int

    def first(self, lists: int, longest: int) -> "Lists":
        """Return the first `lists` lists, and of each list the first `longest` ids."""
        starts = np.cumsum(self.lengths) - self.lengths
        lengths = np.minimum(self.lengths[:lists], longest)
        values = [self.values[start : start + length] for start, length in zip(starts, lengths, strict=False)]
        found = np.concatenate(values)
        return Lists(found, lengths, len(np.unique(found)))


def picture(path: str, height: int = 120) -> np.ndarray:
    """Return an image as grey values in [0, 1], shape (about `height`, width).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no image, too large or too small, or all of its pixels are alike.
    """
    file = _file(path, IMAGES)
    grey = image_pixels(file, "L")[0].astype(np.float64)
    found = shrunk(grey, height)
    if min(grey.shape) < SHORTEST or max(found.shape) > WIDEST:
        words = f"sides from {SHORTEST} pixels, and at most {WIDEST} once it is shrunk to about {height} rows; crop it"
        raise ValueError(f"{file.name}: has {grey.shape[0]} x {grey.shape[1]} pixels; must have {words}")
    if grey.min() == grey.max():
        raise ValueError(f"{file.name}: all pixels are alike, so no filter responds; give another image")
    _tell(file, f"{grey.shape[0]} x {grey.shape[1]} pixels, shown with {found.shape[0]} x {found.shape[1]}")
    return found


def id_lists(path: str) -> Lists:
    """Return lists of ids: the column `ids` of a CSV or Parquet file, or the arrays `values` and `lengths` of an npz.

    In CSV, a list is a text with spaces between the ids, as in `62 80 58`. In Parquet, it is a list of whole numbers.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be read or is too large, a column is missing, or a value is no whole number from 0.
    """
    file = _file(path, TABLES)
    with naming(file.name):
        lists = _lists_of_arrays(file) if file.suffix.lower() == ".npz" else _lists_of_column(file)
        if not any(lists):
            raise ValueError("has no ids; give at least one list that is not empty")
        values = np.array([each for ids in lists for each in ids], np.int64)
    lengths = np.array([len(ids) for ids in lists], np.int32)
    found = Lists(values, lengths, len(np.unique(values)))
    _tell(file, f"{len(lengths)} lists with {len(values)} ids, {found.ids} of them different")
    return found


def table(path: str, *, classes: bool | None = None) -> Dataset:
    """Return a table with its targets: CSV or Parquet with named columns, or an npz with the arrays x and y.

    Each row is an example; of an npz, each x[i], whatever its shape.

    The target is the column `y`, or else the last one; all others are features. Text, and whole numbers with at most
    20 different values, are classes; other numbers are to be predicted. `classes` says which of the two is needed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be read or is too large, a number is missing or not finite, or the target is not
            what is needed.
    """
    file = _file(path, TABLES)
    if file.suffix.lower() == ".npz":
        found = read_npz(file)
        target = "y"
    else:
        with naming(file.name):
            _, target, is_number = _columns(file)
        found = read_table(file, target, regression=is_number)
        if is_number and np.all(found.y == found.y.round()) and len(np.unique(found.y)) <= CLASSES:
            found = read_table(file, target)
    if classes is not None and classes != bool(found.classes):
        needed = f"text, or whole numbers with at most {CLASSES} different values" if classes else "numbers to predict"
        has = f"{len(found.classes)} classes" if found.classes else "numbers to predict"
        raise ValueError(f"{file.name}: {target!r} has {has}; this notebook needs {needed}, in `y` or the last column")
    kind = f"{len(found.classes)} classes" if found.classes else "numbers to predict"
    _tell(file, f"{len(found.x)} rows; {found.card.what}, {kind}")
    return dataclasses.replace(found, x=found.x.reshape(len(found.x), -1))


def linear(path: str, *, classes: bool | None = None) -> DataSet:
    """Return a table for linear models: columns with mean 0 and variance 1; y so, too, or -1 and 1 for two classes.

    Raises errors as `table` does, and a ValueError for more than two classes, or numbers that are all the same.
    """
    found = table(path, classes=classes)
    name = found.card.source
    if found.y.ndim != 1 or len(found.classes) > 2:
        is_now = f"{len(found.classes)} classes, and y has {found.y.ndim} axes"
        raise ValueError(f"{name}: has {is_now}; must have two classes, or one column of numbers, to predict")
    X, y = found.x.astype(np.float64), found.y.astype(np.float64)
    if max(np.abs(X).max(), np.abs(y).max()) > LARGEST:
        raise ValueError(f"{name}: holds numbers beyond {LARGEST:g}, whose squares are infinite; divide the column")
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)
    file = _file(path, TABLES)
    columns, target = _columns(file)[:2] if file.suffix.lower() != ".npz" else (list(map(str, range(X.shape[1]))), "")
    names = tuple(each for each in columns if each != target)
    if found.classes:
        return DataSet(X, 2 * y - 1, "logistic", names, name)
    if np.min(y) == np.max(y):
        raise ValueError(f"{name}: all numbers of {target or 'y'!r} are {y[0]:g}; nothing is left to predict")
    return DataSet(X, (y - y.mean()) / y.std(), "least squares", names, name)


def parts(dataset: Dataset) -> dict[str, int]:
    """Return how many examples to train on, to validate with and to test with: two fifths, one fifth, two fifths.

    Raises:
        ValueError: there are fewer than FEWEST examples.
    """
    fifth = len(dataset.x) // 5
    if len(dataset.x) < FEWEST:
        raise ValueError(f"{dataset.card.source}: has {len(dataset.x)} examples; {FEWEST} or more are needed")
    return {"train": 2 * fifth, "validation": fifth, "test": 2 * fifth}


def _tell(file: Path, what: str) -> None:
    print(f"Data: {file.name}, {what}.")
    print("The text of this notebook speaks of the data that come with it.")


def _file(path: str, kinds: Sequence[str]) -> Path:
    """Return the file; raise FileNotFoundError or ValueError if it is missing, of another kind, or too large."""
    file = Path(os.environ.get("WORKBENCH_FROM", ""), os.path.expanduser(path))
    if not file.is_file():
        raise FileNotFoundError(f"data={path!r}: there is no such file in {file.parent.resolve()}; give its whole path")
    if file.suffix.lower() not in kinds:
        raise ValueError(f"{file.name}: this notebook reads {', '.join(kinds)}; convert the file, and name it so")
    if file.stat().st_size > MEGABYTES * 10**6:
        size = f"{file.stat().st_size / 1e6:.0f} MB"
        raise ValueError(f"{file.name}: has {size}; must be at most {MEGABYTES} MB; take a part of it")
    numbers = _numbers_inside(file)
    if numbers > NUMBERS:
        raise ValueError(f"{file.name}: holds {numbers:.2g} numbers; must be at most {NUMBERS:,}; take a part of it")
    return file


def _numbers_inside(file: Path) -> int:
    """Return about how many numbers a compressed file holds once it is unpacked, without unpacking it."""
    if file.suffix.lower() == ".npz" and zipfile.is_zipfile(file):
        with naming(file.name), zipfile.ZipFile(file) as archive:
            return sum(each.file_size for each in archive.infolist()) // 8
    if file.suffix.lower() != ".parquet":
        return 0
    with naming_the_extra():
        from pyarrow import parquet
    with naming(file.name):
        found = parquet.read_metadata(file)
        groups = (found.row_group(place) for place in range(found.num_row_groups))
        return sum(group.column(place).num_values for group in groups for place in range(group.num_columns))


def _columns(file: Path) -> tuple[list[str], str, bool]:
    """Return a table's columns, the name of its target, and whether that holds numbers."""
    with naming_the_extra():
        from pyarrow import csv, parquet, types
    if file.suffix.lower() == ".parquet":
        schema = parquet.read_schema(file)
    else:
        check_commas(file)
        with csv.open_csv(file) as reader:
            schema = reader.schema
    names = list(schema.names)
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"has the column {twice[0]!r} twice; rename one")
    target = "y" if "y" in names else names[-1]
    kind = schema.field(target).type
    return names, target, types.is_floating(kind) or types.is_integer(kind)


def _lists_of_arrays(file: Path) -> list[list[int]]:
    if not zipfile.is_zipfile(file):
        raise ValueError("is not an npz file; write one with numpy.savez(file, values=values, lengths=lengths)")
    with np.load(file, allow_pickle=False) as archive:
        if missing := {"values", "lengths"} - set(archive):
            raise ValueError(f"has no array {min(missing)!r}; its arrays are {', '.join(map(repr, archive))}")
        values, lengths = archive["values"], archive["lengths"]
    for name, array in (("values", values), ("lengths", lengths)):
        if array.ndim != 1 or array.dtype.kind not in "iu" or array.min(initial=0) < 0 or array.max(initial=0) >= 2**63:
            raise ValueError(f"{name}: {array.dtype}, shape {array.shape}; must be whole numbers from 0, one axis")
    if lengths.max(initial=0) > len(values) or lengths.sum() != len(values):
        total = sum(map(int, lengths))  # a sum of NumPy's whole numbers can wrap around
        raise ValueError(f"lengths: add up to {total}; must add up to the {len(values)} values")
    return [part.tolist() for part in np.split(values, np.cumsum(lengths)[:-1])]


def _lists_of_column(file: Path) -> list[list[int]]:
    with naming_the_extra():
        from pyarrow import csv, parquet, string
    if file.suffix.lower() == ".parquet":
        found = parquet.read_table(file)
    else:
        as_text = csv.ConvertOptions(column_types={"ids": string()})
        found = csv.read_csv(file, parse_options=csv.ParseOptions(ignore_empty_lines=False), convert_options=as_text)
    if "ids" not in found.column_names:
        names = ", ".join(map(repr, found.column_names))
        raise ValueError(f"has no column 'ids'; its columns are {names}; rename the one that holds the lists")
    return [list(_ids(row, each)) for row, each in enumerate(found["ids"].to_pylist(), 1)]


def _ids(row: int, given: Any) -> Iterable[int]:
    """Yield the ids of one row: a text with spaces, or a list."""
    if not isinstance(given, str | list):
        raise ValueError(f"column 'ids', row {row}: {given!r} is no list; write ids with spaces between, or a list")
    for each in given.split() if isinstance(given, str) else given:
        text = str(each)
        if not (text.isascii() and text.isdigit()) or int(text) >= 2**63:
            raise ValueError(f"column 'ids', row {row}: {each!r} is no whole number from 0; number the ids")
        yield int(text)
