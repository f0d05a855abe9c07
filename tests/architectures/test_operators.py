"""Estimates of launches, jobs and new memory, against operators that run."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
import scipy.sparse

from workbench import OPERATORS, parallel, philox
from workbench.sparse_dropout.cost import segments_cost

RNG = np.random.default_rng(3)
X, DY = RNG.standard_normal((2, 3, 7, 11, 13)).astype(np.float32)  # 3003 elements: 12 tiles of 256
DROPPED = RNG.random(X.shape) < 0.3
LENGTHS = RNG.integers(0, 9, 531, np.int32)  # marks fill 3 tiles
VALUES = RNG.integers(0, 99, int(LENGTHS.sum()))
FATES = philox.uniforms(5, LENGTHS.size) < 0.3
MATRIX = scipy.sparse.random(41, 37, 0.4, format="csr", dtype=np.float32, rng=RNG)
TABLE = RNG.standard_normal((83, 19)).astype(np.float32)
ROWS = RNG.integers(0, 83, 211, np.int32)
DRAWN = {"ratio": 0.3, "seed": 5}


# An operator, its inputs and its arguments.
CALLS = {
    "LRN": ("LRN", (X,), {}),
    "LRN, channels last": ("LRN", (X,), {"order": "NHWC"}),
    "LRN within": ("LRN", (X,), {"region": "within"}),
    "LRNGradient": ("LRNGradient", (DY, X), {}),
    "dropout": ("DropoutWithReplacement", (X,), DRAWN),
    "dropout, scaled": ("DropoutWithReplacement", (X,), {**DRAWN, "scaled": True}),
    "dropout, stored": ("DropoutWithReplacement", (MATRIX,), DRAWN),
    "dropout's gradient": ("DropoutWithReplacementGradient", (DY, DROPPED), {}),
    "segments": ("SparseDropoutWithReplacement", (VALUES, LENGTHS), DRAWN),
    "items": ("SparseItemwiseDropoutWithReplacement", (VALUES, LENGTHS), DRAWN),
    "rows": ("SparseLpRegularizer", (TABLE, ROWS), {"p": 2.0, "reg_lambda": 2.0**-20}),
    "penalty": ("SparseLp", (TABLE,), {"alpha": 0.5, "p": 3.0}),
    "slope": ("LpGradient", (TABLE,), {"alpha": 0.5, "p": 1.0}),
    "prox": ("LpProx", (TABLE,), {"weight": 0.5, "p": 0.5}),
}


def counted(name):
    """Return the cost of a call; for segments, count those that this seed drops."""
    if name == "segments":
        return segments_cost(LENGTHS.size, int(FATES.sum()), int(LENGTHS[~FATES].sum()), engine="numba")
    operator, inputs, arguments = CALLS[name]
    return OPERATORS[operator].cost_module().work(operator, inputs, arguments).cost


def call(name):
    """Return a function that makes the call; the call has been made once, so it is compiled."""
    operator, inputs, arguments = CALLS[name]
    OPERATORS[operator].run(*inputs, **arguments)
    return lambda: OPERATORS[operator].run(*inputs, **arguments)


def test_every_operator_of_these_rooms_is_here():
    names = {operator for operator, *_ in CALLS.values()}
    rooms = {OPERATORS[name].room for name in names}
    assert names == {operator.name for operator in OPERATORS.values() if operator.room in rooms}


def test_each_call_is_one_run():
    assert {name: counted(name).runs for name in CALLS} == dict.fromkeys(CALLS, 1)


def test_an_operator_without_a_cost_says_so():
    bare = dataclasses.replace(OPERATORS["LRN"], name="Bare", cost=None)
    with pytest.raises(TypeError, match="Bare declares no cost"):
        bare.cost_module()


def tiles(elements, count):
    """Return the bytes of marks for so many elements, which fill `count` tiles of 256."""
    assert 256 * (count - 1) < elements <= 256 * count
    return 256 * count


@pytest.mark.parametrize("name", CALLS)
def test_new_memory_is_that_of_the_results_and_of_what_is_said_beside(name):
    results = call(name)()
    results = results if isinstance(results, tuple) else (results,)
    arrays = [each for each in results if isinstance(each, np.ndarray)]
    own = sum(each.nbytes for each in arrays if not any(each is given for given in CALLS[name][1]))
    beside = {
        # `dropped` is a part of marks that fill whole tiles.
        "dropout": tiles(X.size, 12) - X.size,
        "dropout, scaled": tiles(X.size, 12) - X.size,
        # For y and `dropped` data and copies of the index arrays; a mark for each place.
        "dropout, stored": MATRIX.nnz * (4 + 1 + 1) + 2 * (MATRIX.indices.nbytes + MATRIX.indptr.nbytes),
        # Marks, and the lengths once more.
        "segments": tiles(LENGTHS.size, 3) + LENGTHS.nbytes,
        "items": tiles(VALUES.size, 9),
        # The numbers copied, and sorted. The table is changed in place.
        "rows": 2 * ROWS.nbytes,
    }.get(name, 0)
    assert counted(name).bytes_allocated == own + beside


@pytest.mark.parametrize("name", ["dropout", "dropout, scaled", "dropout's gradient", "segments", "slope", "prox"])
def test_a_call_takes_as_much_memory_at_once(name):
    # Of these nothing is given back before the end, so that the peak is the sum.
    run, allocated = call(name), counted(name).bytes_allocated
    with parallel.thread_limit(1):
        tracemalloc.start()
        try:
            run()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            run()
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
    assert allocated <= peak <= allocated + 16384  # the interpreter's own, and a loop's buffers
