"""Every operator at sizes from ten thousand elements to thirty million, as it is verified and timed."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np

import workbench
from workbench.bench.results import describe, dimensions

CHANNELS, LENGTH = 64, 64  # channels of LRN's input; elements of a row of a table
SIZE, ALPHA, BIAS = 5, 1.0, 1.0
RATIO, SEED = 0.3, 17
VALUES_A_SEGMENT = 20  # on average
NAMED = 5  # one row in so many is named
REG_LAMBDA = 2.0**-13  # so small that rows that are shrunk in every round stay far from 0
STRENGTH, THRESHOLD = 0.125, 0.5

TOLERANCE = 2e-6  # relative, of float32 results against float64


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A call that is verified and timed.

    Attributes:
        arguments: what tells the case apart from others of its operator, direction and shape.
        arrays: what it works on.
        run: makes the call on such arrays with the engine that it is given, and returns a tuple of results.
        in_place: whether it changes the first array, which is then the first of its results.
        exact: whether the results must be the reference's bit for bit.
    """

    operator: str
    direction: str
    shape: tuple[int, ...]
    layout: str
    arguments: dict[str, float | str]
    arrays: tuple[np.ndarray, ...]
    run: Callable[[tuple[np.ndarray, ...], str], tuple]
    in_place: bool = False
    exact: bool = False

    def __str__(self) -> str:
        what = ", ".join(filter(None, (f"{self.operator} {self.direction}", describe(self.arguments))))
        return f"{what}, {dimensions(self.shape)} {self.layout}"

    def ours(self) -> tuple:
        return self.run(self.arrays, "numba")

    def fresh(self) -> tuple[np.ndarray, ...]:
        """Return the arrays, the first copied where it would be changed."""
        first, *others = self.arrays
        return (first.copy() if self.in_place else first, *others)

    def problem(self) -> str:
        """Return what is wrong with the results, "" for nothing."""
        found, right = self.run(self.fresh(), "numba"), self.run(self.fresh(), "reference")
        for i, (mine, theirs) in enumerate(zip(found, right, strict=True)):
            wrong = _count_wrong(np.asarray(mine), np.asarray(theirs), self.exact, self.direction)
            if wrong:
                return f"result {i} is wrong at {wrong:,} of {np.size(theirs):,} places"
        return ""


def cases(shape: tuple[int, int, int, int]) -> Iterator[list[Case]]:
    """Yield the cases of about as many elements as `shape` (n, c, h, w) has, in groups that share arrays."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape, np.float32) for _ in range(2))
    yield list(_lrn(x, dy))
    yield list(_dropout(x, dy, rng))
    yield list(_weights(x.reshape(-1)[: x.size // LENGTH * LENGTH].reshape(-1, LENGTH), rng))


def _lrn(x: np.ndarray, dy: np.ndarray) -> Iterator[Case]:
    wanted = (("NCHW", "across", 0.75), ("NCHW", "across", 0.6), ("NHWC", "across", 0.75), ("NCHW", "within", 0.75))
    for layout, region, beta in wanted:
        arguments = {"size": SIZE, "alpha": ALPHA, "beta": beta, "bias": BIAS, "order": layout, "region": region}
        arrays = [np.ascontiguousarray(np.moveaxis(a, 1, -1)) if layout == "NHWC" else a for a in (dy, x)]
        common = {"shape": x.shape, "layout": layout, "arguments": {"region": region, "beta": beta}}
        yield Case("LRN", "forward", arrays=(arrays[1],), run=_call("LRN", arguments), **common)
        yield Case("LRN", "gradient", arrays=tuple(arrays), run=_call("LRNGradient", arguments), **common)


def _dropout(x: np.ndarray, dy: np.ndarray, rng: np.random.Generator) -> Iterator[Case]:
    dropped = rng.random(x.shape, np.float32) < RATIO
    given = {"ratio": RATIO, "seed": SEED}
    common = {"shape": x.shape, "layout": "dense", "arguments": {"ratio": RATIO}}
    name = "DropoutWithReplacement"
    yield Case(name, "forward", arrays=(x,), run=_call(name, given), exact=True, **common)
    yield Case(name, "gradient", arrays=(dy, dropped), run=_call(f"{name}Gradient", {"ratio": RATIO}), **common)
    lengths = rng.integers(0, 2 * VALUES_A_SEGMENT, max(1, x.size // VALUES_A_SEGMENT), np.int32)
    values = rng.integers(1, 1_000_000, int(lengths.sum()))
    common = {"shape": values.shape, "layout": "ragged", "arguments": {"ratio": RATIO, "segments": lengths.size}}
    for name in ("SparseDropoutWithReplacement", "SparseItemwiseDropoutWithReplacement"):
        yield Case(name, "forward", arrays=(values, lengths), run=_call(name, given), exact=True, **common)


def _weights(w: np.ndarray, rng: np.random.Generator) -> Iterator[Case]:
    numbers = rng.integers(0, len(w), max(1, len(w) // NAMED), np.int32)
    yield Case(
        "SparseLpRegularizer",
        "forward",
        w.shape,
        "rows",
        {"p": 2.0, "rows": numbers.size},
        (w.copy(), numbers),
        _call("SparseLpRegularizer", {"p": 2.0, "reg_lambda": REG_LAMBDA}),
        in_place=True,
    )
    mine = w.copy()
    for p in (1.0, 0.5, 3.0):
        given = {"alpha": STRENGTH, "p": p, "sparsity_threshold": THRESHOLD}
        common = {"shape": w.shape, "layout": "dense", "arguments": {"p": p}}
        yield Case("SparseLp", "forward", arrays=(mine,), run=_call("SparseLp", given), in_place=True, **common)
        given = {"alpha": STRENGTH, "p": p}
        yield Case("LpGradient", "gradient", arrays=(w,), run=_call("LpGradient", given), **common)
    for p in (1.0, 0.5, 2 / 3):
        common = {"shape": w.shape, "layout": "dense", "arguments": {"p": p}}
        yield Case("LpProx", "forward", arrays=(w,), run=_call("LpProx", {"weight": STRENGTH, "p": p}), **common)


def _call(name: str, arguments: dict) -> Callable[[tuple[np.ndarray, ...], str], tuple]:
    """Return what runs a declared operator; an array that it changes comes first among the results."""
    return functools.partial(_run, workbench.OPERATORS[name], arguments)


def _run(operator: workbench.Operator, arguments: dict, arrays: tuple[np.ndarray, ...], engine: str) -> tuple:
    results = operator.run(*arrays, engine=engine, **arguments)
    results = results if isinstance(results, tuple) else (results,)
    if operator.name == "SparseLpRegularizer":
        return (arrays[0],)
    return (arrays[0], *results) if operator.name == "SparseLp" else results


def _count_wrong(found: np.ndarray, right: np.ndarray, exact: bool, direction: str) -> int:
    if (found.shape, found.dtype) != (right.shape, right.dtype):
        return max(1, right.size)
    if exact:
        return int(np.count_nonzero(found != right))
    # The terms of a gradient can cancel: it is as right as its largest element allows.
    least = float(np.max(np.abs(right), initial=0.0)) if direction == "gradient" and right.ndim else 0.0
    allowed = TOLERANCE * np.maximum(np.abs(right.astype(np.float64)), least)
    return int(np.count_nonzero(~(np.abs(found.astype(np.float64) - right) <= allowed)))
