"""Blocks of larger arrays: each element draws the word of its place in the larger array."""

import numpy as np
import pytest

from workbench.sparse_dropout import kernels, reference
from workbench.sparse_dropout.inputs import Drop

from . import scalar
from .common import ENGINES, assert_same_bits, values

ENGINE = pytest.mark.parametrize("engine", ENGINES)
MODULES = {"reference": reference, "numba": kernels}


def check(x, begins, engine, *, ratio=0.4, seed=5, start=0, new=2.5, scale=None):
    """Compare with the scalar oracle, one word at a time."""
    new = np.asarray(new).astype(x.dtype)
    length = x.size // len(begins)
    words = [scalar.word(seed, start + begin + i) for begin in begins for i in range(length)]
    dropped = np.reshape([word / 2**32 < ratio for word in words], x.shape)
    drop = Drop(ratio, seed, start)
    y, found = MODULES[engine].dropout_of_runs(x, np.array(begins, np.uint64), drop, new, scale)
    assert_same_bits(found, dropped)
    if scale is None:
        assert_same_bits(y, np.where(dropped, new, x))
    else:
        kept = new + (x.astype(np.float64) - new) * scale
        np.testing.assert_allclose(y, np.where(dropped, new, kept), rtol=1e-5, atol=1e-5)


@ENGINE
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 16, 17, 63, 255, 256, 257, 600])
def test_runs_of_every_length(length, engine):
    for count in (1, 2, 3, 300 // length + 1, 1100 // length + 1):
        for step in (length + 1, length + 6, 3 * length + 1000):
            begins = [3 + step * run for run in range(count)]
            check(values((count * length,), "float32"), begins, engine, start=step)


@ENGINE
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "uint64", "float16", "float64"])
def test_runs_at_places_without_order(dtype, engine):
    random = np.random.default_rng(0)
    for length in (1, 3, 10, 50):
        begins = random.integers(0, 5000, 40).tolist()
        check(values((40 * length,), dtype), begins, engine, new=3)


@ENGINE
def test_places_at_the_end_of_the_stream(engine):
    last = 2**64
    check(values((6, 5), "float32"), [last - 7 - 2**62 - 50 * run for run in range(6)], engine, start=2**62)


@ENGINE
@pytest.mark.parametrize("scale", [None, 1 / 0.6])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (60,), (1,), (7, 1), (3, 7, 60), (3, 1, 60), (3, 1, 1)], ids=str)
def test_replacements(shape, dtype, scale, engine):
    x = np.random.default_rng(0).normal(size=(3, 7, 60)).astype(dtype)
    new = np.random.default_rng(1).normal(size=shape)
    if dtype == "float16" and scale:
        x, new = np.round(x * 8) / 8, np.round(new * 8) / 8  # few digits, so that rounding is small
    if dtype != "float16" or not scale:
        check(x, [100 * run for run in range(21)], engine, new=new, scale=scale)


@ENGINE
def test_no_elements(engine):
    for begins in ([], [5]):
        y, dropped = MODULES[engine].dropout_of_runs(
            np.empty((3, 0), np.float32), np.array(begins, np.uint64), Drop(0.5, 1), np.float32(0), None
        )
        assert y.shape == dropped.shape == (3, 0)
        assert dropped.dtype == bool
