"""DropConnect against scalar loops, finite differences and its derived moments."""

import math

import numpy as np
import pytest

from workbench.baselines.dropconnect import dropconnect, dropconnect_gradient

from . import scalar

N, OUT, IN = 3, 7, 5
SEED = 37


def some(dtype=np.float64):
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, IN)).astype(dtype), rng.normal(size=(OUT, IN)).astype(dtype)


def test_written_out():
    # The first words of seed 0 are 0.399, 0.881, 0.736, 0.605, so that connections 0, 2 and 3 are dropped.
    y, dropped = dropconnect([[1.0, 10.0]], [[2.0, 3.0], [5.0, 7.0]], 0.75, seed=0)
    assert dropped.tolist() == [[True, False], [True, True]]
    assert y.tolist() == [[120, 0]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scalar_loop(dtype):
    x, weight = some(dtype)
    y, dropped = dropconnect(x, weight, 0.4, seed=SEED)
    assert y.dtype == dtype
    assert np.array_equal(dropped, scalar.mask((OUT, IN), 0.4, SEED))
    for n in range(N):
        for o in range(OUT):
            kept = [x[n, i].item() * weight[o, i].item() for i in range(IN) if not dropped[o, i]]
            assert y[n, o] == pytest.approx(sum(kept) / 0.6, abs=16 * scalar.rounding(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient(dtype):
    (x, weight), dy = some(), np.random.default_rng(1).normal(size=(N, OUT))
    _, dropped = dropconnect(x, weight, 0.4, seed=SEED)
    gradients = dropconnect_gradient(dy.astype(dtype), x.astype(dtype), weight.astype(dtype), dropped, 0.4)
    slopes = (
        scalar.slopes(lambda x: (dy * dropconnect(x, weight, 0.4, seed=SEED)[0]).sum(), x),
        scalar.slopes(lambda weight: (dy * dropconnect(x, weight, 0.4, seed=SEED)[0]).sum(), weight),
    )
    for gradient, slope in zip(gradients, slopes, strict=True):
        assert gradient.dtype == dtype
        np.testing.assert_allclose(gradient, slope, rtol=0, atol=1e-8 + 32 * scalar.rounding(dtype))


def test_moments():
    # Each of 50,000 outputs has the same weights and a mask of its own. A connection c = x w gives c s with chance q
    # and else 0: mean c, variance c^2 ratio / q, fourth cumulant c^4 (k - 3 (ratio / q)^2) with k the fourth central
    # moment of s times a coin. Each bound is 5 deviations: a false alarm in 6 of 10 million seeds.
    n, ratio, q = 50_000, 0.3, 0.7
    x, weight = np.array([[1.0, -2.0, 0.5]]), np.array([3.0, 0.25, -1.0])
    y, _ = dropconnect(x, np.tile(weight, (n, 1)), ratio, seed=1)
    terms = [3.0, -0.5, -0.5]
    variance = ratio / q * sum(term**2 for term in terms)
    cumulant = (q**-3 * ratio * (1 - 3 * q * ratio) - 3 * (ratio / q) ** 2) * sum(term**4 for term in terms)
    assert abs(y.mean() - 2) < 5 * math.sqrt(variance / n)
    assert abs(y.var() - variance) < 5 * math.sqrt((cumulant + 2 * variance**2) / n)


def test_ratio_0_and_1_and_evaluation():
    (x, weight), dy = some(), np.random.default_rng(1).normal(size=(N, OUT))
    for arguments in (dict(ratio=0.0), dict(ratio=0.9, training=False)):
        y, dropped = dropconnect(x, weight, seed=SEED, **arguments)
        np.testing.assert_allclose(y, np.einsum("ni,oi->no", x, weight), rtol=0, atol=1e-14)
        assert not dropped.any()
        dx, dweight = dropconnect_gradient(dy, x, weight, dropped, **arguments)
        np.testing.assert_allclose(dx, np.einsum("no,oi->ni", dy, weight), rtol=0, atol=1e-14)
        np.testing.assert_allclose(dweight, np.einsum("no,ni->oi", dy, x), rtol=0, atol=1e-14)
    y, dropped = dropconnect(x, weight, 1.0, seed=SEED)
    assert np.array_equal(y, np.zeros((N, OUT)))
    for gradient in dropconnect_gradient(dy, x, weight, dropped, 1.0):
        assert np.array_equal(gradient, np.zeros_like(gradient))


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_what_is_dropped_is_gone(value, dtype):
    x, weight = some(dtype)
    _, dropped = dropconnect(x, weight, 0.5, seed=SEED)
    o, i = np.argwhere(dropped)[0]
    expected = dropconnect(x, weight, 0.5, seed=SEED)[0]
    dy = np.ones((N, OUT), dtype)
    dx, dweight = dropconnect_gradient(dy, x, weight, dropped, 0.5)

    bad_weight = weight.copy()
    bad_weight[o, i] = value
    assert np.array_equal(dropconnect(x, bad_weight, 0.5, seed=SEED)[0], expected)
    assert np.array_equal(dropconnect_gradient(dy, x, bad_weight, dropped, 0.5)[0], dx)

    bad_x = x.copy()
    bad_x[1, i] = value
    y, _ = dropconnect(bad_x, weight, 0.5, seed=SEED)
    assert np.array_equal(np.isfinite(y[1]), dropped[:, i])
    finite = np.isfinite(y)
    np.testing.assert_allclose(y[finite], expected[finite], rtol=0, atol=32 * scalar.rounding(dtype))
    assert finite[[0, 2]].all()
    bad_dweight = dropconnect_gradient(dy, bad_x, weight, dropped, 0.5)[1]
    assert np.array_equal(bad_dweight[dropped], np.zeros(dropped.sum()))
    others = np.arange(IN) != i
    assert np.array_equal(bad_dweight[:, others], dweight[:, others])

    bad_dy = dy.copy()
    bad_dy[1, o] = value
    bad_dx = dropconnect_gradient(bad_dy, x, weight, dropped, 0.5)[0]
    assert np.array_equal(np.isfinite(bad_dx[1]), dropped[o])


@pytest.mark.parametrize(("n", "out", "count"), [(0, 7, 5), (3, 0, 5), (3, 7, 0)])
def test_empty(n, out, count):
    x, weight = np.ones((n, count), np.float32), np.ones((out, count), np.float32)
    y, dropped = dropconnect(x, weight, 0.5, seed=0)
    assert np.array_equal(y, np.zeros((n, out)))
    dx, dweight = dropconnect_gradient(y, x, weight, dropped, 0.5)
    assert (dx.shape, dweight.shape) == (x.shape, weight.shape)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(x=np.ones(5)), ValueError, r"x has shape \(5,\): must have the axes \(N, in\)"),
        (dict(weight=np.ones((5, 7))), ValueError, r"weight has shape \(5, 7\): must be \(5, 5\), as \(out, in\)"),
        (dict(weight=np.ones((7, 5), np.float32)), TypeError, "dtypes are x float64, weight float32: must be equal"),
        (dict(dy=np.ones((7, 3))), ValueError, r"dy has shape \(7, 3\): must be \(3, 7\)"),
        (dict(dy=np.ones((3, 7), np.float32)), TypeError, "dtypes are dy float32, x float64: must be equal"),
        (dict(dropped=np.zeros((5, 7), bool)), ValueError, r"dropped has shape \(5, 7\): must be \(7, 5\)"),
    ],
)
def test_refused(change, error, message):
    arrays = dict(dy=np.ones((3, 7)), x=np.ones((3, 5)), weight=np.ones((7, 5)), dropped=np.zeros((7, 5), bool))
    with pytest.raises(error, match=message):
        dropconnect_gradient(**{**arrays, **change}, ratio=0.5)
