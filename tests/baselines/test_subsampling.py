"""Random subsampling against scalar loops, finite differences and derived chances."""

import collections
import itertools
import math

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import chi2

from workbench.baselines.elementwise import dropout
from workbench.baselines.subsampling import subsample_entries, subsample_entries_gradient, subsample_lists

from . import scalar

SHAPE = (7, 11)
SEED = 43
KINDS = [sparse.csr_array, sparse.csc_array, sparse.csr_matrix, sparse.csc_matrix]


def some(kind=sparse.csr_array, dtype=np.float64):
    """Return a matrix in which about half of the elements are stored, one of them a zero, and its dense form."""
    rng = np.random.default_rng(0)
    matrix = kind(rng.normal(size=SHAPE) * (rng.random(SHAPE) < 0.5))
    matrix.data[3] = 0
    dense = matrix.toarray().astype(dtype)
    matrix.data = matrix.data.astype(dtype)
    return matrix, dense


def stored(matrix):
    """List (row, column, value) of a matrix in stored order, one entry at a time."""
    entries = []
    for major, (first, last) in enumerate(itertools.pairwise(matrix.indptr.tolist())):
        for k in range(first, last):
            minor = int(matrix.indices[k])
            entries.append((*((major, minor) if matrix.format == "csr" else (minor, major)), matrix.data[k].item()))
    return entries


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("scaled", [False, True])
def test_scalar_loop(kind, dtype, scaled):
    x, _ = some(kind, dtype)
    y, dropped = subsample_entries(x, 0.4, seed=SEED, scaled=scaled)
    assert (type(y), y.dtype, y.shape, dropped.dtype) == (kind, dtype, SHAPE, bool)
    entries = stored(x)
    fates = [scalar.uniform(SEED, row * 11 + column) < 0.4 for row, column, _ in entries]
    assert dropped.tolist() == fates
    assert 0 < sum(fates) < len(fates)
    factor = 1 / 0.6 if scaled else 1
    left = [
        (row, column, pytest.approx(value * factor, rel=2 * scalar.rounding(dtype)))
        for (row, column, value), gone in zip(entries, fates, strict=True)
        if not gone
    ]
    assert stored(y) == left


def test_formats_agree_with_each_other_and_with_dropout():
    rows, dense = some()
    expected, _ = dropout(dense, 0.4, seed=SEED)
    for matrix in (rows, rows.tocsc()):
        y, _ = subsample_entries(matrix, 0.4, seed=SEED, scaled=True)
        np.testing.assert_allclose(y.toarray(), expected, rtol=1e-15)
        assert y.nnz < matrix.nnz == np.count_nonzero(dense) + 1


def test_unsorted_and_repeated_entries():
    # Row 0 stores columns 9, 2 and 9 again; row 1 nothing; row 2 stores column 1.
    x = sparse.csr_array((np.array([1.0, 2, 4, 8]), np.array([9, 2, 9, 1]), np.array([0, 3, 3, 4])), shape=(3, 10))
    for seed in range(8):
        y, dropped = subsample_entries(x, 0.5, seed=seed)
        assert dropped.tolist() == [scalar.uniform(seed, place) < 0.5 for place in (9, 2, 9, 21)]
        kept = [entry for entry, gone in zip(stored(x), dropped, strict=True) if not gone]
        assert stored(y) == kept


def test_places_beyond_32_bits():
    x = sparse.csr_array((np.ones(1), (np.array([99_999]), np.array([123_456]))), shape=(100_000, 200_000))
    place = 99_999 * 200_000 + 123_456
    for seed in range(8):
        assert subsample_entries(x, 0.5, seed=seed)[1].tolist() == [scalar.uniform(seed, place) < 0.5]


def test_a_word_equal_to_the_ratio_is_kept():
    word = 0x6627E8D5  # the first of seed 0, as Random123 publishes it
    x = sparse.csr_array([[1.0]])
    assert subsample_entries(x, word / 2**32, seed=0)[1].tolist() == [False]
    assert subsample_entries(x, (word + 1) / 2**32, seed=0)[1].tolist() == [True]


@pytest.mark.parametrize("index_type", [np.int64, np.uint8, np.uint64])
def test_every_index_type(index_type):
    x, _ = some(sparse.csr_array, np.float32)
    y, dropped = subsample_entries(x, 0.4, seed=SEED)
    x.indices, x.indptr = x.indices.astype(index_type), x.indptr.astype(index_type)
    again, dropped_again = subsample_entries(x, 0.4, seed=SEED)
    assert stored(again) == stored(y)
    assert np.array_equal(dropped, dropped_again)


def test_room_behind_the_entries_is_no_entry():
    x = sparse.csr_array((np.ones(2), np.array([1, 2]), np.array([0, 1, 2])), shape=(2, 3))
    x.data, x.indices = np.ones(5), np.array([1, 2, 0, 0, 0], x.indices.dtype)
    y, dropped = subsample_entries(x, 0.0, seed=0)
    assert dropped.shape == (2,)
    assert stored(y) == [(0, 1, 1), (1, 2, 1)]


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("scaled", [False, True])
def test_gradient(kind, scaled):
    x, _ = some(kind)
    arguments = dict(ratio=0.4, scaled=scaled)
    y, dropped = subsample_entries(x, seed=SEED, **arguments)
    dy = np.random.default_rng(1).normal(size=y.nnz)

    def loss(values):
        changed = x.copy()
        changed.data = values
        return (dy * subsample_entries(changed, seed=SEED, **arguments)[0].data).sum()

    dx = subsample_entries_gradient(dy, dropped, **arguments)
    np.testing.assert_allclose(dx, scalar.slopes(loss, x.data), rtol=0, atol=1e-8)
    assert subsample_entries_gradient(dy.astype(np.float16), dropped, **arguments).dtype == np.float16


def test_share():
    # 60,000 entries: the count of the kept is binomial. 5 deviations: a false alarm in 6 of 10 million seeds.
    y, _ = subsample_entries(sparse.csr_array(np.ones((200, 300))), 0.3, seed=1)
    assert abs(y.nnz - 42_000) < 5 * math.sqrt(60_000 * 0.3 * 0.7)


@pytest.mark.parametrize("kind", KINDS)
def test_ratio_0_and_1_and_evaluation(kind):
    x, _ = some(kind)
    x.data[0] = np.inf
    for arguments in (dict(ratio=0.0), dict(ratio=0.9, training=False)):
        y, dropped = subsample_entries(x, seed=SEED, scaled=True, **arguments)
        assert stored(y) == stored(x)
        assert not np.shares_memory(y.data, x.data)
        assert not dropped.any()
        assert np.array_equal(subsample_entries_gradient(x.data, dropped, scaled=True, **arguments), x.data)
    y, dropped = subsample_entries(x, 1.0, seed=SEED, scaled=True)
    assert (y.nnz, y.shape) == (0, SHAPE)
    assert np.array_equal(subsample_entries_gradient(np.ones(0), dropped, 1.0, scaled=True), np.zeros(x.nnz))


def test_what_is_dropped_is_gone():
    x, _ = some()
    x.data[:] = np.nan
    y, dropped = subsample_entries(x, 0.5, seed=SEED, scaled=True)
    assert y.nnz == (~dropped).sum() < x.nnz
    assert np.count_nonzero(np.isnan(y.toarray())) == y.nnz


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 3)])
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array])
def test_empty(kind, shape):
    y, dropped = subsample_entries(kind(shape, dtype=np.float32), 0.5, seed=0)
    assert (y.shape, y.nnz, dropped.shape) == (shape, 0, (0,))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 3)), r"x is of type ndarray: must be a scipy.sparse CSR or CSC matrix; .*csr_array\(x\)"),
        (sparse.coo_array(np.ones((2, 3))), r"x is a sparse 2-D COO array: .*x.tocsr\(\)"),
        (sparse.csr_array(np.ones((2, 3), int)), "x has dtype int64: must be float16, float32 or float64"),
    ],
)
def test_other_matrices_are_refused(x, message):
    with pytest.raises(TypeError, match=message):
        subsample_entries(x, 0.5, seed=0)


def test_a_matrix_larger_than_the_stream_is_refused():
    x = sparse.csr_array((3, 2**63 - 1))
    with pytest.raises(ValueError, match="must have at most 2\\^64 elements"):
        subsample_entries(x, 0.5, seed=0)


@pytest.mark.parametrize(
    ("dy", "dropped", "error", "message"),
    [
        (np.ones(3), [True, False, False], ValueError, r"dy has shape \(3,\): must be \(2,\), as many as"),
        (np.ones(2), [1, 0, 0], TypeError, "dropped has dtype int64: must be bool"),
        (
            np.ones(2),
            [[True, False, False]],
            ValueError,
            r"dropped has shape \(1, 3\): must have the axes \(entries,\)",
        ),
        (np.ones((1, 2)), [True, False, False], ValueError, r"dy has shape \(1, 2\): must have the axes \(entries,\)"),
    ],
)
def test_a_gradient_that_does_not_fit_is_refused(dy, dropped, error, message):
    with pytest.raises(error, match=message):
        subsample_entries_gradient(dy, dropped, 0.5)


@pytest.mark.parametrize("lengths_type", [np.int32, np.int64])
@pytest.mark.parametrize("values_type", [np.int32, np.int64, np.float32])
@pytest.mark.parametrize("keep", [0, 1, 3, 100])
def test_lists_scalar_loop(keep, values_type, lengths_type):
    lengths = np.array([4, 0, 1, 7, 3, 0], lengths_type)
    values = np.arange(100, 115).astype(values_type)
    left, left_lengths, kept = subsample_lists(values, lengths, keep, seed=SEED)
    expected, start = [], 0
    for length in lengths.tolist():
        places = range(start, start + length)
        chosen = sorted(places, key=lambda k: scalar.uniform(SEED, k))[:keep]
        expected.append([k + 100 for k in places if k in chosen])
        start += length
    assert left.tolist() == [value for ids in expected for value in ids]
    assert left_lengths.tolist() == [len(ids) for ids in expected]
    assert (left.dtype, left_lengths.dtype, kept.dtype) == (values_type, lengths_type, bool)
    assert np.array_equal(values[kept], left)


def test_every_choice_is_equally_likely():
    # 20,000 lists of 4 ids of which 2 stay: 6 choices, chi-square with 5 degrees of freedom. A false alarm in 6 of 10
    # million seeds.
    left, lengths, _ = subsample_lists(np.tile(np.arange(4), 20_000), np.full(20_000, 4), 2, seed=1)
    assert np.all(lengths == 2)
    counts = collections.Counter(map(tuple, left.reshape(-1, 2).tolist()))
    assert sorted(counts) == list(itertools.combinations(range(4), 2))
    statistic = sum((count - 20_000 / 6) ** 2 / (20_000 / 6) for count in counts.values())
    assert statistic < chi2.isf(6e-7, 5)


def test_no_lists():
    left, lengths, kept = subsample_lists(np.array([], np.int64), np.array([], np.int32), 2, seed=0)
    assert (left.size, lengths.size, kept.size) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(values=np.ones(5, bool)), TypeError, "values has dtype bool: must be an integer type, float16"),
        (dict(values=np.ones((1, 5))), ValueError, r"values has shape \(1, 5\): must have the axes \(values,\)"),
        (dict(lengths=np.array([2.0, 3.0])), TypeError, "lengths has dtype float64: must be int32 or int64$"),
        (dict(lengths=np.array([[2, 3]])), ValueError, r"lengths has shape \(1, 2\): must have the axes \(lists,\)"),
        (dict(lengths=np.array([6, -1])), ValueError, r"lengths\[1\]=-1: must be at least 0"),
        (dict(lengths=np.array([2, 4])), ValueError, "lengths add up to 6 and there are 5 values: must be equal"),
        (dict(lengths=np.full(4, 2**62)), ValueError, f"lengths add up to {2**64} and there are 5 values"),
        (dict(keep=-1), ValueError, "keep=-1: must be a whole number of at least 0"),
        (dict(keep=2.0), TypeError, "keep=2.0: must be a whole number of at least 0, not float"),
        (dict(seed=-1), ValueError, "seed=-1: must be a whole number from 0"),
    ],
)
def test_lists_that_are_refused(change, error, message):
    arguments = dict(values=np.arange(5), lengths=np.array([2, 3]), keep=2, seed=0)
    with pytest.raises(error, match=message):
        subsample_lists(**{**arguments, **change})


@pytest.mark.parametrize("change", [{"indices": (0, 7)}, {"indices": (1, -1)}, {"indptr": (0, 1)}, {"indptr": (2, 9)}])
def test_broken_index_arrays_are_refused(change):
    x = sparse.csr_array(np.diag([1.0, 2.0, 3.0])[:2])
    (name, (place, value)) = next(iter(change.items()))
    getattr(x, name)[place] = value
    with pytest.raises(ValueError, match=r"^x: its index arrays do not describe a matrix of shape \(2, 3\)"):
        subsample_entries(x, 0.5, seed=0)


def test_keep_may_be_larger_than_any_length_type():
    lengths = np.array([1, 2], np.int32)
    values, kept_lengths, kept = subsample_lists(np.array([7, 8, 9]), lengths, 2**70, seed=0)
    assert values.tolist() == [7, 8, 9]
    assert kept_lengths.tolist() == [1, 2]
    assert kept_lengths.dtype == np.int32
    assert kept.all()
