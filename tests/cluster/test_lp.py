"""Regularization block by block: new arrays where the plain functions work in place."""

import dask
import dask.array as da
import numpy as np
import pytest

from workbench import cluster

from .common import unreadable


def test_penalty_by_hand():
    w = da.from_array(np.array([[3.0, -0.5, 0.0], [np.nan, -2.0, 1.0]]), chunks=((1, 1), (2, 1)))
    loss, mask, new = dask.compute(*cluster.sparse_lp(w[:, 1:], 0.5, 2.0, 1.0))
    assert loss == 0.5 * (0.25 + 4 + 1)
    assert mask.tolist() == [[False, False], [True, False]]
    assert new.tolist() == [[0.0, 0.0], [-2.0, 0.0]]
    assert np.isnan(cluster.sparse_lp(w, 0.5)[0].compute())
    assert cluster.sparse_lp(da.full((4, 4), 1e200, chunks=2), 1.0, 2.0)[0].compute() == np.inf
    assert cluster.sparse_lp(da.full((4, 4), 1e200, chunks=2), 0.0, 2.0)[0].compute() == 0


def test_rows_by_hand():
    """Decay by 3/4 for each time a row is named; exact, division by 5/4; p = 1, a quarter less."""
    table = da.from_array(np.array([8.0, 16.0, 32.0, 64.0]), chunks=((1, 2, 1),))
    indices = np.array([[2, 0], [2, 2]])
    assert cluster.sparse_lp_regularizer(table, indices, 2.0, 0.25).compute().tolist() == [6.0, 16.0, 13.5, 64.0]
    exact = cluster.sparse_lp_regularizer(table, [2, 1], 2.0, 0.25, exact=True).compute()
    assert exact.tolist() == [8.0, 12.8, 25.6, 64.0]
    assert cluster.sparse_lp_regularizer(table, np.array([3, 3]), 1.0, 0.25).compute().tolist() == [8, 16, 32, 63.5]


@pytest.mark.parametrize(
    ("indices", "words"),
    [
        ([3, 7], r"indices\[1\]=7: must be from 0 to 6, the rows of param \(1 of 2 indices out of range"),
        ([-1], r"indices\[0\]=-1: must be from 0 to 6"),
        ([0.0], "indices has dtype float64: must be int32 or int64"),
    ],
)
def test_indices_are_refused_at_once(indices, words):
    table = unreadable((7, 5), np.float32, 2)
    with pytest.raises((TypeError, ValueError), match=words):
        cluster.sparse_lp_regularizer(table, np.array(indices))


def test_a_table_has_rows():
    with pytest.raises(ValueError, match="param has no axes: must have at least one, the rows"):
        cluster.sparse_lp_regularizer(unreadable((), np.float32, ()), np.array([0]))
    with pytest.raises(ValueError, match="none, as param has no rows"):
        cluster.sparse_lp_regularizer(da.zeros((0, 3)), np.array([0]))


def test_a_gradient_needs_a_finite_exponent():
    with pytest.raises(ValueError, match="p=inf: the penalty has no gradient"):
        cluster.lp_gradient(unreadable((7, 5), np.float32, 2), 0.5, np.inf)
