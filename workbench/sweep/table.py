"""A sweep's finished trials as a table, one row each: `trials.parquet` and `trials.csv`.

Columns: number, status, `params_NAME` for each parameter, `metrics_NAME` for each metric (for a list of fold
scores the mean, and also `metrics_NAME_std`, `metrics_NAME_fold_1` and so on), seed, started, duration_seconds,
attempts, error, and `version_NAME`.
"""

import itertools
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.parquet

from workbench.files import replace_file
from workbench.sweep.folder import read_records
from workbench.sweep.records import Record

ROWS = 10_000  # held in memory at once
FIRST, LAST = ("number", "status"), ("seed", "started", "duration_seconds", "attempts", "error")
GROUPS = ("params_", "metrics_", "version_")


def write_tables(folder: Path) -> None:
    """Write both tables of the sweep in `folder`, batch by batch; each replaces an earlier file only when complete."""
    schema = _schema(map(row, read_records(folder)))

    def write(writer: Any) -> None:
        with writer:
            for rows in _batches(map(row, read_records(folder)), ROWS):
                writer.write_batch(pyarrow.RecordBatch.from_pylist([_fitted(each, schema) for each in rows], schema))

    replace_file(folder / "trials.parquet", lambda to: write(pyarrow.parquet.ParquetWriter(to, schema)))
    replace_file(folder / "trials.csv", lambda to: write(pyarrow.csv.CSVWriter(to, schema)))


def row(record: Record) -> dict[str, Any]:
    """Return a trial's row: its values by column name."""
    error = record.error and f"{record.error['kind']}: {record.error['message']}"
    cells: dict[str, Any] = {"number": record.number, "status": record.status}
    cells |= {f"params_{name}": value for name, value in record.parameters.items()}
    for name, value in record.metrics.items():
        cells |= _metric(f"metrics_{name}", value)
    cells |= {name: getattr(record, name) for name in ("seed", "started", "duration_seconds", "attempts")}
    return cells | {"error": error} | {f"version_{name}": value for name, value in record.versions.items()}


def _metric(column: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or not value or not all(isinstance(each, int | float) for each in value):
        return {column: value}
    cells = {column: statistics.fmean(value)}
    if len(value) > 1:
        cells[f"{column}_std"] = statistics.stdev(value)
    return cells | {f"{column}_fold_{fold}": score for fold, score in enumerate(value, start=1)}


def _schema(rows: Iterable[dict[str, Any]]) -> pyarrow.Schema:
    """Return the columns of all rows, in the order that this module documents, with types that hold all values."""
    kinds: dict[str, set[type]] = {name: set() for name in (*FIRST, *LAST)}
    for cells in rows:
        for name, value in cells.items():
            kinds.setdefault(name, set()).add(_kind(value))
    groups = [[name for name in kinds if name.startswith(group)] for group in GROUPS]
    names = [*FIRST, *groups[0], *groups[1], *LAST, *groups[2]]
    return pyarrow.schema([(name, _type(kinds[name] - {type(None)})) for name in names])


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


def _fitted(cells: dict[str, Any], schema: pyarrow.Schema) -> dict[str, Any]:
    """Return a row whose values are converted to text or floats where the column has that type."""
    fit = {pyarrow.string(): str, pyarrow.float64(): float}
    return {
        field.name: value if value is None else fit.get(field.type, lambda as_it_is: as_it_is)(value)
        for field in schema
        for value in [cells.get(field.name)]
    }


def _batches(rows: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while batch := list(itertools.islice(rows, size)):
        yield batch
