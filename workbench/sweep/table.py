"""A sweep's finished trials as a table, one row each: `trials.parquet` and `trials.csv`.

Columns: number, status, `params_NAME` for each parameter, `metrics_NAME` for each metric (for a list of fold
scores the mean, and also `metrics_NAME_std`, `metrics_NAME_fold_1` and so on), seed, started, duration_seconds,
attempts, error, and `version_NAME`. If a metric has the name of such a computed column, that column's name ends in `_`.

In `trials.csv`, an apostrophe is put before text that a spreadsheet would take for a formula. `trials.parquet` has the
text as it is.
"""

import itertools
import re
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.parquet

from workbench.files import replace_file
from workbench.sweep.folder import read_records
from workbench.sweep.records import Record, is_float, mean_and_spread
from workbench.workers.worker import writable

ROWS = 10_000  # held in memory at once
FIRST, LAST = ("number", "status"), ("seed", "started", "duration_seconds", "attempts", "error")
GROUPS = ("params_", "metrics_", "version_")
FORMULA = re.compile(r"[=+\-@\t\r\n]")  # how a cell begins that a spreadsheet runs
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|-inf", re.IGNORECASE)

Column = tuple[str, str]  # the name of a value and, if the column is computed from it, what is added to the name


def write_tables(folder: Path) -> None:
    """Write both tables of the sweep in `folder`, batch by batch; each replaces an earlier file only when complete."""
    columns = _columns(map(row, read_records(folder)))
    schema = pyarrow.schema(list(columns.values()))

    def write(writer: Any, fit: Callable[[Any, pyarrow.DataType], Any]) -> None:
        with writer:
            for rows in _batches(map(row, read_records(folder)), ROWS):
                fitted = [{name: fit(cells.get(key), kind) for key, (name, kind) in columns.items()} for cells in rows]
                writer.write_batch(pyarrow.RecordBatch.from_pylist(fitted, schema))

    def write_parquet(to: Path) -> None:
        with to.open("wb") as file:
            write(pyarrow.parquet.ParquetWriter(file, schema), _fitted)

    def write_csv(to: Path) -> None:
        with to.open("wb") as file:
            write(pyarrow.csv.CSVWriter(file, schema), _harmless)

    replace_file(folder / "trials.parquet", write_parquet)
    replace_file(folder / "trials.csv", write_csv)


def row(record: Record) -> dict[Column, Any]:
    """Return a trial's row: its values by column."""
    error = record.error and f"{record.error['kind']}: {record.error['message']}"
    cells: dict[Column, Any] = {("number", ""): record.number, ("status", ""): record.status}
    cells |= {(f"params_{name}", ""): value for name, value in record.parameters.items()}
    for name, value in record.metrics.items():
        cells |= _metric(f"metrics_{name}", value)
    cells |= {(name, ""): getattr(record, name) for name in ("seed", "started", "duration_seconds", "attempts")}
    versions = {(f"version_{name}", ""): value for name, value in record.versions.items()}
    return cells | {("error", ""): error} | versions


def _metric(name: str, value: Any) -> dict[Column, Any]:
    if not isinstance(value, list) or not value or not all(isinstance(each, bool) or is_float(each) for each in value):
        return {(name, ""): value}
    if len(value) == 1:
        return {(name, ""): float(value[0]), (name, "_fold_1"): value[0]}
    mean, spread = mean_and_spread(value)
    folds = {(name, f"_fold_{fold}"): score for fold, score in enumerate(value, start=1)}
    return {(name, ""): mean, (name, "_std"): spread, **folds}


def _columns(rows: Iterable[dict[Column, Any]]) -> dict[Column, tuple[str, pyarrow.DataType]]:
    """Return the name and type of all columns, in the order that this module documents; the types hold all values."""
    kinds: dict[Column, set[type]] = {(name, ""): set() for name in (*FIRST, *LAST)}
    for cells in rows:
        for column, value in cells.items():
            kinds.setdefault(column, set()).add(_kind(value))
    groups = [[column for column in kinds if column[0].startswith(group)] for group in GROUPS]
    first, last = ([(name, "") for name in names] for names in (FIRST, LAST))
    ordered = [*first, *groups[0], *groups[1], *last, *groups[2]]
    return {column: (_name(column, kinds), _type(kinds[column] - {type(None)})) for column in ordered}


def _name(column: Column, taken: Container[Column]) -> str:
    name = "".join(column)
    while column[1] and (name, "") in taken:
        name += "_"
    return name


def _kind(value: Any) -> type:
    """Return a value's type; whole numbers beyond 64 bits are kept as text."""
    return str if isinstance(value, int) and not -(2**63) <= value < 2**63 else type(value)


def _type(kinds: set[type]) -> pyarrow.DataType:
    if kinds == {bool}:
        return pyarrow.bool_()
    if kinds == {int}:
        return pyarrow.int64()
    if kinds and kinds <= {int, float}:
        return pyarrow.float64()
    return pyarrow.string()


def _fitted(value: Any, kind: pyarrow.DataType) -> Any:
    """Return a value converted to text or a float if its column has that type."""
    if value is None:
        return None
    if kind == pyarrow.string():
        return writable(str(value))
    return float(value) if kind == pyarrow.float64() else value


def _harmless(value: Any, kind: pyarrow.DataType) -> Any:
    """Return the value as `_fitted` does, but text that a spreadsheet would run as a formula after an apostrophe."""
    fitted = _fitted(value, kind)
    return (
        f"'{fitted}" if isinstance(fitted, str) and FORMULA.match(fitted) and not NUMBER.fullmatch(fitted) else fitted
    )


def _batches(rows: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while batch := list(itertools.islice(rows, size)):
        yield batch
