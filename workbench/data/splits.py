"""Describe a data set, and split it into training, validation and test examples: one split for each world (seed)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.arrays import as_array, refuse_masked
from workbench.operator import checked_choice

PARTS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Card:
    """What a reader should know of a data set before using it; `split` says how examples may be split, and why."""

    name: str
    what: str
    examples: int
    shape: tuple[int, ...]
    split: str
    source: str
    licence: str

    def __str__(self) -> str:
        rows = dataclasses.asdict(self) | {"examples": f"{self.examples}, each of shape {self.shape}"}
        shown = ("what", "examples", "split", "source", "licence")
        return "\n".join([self.name, *(f"  {name:9} {rows[name]}" for name in shown)])


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their targets.

    `x` is (examples, *shape): floats, or integers, which are ids of lists padded with -1. `y` is (examples,): with
    `classes`, a tuple of names, a number in [0, len(classes)); without, any numbers, also (examples, outputs). `groups`
    is None or (examples,) integers: the examples of a group (region, page, series) stay together when split.

    Raises:
        TypeError: x or y is a masked array.
        ValueError: an array has a wrong shape or type; a number is NaN or infinite; an id is below -1; a label is out
            of range; or all labels are the same.
    """

    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    groups: np.ndarray | None
    card: Card

    def __post_init__(self) -> None:
        _check(self.x, self.y, len(self.classes))
        if self.classes and self.y.min() == self.y.max():
            raise ValueError(f"y: all are of class {self.classes[int(self.y[0])]!r}; give examples of two classes")
        if self.groups is not None and (self.groups.shape != self.y.shape[:1] or self.groups.dtype.kind not in "iu"):
            raise ValueError(f"groups: {_like(self.groups)}; must be integers, shape ({len(self.x)},)")


def described(
    name: str, x: np.ndarray, y: np.ndarray, classes: Sequence[str], groups: np.ndarray | None, **words: str
) -> Dataset:
    """Return a data set with a card; `words` are `what`, `split`, `source` and `licence`."""
    return Dataset(
        x, y, tuple(classes), groups, Card(name=name, examples=next(iter(x.shape), 0), shape=x.shape[1:], **words)
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """Examples that all worlds share, and which of them each world trains on.

    x is (examples, *shape), and y (examples,) or (examples, outputs). `train`, `validation` and `test` are the row
    numbers of each part, shape (worlds, n). `mean` and `scale`, shape (worlds, *shape), are those of a world's training
    part, or None if x is used as it is. `classes` is the number of classes, 0 for regression.
    """

    x: np.ndarray
    y: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    mean: np.ndarray | None
    scale: np.ndarray | None
    classes: int

    @property
    def worlds(self) -> int:
        """Return the number of worlds."""
        return len(self.train)

    def check(self) -> None:
        """Raise TypeError or ValueError unless x, y and the row numbers are as said above, with some to train on."""
        _check(self.x, self.y, self.classes)
        for name in PARTS:
            rows = getattr(self, name)
            if rows.dtype.kind not in "iu" or rows.ndim != 2 or len(rows) != self.worlds or not self.train.size:
                raise ValueError(
                    f"{name}: {_like(rows)}; must be row numbers, shape ({self.worlds}, n); n > 0 to train"
                )
            _refuse(name, rows, (rows < 0) | (rows >= len(self.x)), f"must be from 0 to {len(self.x) - 1}, a row of x")

    def inputs(self, dtype: np.dtype) -> np.ndarray:
        """Return x in C order and `dtype`, or ids with a sign: some layers write -1. Refuse x that loses its digits."""
        if self.x.dtype.kind != "f":
            return self.x.astype(np.int64) if self.x.dtype.kind == "u" else self.x
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(self.x, dtype)
        mean, scale = (0.0, 1.0) if self.mean is None else (self.mean, self.scale)
        lost = (scale != 1) & (100 * np.finfo(dtype).eps * np.abs(mean) > scale)  # the scale of a constant feature is 1
        if np.any(lost) or not np.isfinite(x).all():
            words = "is too large, or varies little around a large mean; rescale it, subtract a number"
            raise ValueError(f"x in {dtype} {words}, or give dtype=np.float64")
        return x

    def part(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return x (worlds, n, *shape), standardized, and y (worlds, n, ...) of "train", "validation" or "test"."""
        rows = getattr(self, checked_choice("name", name, PARTS))
        x = self.x[rows]
        if self.mean is not None and self.scale is not None:
            x = ((x - self.mean[:, None]) / self.scale[:, None]).astype(x.dtype)
        return x, self.y[rows]

    def take(self, indices: Any) -> "Data":
        """Return the worlds at `indices`: `data.take(np.tile(np.arange(10), 7))` has ten worlds for each of 7 rates."""
        fields = {name: getattr(self, name) for name in (*PARTS, "mean", "scale")}
        chosen: dict[str, Any] = {name: a if a is None else a[np.asarray(indices)] for name, a in fields.items()}
        return dataclasses.replace(self, **chosen)


def as_data(x: Any, y: Any, *, classes: int | None = None) -> Data:
    """Return x (examples, *shape) and y as the training part of one world, not standardized; the other parts are empty.

    `classes` is the number of classes, 0 for regression; None takes the largest label plus one if y has integers.
    Raises errors as `Dataset`, but for labels that are all the same.
    """
    x, y = as_array("x", x, "an array of numbers"), as_array("y", y, "an array of numbers")
    if classes is None:
        classes = int(y.max(initial=0)) + 1 if y.dtype.kind in "iu" else 0
    _check(x, y, classes)
    rows = np.arange(len(x))[None]
    return Data(x, y, rows, rows[:, :0], rows[:, :0], None, None, classes)


def side_by_side(worlds: Sequence[Data]) -> Data:
    """Return the worlds of several Data, with parts of equal sizes, as one: for data that each world generates anew."""
    if len({(data.classes, data.mean is None) for data in worlds}) != 1:
        raise ValueError("worlds: must have the same number of classes, and be all standardized or all not")
    starts = np.cumsum([0, *(len(data.x) for data in worlds)])
    fields = ("x", "y", *(() if worlds[0].mean is None else ("mean", "scale")))
    joined: dict[str, Any] = {name: np.concatenate([getattr(data, name) for data in worlds]) for name in fields}
    for part in PARTS:
        joined[part] = np.concatenate([getattr(d, part) + start for d, start in zip(worlds, starts, strict=False)])
    return dataclasses.replace(worlds[0], **joined)


def split(
    dataset: Dataset,
    seeds: int | Sequence[int],
    *,
    train: int,
    validation: int,
    test: int | None = None,
    stratify: bool = True,
    standardize: bool = True,
) -> Data:
    """Split a data set at random once for each seed; world s's split depends on seeds[s] alone.

    `train`, `validation` and `test` are numbers of examples; None tests on the rest. Each part takes whole groups until
    it has enough examples, and keeps a random choice of them. With `stratify`, a class has the same share of each part
    as of the whole, to within two examples or groups. With `standardize`, each feature that is a float has mean 0 and
    standard deviation 1 over a world's training part; one that is constant there has scale 1.

    Raises:
        ValueError: there are too few examples or groups, or there are groups and `test` is None.
    """
    seeds = [seeds] if isinstance(seeds, int | np.integer) else list(seeds)
    if not seeds or min(seeds) < 0:
        raise ValueError(f"seeds={seeds!r}: must be whole numbers from 0, at least one")
    if test is None and dataset.groups is not None:
        raise ValueError("test=None: with groups, the rest differs from world to world; give a number of examples")
    counts = (train, validation, len(dataset.x) - train - validation if test is None else test)
    if train < 1 or min(counts) < 0 or sum(counts) > len(dataset.x):
        words = f"must be at least 1, 0 and 0, and together at most the {len(dataset.x)} examples"
        raise ValueError(f"train={train}, validation={validation}, test={test}: {words}")
    units = np.arange(len(dataset.x)) if dataset.groups is None else np.unique(dataset.groups, return_inverse=True)[1]
    strata = dataset.y if stratify and dataset.classes else np.zeros(len(dataset.x), np.int64)
    by_world = [_rows(units, strata, counts, seed) for seed in seeds]
    rows = dict(zip(PARTS, map(np.stack, zip(*by_world, strict=True)), strict=True))
    mean, scale = None, None
    if standardize and dataset.x.dtype.kind == "f":
        mean, scale = map(np.stack, zip(*(_moments(dataset.x[chosen]) for chosen in rows["train"]), strict=True))
    return Data(dataset.x, dataset.y, **rows, mean=mean, scale=scale, classes=len(dataset.classes))


def _rows(units: np.ndarray, strata: np.ndarray, counts: Sequence[int], seed: int) -> list[np.ndarray]:
    """Return the rows of each part. `units` numbers the group of each example, `strata` its class."""
    rng = np.random.default_rng([seed, len(PARTS)])  # not the numbers of a generator that has the same seed
    order = _stratified_order(units, strata, rng)
    ends = np.cumsum([0, *np.bincount(units)[order]])  # examples in the first 0, 1, ... groups
    place = np.argsort(order)[units]  # of each example's group in the order
    rows, start = [], 0
    for name, count in zip(PARTS, counts, strict=True):
        stop = int(np.searchsorted(ends, ends[start] + count))
        if stop == len(ends):
            words = f"with seed {seed}, the whole groups of the parts before leave {ends[-1] - ends[start]} examples"
            raise ValueError(f"{name}={count}: {words}; ask for fewer, or make more and smaller groups")
        rows.append(rng.permutation(np.flatnonzero((place >= start) & (place < stop)))[:count])
        start = stop
    return rows


def _stratified_order(units: np.ndarray, strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the groups in a random order that spreads those of each class, a group's most frequent one, evenly."""
    sizes, key = np.bincount(units), np.empty(units.max() + 1)
    table = np.zeros((len(sizes), strata.max() + 1), np.int64)
    np.add.at(table, (units, strata), 1)
    of_group = table.argmax(axis=1)
    for stratum in np.unique(of_group):
        groups = rng.permutation(np.flatnonzero(of_group == stratum))
        ends = np.cumsum(sizes[groups])
        key[groups] = (ends - rng.uniform() * sizes[groups]) / ends[-1]
    return np.argsort(key, kind="stable")


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each feature; a constant feature has 1."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    scale = np.where((x == x[0]).all(axis=0), 1.0, scale)
    lost = ~((np.abs(mean) < 1e30) & (scale > 1e-30) & (scale < 1e30))  # float32 can hold these
    _refuse("standard deviation of x", scale, lost, "this feature is too large or too small; rescale it")
    return mean, scale


def _check(x: np.ndarray, y: np.ndarray, classes: int) -> None:
    refuse_masked("x", x)
    refuse_masked("y", y)
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "fiu":
        raise ValueError(f"x: {_like(x)}; must be numbers, shape (examples, *shape), with one example at least")
    if y.shape[:1] != x.shape[:1] or y.dtype.kind not in "fiu" or (classes and (y.ndim > 1 or y.dtype.kind == "f")):
        words = f"integers, shape ({len(x)},)" if classes else f"numbers, shape ({len(x)}, ...)"
        raise ValueError(f"y: {_like(y)}; must be {words}: one for each example of x")
    if x.dtype.kind != "f":
        _refuse("x", x, x < -1, "must be an id from 0, or -1 to fill a list up; give numbers as floats")
    if classes:
        _refuse("y", y, (y < 0) | (y >= classes), f"must be from 0 to {classes - 1}, as there are {classes} classes")
    for name, array in (("x", x), ("y", y)):
        _refuse(name, array, ~np.isfinite(array), "must be finite; leave the example out, or fill in a number")


def _refuse(name: str, array: np.ndarray, wrong: np.ndarray, words: str) -> None:
    if wrong.any():
        place = tuple(int(index) for index in np.argwhere(wrong)[0])
        raise ValueError(f"{name}[{', '.join(map(str, place))}]={array[place]}: {words}")


def _like(array: np.ndarray) -> str:
    return f"{array.dtype}, shape {array.shape}"
