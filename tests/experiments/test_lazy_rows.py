"""The experiment on lazy regularization, against a loop of plain numbers."""

import math

import numpy as np
import pytest

from workbench.experiments import lazy_rows
from workbench.experiments.lazy_rows import METHODS, World, make_world, train

BATCHES = np.array([[0, 1, 0], [2, 0, 0], [1, 1, 1], [0, 4, 2]])  # nobody names row 3
CHANCES = np.array([0.4, 0.25, 0.2, 0.1, 0.05])


def tiny_world(batches=BATCHES, seed=3):
    vectors = np.array([[1.5, -2.0], [-0.5, 0.25], [3.0, 0.0], [0.1, -1.0], [-2.0, 2.0]])
    return World(CHANCES, vectors, batches, seed)


def shrunk(value, p, strength):
    if p == 2:
        return value * (1 - strength)
    return math.copysign(max(abs(value) - strength, 0.0), value)  # p = 1


def trained_by_hand(world, method, p, strength):
    """Return the table after training, one number at a time; numbers are drawn in the order of the experiment."""
    rng = np.random.default_rng(world.seed + 1)
    rows, columns = world.vectors.shape
    table = [[lazy_rows.START * each for each in row] for row in rng.standard_normal((rows, columns)).tolist()]
    for ids in world.batches.tolist():
        noise = rng.standard_normal((len(ids), columns)).tolist()
        before = [row.copy() for row in table]
        for i, row in enumerate(ids):
            for j in range(columns):
                seen = world.vectors[row, j] + lazy_rows.NOISE * noise[i][j]
                table[row][j] -= lazy_rows.STEP * (before[row][j] - seen)
        named = {"none": [], "rows of the batch": ids}.get(method, range(rows))
        for row in named:
            table[row] = [shrunk(value, p, strength) for value in table[row]]
    return np.array(table)


@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("method", METHODS)
def test_each_method_against_a_loop(method, p):
    outcome = train(tiny_world(), method, p, 0.03)
    np.testing.assert_allclose(outcome.table, trained_by_hand(tiny_world(), method, p, 0.03), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_caught_up_equals_every_row(p):
    world = make_world(rows=37, columns=3, steps=29, batch=5, seed=8)
    caught_up, every_row = (train(world, method, p, 0.02) for method in ("caught up", "every row"))
    np.testing.assert_allclose(caught_up.table, every_row.table, rtol=1e-12, atol=1e-15)
    assert not np.allclose(every_row.table, train(world, "none", p, 0.02).table)


def test_rows_shrunk_are_counted_with_repeats():
    # 4 batches of 3 ids, 5 rows; who catches up makes up for every step of every row in the end.
    counts = {method: train(tiny_world(), method).rows_shrunk for method in METHODS}
    assert counts == {"none": 0, "rows of the batch": 12, "every row": 20, "caught up": 20}


def test_rows_are_caught_up_before_they_are_used(monkeypatch):
    calls = []

    def spy(table, rows, p, reg_lambda):
        calls.append(rows.tolist())

    monkeypatch.setattr(lazy_rows, "sparse_lp_regularizer", spy)
    train(tiny_world(), "caught up")
    assert calls == [
        [],  # nobody has missed anything
        [0, 2],
        [1, 1],
        [0, 0, 2, 2, 4, 4, 4],  # row 4 for the first time
        [0, 1, 1, 2, 3, 3, 3, 3, 4],  # row 3 was never used
    ]


def test_training_depends_on_the_seed_alone_and_changes_no_world():
    world = tiny_world()
    first, again = train(world, "rows of the batch"), train(world, "rows of the batch")
    assert np.array_equal(first.table, again.table)
    assert np.array_equal(world.batches, BATCHES)
    assert np.array_equal(world.vectors, tiny_world().vectors)
    assert not np.array_equal(first.table, train(tiny_world(seed=4), "rows of the batch").table)


def test_worlds_depend_on_the_seed_alone():
    sizes = {"rows": 7, "columns": 2, "steps": 5, "batch": 3}
    first, again, other = make_world(**sizes, seed=1), make_world(**sizes, seed=1), make_world(**sizes, seed=2)
    assert np.array_equal(first.batches, again.batches)
    assert np.array_equal(first.vectors, again.vectors)
    assert not np.array_equal(first.vectors, other.vectors)
    assert (first.vectors.shape, first.batches.shape) == ((7, 2), (5, 3))


def test_chances_fall_as_one_over_the_rank():
    # Of 3 rows: 1, 1/2 and 1/3 of 11/6.
    world = make_world(rows=3, columns=1, steps=4000, batch=2, seed=5)
    assert world.chances == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    # A batch of 2 misses the first row with (5/11)^2, the second with (8/11)^2, the third with (9/11)^2.
    assert world.frequencies == pytest.approx([96 / 121, 57 / 121, 40 / 121])
    named = [np.mean((world.batches == row).any(axis=1)) for row in range(3)]
    assert named == pytest.approx(world.frequencies, abs=6 * math.sqrt(0.25 / 4000))  # six sigma


@pytest.mark.parametrize("name", ["rows", "columns", "steps", "batch"])
def test_sizes_that_make_no_world_are_refused(name):
    with pytest.raises(ValueError, match=f"^{name}=0: must be at least 1$"):
        make_world(**{"rows": 4, "columns": 3, "steps": 2, "batch": 1, name: 0})


def test_an_unknown_method_is_refused():
    with pytest.raises(
        ValueError, match="method='lazy': must be one of 'none', 'rows of the batch', 'every row', 'cau"
    ):
        train(tiny_world(), "lazy")
