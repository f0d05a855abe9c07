"""Generated problems and matrices have as many numbers as asked for, where they should be."""

import numpy as np
import pytest

from workbench.data.planted import planted_dense, planted_sparse, spread_matrix


def test_a_sparse_problem_has_about_as_many_places_as_asked_for():
    matrix, y = planted_sparse((220, 410), 0.05)
    assert matrix.nnz == pytest.approx(0.05 * 220 * 410, rel=0.05)
    assert (matrix.format, matrix.indices.dtype, y.shape) == ("csc", np.int32, (220,))


def test_y_is_explained_by_few_weights_but_for_the_noise():
    matrix, y = planted_dense((60, 210))
    assert matrix.flags.f_contiguous
    # Two weights of 210: the best pair of columns leaves the noise, 0.3 of the signal: about 0.3^2 / (1 + 0.3^2) of y.
    pairs = ((i, j) for i in range(210) for j in range(i))
    left = min(np.linalg.lstsq(matrix[:, pair], y, rcond=None)[1][0] for pair in pairs)
    assert left / (y @ y) == pytest.approx(0.0826, abs=0.04)


@pytest.mark.parametrize("count", [1, 17, 31 * 29])
def test_a_matrix_stores_as_many_entries_as_asked_for(count):
    matrix = spread_matrix((31, 29), count)
    assert (matrix.nnz, matrix.shape, matrix.dtype) == (count, (31, 29), np.float32)
    places = {
        (row, column) for row in range(31) for column in matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
    }
    assert len(places) == count
    assert all(0 <= column < 29 for _, column in places)
