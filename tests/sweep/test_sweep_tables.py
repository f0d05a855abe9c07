"""The table of all trials, as Parquet and as CSV."""

import math

import numpy as np
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


def written(folder, *metrics, **settings):
    """Return the rows of both tables of trials with these metrics: those of the CSV file, then those of Parquet."""
    lines = [record(place, (1.0,), metrics=each, **settings).to_json() for place, each in enumerate(metrics)]
    (folder / "trials.jsonl").write_text("".join(f"{line}\n" for line in lines))
    tables.write_tables(folder)
    return table(folder), pyarrow.parquet.read_table(folder / "trials.parquet").to_pylist()


def test_a_metric_that_is_called_as_a_computed_column_is_loses_neither(tmp_path):
    odd = {"loss_std": 7.0, "loss_fold_1": 8.0, "loss_std_": "text"}
    rows, exact = written(tmp_path, {"loss": [1.0, 2.0, 6.0]}, {"loss": 3.0, **odd})
    names = [name for name in rows[0] if name.startswith("metrics_")]
    assert names == [
        "metrics_loss", "metrics_loss_std__", "metrics_loss_fold_1_", "metrics_loss_fold_2", "metrics_loss_fold_3",
        "metrics_loss_std", "metrics_loss_fold_1", "metrics_loss_std_",
    ]  # fmt: skip
    assert [exact[0][name] for name in names] == [3.0, pytest.approx(math.sqrt(7)), 1.0, 2.0, 6.0, None, None, None]
    assert [exact[1][name] for name in names] == [3.0, None, None, None, None, 7.0, 8.0, "text"]


def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(tmp_path):
    run = ["=1+1", "+cmd", "-2+3", "@sum", "\t=1", "\r=1", "\n=1", "=HYPERLINK(A1)"]
    fine = ["a=b", "-2.5", "+1e-3", "-inf", "", "'=1", "1-2"]
    rows, exact = written(tmp_path, *({"note": each} for each in run + fine), parameters={"name": "=x"})
    assert [each["metrics_note"] for each in exact] == run + fine
    assert [each["metrics_note"] for each in rows] == [f"'{each}" for each in run] + fine
    assert {each["params_name"] for each in rows} == {"'=x"}


@pytest.mark.parametrize(
    ("scores", "mean", "spread"),
    [
        ([1e308, 1e308], 1e308, 0.0),
        ([1.7e308, -1.7e308], 0.0, math.inf),  # 2.4e308
        ([math.inf, -math.inf], math.nan, math.nan),
        ([1.0, math.inf], math.inf, math.nan),
        ([5e-324, 5e-324], 5e-324, 0.0),
    ],
)
def test_scores_at_the_ends_of_the_range_have_a_mean_and_a_spread(tmp_path, scores, mean, spread):
    rows, _ = written(tmp_path, {"loss": scores})
    found = [float(rows[0][name]) for name in ("metrics_loss", "metrics_loss_std")]
    np.testing.assert_array_equal(found, [mean, spread])


def test_numbers_that_no_float_can_hold_are_text(tmp_path):
    rows, _ = written(tmp_path, {"many": [10**400, 1.0], "one": 10**400})
    assert (rows[0]["metrics_many"], rows[0]["metrics_one"]) == (f"[{10**400}, 1.0]", str(10**400))
