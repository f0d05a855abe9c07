"""What the cost model expects of a timed row: its counts, how it is shared out, and the seconds that follow."""

import dataclasses
import math
from collections.abc import Callable

from workbench.bench.results import Row
from workbench.cost import Cost
from workbench.lrn import CHANNELS_LAST, kernels
from workbench.lrn.cost import cost as lrn_cost
from workbench.lrn.window import Window
from workbench.machines.limits import Machine
from workbench.machines.prediction import Prediction, predict
from workbench.sparse_dropout import kernels as dropout
from workbench.sparse_dropout.cost import cost as dropout_cost
from workbench.sparse_dropout.cost import items_cost, segments_cost, stored_cost
from workbench.sparse_lp import kernels as sparse_lp
from workbench.sparse_lp.cost import ITERATIONS, SIMPLE_PROXES, gradient_cost, penalty_cost, precision, prox_cost
from workbench.sparse_lp.cost import rows_cost as lp_rows_cost

DROPOUT_JOB = dropout.TILES * dropout.TILE  # elements
STEPS = 4  # of Halley's method where the data decide: it takes 3 to 5


@dataclasses.dataclass(frozen=True)
class Call:
    """What a call costs, the precision it computes in, and how it is shared out; see `predict`."""

    cost: Cost
    elements: int
    jobs: int
    precision: str = "float32"
    working_set: int | None = None
    access: str = "copy"

    def predict(self, machine: Machine, threads: int) -> Prediction:
        return predict(
            self.cost,
            machine,
            threads=threads,
            precision=self.precision,
            working_set=self.working_set,
            access=self.access,
            elements=self.elements,
            jobs=self.jobs,
        )


def with_prediction(row: Row, machine: Machine) -> Row:
    """Return the row with what is expected of it, or as it is where its operator has no counts."""
    if row.operator not in CALLS:
        return row
    prediction = CALLS[row.operator](row).predict(machine, row.threads)
    return dataclasses.replace(row, predicted_seconds=prediction.seconds, bound=prediction.bound)


def _lrn(row: Row) -> Call:
    region = row.arguments.get("region", "across")
    size, beta = row.arguments.get("size", 5), row.arguments["beta"]
    n, c, h, w = row.shape
    shape = (n, h, w, c) if CHANNELS_LAST[row.layout] else row.shape
    count = lrn_cost(row.direction, shape, size, beta, order=row.layout, region=region, engine="numba")
    window = Window(size // 2, size // 2, 1.0, size, beta, 1.0, region)
    jobs = kernels.count_jobs(shape, window, CHANNELS_LAST[row.layout], row.direction)
    return Call(count, math.prod(row.shape), jobs)


def _dropout(row: Row) -> Call:
    scaled = bool(row.arguments.get("scaled", False))
    if "stored" in row.arguments:
        entries = row.arguments["stored"]
        count = stored_cost(entries, row.shape[0], scaled=scaled, engine="numba")
        return Call(count, entries, -(-entries // dropout.ENTRIES))
    values = row.shape[-1:] if row.arguments.get("replacement") == "per feature" else ()
    count = dropout_cost(row.direction, row.shape, replacement_shape=values, scaled=scaled, engine="numba")
    call = _elementwise(count, math.prod(row.shape), DROPOUT_JOB)
    if row.direction == "forward":
        return call
    jobs = max(1, min(dropout.SUMS, call.elements // (dropout.ROOM * math.prod(values))))
    return dataclasses.replace(call, jobs=jobs, precision="float64")  # of its sums


def _segments(row: Row) -> Call:
    """Return the call that is expected to drop its ratio of the segments, and of the values."""
    (values,), segments, ratio = row.shape, row.arguments["segments"], row.arguments["ratio"]
    count = segments_cost(segments, round(ratio * segments), round((1 - ratio) * values), engine="numba")
    return Call(count, values, -(-segments // dropout.loops_segments.CHUNK))


def _items(row: Row) -> Call:
    (values,) = row.shape
    return _elementwise(items_cost(values, row.arguments["segments"], engine="numba"), values, DROPOUT_JOB)


def _rows(row: Row) -> Call:
    p, named, length = row.arguments["p"], row.arguments["rows"], row.shape[1]
    index = 8 if row.arguments.get("indices") == "int64" else 4
    exact = bool(row.arguments.get("exact", False))
    count = lp_rows_cost(named, length, p, exact=exact, iterations=_steps(p), index_itemsize=index, engine="numba")
    table = 4 * math.prod(row.shape)
    last = row.shape[0] - 1
    ranges = (last >> max(0, last.bit_length() - (sparse_lp.RANGES - 1).bit_length())) + 1
    return Call(count, named * length, ranges, precision(p, rows=True), table, "rows")


def _weights(estimator: Callable[..., Cost]) -> Callable[[Row], Call]:
    def call(row: Row) -> Call:
        p = row.arguments["p"]
        options = {"iterations": _steps(p)} if estimator is prox_cost else {}
        count = estimator(row.shape, p, engine="numba", **options)
        call = dataclasses.replace(_elementwise(count, math.prod(row.shape), sparse_lp.SAMPLE), precision=precision(p))
        if estimator is not penalty_cost:
            return call
        return dataclasses.replace(call, working_set=5 * math.prod(row.shape), access="update")  # w, and the mask

    return call


def _elementwise(count: Cost, elements: int, job: int) -> Call:
    return Call(count, elements, -(-elements // job))


def _steps(p: float) -> int | None:
    return None if p in ITERATIONS or p in SIMPLE_PROXES else STEPS


CALLS: dict[str, Callable[[Row], Call]] = {
    "LRN": _lrn,
    "DropoutWithReplacement": _dropout,
    "SparseDropoutWithReplacement": _segments,
    "SparseItemwiseDropoutWithReplacement": _items,
    "SparseLpRegularizer": _rows,
    "SparseLp": _weights(penalty_cost),
    "LpGradient": _weights(gradient_cost),
    "LpProx": _weights(prox_cost),
}
