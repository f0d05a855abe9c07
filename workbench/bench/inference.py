"""The part "inference" of the bench: products with stored weights beside dense ones, SciPy's, and their predictions.

Weights are pruned at random, or whole rows for the form "rows". All contenders of a shape and batch take turns. From
the ratios follows the share of zeros from which on a form is faster than dense weights, measured and predicted.
"""

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np

from workbench.bench.case import Case, Target
from workbench.bench.driver import Group, Settings, present_peers, run
from workbench.bench.results import Measurement, Ratio, Results, Row, dimensions, threads_of
from workbench.machines import plain_loops
from workbench.machines.timing import Contender
from workbench.sparse_inference import FORMS, Form, cost

NAME, DENSE = "stored weights", "dense"
SHAPES, QUICK_SHAPES = ((512, 784), (2048, 2048)), ((96, 80),)
BATCHES = (1, 64)
ZEROS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
TOLERANCE = 1e-5  # relative to the largest sum
Curves = tuple[list[float], dict[str, list[float]], dict[str, list[float]]]

SHARE = 2  # a group has some forty contenders, and runs in one of two rounds

LEGEND = (
    "copy, and limit: a plain loop that reads the stored arrays once, as many threads. dense: NumPy's x @ w.T. scipy: "
    "its CSR matrix @ x.T, one thread. predicted / dense: both times predicted. Weights lie in caches as far as they "
    "fit, since each contender reads its arrays before it is timed."
)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ProductCase(Case):
    """The product of weights in one form with a batch. `weights` is made when it is first needed."""

    weights: Form

    @property
    def reads(self) -> list[np.ndarray]:
        return [*self.inputs, *self.weights.arrays()]


def bench(settings: Settings) -> Results:
    """Time every form for each shape, batch and share of zeros, and find the crossings with dense weights."""
    shapes = QUICK_SHAPES if settings.quick else SHAPES
    groups = [
        Group(f"{dimensions(shape)}, batch {batch}", functools.partial(cases, shape, batch), SHARE, spins=True)
        for shape in shapes
        for batch in BATCHES
    ]
    peers = present_peers({"scipy": (("scipy",), _scipy)}, settings.say)
    found = run(groups, peers, settings.rounds, settings.say, machine=settings.machine)
    rows = tuple(_compared(row, found.rows) for row in found.rows)
    return dataclasses.replace(found, rows=rows, measurements=tuple(crossings(rows)), legends=(LEGEND,))


def cases(shape: tuple[int, int], batch: int) -> list[Case]:
    """Return the dense product, and that of each form with each share of zeros."""
    x = np.random.default_rng(1).standard_normal((batch, shape[1]), np.float32)
    dense = _case(shape, x, DENSE, 0.0)
    others = [name for name in FORMS if name != DENSE]
    return [dense, *(_case(shape, x, name, zeros, over=dense) for zeros in ZEROS for name in others)]


def pruned(shape: tuple[int, int], zeros: float, *, by_rows: bool = False) -> np.ndarray:
    """Return normal weights, a share of which, or of whose rows, is 0, at random places; the count is exact."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal(shape, np.float32)
    kept = cost.stored_at("rows" if by_rows else "CSR, int32", shape, zeros)
    if by_rows:
        w[rng.permutation(shape[0])[kept // shape[1] :]] = 0
    else:
        w.reshape(-1)[rng.permutation(w.size)[kept:]] = 0
    return w


def _case(shape: tuple[int, int], x: np.ndarray, name: str, zeros: float, over: Case | None = None) -> ProductCase:
    weights = FORMS[name](pruned(shape, zeros, by_rows=name == "rows"))
    arrays = weights.arrays()

    def read_once() -> None:
        for array in arrays:
            plain_loops.move(array.reshape(-1).view(f"i{array.itemsize}"), 0)

    def product(inputs: tuple, engine: str) -> tuple:
        if engine == "numba":
            return (inputs[0] @ arrays[0].T if name == DENSE else weights.product(*inputs),)
        return (inputs[0] @ weights.to_dense().astype(np.float64).T,)  # all numbers are finite

    return ProductCase(
        operator=NAME,
        direction="product",
        shape=shape,
        layout=name,
        arguments={"batch": len(x), "zeros": zeros},
        inputs=(x,),
        run=product,
        results=("y",),
        limits={f"read {name}, {zeros:.0%} zeros": read_once},
        tolerances={"y": TOLERANCE},
        of_largest=True,
        wide=True,
        targets=(Target("ours / read"), *([Target("ours / dense", over=over)] if over else [])),
        peer_targets={},
        work=lambda: cost.work(name, shape, weights.stored, len(x)),
        weights=weights,
    )


def _scipy(case: Case, threads: int) -> Contender | None:
    """Time SciPy's product on the weights that are pruned one by one, once for each share of zeros."""
    if not isinstance(case, ProductCase) or case.layout != "CSR, int32":
        return None
    from scipy.sparse import csr_array

    matrix, x = csr_array(case.weights.to_dense()), case.inputs[0]
    return Contender(lambda: ((matrix @ x.T).T,), case.reads)


def _compared(row: Row, rows: Iterable[Row]) -> Row:
    """Return the row with the times of SciPy, and of the prediction, over those of dense weights."""
    if row.layout == DENSE:
        return row
    (dense,) = (each for each in rows if each.layout == DENSE and _group(each) == _group(row))
    ratios = [*row.ratios]
    if row.predicted_seconds is not None and dense.predicted_seconds is not None:
        ratios.append(Ratio("predicted / dense", row.predicted_seconds / dense.predicted_seconds))
    ratios += [Ratio(f"{name} / dense", seconds / dense.seconds) for name, seconds in row.peers.items()]
    return dataclasses.replace(row, ratios=tuple(ratios))


def crossings(rows: Sequence[Row]) -> Iterable[Measurement]:
    """Yield the share of zeros from which on each form is faster than dense weights, measured and predicted."""
    for where, (zeros, measured, predicted) in curves(rows).items():
        for what, of_form in (("measured", measured), ("predicted", predicted)):
            for name, ratios in of_form.items():
                at = cost.crossing(zeros, ratios)
                percent = float("nan") if at is None else 100 * at
                yield Measurement(f"faster than dense from, {what}: {name}, {where}", percent, "% zeros")


def curves(rows: Sequence[Row]) -> dict[str, Curves]:
    """Return the shares of zeros, and times over dense by form, measured and predicted: what a plot of them takes.

    The keys say the shape, the batch and the number of threads. SciPy's times are among the measured ones.
    """
    found = {}
    for group in dict.fromkeys(map(_group, rows)):
        of_form: dict[str, list[Row]] = {}
        for row in rows:
            if _group(row) == group and row.layout != DENSE:
                of_form.setdefault(row.layout, []).append(row)
        measured = {name: _ratios(own, "ours / dense") for name, own in of_form.items()}
        measured["scipy"] = _ratios(of_form["CSR, int32"], "scipy / dense")
        predicted = {name: _ratios(own, "predicted / dense") for name, own in of_form.items()}
        zeros = [float(row.arguments["zeros"]) for row in of_form["CSR, int32"]]
        shape, batch, threads = group
        where = f"{dimensions(shape)}, batch {batch}, {threads_of(threads)}"
        found[where] = (zeros, *({name: own for name, own in each.items() if own} for each in (measured, predicted)))
    return found


def _ratios(rows: Iterable[Row], name: str) -> list[float]:
    return [value for value in (ratio_of(row, name) for row in rows) if value is not None]


def ratio_of(row: Row, name: str) -> float | None:
    """Return the value of a row's ratio, None if it has none of this name."""
    return next((ratio.value for ratio in row.ratios if ratio.name == name), None)


def _group(row: Row) -> tuple[tuple[int, ...], float | str, int]:
    return row.shape, row.arguments["batch"], row.threads
