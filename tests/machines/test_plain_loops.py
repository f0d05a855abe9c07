"""The loops that set the limits do what they are timed for."""

import numpy as np
import pytest

from workbench import philox
from workbench.compiling import variant
from workbench.cost import Cost
from workbench.machines import plain_loops
from workbench.machines.plain_loops import IN_L1, ROWS, TILE
from workbench.parallel import thread_limit


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("length", [0, 1, TILE - 1, 3 * TILE + 7])
def test_copy_and_add_cover_every_element(length, threads):
    x = np.arange(length, dtype=np.float32)
    with thread_limit(threads):
        copied, added = plain_loops.copy(x), plain_loops.add(np.full(length, 0.5, np.float32), x)
    np.testing.assert_array_equal(copied, x)
    np.testing.assert_array_equal(added, np.arange(length) + 0.5)
    assert not np.shares_memory(copied, x)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("length", [0, 1, TILE - 1, 3 * TILE + 7])
def test_negate_changes_every_sign_in_place(length, threads):
    x = np.arange(length, dtype=np.float32) - 5
    with thread_limit(threads):
        plain_loops.negate(x)
    np.testing.assert_array_equal(x, 5 - np.arange(length))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("count", [0, 1, ROWS - 1, 3 * ROWS + 7])
def test_rows_are_gathered_in_their_order_and_scattered_to_their_places(count, dtype, threads):
    rng = np.random.default_rng(2)
    table = rng.standard_normal((101, 65), np.float32)
    indices, before = rng.integers(0, 101, count).astype(dtype), table.copy()
    buffer = np.full((count, 65), np.nan, np.float32)
    with thread_limit(threads):
        plain_loops.gather_and_scatter(table, indices, buffer)
    assert all(np.array_equal(buffer[k], before[row]) for k, row in enumerate(indices))
    np.testing.assert_array_equal(table, before)


def test_the_scatter_writes_what_is_in_the_buffer():
    table, buffer = np.zeros((7, 3), np.float32), np.arange(6, dtype=np.float32).reshape(2, 3) + 1
    plain_loops._rows(variant(1), table, np.array([5, 2], np.int32), buffer, 0, 1)
    assert table[5].tolist() == [1, 2, 3]
    assert table[2].tolist() == [4, 5, 6]
    assert np.count_nonzero(table) == 6


@pytest.mark.parametrize("threads", [1, 2])
def test_arithmetic_takes_two_roots_and_a_division(threads):
    elements = 40 * IN_L1
    with thread_limit(threads):
        y = plain_loops.arithmetic(Cost(square_roots=2 * elements, divisions=elements))
    assert y.shape == (1024,)
    np.testing.assert_allclose(y[1:], 0.9310124, rtol=1e-6)  # 1.1^-0.75


def test_arithmetic_does_as_many_divisions_as_were_counted(monkeypatch):
    passes = []
    monkeypatch.setattr(
        plain_loops, "_roots_and_division", lambda x, s, y, start, stop: passes.append((stop - start) * x.size)
    )
    plain_loops.arithmetic(Cost(square_roots=80 * 1024, divisions=40 * 1024))
    assert sum(passes) == 40 * 1024


def test_another_proportion_is_refused():
    with pytest.raises(ValueError, match="square_roots=5, divisions=5"):
        plain_loops.arithmetic(Cost(square_roots=5, divisions=5))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("length", "written"), [(0, 0), (5, 0), (0, 3), (3 * TILE + 7, 2 * TILE), (TILE, 3 * TILE + 1)]
)
def test_move_writes_as_many_values_as_asked_for(length, written, threads):
    x = np.arange(length)
    with thread_limit(threads):
        moved = plain_loops.move(x, written)
    assert (moved.shape, moved.dtype) == ((written,), x.dtype)
    assert not np.shares_memory(moved, x)


def test_move_copies_what_it_can_and_adds_up_the_rest():
    x, out, totals = np.arange(10), np.full(4, -1), np.full(2, -1)
    plain_loops._move(x, out, totals, 0, 2)
    assert out.tolist() == [0, 1, 5, 6]
    assert totals.tolist() == [2 + 3 + 4, 7 + 8 + 9]
    longer = np.full(6, -1)
    plain_loops._move(np.arange(1, 5), longer, totals[:1], 0, 1)
    assert longer.tolist() == [1, 2, 3, 4, 0, 0]


@pytest.mark.parametrize("threads", [1, 2])
def test_each_word_is_that_of_its_place(threads):
    jobs = 7
    with thread_limit(threads):
        drawn = plain_loops.words(jobs * IN_L1 - 3)
    places = 5 * np.arange((jobs - 1) * IN_L1, jobs * IN_L1)
    stream = philox.uniforms(0, places[-1] + 1)
    assert (drawn * 2.0**-32).tolist() == stream[places].tolist()
