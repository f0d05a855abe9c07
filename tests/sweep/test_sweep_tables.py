"""The table of all trials, as Parquet and as CSV."""

import math

import pyarrow
import pyarrow.parquet
import pytest

from workbench.report.page import number
from workbench.sweep import table as tables

from .conftest import record, table

SETTINGS = {"seed": 5, "versions": {"python": "3.11", "numpy": "2"}}
RECORDS = {
    0: record(0, (1.0,), parameters={"x": 0.5, "size": 3}, metrics={"loss": 1.0, "count": 2}, **SETTINGS),
    1: record(
        1, (3.0,), parameters={"x": 1.0, "size": 5}, spread=(math.sqrt(7),), attempts=2,
        metrics={"loss": [1.0, 2.0, 6.0], "count": 2.5, "note": 'a "b",\nc', "good": True}, **SETTINGS,
    ),
    2: record(
        2, status="failed", parameters={"x": 2.0, "size": 7},
        error={"kind": "exception", "message": "ValueError: <é>", "traceback": "long"}, **SETTINGS,
    ),
    3: record(
        3, status="pruned", parameters={"x": 3.0, "size": 9}, metrics={"mixed": "text", "late": 1},
        versions={"python": "3.11", "torch": "9"}, seed=5,
    ),
    4: record(
        4, (math.pi,), parameters={"x": 4.0, "size": 11},
        metrics={"loss": math.pi, "mixed": 1.5, "late": math.inf, "good": False}, **SETTINGS,
    ),
}  # fmt: skip
COLUMNS = {
    "number": "int64", "status": "string", "params_x": "double", "params_size": "int64",
    "metrics_loss": "double", "metrics_count": "double", "metrics_loss_std": "double",
    "metrics_loss_fold_1": "double", "metrics_loss_fold_2": "double", "metrics_loss_fold_3": "double",
    "metrics_note": "string", "metrics_good": "bool", "metrics_mixed": "string", "metrics_late": "double",
    "seed": "int64", "started": "string", "duration_seconds": "double", "attempts": "int64", "error": "string",
    "version_python": "string", "version_numpy": "string", "version_torch": "string",
}  # fmt: skip


@pytest.fixture(params=[1, 2, 10_000])
def folder(request, tmp_path, monkeypatch):
    """Give a folder with a journal whose trials finished in another order, and its tables, by batches of some rows."""
    (tmp_path / "trials.jsonl").write_text("".join(RECORDS[each].to_json() + "\n" for each in (3, 0, 4, 1, 2)))
    monkeypatch.setattr(tables, "ROWS", request.param)
    tables.write_tables(tmp_path)
    return tmp_path


def test_parquet_has_a_column_of_one_type_for_each_parameter_and_metric(folder):
    schema = pyarrow.parquet.read_schema(folder / "trials.parquet")
    assert {field.name: str(field.type) for field in schema} == COLUMNS
    assert schema.names == list(COLUMNS)


def test_rows_are_in_the_order_of_their_numbers_with_nothing_where_there_is_nothing(folder):
    rows = pyarrow.parquet.read_table(folder / "trials.parquet").to_pylist()
    assert [row["number"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "pruned", "ok"]
    assert [row["metrics_loss"] for row in rows] == [1.0, 3.0, None, None, math.pi]
    assert [row["metrics_loss_std"] for row in rows] == [None, pytest.approx(math.sqrt(7)), None, None, None]
    assert [row["metrics_loss_fold_2"] for row in rows] == [None, 2.0, None, None, None]
    assert [row["metrics_count"] for row in rows] == [2.0, 2.5, None, None, None]
    assert [row["metrics_note"] for row in rows] == [None, 'a "b",\nc', None, None, None]
    assert [row["metrics_good"] for row in rows] == [None, True, None, None, False]
    assert [row["metrics_mixed"] for row in rows] == [None, None, None, "text", "1.5"]
    assert [row["metrics_late"] for row in rows] == [None, None, None, 1.0, math.inf]
    assert [row["error"] for row in rows] == [None, None, "exception: ValueError: <é>", None, None]
    assert [row["version_torch"] for row in rows] == [None, None, None, "9", None]
    assert [row["params_size"] for row in rows] == [3, 5, 7, 9, 11]
    assert [row["attempts"] for row in rows] == [1, 2, 1, 1, 1]


def test_csv_says_the_same_as_parquet(folder):
    wanted = pyarrow.parquet.read_table(folder / "trials.parquet").to_pylist()
    rows = table(folder)
    assert list(rows[0]) == list(COLUMNS)
    read = {"int64": int, "double": float, "string": str, "bool": {"true": True, "false": False}.get}
    assert [{name: read[COLUMNS[name]](text) if text else None for name, text in row.items()} for row in rows] == wanted


def test_a_line_that_is_cut_off_is_left_out(folder):
    with (folder / "trials.jsonl").open("a") as file:
        file.write(RECORDS[0].to_json()[:40])
    tables.write_tables(folder)
    assert len(table(folder)) == 5


def test_whole_numbers_that_no_float_holds_exactly_are_kept_as_near_as_one_is(tmp_path):
    made = [record(0, (1.0,), metrics={"a": 2**60 + 1}), record(1, (1.0,), metrics={"a": 0.5})]
    (tmp_path / "trials.jsonl").write_text("".join(each.to_json() + "\n" for each in made))
    tables.write_tables(tmp_path)
    assert [float(each["metrics_a"]) for each in table(tmp_path)] == [2.0**60, 0.5]


def test_what_a_notebook_has_recorded_that_is_no_number_is_kept_as_text(tmp_path):
    odd = {"texts": ["a", "b"], "none": [], "object": {"k": 1}, "nothing": None}
    (tmp_path / "trials.jsonl").write_text(record(0, (1.0,), metrics={"loss": 1.0, **odd}).to_json() + "\n")
    tables.write_tables(tmp_path)
    (row,) = table(tmp_path)
    found = {name: row[f"metrics_{name}"] for name in odd}
    assert found == {"texts": "['a', 'b']", "none": "[]", "object": "{'k': 1}", "nothing": ""}
    assert [number(each) for each in odd.values()] == ["['a', 'b']", "[]", "{'k': 1}", "None"]
