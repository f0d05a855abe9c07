"""Count what a row-wise penalty adds to a training step, and run one step on a table that is read block by block."""

import contextlib
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from workbench.architectures.layer_costs import embedding_lookup, optimizer_step
from workbench.cost import Cost
from workbench.cost.record import checked_count
from workbench.files import status_kilobytes
from workbench.machines.timing import Contender, measure
from workbench.parallel import thread_limit
from workbench.sparse_lp import sparse_lp_regularizer
from workbench.sparse_lp.cost import rows_cost

BLOCK = 1 << 18  # numbers in a block of a large table: one MiB in float32
WORKERS = 2  # threads of dask
RATE, EPSILON, STRENGTH = 0.01, 1e-10, 1e-5
LOOK_UP, ADD, UPDATE, SHRINK = PARTS = ("look up", "add gradients", "Adagrad", "shrink")


def step_costs(ids: int, rows: int, columns: int, p: float = 2.0) -> dict[str, Cost]:
    """Count a step on an embedding table, float32: a batch holds `ids` ids that name `rows` different rows.

    The step looks the ids up, adds the gradients of a row's ids, updates the named rows by Adagrad, and shrinks them.

    Raises:
        TypeError, ValueError: a number is not a count, or there are more rows than ids.
    """
    for name, value in (("ids", ids), ("rows", rows), ("columns", columns)):
        checked_count(name, value, 1)
    if rows > ids:
        raise ValueError(f"rows={rows}: must be at most ids={ids}, since each id names one row")
    return {
        LOOK_UP: embedding_lookup("forward", ids, columns),
        ADD: embedding_lookup("gradient", ids, columns),
        UPDATE: optimizer_step("adagrad", rows * columns),
        SHRINK: rows_cost(rows, columns, p),
    }


def expected_rows(table_rows: int, ids: int) -> float:
    """Return the expected number of different rows that `ids` ids name, if popularity is one over the rank."""
    return float(np.sum(1 - (1 - _chances(table_rows)) ** ids))


def step_times(
    table_rows: int, ids: int, columns: int, ps: Sequence[float], *, rounds: int = 9, seed: int = 0
) -> dict[str, float]:
    """Time the parts of a step in turns on one thread; return medians in seconds. Ids are as in `expected_rows`.

    NumPy does the part of the network: it looks up, adds and updates. "shrink p=2" and the like is our operator on the
    rows of the batch, and "every row" the same on the whole table.
    """
    rng = np.random.default_rng(seed)
    table, squares = (rng.standard_normal((table_rows, columns), dtype=np.float32) for _ in range(2))
    squares = squares**2 + 1
    named = rng.choice(table_rows, ids, p=_chances(table_rows))
    rows, first = np.unique(np.sort(named), return_index=True)
    dy, order = rng.standard_normal((ids, columns), dtype=np.float32), np.argsort(named)
    gradient, everything = np.empty((len(rows), columns), np.float32), np.arange(table_rows)

    def add() -> None:
        np.add.reduceat(dy[order], first, axis=0, out=gradient)

    def update() -> None:
        sums = squares[rows] + gradient * gradient
        squares[rows] = sums
        table[rows] -= np.float32(RATE) * gradient / (np.sqrt(sums) + np.float32(EPSILON))

    calls: dict[str, Callable[[], object]] = {LOOK_UP: lambda: table[named], ADD: add, UPDATE: update}
    for p in ps:
        calls[f"{SHRINK} p={p:g}"] = lambda p=p: sparse_lp_regularizer(table, rows, p, STRENGTH)
    calls["every row"] = lambda: sparse_lp_regularizer(table, everything, 2.0, STRENGTH)
    with thread_limit(1), threadpool_limits(1):
        timings = measure({name: Contender(call) for name, call in calls.items()}, rounds)
    return {name: timing.seconds for name, timing in timings.items()}


def _chances(table_rows: int) -> np.ndarray:
    weights = 1 / np.arange(1, table_rows + 1)
    return weights / weights.sum()


def shrink_large(
    parameters: int, columns: int = 64, named: int = 100_000, *, p: float = 2.0, reg_lambda: float = 0.01, seed: int = 0
) -> dict[str, float]:
    """Shrink named rows of a large float32 table, block by block from file to file, in a process of its own.

    The table has parameters // columns rows. It is written to a temporary folder, and removed in the end; the folder
    needs twice its bytes.

    Returns:
        "table" and "block", bytes; "rows" and "named", counts; "peak", the most memory in use beyond that before the
        step, in bytes, NaN where the system does not tell it; "changed", rows of the checked blocks that changed; and
        "wrong", numbers there that differ from what the plain function makes of the block.

    Raises:
        TypeError, ValueError: a number is not a count above 0, or the table would have no row.
    """
    for name, value in (("parameters", parameters), ("columns", columns), ("named", named)):
        checked_count(name, value, 1)
    if parameters < columns:
        raise ValueError(f"parameters={parameters}: must be at least columns={columns}, for one row")
    context = multiprocessing.get_context("spawn")  # a fork would begin with the memory of this process
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_shrink_files, parameters // columns, columns, named, p, reg_lambda, seed).result()


def _shrink_files(rows: int, columns: int, named: int, p: float, reg_lambda: float, seed: int) -> dict[str, float]:
    import dask

    indices = np.random.default_rng(seed).integers(rows, size=named)
    block = max(1, BLOCK // columns)
    dask.config.set(scheduler="threads", num_workers=WORKERS)
    with tempfile.TemporaryDirectory(prefix="table-") as folder:
        source, target = Path(folder, "before"), Path(folder, "after")
        small = Path(folder, "small")
        _write(small, 3, columns, 2, seed)
        _shrink(small, Path(folder, "shrunk"), np.arange(2), p, reg_lambda)  # loads and compiles everything
        _write(source, rows, columns, block, seed)
        before = _start_peak()
        _shrink(source, target, indices, p, reg_lambda)
        peak = (status_kilobytes("VmHWM") - before) * 1024 if before else np.nan
        last = -(-rows // block) - 1
        found = [_check(source, target, place, block, indices, p, reg_lambda) for place in {0, last // 2, last}]
    changed, wrong = np.sum(found, axis=0).tolist()
    sizes = {"table": 4 * rows * columns, "block": 4 * min(rows, block) * columns, "rows": rows, "named": named}
    return {**sizes, "peak": peak, "changed": changed, "wrong": wrong}


def _write(folder: Path, rows: int, columns: int, block: int, seed: int) -> None:
    """Write a table of standard normal numbers, a file for each block, as `dask.array.to_npy_stack` does."""
    import dask.array as da

    ids = da.arange(rows, chunks=block)
    chunks, meta = (*ids.chunks, (columns,)), np.empty((0, 0), np.float32)
    table = ids.map_blocks(_numbers, columns, seed, dtype=np.float32, new_axis=1, chunks=chunks, meta=meta)
    da.to_npy_stack(folder, table)


def _numbers(ids: np.ndarray, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, ids[0]]).standard_normal((len(ids), columns), dtype=np.float32)


def _shrink(source: Path, target: Path, indices: np.ndarray, p: float, reg_lambda: float) -> None:
    """Read each block into memory, shrink the rows that are named, and write the block to another file."""
    import dask.array as da

    from workbench import cluster

    table = da.from_npy_stack(source, mmap_mode=None)  # mapped pages would count as memory in use, and be the system's
    da.to_npy_stack(target, cluster.sparse_lp_regularizer(table, indices, p, reg_lambda))


def _check(
    source: Path, target: Path, place: int, block: int, indices: np.ndarray, p: float, reg_lambda: float
) -> tuple[int, int]:
    """Return how many rows of a block changed, and how many numbers differ from those of the plain function."""
    before, after = (np.load(folder / f"{place}.npy") for folder in (source, target))
    own = indices[indices // block == place] - place * block
    wanted = before.copy()
    sparse_lp_regularizer(wanted, own, p, reg_lambda)
    return int((after != before).any(axis=1).sum()), int((after != wanted).sum())


def _start_peak() -> int:
    """Let the peak of this process's memory begin anew; return the memory in use, in kB, or 0 if nobody can tell."""
    if sys.platform != "linux":
        return 0
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return status_kilobytes("VmRSS")
    return 0
