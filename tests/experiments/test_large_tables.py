"""Costs, times and memory of a step on the rows of a large table."""

import math

import numpy as np
import pytest

from workbench.experiments import large_tables


def test_costs_of_a_step_by_hand():
    costs = large_tables.step_costs(ids=5, rows=3, columns=7, p=2.0)
    moved = {name: (cost.bytes_read, cost.bytes_written) for name, cost in costs.items()}
    assert moved == {
        "look up": (5 * 8 + 5 * 28, 5 * 28),
        "add gradients": (5 * 8 + 2 * 5 * 28, 5 * 28),
        "Adagrad": (3 * 3 * 28, 2 * 3 * 28),
        "shrink": (3 * 4 + 3 * 28, 3 * 28),
    }
    assert costs["shrink"].flops == 21
    with pytest.raises(ValueError, match="rows=6: must be at most ids=5"):
        large_tables.step_costs(5, 6, 7)


def test_expected_rows_against_draws():
    rng = np.random.default_rng(3)
    chances = np.array([6, 3, 2]) / 11  # 1, 1/2 and 1/3
    drawn = [len(set(rng.choice(3, 4, p=chances).tolist())) for _ in range(4000)]
    assert large_tables.expected_rows(3, 4) == pytest.approx(np.mean(drawn), abs=5 * np.std(drawn) / math.sqrt(4000))


def test_every_part_of_a_step_is_timed():
    times = large_tables.step_times(50, 30, 4, (2.0, 0.5), rounds=2)
    assert list(times) == ["look up", "add gradients", "Adagrad", "shrink p=2", "shrink p=0.5", "every row"]
    assert all(0 < each < 10 for each in times.values())


def test_a_table_in_files_becomes_what_the_plain_function_makes_of_it(tmp_path):
    rng = np.random.default_rng(1)
    large_tables._write(tmp_path / "before", 11, 3, 4, seed=6)
    indices = np.array([2, 2, 5, 10])
    large_tables._shrink(tmp_path / "before", tmp_path / "after", indices, 2.0, 0.25)
    before, after = (
        np.concatenate([np.load(tmp_path / which / f"{place}.npy") for place in range(3)])
        for which in ("before", "after")
    )
    wanted = before.copy()
    for row in indices:  # row 2 twice
        wanted[row] *= np.float32(0.75)
    assert before.shape == (11, 3)
    assert before.dtype == np.float32
    assert len(np.unique(before)) == 33
    np.testing.assert_array_equal(after, wanted)
    check = [large_tables._check(tmp_path / "before", tmp_path / "after", i, 4, indices, 2.0, 0.25) for i in range(3)]
    assert check == [(1, 0), (1, 0), (1, 0)]
    np.save(tmp_path / "after" / "1.npy", rng.standard_normal((4, 3)).astype(np.float32))
    assert large_tables._check(tmp_path / "before", tmp_path / "after", 1, 4, indices, 2.0, 0.25) == (4, 12)


def test_a_step_in_a_process_of_its_own():
    found = large_tables.shrink_large(2**19 + 64, named=50)
    assert {name: found[name] for name in ("table", "block", "rows", "named", "wrong")} == {
        "table": 4 * (2**19 + 64),
        "block": 2**20,
        "rows": 2**13 + 1,
        "named": 50,
        "wrong": 0,
    }
    assert 0 < found["changed"] <= 50
    with pytest.raises(ValueError, match="parameters=63: must be at least columns=64"):
        large_tables.shrink_large(63)
