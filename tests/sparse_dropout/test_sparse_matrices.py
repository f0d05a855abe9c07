"""CSR and CSC matrices: the same draw for the same row and column, whatever the format and the order of the entries."""

import numpy as np
import pytest
import scipy.sparse

from workbench import dropout_with_replacement
from workbench.parallel import thread_limit

from . import scalar
from .common import ENGINES, INTEGERS, assert_same_bits, places_of, values

KINDS = ["csr_matrix", "csr_array", "csc_matrix", "csc_array"]
SHAPE = (13, 9)


def stored_places(shape, density, seed=0):
    """Return the rows and columns of entries, in row order; whole rows and columns are empty."""
    present = np.random.default_rng(seed).random(shape) < density
    present[[0, shape[0] // 2, -1]] = False
    present[:, [0, shape[1] // 3]] = False
    return np.nonzero(present)


def build(kind, x, rows, columns, shape, *, order="sorted", index_type=np.int32):
    """Return a matrix with x at (rows, columns), in the order that is asked for within each line."""
    majors, minors = (rows, columns) if kind.startswith("csr") else (columns, rows)
    lines = shape[0] if kind.startswith("csr") else shape[1]
    ties = {"sorted": minors, "backwards": -minors, "shuffled": np.random.default_rng(1).permutation(len(minors))}
    place = np.lexsort((ties[order], majors))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(majors, minlength=lines))])
    matrix = getattr(scipy.sparse, kind)(shape, dtype=x.dtype.newbyteorder("="))
    matrix.data = x[place]
    matrix.indices, matrix.indptr = minors[place].astype(index_type), indptr.astype(index_type)
    return matrix


def expected_entries(matrix, ratio, new, *, seed, start=0):
    """Return y's and dropped's entries, each of which draws the word of its place in the dense matrix."""
    gone, y = [], []
    for value, *place in zip(matrix.data, *places_of(matrix), strict=True):
        word = scalar.word(seed, start + place[0] * matrix.shape[1] + place[1])
        gone.append(word / 2**32 < ratio)
        y.append(scalar.broadcast_at(np.asarray(new).astype(matrix.dtype), place) if gone[-1] else value)
    return np.array(y, matrix.dtype), np.array(gone, bool)


def compare(matrix, ratio, new, *, seed=21, start=0):
    before = [array.copy() for array in (matrix.data, matrix.indices, matrix.indptr)]
    y, dropped = expected_entries(matrix, ratio, new, seed=seed, start=start)
    for engine in ENGINES:
        results = dropout_with_replacement(matrix, ratio, new, seed=seed, start=start, engine=engine)
        for result, entries in zip(results, (y, dropped), strict=True):
            assert_same_bits(result.data, entries)
            assert_same_structure(result, matrix)
    for array, original in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=True):
        assert array.tobytes() == original.tobytes()


def assert_same_structure(result, matrix):
    assert type(result) is type(matrix)
    assert result.shape == matrix.shape
    assert_same_bits(result.indices, matrix.indices)
    assert_same_bits(result.indptr, matrix.indptr)
    for name in ("data", "indices", "indptr"):
        assert not np.shares_memory(getattr(result, name), getattr(matrix, name))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["sorted", "backwards", "shuffled"])
@pytest.mark.parametrize("index_type", [np.int32, np.int64, np.uint8, np.uint64])
def test_every_form(kind, order, index_type):
    rows, columns = stored_places(SHAPE, 0.5)
    x = values(len(rows), "float32")
    matrix = build(kind, x, rows, columns, SHAPE, order=order, index_type=index_type)
    for start in (0, 1, 2, 3, 2**34 - 50, 2**62):
        compare(matrix, 0.4, -1.5, start=start)


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix"])
def test_every_type(kind, dtype):
    rows, columns = stored_places(SHAPE, 0.5)
    matrix = build(kind, values(len(rows), dtype), rows, columns, SHAPE)
    compare(matrix, 0.4, 7)
    compare(matrix, 0.4, np.arange(9))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("new_shape", [(), (1,), (9,), (1, 9), (13, 1), (1, 1), (13, 9)])
def test_every_replacement_that_broadcasts(new_shape, kind):
    rows, columns = stored_places(SHAPE, 0.5)
    matrix = build(kind, values(len(rows), "float64"), rows, columns, SHAPE, order="shuffled")
    new = 100.0 + np.arange(np.prod(new_shape, dtype=int)).reshape(new_shape)
    for laid_out in (new, np.asfortranarray(new), new.astype(">f4")):
        compare(matrix, 0.5, laid_out, start=1)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_draws_as_in_the_dense_array(engine, scaled):
    rows, columns = stored_places(SHAPE, 0.5)
    x = np.random.default_rng(2).normal(size=len(rows)).astype(np.float32)
    dense = np.zeros(SHAPE, np.float32)
    dense[rows, columns] = x
    new = np.linspace(-4, 4, 9)
    arguments = dict(seed=5, start=3, scaled=scaled, engine=engine)
    meant = dropout_with_replacement(dense, 0.4, new, **arguments)
    for kind in KINDS:
        for order in ("sorted", "shuffled"):
            matrix = build(kind, x, rows, columns, SHAPE, order=order)
            results = dropout_with_replacement(matrix, 0.4, new, **arguments)
            for result, whole in zip(results, meant, strict=True):
                assert_same_bits(result.data, whole[places_of(matrix)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_changing_the_result_in_place_leaves_x(engine, kind):
    rows, columns = stored_places(SHAPE, 0.5)
    x = np.arange(1.0, len(rows) + 1)
    matrix = build(kind, x, rows, columns, SHAPE, order="shuffled")
    before = matrix.toarray()
    y, dropped = dropout_with_replacement(matrix, 0.5, seed=1, engine=engine)
    for result in (y, dropped):
        result.check_format(full_check=True)
    assert y.has_sorted_indices == matrix.has_sorted_indices
    kept = len(rows) - dropped.data.sum()
    y.eliminate_zeros()
    dropped.eliminate_zeros()
    assert y.nnz == kept
    y.sort_indices()
    y.data[:] = -1
    np.testing.assert_array_equal(matrix.toarray(), before)
    assert matrix.nnz == len(rows)
    matrix.sort_indices()
    matrix.sum_duplicates()
    np.testing.assert_array_equal(matrix.toarray(), before)


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array"])
def test_read_only_arrays(kind):
    rows, columns = stored_places(SHAPE, 0.5)
    matrix = build(kind, values(len(rows), "float32"), rows, columns, SHAPE)
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    compare(matrix, 0.5, np.arange(9.0))
    y, _ = dropout_with_replacement(matrix, 0.5, seed=0)
    assert y.data.flags.writeable


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array"])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_big_endian_stored_entries(engine, scaled, kind):
    rows, columns = stored_places(SHAPE, 0.5)
    x = np.random.default_rng(0).normal(size=len(rows))
    native, foreign = build(kind, x, rows, columns, SHAPE), build(kind, x.astype(">f8"), rows, columns, SHAPE)
    meant = dropout_with_replacement(native, 0.5, 2.5, seed=0, scaled=scaled, engine=engine)
    results = dropout_with_replacement(foreign, 0.5, 2.5, seed=0, scaled=scaled, engine=engine)
    for result, expected in zip(results, meant, strict=True):
        assert_same_bits(result.data, expected.data)


def test_strided_data():
    rows, columns = stored_places(SHAPE, 0.5)
    matrix = build("csr_matrix", np.arange(2.0, 2 * len(rows) + 2), rows, columns, SHAPE)
    matrix.data = np.repeat(matrix.data, 2)[::2]
    compare(matrix, 0.5, 1.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_room_beyond_the_entries_is_no_entry(engine):
    # SciPy allows arrays longer than indptr says.
    matrix = scipy.sparse.csr_matrix(np.arange(1.0, 7.0).reshape(2, 3))
    dense = matrix.toarray()
    matrix.data = np.append(matrix.data, [np.nan, 7.0])
    matrix.indices = np.append(matrix.indices, [0, 99]).astype(np.int32)
    for name in (0.0, "mean", "median"):
        y, dropped = dropout_with_replacement(matrix, 1.0, name, seed=0, engine=engine)
        assert len(y.data) == len(dropped.data) == 6
        assert set(y.data) == {3.5 if name else 0.0}
    y, _ = dropout_with_replacement(matrix, 0.0, seed=0, engine=engine)
    np.testing.assert_array_equal(y.toarray(), dense)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0), (3, 5), (1, 1)])
def test_no_entries(shape, kind, engine):
    matrix = getattr(scipy.sparse, kind)(shape, dtype=np.float32)
    for scaled in (False, True):
        for result in dropout_with_replacement(matrix, 0.5, 2.0, seed=0, start=3, scaled=scaled, engine=engine):
            assert_same_structure(result, matrix)
            assert len(result.data) == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_evaluation_returns_a_copy(engine):
    matrix = scipy.sparse.csc_matrix(values(SHAPE, "float64"))
    for scaled in (False, True):
        y, dropped = dropout_with_replacement(matrix, 1.0, seed=0, training=False, scaled=scaled, engine=engine)
        assert_same_bits(y.data, matrix.data)
        assert_same_structure(y, matrix)
        assert not dropped.data.any()


def test_places_beyond_two_to_the_32():
    # Element (70000, 65537) of a row of 100000 is word 7000065537.
    rows, columns = np.array([3, 70000, 99999]), np.array([99999, 65537, 5])
    for kind in KINDS:
        matrix = build(kind, np.ones(3), rows, columns, (100001, 100000))
        for seed in range(6):
            compare(matrix, 0.5, 2.0, seed=seed)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_and_long_lines(kind):
    # 40000 entries: three jobs, and threads; the first of the lines is longer than a tile.
    shape = (401, 503)
    rows, columns = stored_places(shape, 0.2)
    rows, columns = np.concatenate([np.full(503, 1), rows[rows != 1]]), np.concatenate([range(503), columns[rows != 1]])
    assert len(rows) > 2 * 16384
    matrix = build(kind, np.arange(len(rows)).astype(np.float32), rows, columns, shape, order="shuffled")
    new = np.arange(503.0)
    y, dropped = expected_entries(matrix, 0.3, new, seed=2, start=1)
    for threads in (1, 2, 3):
        with thread_limit(threads):
            results = dropout_with_replacement(matrix, 0.3, new, seed=2, start=1)
        assert_same_bits(results[0].data, y)
        assert_same_bits(results[1].data, dropped)
    compare(matrix, 0.3, new, seed=2, start=1)


@pytest.mark.parametrize("count", [255, 256, 257, 16383, 16384, 16385, 16640])
def test_entries_around_the_limits(count):
    places = np.sort(np.random.default_rng(0).choice(180 * 190, count, replace=False))
    matrix = build("csr_array", np.arange(count).astype(np.int32), places // 190, places % 190, (180, 190))
    compare(matrix, 0.3, -1)


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaled_engines_agree_bit_for_bit(dtype, kind):
    rows, columns = stored_places(SHAPE, 0.6)
    x = np.random.default_rng(0).normal(scale=3, size=len(rows)).astype(dtype)
    matrix = build(kind, x, rows, columns, SHAPE, order="shuffled")
    new = np.linspace(-2, 2, 9)
    results = [
        dropout_with_replacement(matrix, 0.3, new, seed=1, scaled=True, engine=engine)[0].data for engine in ENGINES
    ]
    assert_same_bits(*results)
    for y, value, gone, column in zip(
        results[0], matrix.data, expected_entries(matrix, 0.3, 0, seed=1)[1], places_of(matrix)[1], strict=True
    ):
        put = float(new.astype(dtype)[column])
        expected = put if gone else put + (float(value) - put) / 0.7
        assert abs(float(y) - expected) <= 2 * np.finfo(dtype).eps * (abs(put) + (abs(float(value)) + abs(put)) / 0.7)
