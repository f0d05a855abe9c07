"""Stored weights: their arrays, their bytes, their products against a scalar loop, and what they refuse."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.sparse_inference.common import FORMS, eighths, scalar_product, weights
from workbench import parallel
from workbench.sparse_inference import FORMS as MAKE
from workbench.sparse_inference import Bitmap, Csr, Dense, RowPruned
from workbench.sparse_inference.kernels import FEW
from workbench.sparse_inference.loops import AT_ONCE, LANES, ROWS, WIDTH

ROWS_AND_COLUMNS = (37, 53)  # more than a block of rows; three words and a part of one
BATCHES = (1, 3, 4, 21)  # one by one, and in one or two vectors


def test_the_sizes_meet_every_path():
    assert ROWS_AND_COLUMNS[0] > ROWS
    assert BATCHES[2] == FEW
    assert LANES[np.dtype("float32")] == 16 < BATCHES[3]
    assert ROWS_AND_COLUMNS[1] % 16


@pytest.mark.parametrize("share", [0.0, 0.7, 0.97, 1.0])
@pytest.mark.parametrize("name", FORMS)
def test_product_is_that_of_a_scalar_loop(name, share):
    w = weights(ROWS_AND_COLUMNS, share)
    w[[3, 20]] = 0
    form = MAKE[name](w)
    assert np.array_equal(form.to_dense(), w)
    x = eighths((max(BATCHES), w.shape[1]), 9, seed=5)
    expected = scalar_product(w, w != 0, x)
    for batch in BATCHES:
        for engine in ("numba", "reference"):
            y = form.product(x[:batch], engine=engine)
            assert (y.dtype, y.shape) == (np.float32, (batch, 37))
            assert np.array_equal(y, expected[:batch]), (batch, engine)


@pytest.mark.parametrize("name", ["CSR, int16", "bitmap, int8"])
def test_more_columns_than_are_taken_at_once(name):
    w, x = weights((3, 2 * WIDTH + 9), 0.8), eighths((5, 2 * WIDTH + 9), 9, seed=5)
    w[1, WIDTH - 3 : WIDTH + 2] = 1 / 8  # around a border
    form = MAKE[name](w)
    assert np.array_equal(form.product(x), scalar_product(w, w != 0, x))


@pytest.mark.parametrize("name", ["CSR, int32", "bitmap"])
def test_float64(name):
    w, x = weights((5, 19), 0.5, dtype="float64"), eighths((9, 19), 9, seed=5, dtype="float64")
    form = MAKE[name](w)
    assert form.dtype == np.float64
    assert np.array_equal(form.to_dense(), w)
    for batch in (1, 9):
        y = form.product(x[:batch])
        assert y.dtype == np.float64
        assert np.array_equal(y, scalar_product(w, w != 0, x[:batch]))


@pytest.mark.parametrize("name", FORMS)
def test_only_what_is_stored_meets_an_infinity_or_nan(name):
    w = weights((5, 18), 0.6)
    w[2] = 0
    x = eighths((4, 18), 9, seed=6)
    x[0, 3], x[2, 7], x[3, 17] = np.inf, np.nan, -np.inf
    stored = {"dense": np.ones(w.shape, bool), "rows": np.repeat((w != 0).any(axis=1)[:, None], 18, axis=1)}
    expected = scalar_product(w, stored.get(name, w != 0), x)
    form = MAKE[name](w)
    assert np.array_equal(form.mask(), stored.get(name, w != 0))
    for engine in ("numba", "reference"):
        for batch in (slice(0, 1), slice(2, 3), slice(4)):
            np.testing.assert_array_equal(form.product(x[batch], engine=engine), expected[batch])
    assert np.isfinite(expected[:, 2]).all() == (name != "dense")


@pytest.mark.parametrize("name", [name for name in FORMS if name != "bitmap, int8"])
def test_weights_that_are_not_finite_are_stored(name):
    w = weights((3, 17), 0.5)
    w[0, 1], w[2, 4] = np.nan, np.inf
    form = MAKE[name](w)
    np.testing.assert_array_equal(form.to_dense(), w)
    x = eighths((5, 17), 9, seed=7)
    x[:, 4] = 1
    for batch in (1, 5):
        y = form.product(x[:batch])
        assert np.isnan(y[:, 0]).all()
        assert (y[:, 2] == np.inf).all()


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", [(0, 7), (7, 0), (0, 0)])
def test_empty(name, shape):
    form = MAKE[name](np.zeros(shape, np.float32))
    assert form.to_dense().shape == form.mask().shape == shape
    for batch in (0, 1, 6):
        y = form.product(np.ones((batch, shape[1]), np.float32))
        assert y.shape == (batch, shape[0])
        assert not y.any()
    assert MAKE[name](weights((2, 3), 0.0)).product(np.zeros((0, 3), np.float32)).shape == (0, 2)


@pytest.mark.parametrize("name", FORMS)
def test_any_layout_and_byte_order(name):
    w, x = weights((9, 35), 0.5), eighths((5, 35), 9, seed=8)
    expected = scalar_product(w, w != 0, x)
    wide = np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)
    locked = x.copy()
    locked.flags.writeable = False
    for given in (np.asfortranarray(w), w[::-1][::-1], w.astype(">f4")):
        for inputs in (np.asfortranarray(x), wide[::2, ::3], x.astype(">f4"), locked):
            form = MAKE[name](given)
            assert np.array_equal(form.product(inputs), expected)
            assert np.array_equal(form.product(inputs[1:2]), expected[1:2])


def test_a_form_does_not_change_with_the_array_that_it_was_made_from():
    w = weights((4, 6), 0.0)
    forms = [make(w) for make in MAKE.values()]
    kept = w.copy()
    w[:] = 1
    assert all(np.array_equal(form.to_dense(), kept) for form in forms)


@pytest.mark.parametrize("name", ["CSR, int16", "bitmap", "bitmap, int8"])
@pytest.mark.parametrize("batch", [1, 5])
def test_any_number_of_threads_gives_the_same_bits(name, batch, monkeypatch):
    monkeypatch.setattr(parallel, "SMALL", 1)
    monkeypatch.setattr(parallel, "LARGE", 1)
    rng = np.random.default_rng(9)
    w = rng.standard_normal((7 * ROWS + 3, 41), np.float32)
    w[rng.random(w.shape) < 0.7] = 0
    form, x = MAKE[name](w), rng.standard_normal((batch, 41), np.float32)
    found = []
    for threads in (1, 3):
        with parallel.thread_limit(threads):
            found.append(form.product(x))
    assert np.array_equal(*found)
    np.testing.assert_allclose(found[0], x @ form.to_dense().T, rtol=1e-4, atol=1e-5)


def test_arrays_by_hand():
    w = np.zeros((3, 18), np.float32)
    w[0, [0, 5, 17]] = 1, 2, 3
    w[2, 16] = -4
    csr = Csr.from_dense(w, "int16")
    assert [array.tolist() for array in csr.arrays()] == [[1, 2, 3, -4], [0, 5, 17, 16], [0, 3, 3, 4]]
    assert csr.indices.dtype == np.int16
    bitmap = Bitmap.from_dense(w)
    assert bitmap.bitmap.tolist() == [[1 + 2**5, 2], [0, 0], [0, 1]]
    assert bitmap.starts.tolist() == [0, 3, 3, 4]
    rows = RowPruned.from_dense(w)
    assert rows.rows.tolist() == [0, 2]
    assert np.array_equal(rows.values, w[[0, 2]])
    # Weights of 4 bytes, columns of 4 or 2, four row starts of 4, two words of 2 bytes a row, three scales of 4.
    bytes_of = {name: make(w).nbytes for name, make in MAKE.items()}
    assert list(bytes_of.values()) == [3 * 18 * 4, 4 * 8 + 16, 4 * 6 + 16, 16 + 12 + 16, 4 + 12 + 16 + 12, 144 + 8]
    assert {name: make(w).stored for name, make in MAKE.items()} == dict(zip(FORMS, (54, 4, 4, 4, 4, 36), strict=True))


def test_a_byte_is_off_by_half_a_scale_at_most():
    rng = np.random.default_rng(10)
    w = rng.standard_normal((11, 23), np.float32) * np.float32(10.0) ** rng.integers(-30, 30, (11, 1)).astype("f4")
    w[4] = 0
    w[5] = [1e-42] * 23  # below the smallest scale
    form = Bitmap.from_dense(w, int8=True)
    assert form.values.dtype == np.int8
    scales = np.abs(w).max(axis=1) / 127
    assert (np.abs(form.to_dense() - w) <= np.maximum(0.5001 * scales, 1e-38)[:, None]).all()
    assert form.mask()[:4].mean() > 0.9
    assert not form.mask()[4:6].any()


def test_int16_holds_the_last_column_or_refuses():
    w = np.zeros((1, 32768), np.float32)
    w[0, -1] = 2
    for form in (Csr.from_dense(w, "int16"), Csr.from_dense(np.pad(w, ((0, 0), (0, 1))), "int32")):
        assert form.product(np.full((1, form.shape[1]), 3, np.float32)).tolist() == [[6]]
    words = r"index_type='int16': holds columns up to 32767, and w has 32769 columns; use 'int32'"
    with pytest.raises(ValueError, match=words):
        Csr.from_dense(np.zeros((2, 32769), np.float32), "int16")


@pytest.mark.parametrize("name", FORMS)
def test_refused_weights_and_inputs(name):
    make = MAKE[name]
    with pytest.raises(TypeError, match=r"^w has dtype int64: must be float32 or float64"):
        make(np.ones((2, 3), int))
    with pytest.raises(ValueError, match=r"^w has shape \(3,\): must have the axes \(out, in\)"):
        make(np.ones(3, np.float32))
    with pytest.raises(TypeError, match=r"^w is a sparse matrix: .*w\.toarray\(\)"):
        make(csr_array(np.eye(2)))
    form = make(weights((2, 3), 0.0))
    with pytest.raises(TypeError, match=r"^x has dtype float64: must be float32, as the weights"):
        form.product(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"^x has shape \(1, 4\): must be \(batch, 3\), for weights \(2, 3\)"):
        form.product(np.ones((1, 4), np.float32))
    with pytest.raises(ValueError, match=r"^x has shape \(3,\): must have the axes \(batch, in\)"):
        form.product(np.ones(3, np.float32))
    with pytest.raises(TypeError, match=r"^x: a masked array's mask would be lost"):
        form.product(np.ma.ones((1, 3)))
    with pytest.raises(ValueError, match=r"^engine='c': must be 'numba' or 'reference'|^engine='c'"):
        form.product(np.ones((1, 3), np.float32), engine="c")


def test_what_a_form_cannot_hold_is_refused(monkeypatch):
    w = weights((2, 3), 0.0)
    with pytest.raises(ValueError, match=r"^index_type='int8'"):
        Csr.from_dense(w, "int8")
    w[1, 2] = -np.inf
    with pytest.raises(ValueError, match=r"^w\[1, 2\]=-inf: must be finite to be rounded to a byte"):
        Bitmap.from_dense(w, int8=True)
    monkeypatch.setattr("workbench.sparse_inference.forms.MOST", 5)
    for make in (Csr.from_dense, Bitmap.from_dense):
        with pytest.raises(ValueError, match=r"^w has 6 weights that are not zero: must have at most 5"):
            make(w)


def test_arrays_that_do_not_fit_each_other_are_refused():
    w = weights((2, 18), 0.0)
    csr, bitmap, rows = Csr.from_dense(w), Bitmap.from_dense(w), RowPruned.from_dense(w)
    with pytest.raises(ValueError, match=r"^Csr: its index arrays do not describe"):
        Csr(csr.data, csr.indices + np.int32(1), csr.indptr, csr.shape)
    with pytest.raises(ValueError, match=r"^Csr: the columns of a row must rise"):
        Csr(csr.data, csr.indices[::-1], csr.indptr, csr.shape)
    with pytest.raises(ValueError, match=r"^Bitmap: values has shape \(35,\), must be \(36,\)"):
        Bitmap(bitmap.values[1:], bitmap.bitmap, bitmap.starts, bitmap.scales, bitmap.shape)
    with pytest.raises(ValueError, match=r"^Bitmap: its bits do not fit its row starts"):
        Bitmap(bitmap.values, bitmap.bitmap & np.uint16(7), bitmap.starts, bitmap.scales, bitmap.shape)
    with pytest.raises(ValueError, match=r"^Bitmap: bits are set beyond the last of 17 columns"):
        Bitmap(bitmap.values, bitmap.bitmap, bitmap.starts, bitmap.scales, (2, 17))
    for numbers in ([1, 0], [0, 2], [-1, 1], [0]):
        with pytest.raises(ValueError, match=r"^RowPruned: its row numbers do not fit"):
            RowPruned(rows.values, np.array(numbers), rows.shape)


def test_dense_is_numpys_product():
    w, x = weights((4, 6), 0.5), eighths((3, 6), 9, seed=3)
    assert np.array_equal(Dense.from_dense(w).product(x), x @ w.T)


WITHOUT_COMPILER = """
import numpy as np
from tests.sparse_inference.common import eighths, scalar_product, weights
from workbench.sparse_inference import FORMS
for dtype in ("float32", "float64"):
    w, x = weights((3, 21), 0.4, dtype=dtype), eighths((5, 21), 9, 2, dtype)
    x[0, 3] = np.inf
    expected = scalar_product(w, w != 0, x)
    for name in ("CSR, int16", "bitmap", "bitmap, int8"):
        for batch in (1, 5):
            np.testing.assert_array_equal(FORMS[name](w).product(x[:batch]), expected[:batch])
"""


def test_the_loops_run_without_a_compiler():
    path = os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path}
    subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT_COMPILER], env=environment, check=True, timeout=120)


def test_more_bits_than_are_decoded_at_once():
    assert AT_ONCE < 16
    w = np.zeros((2, 32), np.float32)
    w[0, :16], w[1, 16:21] = 1, 2
    x = np.arange(4 * 32, dtype=np.float32).reshape(4, 32)
    expected = np.stack([x[:, :16].sum(axis=1), 2 * x[:, 16:21].sum(axis=1)], axis=1)
    assert np.array_equal(Bitmap.from_dense(w).product(x), expected)
