"""Dropout of the stored entries of sparse matrices of one shape, at a low ratio: the cost follows the entries."""

import math

import numpy as np

from workbench import dropout_with_replacement
from workbench.bench import limits
from workbench.bench.dropout.cases import SEED, Case
from workbench.bench.results import Measurement, Row, threads_of

RATIO = 0.05


def stored_cases(shape: tuple[int, int], counts: tuple[int, ...]) -> list[Case]:
    """Return a case for each number of stored entries, all in CSR matrices of one shape."""
    return [_case(shape, count) for count in counts]


def exponents(rows: list[Row]) -> list[Measurement]:
    """Return b of seconds = a * entries^b over the last decade of entries, at every number of threads."""
    by_threads: dict[int, dict[int, float]] = {}
    for row in rows:
        if "stored" in row.arguments:
            by_threads.setdefault(row.threads, {})[row.arguments["stored"]] = row.seconds
    return [_exponent(seconds, threads) for threads, seconds in by_threads.items()]


def make_matrix(shape: tuple[int, int], count: int):
    """Return a CSR matrix with `count` float32 entries, spread evenly and without order over all of it."""
    from scipy.sparse import csr_array

    rng = np.random.default_rng(0)
    step = math.prod(shape) // count
    places = np.arange(count) * step + rng.integers(0, step, count)  # one in each of `count` equal stretches
    rows, columns = np.divmod(places, shape[1])
    starts = np.searchsorted(rows, np.arange(shape[0] + 1)).astype(np.int32)
    return csr_array((rng.standard_normal(count, np.float32), columns.astype(np.int32), starts), shape=shape)


def _case(shape: tuple[int, int], count: int) -> Case:
    x = make_matrix(shape, count)
    return Case(
        operator="DropoutWithReplacement",
        direction="forward",
        shape=shape,
        layout="CSR",
        arguments={"ratio": RATIO, "replacement": 0.0, "scaled": False, "stored": count},
        reads=(x.data, x.indices),
        run=lambda engine: dropout_with_replacement(x, RATIO, seed=SEED, engine=engine),
        copy_name=f"copy of {count} stored entries",
        copy=lambda: (limits.copy(x.data), limits.copy(x.indices)),
    )


def _exponent(seconds: dict[int, float], threads: int) -> Measurement:
    most = max(seconds)
    fewer = min((count for count in seconds if count * 10 >= most), default=most)
    value = math.log(seconds[most] / seconds[fewer]) / math.log(most / fewer) if fewer < most else math.nan
    name = f"sparse matrix, {fewer:,} to {most:,} stored entries, {threads_of(threads)}"
    return Measurement(f"{name}: time grows with the entries to the power of", value, "")
