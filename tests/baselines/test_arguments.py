"""All baselines accept and refuse the same ratios, seeds, arrays and masks; importing them imports nothing heavy."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from workbench.baselines.dropconnect import dropconnect
from workbench.baselines.elementwise import (
    alpha_dropout,
    alpha_dropout_gradient,
    dropout,
    dropout_gradient,
    feature_dropout,
    feature_dropout_gradient,
    gaussian_dropout,
)
from workbench.baselines.subsampling import subsample_entries
from workbench.baselines.variational_dropout import variational_dropout

X = np.ones((3, 5))


def connect(x, ratio=0.5, **arguments):
    return dropconnect(x, np.ones((7, 5), getattr(x, "dtype", float)), ratio, **arguments)


def learned(x, **arguments):
    weights = np.ones((7, 5), getattr(x, "dtype", float))
    return variational_dropout(x, weights, weights, **arguments)


def subsample(x, ratio=0.5, **arguments):
    return subsample_entries(sparse.csr_array(x), ratio, **arguments)


DENSE = [dropout, feature_dropout, alpha_dropout, gaussian_dropout, connect]
WITH_RATIO = pytest.mark.parametrize("function", [*DENSE, subsample])
WITH_SEED = pytest.mark.parametrize("function", [*DENSE, subsample, learned])
WITH_ARRAY = pytest.mark.parametrize("function", [*DENSE, learned])
GRADIENTS = pytest.mark.parametrize("gradient", [dropout_gradient, feature_dropout_gradient, alpha_dropout_gradient])


@WITH_RATIO
@pytest.mark.parametrize(
    ("ratio", "error", "message"),
    [
        (math.nan, ValueError, "ratio=nan: must be finite, a number from 0.0 to 1.0"),
        (-0.1, ValueError, "ratio=-0.1: must be a number from 0.0 to 1.0; the nearest legal value is 0.0"),
        (1 + 1e-9, ValueError, "ratio=1.000000001: must be a number from 0.0 to 1.0; the nearest legal value is 1.0"),
        (math.inf, ValueError, "ratio=inf: must be finite"),
        ("half", TypeError, "ratio='half': must be a number from 0.0 to 1.0, not str"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_ratio(function, ratio, error, message, training):
    with pytest.raises(error, match=message):
        function(X, ratio, seed=0, training=training)


@WITH_SEED
@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ValueError, "seed=-1: must be a whole number from 0 to 2\\^64 - 1; the nearest legal value is 0"),
        (2**64, ValueError, f"seed={2**64}: must be a whole number from 0 to 2\\^64 - 1"),
        (1.0, TypeError, "seed=1.0: must be a whole number"),
        (None, TypeError, "seed=None: must be a whole number"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_seed(function, seed, error, message, training):
    with pytest.raises(error, match=message):
        function(X, seed=seed, training=training)


@WITH_SEED
def test_seed_is_required(function):
    with pytest.raises(TypeError, match="seed"):
        function(X)


@WITH_SEED
def test_the_largest_seed_is_taken(function):
    function(X, seed=2**64 - 1)


@WITH_SEED
def test_another_seed_gives_other_draws(function):
    x = np.ones((60, 5))
    low, high, next_one = (function(x, seed=seed)[1] for seed in (1, 1 + 2**32, 2))
    assert not np.array_equal(low, high)
    assert not np.array_equal(low, next_one)


@WITH_SEED
def test_training_is_a_bool(function):
    with pytest.raises(TypeError, match="training=1: must be True or False, not int"):
        function(X, seed=0, training=1)


@WITH_ARRAY
@pytest.mark.parametrize("dtype", [int, bool, complex, np.longdouble, object])
def test_types(function, dtype):
    name = np.dtype(dtype).name
    with pytest.raises(TypeError, match=f"x has dtype {name}: must be float16, float32 or float64; convert it, as"):
        function(X.astype(dtype), seed=0)


@WITH_ARRAY
def test_the_other_byte_order_is_taken(function):
    x = np.random.default_rng(0).normal(size=(3, 5))
    swapped = x.astype(x.dtype.newbyteorder("S"))
    y, _ = function(swapped, seed=0)
    assert y.dtype.isnative
    assert np.array_equal(y, function(x, seed=0)[0])


@WITH_ARRAY
def test_inputs_are_left_alone(function):
    x = np.random.default_rng(0).normal(size=(3, 5))
    x.setflags(write=False)
    before = x.copy()
    for training in (True, False):
        y, _ = function(x, seed=0, training=training)
        assert y.flags.writeable
        assert not np.shares_memory(x, y)
    assert np.array_equal(x, before)


@WITH_ARRAY
def test_masked_and_ragged(function):
    with pytest.raises(TypeError, match="x: a masked array's mask would be lost; fill it first"):
        function(np.ma.masked_array(X), seed=0)
    with pytest.raises(TypeError, match="x: must be an array of float16, float32 or float64"):
        function([[1.0], [2.0, 3.0]], seed=0)


@GRADIENTS
def test_masks(gradient):
    shape = (3, 5, 1) if gradient is feature_dropout_gradient else (3, 5, 2)
    with pytest.raises(TypeError, match="dropped has dtype float64: must be bool, as the forward pass returned it"):
        gradient(np.ones((3, 5, 2)), np.zeros(shape), 0.5)
    with pytest.raises(ValueError, match=r"dropped has shape \(5, 3\): must be \(3, 5, [12]\), as the forward pass"):
        gradient(np.ones((3, 5, 2)), np.zeros((5, 3), bool), 0.5)
    with pytest.raises(TypeError, match="dy has dtype int64"):
        gradient(np.ones((3, 5, 2), int), np.zeros(shape, bool), 0.5)
    with pytest.raises(ValueError, match="ratio=nan"):
        gradient(np.ones((3, 5, 2)), np.zeros(shape, bool), math.nan)


def test_import_is_light():
    script = """import sys, workbench.baselines.dropconnect, workbench.baselines.elementwise
import workbench.baselines.subsampling, workbench.baselines.variational_dropout
print({'scipy', 'numba', 'matplotlib'} & set(sys.modules))"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert finished.stdout.strip() == "set()", finished.stderr
