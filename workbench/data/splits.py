"""Describe a data set, and split it into training, validation and test examples: one split for each world (seed)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

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
        size = f"{self.examples}, each of shape {self.shape}"
        rows = {"what": self.what, "examples": size, "split": self.split, "source": self.source}
        return "\n".join(
            [self.name, *(f"  {name:9} {text}" for name, text in (rows | {"licence": self.licence}).items())]
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their targets.

    `x` is (examples, *shape): floats, or integers, which are ids of lists padded with -1. `y` is (examples,): with
    `classes`, a tuple of names, a whole number in [0, number of classes); without, any numbers, also
    (examples, outputs). `groups` is None or (examples,) integers: examples of one group (region, page, series) resemble
    each other, so that a split keeps them in one part.

    Raises:
        ValueError: an array has a wrong shape or type, a number is NaN or infinite, an id is below -1, a label is out
            of range, or all labels are the same.
    """

    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    groups: np.ndarray | None
    card: Card

    def __post_init__(self) -> None:
        _check(self.x, self.y, len(self.classes))
        if self.classes and self.y.min() == self.y.max():
            only = self.classes[int(self.y[0])]
            raise ValueError(
                f"y: all {len(self.y)} examples are of class {only!r}; give examples of two classes at least"
            )
        if self.groups is not None and (self.groups.shape != self.y.shape[:1] or self.groups.dtype.kind not in "iu"):
            raise ValueError(f"groups: {_like(self.groups)}; must be integers, shape ({len(self.x)},)")


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

    def part(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return x (worlds, n, *shape), standardized, and y (worlds, n, ...) of "train", "validation" or "test".

        Raises:
            ValueError: there is no part of this name.
        """
        if name not in PARTS:
            raise ValueError(f"name={name!r}: must be one of {', '.join(map(repr, PARTS))}")
        rows = getattr(self, name)
        x = self.x[rows]
        if self.mean is not None and self.scale is not None:
            x = ((x - self.mean[:, None]) / self.scale[:, None]).astype(x.dtype)
        return x, self.y[rows]

    def take(self, indices: Any) -> "Data":
        """Return the worlds at `indices`, which may repeat: a grid of seven rates is every world seven times.

        `data.take(np.tile(np.arange(10), 7))` has world w of rate r at place 10 r + w.

        Raises:
            IndexError: an index is not that of a world.
        """
        fields = {name: getattr(self, name) for name in (*PARTS, "mean", "scale")}
        chosen: dict[str, Any] = {name: a if a is None else a[np.asarray(indices)] for name, a in fields.items()}
        return dataclasses.replace(self, **chosen)


def as_data(x: Any, y: Any, *, classes: int | None = None, worlds: bool = False) -> Data:
    """Return arrays as the training part of one world, or of many; the other parts are empty and x is used as it is.

    x is (examples, *shape) and y (examples,) or (examples, outputs). With `worlds`, both have one more leading axis.
    `classes` is the number of classes, 0 for regression; None takes the largest label plus one if y has integers.

    Raises:
        ValueError: as for `Dataset`.
    """
    x, y = (np.asarray(array)[() if worlds else None] for array in (x, y))
    if y.ndim < 2 or x.shape[:2] != y.shape[:2]:
        raise ValueError(f"x: {_like(x)}, y: {_like(y)}; must begin with the same numbers of worlds and of examples")
    rows = np.arange(y.shape[0] * y.shape[1]).reshape(y.shape[:2])
    x, y = (array.reshape(-1, *array.shape[2:]) for array in (x, y))
    if classes is None:
        classes = int(y.max()) + 1 if y.dtype.kind in "iu" and y.size else 0
    _check(x, y, classes)
    return Data(x, y, rows, rows[:, :0], rows[:, :0], None, None, classes)


def side_by_side(worlds: Sequence[Data]) -> Data:
    """Return one Data with all the worlds of several, for data sets that are generated anew for each world.

    Raises:
        ValueError: the shapes of the examples, the sizes of the parts or the numbers of classes differ.
    """
    if len({(data.classes, data.mean is None) for data in worlds}) != 1:
        raise ValueError("worlds: must have the same number of classes, and be all standardized or all not")
    starts = np.cumsum([0, *(len(data.x) for data in worlds)])[:-1]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(data, name) for data in worlds])
        for name in ("x", "y", *(() if worlds[0].mean is None else ("mean", "scale")))
    }
    for part in PARTS:
        joined[part] = np.concatenate([getattr(d, part) + start for d, start in zip(worlds, starts, strict=True)])
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

    `train`, `validation` and `test` are numbers of examples; None takes the rest for the test. With `stratify`, each
    class has the same share of each part as of the whole, to within an example or two, or the groups at the ends of a
    part. A group is never in two parts: each part takes whole groups until it has enough examples, and keeps a random
    choice of them. With `standardize`, each feature of floats has mean 0 and standard deviation 1 over a world's
    training part, and a feature that is constant there has scale 1; ids stay as they are.

    Raises:
        ValueError: a number is negative, or there are too few examples or groups; or the data set has groups and
            `test` is None; or a feature is too large or too small for its variance.
    """
    chosen = [seeds] if isinstance(seeds, int | np.integer) else list(seeds)
    wanted = _wanted(dataset, train, validation, test)
    if not chosen or min(chosen) < 0:
        raise ValueError(f"seeds={seeds!r}: must be whole numbers from 0, at least one")
    units = np.arange(len(dataset.x)) if dataset.groups is None else np.unique(dataset.groups, return_inverse=True)[1]
    strata = dataset.y if stratify and dataset.classes else np.zeros(len(dataset.x), np.int64)
    split_rows = [_rows(units, strata, wanted, int(seed)) for seed in chosen]
    rows = dict(zip(PARTS, map(np.stack, zip(*split_rows, strict=True)), strict=True))
    mean, scale = None, None
    if standardize and dataset.x.dtype.kind == "f":
        mean, scale = map(np.stack, zip(*(_moments(dataset.x[chosen]) for chosen in rows["train"]), strict=True))
    return Data(dataset.x, dataset.y, **rows, mean=mean, scale=scale, classes=len(dataset.classes))


def _wanted(dataset: Dataset, train: int, validation: int, test: int | None) -> tuple[int, int, int]:
    examples = len(dataset.x)
    if test is None and dataset.groups is not None:
        raise ValueError("test=None: with groups, the rest differs from world to world; give a number of examples")
    wanted = (train, validation, examples - train - validation if test is None else test)
    if train < 1 or validation < 0 or wanted[2] < 0 or sum(wanted) > examples:
        asked = f"train={train}, validation={validation}, test={test}"
        raise ValueError(f"{asked}: must be at least 1, 0 and 0, and together at most {examples}, the examples")
    return wanted


def _rows(units: np.ndarray, strata: np.ndarray, wanted: Sequence[int], seed: int) -> list[np.ndarray]:
    """Return the rows of each part. `units` numbers the group of each example, `strata` its class."""
    rng = np.random.default_rng([seed, len(PARTS)])  # not the numbers of a generator that has the same seed
    order = _stratified_order(units, strata, rng)
    ends = np.cumsum(np.bincount(units)[order])  # examples in the groups up to each
    place = np.argsort(order)[units]  # of each example's group in the order
    rows, start = [], 0
    for name, count in zip(PARTS, wanted, strict=True):
        taken = ends[start - 1] if start else 0
        stop = start if count == 0 else int(np.searchsorted(ends, taken + count)) + 1
        if stop > len(order):
            raise ValueError(
                f"{name}={count}: with seed {seed}, the whole groups of the parts before leave {ends[-1] - taken} "
                "examples; ask for fewer examples, or make more and smaller groups"
            )
        rows.append(rng.permutation(np.flatnonzero((place >= start) & (place < stop)))[:count])
        start = stop
    return rows


def _stratified_order(units: np.ndarray, strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the groups in a random order in which every stretch has each class's share of examples.

    Each class spreads its groups evenly over the order, from a random start. A group's class is its most frequent one.
    """
    sizes = np.bincount(units)
    table = np.zeros((len(sizes), strata.max() + 1), np.int64)
    np.add.at(table, (units, strata), 1)
    key, of_group = np.empty(len(sizes)), table.argmax(axis=1)
    for stratum in np.unique(of_group):
        groups = rng.permutation(np.flatnonzero(of_group == stratum))
        before = np.cumsum(sizes[groups]) - sizes[groups]
        key[groups] = (before + rng.uniform() * sizes[groups]) / sizes[groups].sum()
    return np.argsort(key, kind="stable")


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each feature; a constant feature has 1."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    constant = (x == x[0]).all(axis=0)
    lost = ~(np.isfinite(mean) & np.isfinite(scale) & (constant | (scale > 0)))
    if lost.any():
        feature = _first(lost)
        raise ValueError(
            f"x: feature {feature} is too large or too small for its variance; rescale it before the split"
        )
    return mean, np.where(constant, 1.0, scale)


def _check(x: np.ndarray, y: np.ndarray, classes: int) -> None:
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "fiu":
        raise ValueError(f"x: {_like(x)}; must be numbers, shape (examples, *shape), with one example at least")
    if y.shape[:1] != x.shape[:1] or y.dtype.kind not in "fiu":
        raise ValueError(f"y: {_like(y)}; must be numbers, shape ({len(x)},), one for each example of x")
    _refuse(x, "x", ~np.isfinite(x), "must be finite; leave the example out, or fill in a number")
    _refuse(y, "y", ~np.isfinite(y), "must be finite; leave the example out")
    if x.dtype.kind in "iu":
        _refuse(x, "x", x < -1, "an id must be from 0, and -1 fills a list up; give numbers as floats")
    if classes and (y.ndim != 1 or y.dtype.kind not in "iu"):
        raise ValueError(f"y: {_like(y)}; a label must be an integer, shape ({len(x)},)")
    if classes:
        _refuse(
            y, "y", (y < 0) | (y >= classes), f"a label must be from 0 to {classes - 1}; there are {classes} classes"
        )


def _refuse(array: np.ndarray, name: str, wrong: np.ndarray, words: str) -> None:
    if wrong.any():
        place = _first(wrong)
        raise ValueError(f"{name}[{', '.join(map(str, place))}]={array[place]}: {words}")


def _first(wrong: np.ndarray) -> tuple[int, ...]:
    return tuple(int(index) for index in np.argwhere(wrong)[0])


def _like(array: np.ndarray) -> str:
    return f"{array.dtype}, shape {array.shape}"
