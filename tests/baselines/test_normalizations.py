"""The normalizations of one network against scalar loops and finite differences, and what they refuse."""

import math

import numpy as np
import pytest

from workbench.baselines.normalizations import KINDS, normalize, normalize_gradient, weight_norm, weight_norm_gradient

from . import scalar

SHAPE = (3, 4, 5, 2)  # batch, channels, rows, columns
EPS = 0.02
KIND = pytest.mark.parametrize("kind", KINDS)


def some(shape, seed=0):
    return 1 + 2 * np.random.default_rng(seed).normal(size=shape)


def scales(kind):
    shape = SHAPE[1:] if kind == "layer" else SHAPE[1:2]
    return some(shape, 1), some(shape, 2)


def group_of(kind, n, c, *pixel):
    """Return what the elements of a group have in common; "group" has two groups of two channels."""
    return {"batch": c, "layer": n, "group": (n, c // 2), "instance": (n, c), "pixel": (n, *pixel)}[kind]


def looped(x, kind, gamma, beta):
    y = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        group = [x[i].item() for i in np.ndindex(x.shape) if group_of(kind, *i) == group_of(kind, *index)]
        mean = 0 if kind == "pixel" else sum(group) / len(group)
        root = math.sqrt(sum((value - mean) ** 2 for value in group) / len(group) + EPS)
        place = index[1:] if kind == "layer" else index[1]
        y[index] = gamma[place] * (x[index] - mean) / root + beta[place]
    return y


@KIND
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scalar_loop(kind, dtype):
    x, gamma, beta = (array.astype(dtype) for array in (some(SHAPE), *scales(kind)))
    y = normalize(x, kind, gamma, beta, groups=2, eps=EPS)
    assert y.dtype == dtype
    assert not np.shares_memory(x, y)
    np.testing.assert_allclose(
        y, looped(x, kind, *(array.astype(float) for array in (gamma, beta))), *2 * [TINY[dtype]]
    )


TINY = {np.float16: 4e-3, np.float32: 3e-6, np.float64: 1e-14}


@KIND
def test_gradient(kind):
    x, (gamma, beta), dy = some(SHAPE), scales(kind), some(SHAPE, 3)
    found = normalize_gradient(dy, x, kind, gamma, groups=2, eps=EPS)

    def loss(x=x, gamma=gamma, beta=beta):
        return (dy * normalize(x, kind, gamma, beta, groups=2, eps=EPS)).sum()

    expected = (
        scalar.slopes(lambda each: loss(x=each), x),
        scalar.slopes(lambda each: loss(gamma=each), gamma),
        scalar.slopes(lambda each: loss(beta=each), beta),
    )
    for ours, slope in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, slope, rtol=1e-6, atol=1e-8)
    lower = normalize_gradient(*halves(dy, x), kind, *halves(gamma), groups=2, eps=EPS)
    for ours, half in zip(found, lower, strict=True):
        assert half.dtype == np.float16
        np.testing.assert_allclose(half, ours, rtol=0.1, atol=0.1)


def halves(*arrays):
    return [array.astype(np.float16) for array in arrays]


@pytest.mark.parametrize("kind", ["batch", "layer", "pixel"])
def test_without_pixels_and_without_scales(kind):
    x = some((3, 4))
    centred = x - {"batch": x.mean(0), "layer": x.mean(1)[:, None], "pixel": 0}[kind]
    squares = np.square(centred).mean(0 if kind == "batch" else 1, keepdims=True)
    np.testing.assert_allclose(normalize(x, kind, eps=EPS), centred / np.sqrt(squares + EPS), rtol=1e-13)


def test_weight_norm():
    v, g, dw = some((3, 4, 2)), some(3, 1), some((3, 4, 2), 2)
    w = weight_norm(v, g)
    for unit in range(3):
        length = math.sqrt(sum(value**2 for value in v[unit].ravel().tolist()))
        np.testing.assert_allclose(w[unit], g[unit] * v[unit] / length, rtol=1e-14)
    dv, dg = weight_norm_gradient(dw, v, g)
    np.testing.assert_allclose(dv, scalar.slopes(lambda v: (dw * weight_norm(v, g)).sum(), v), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(dg, scalar.slopes(lambda g: (dw * weight_norm(v, g)).sum(), g), rtol=1e-7, atol=1e-9)
    assert all(
        each.dtype == np.float16 for each in (weight_norm(*halves(v, g)), *weight_norm_gradient(*halves(dw, v, g)))
    )


def test_nan_stays_in_its_group():
    x = some(SHAPE)
    x[1, 2, 3, 1] = np.nan
    assert np.argwhere(np.isnan(normalize(x, "instance")).all(axis=(2, 3))).tolist() == [[1, 2]]
    assert np.isnan(normalize(x, "instance")).sum() == 10


@pytest.mark.parametrize(
    ("kind", "arguments", "error", "message"),
    [
        ("rows", {}, ValueError, "kind='rows': must be one of 'batch', 'layer'"),
        ("batch", {"x": some((1, 4))}, ValueError, r"x has shape \(1, 4\) and groups of 1 element: must be at least 2"),
        ("instance", {"x": some((3, 4))}, ValueError, "groups of 1 element"),
        ("batch", {"x": some(4)}, ValueError, "x has shape .* must have the axes"),
        ("pixel", {"x": some((3, 0))}, ValueError, "must have at least one channel"),
        ("group", {"groups": 3}, ValueError, "groups=3: must divide the number of channels, 4"),
        ("group", {"groups": 0}, ValueError, "groups=0: must be a whole number of at least 1"),
        ("batch", {"eps": 0}, ValueError, "eps=0: must be a number from 1e-30 to 1e"),
        ("batch", {"gamma": some(3)}, ValueError, r"gamma has shape \(3,\): must be \(4,\)"),
        ("batch", {"beta": some(4).astype("f")}, TypeError, "beta has dtype float32: must be float64, as"),
        ("batch", {"x": np.ones((3, 4), int)}, TypeError, "x has dtype int64"),
        ("layer", {"x": 1e200 * some((3, 4))}, ValueError, "x has elements up to .*, whose squares overflow"),
    ],
)
def test_refusals(kind, arguments, error, message):
    with pytest.raises(error, match=message):
        normalize(**{"x": some(SHAPE), "kind": kind, **arguments})


@pytest.mark.parametrize("factor", [0, 1e200])
def test_weights_without_a_usable_length(factor):
    v = some((3, 4))
    v[1] *= factor
    with pytest.raises(ValueError, match=r"v\[1\] has a length of 0, or one whose square overflows"):
        weight_norm(v, np.ones(3))


def test_gradients_refuse_another_shape():
    with pytest.raises(ValueError, match=r"dy has shape \(3, 5\): must be \(3, 4\)"):
        normalize_gradient(some((3, 5)), some((3, 4)), "batch")
    with pytest.raises(ValueError, match=r"dw has shape \(4, 3\): must be \(3, 4\)"):
        weight_norm_gradient(some((4, 3)), some((3, 4)), some(3))
