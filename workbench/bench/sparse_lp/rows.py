"""Rows of an embedding table, drawn at random and shrunk in place."""

import numpy as np

from workbench import sparse_lp_regularizer
from workbench.bench import limits
from workbench.bench.sparse_lp.cases import Case, Limit

OPERATOR = "SparseLpRegularizer"
REG_LAMBDA = 2.0**-13  # small, so that rows that are shrunk in every round stay far from 0; the same in float32
ROOTS_TOLERANCE = 1e-6  # relative, of the p that take an iteration; what follows Caffe2 has the reference's bits
TARGET = 2.0  # of what Caffe2 has too, p = 1 and 2


def row_cases(shape: tuple[int, int], count: int) -> list[Case]:
    """Return `count` rows of a float32 table of `shape`, with several p; with int64 indices; and with a few favourites.

    All work on the same table. Every call changes its numbers a little, too little for a time to change.
    """
    rng = np.random.default_rng(0)
    table = rng.standard_normal(shape, np.float32)
    buffer = np.empty((count, shape[1]), np.float32)
    evenly = rng.integers(0, shape[0], count, np.int32)
    skewed = favour_few(rng, shape[0], count)

    def case(p: float, indices: np.ndarray = evenly, exact: bool = False, target: float | None = None) -> Case:
        def run(array: np.ndarray, engine: str) -> tuple:
            sparse_lp_regularizer(array, indices, p, REG_LAMBDA, exact=exact, engine=engine)
            return (array,)

        return Case(
            operator=OPERATOR,
            direction="forward",
            shape=shape,
            layout="dense",
            arguments={
                "p": p,
                "exact": exact,
                "skewed": indices is skewed,
                "rows": count,
                "indices": indices.dtype.name,
            },
            array=table,
            run=run,
            in_place=True,
            expected=lambda: (shrunk(table, indices, p, exact),),
            tolerances={"table": 0.0 if p in (1, 2) else ROOTS_TOLERANCE},
            limit=Limit(
                "gather and scatter",
                f"{count} {'skewed' if indices is skewed else 'even'} rows, {indices.dtype.name}",
                lambda: limits.gather_and_scatter(table, indices, buffer),
            ),
            target=target,
            indices=indices,
        )

    return [
        case(1.0, target=TARGET),
        case(2.0, target=TARGET),
        case(2.0, exact=True),
        case(1 / 2),
        case(2 / 3),
        case(1.5),
        case(2.0, evenly.astype(np.int64), target=TARGET),
        case(2.0, skewed),
    ]


def favour_few(rng: np.random.Generator, rows: int, count: int) -> np.ndarray:
    """Draw `count` row numbers, int32, the k-th favourite about 1/k as often as the first (Zipf's law)."""
    ranks = np.exp(rng.random(count) * np.log(rows)).astype(np.int64)  # from 1
    return rng.permutation(rows)[np.minimum(ranks, rows) - 1].astype(np.int32)


def shrunk(table: np.ndarray, indices: np.ndarray, p: float, exact: bool) -> np.ndarray:
    """Return the table after the reference has shrunk each row, once for each time that it is named.

    The reference takes rows one by one. Here all that are named a first time make one long row, then all that are named
    a second time, and so on.
    """
    result = table.copy()
    rows, times = np.unique(indices, return_counts=True)
    for done in range(times.max()):
        named = rows[times > done]
        long_row = result[named][None]
        sparse_lp_regularizer(long_row, np.zeros(1, np.int32), p, REG_LAMBDA, exact=exact, engine="reference")
        result[named] = long_row[0]
    return result
