"""What is promised at the ends of the range of numbers, of both engines, against the formula with 50 decimal digits."""

import tracemalloc
from decimal import Decimal

import numpy as np
import pytest

from workbench import local_response_norm, local_response_norm_gradient, local_response_norm_scale
from workbench.lrn import loops_wide
from workbench.parallel import thread_limit

from . import scalar

ENGINES = pytest.mark.parametrize("engine", ["reference", "numba"])
TOLERANCE = {np.float16: 2**-10, np.float32: 2e-6, np.float64: 4e-12}


def assert_near(found, truth, size, wider=1, lost=0.0):
    """Assert that the error is at most a fraction of `size`, or `wider` of the smallest numbers that the type has.

    `lost` is added to the fraction.
    """
    tolerance, step = TOLERANCE[found.dtype.type] + lost, float(np.finfo(found.dtype).smallest_subnormal)
    for value, true, whole in zip(found.ravel().tolist(), truth.ravel(), size.ravel(), strict=True):
        assert abs(Decimal(value) - true) <= Decimal(tolerance) * abs(whole) + wider * Decimal(step), (value, true)


# Of the gradient dx_1 = -slope * x_1 * (dy_0 * x_0 * scale_0^-1.75), a product is below the normal numbers, and dx_1 is
# a hundred times larger at least. In "x times a power" and "slope times x" dx_1 is even a normal number.
SMALL_PRODUCTS = {
    "a term": (np.float32, [1, 1e4, 0], [1e-30, 0, 0], {}),
    "a term that vanishes": (np.float32, [1, 1e5, 0], [1e-34, 0, 0], {}),
    "x times a power": (np.float32, [3e-44, 10, 0], [1e30, 0, 0], {}),
    "slope times x": (np.float32, [1e5, 1e-40, 0], [1e25, 0, 0], dict(alpha=1e-3)),
    "a tiny exponent": (np.float32, [1, 1, 0], [1e15, 0, 0], dict(beta=1e-42)),
    "half": (np.float16, [6e-8, 100, 0], [6e4, 0, 0], dict(alpha=1e-2)),
    "a term in float64": (np.float64, [1, 1e30, 0], [1e-220, 0, 0], {}),
    "x times a power in float64": (np.float64, [1e-322, 10, 0], [1e300, 0, 0], {}),
    "slope times x in float64": (np.float64, [1e5, 1e-315, 0], [1e200, 0, 0], dict(alpha=1e-3)),
}


@ENGINES
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
@pytest.mark.parametrize("case", SMALL_PRODUCTS)
def test_a_gradient_keeps_its_digits_when_a_product_has_none(case, order, engine):
    dtype, x, dy, changed = SMALL_PRODUCTS[case]
    arguments = {"size": 3, "alpha": 1.0, "beta": 0.75, "bias": 1.0, **changed, "order": order}
    x, dy = (np.array(each, dtype).reshape((1, 3, 1) if order == "NCHW" else (1, 1, 3)) for each in (x, dy))
    truth, size = scalar.decimally(scalar.gradient_and_size, dy, x, **arguments)
    assert_near(local_response_norm_gradient(dy, x, **arguments, engine=engine), truth, size)


@ENGINES
@pytest.mark.parametrize("beta", [0.5, 0.6, 0.75, 1.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_results_below_the_normal_numbers_are_off_by_the_smallest_number_at_most(dtype, beta, engine):
    tiny = float(np.finfo(dtype).tiny)
    x = np.array([[3 * tiny, -tiny, tiny / 7, 0, 0.4 * tiny, 200, 5 * tiny, -90 * tiny, 0, 2 * tiny]], dtype).T[None]
    arguments = dict(size=5, alpha=2.0, beta=beta, bias=1.3)
    y = scalar.decimally(scalar.normalized, x, **arguments)
    assert_near(local_response_norm(x, **arguments, engine=engine), y, y)
    scale = scalar.decimally(scalar.scale, x, **arguments)
    assert_near(local_response_norm_scale(x, **arguments, engine=engine), scale, scale)
    for dy in (x[:, ::-1].copy(), np.ones_like(x)):
        truth, size = scalar.decimally(scalar.gradient_and_size, dy, x, **arguments)
        assert_near(local_response_norm_gradient(dy, x, **arguments, engine=engine), truth, size)


@ENGINES
def test_a_result_just_below_the_largest_number_is_finite(engine):
    # scale^-8 is 0.85 * 2^560: x * 2^560 is beyond the largest number, and x * scale^-8 is not.
    bias, largest = 1.02 * 2.0**-70, float(np.finfo(np.float64).max)
    x = np.array([[0.99 * largest / 2.0**560 * 1.02**8]])
    y = scalar.decimally(scalar.normalized, x[..., None], size=1, alpha=0.0, beta=8.0, bias=bias)
    assert 0.9 < float(y.item()) / largest < 1
    found = local_response_norm(x, size=1, alpha=0.0, beta=8.0, bias=bias, engine=engine)
    assert_near(found, y, y, 1)


@ENGINES
@pytest.mark.parametrize("part", [1e-2, 1e-5, 1e-8, 1e-11])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_near_the_pole_as_many_digits_are_lost_as_the_difference_loses(dtype, part, engine):
    x, dy = np.random.default_rng(3).normal(size=(2, 4, 3, 1)).astype(dtype)
    for k in range(4):
        energy = float(np.sum(x[k].astype(np.float64) ** 2))
        arguments = dict(size=3, alpha=3 * (part - 1) / energy, beta=0.75, bias=1.0)
        base = scalar.decimally(scalar.scale, x[k : k + 1], **arguments)
        assert 0.99 * part < base.min() < 1.01 * part
        y = scalar.decimally(scalar.normalized, x[k : k + 1], **arguments)
        found = local_response_norm(x[k : k + 1], **arguments, engine=engine)
        assert_near(found, y, y, lost=2e-15 / part)
        truth, size = scalar.decimally(scalar.gradient_and_size, dy[k : k + 1], x[k : k + 1], **arguments)
        found = local_response_norm_gradient(dy[k : k + 1], x[k : k + 1], **arguments, engine=engine)
        assert_near(found, truth, size, lost=2e-15 / part)


def calls(x, dy, **arguments):
    return (
        local_response_norm(x, **arguments),
        local_response_norm_scale(x, **arguments),
        local_response_norm_gradient(dy, x, **arguments),
    )


@ENGINES
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bad", ["nan", "largest"])
@pytest.mark.parametrize(
    ("region", "shape", "place"),
    [("across", (2, 9, 4, 5), (1, 3, 2, 1)), ("within", (2, 3, 70, 11), (1, 2, 40, 5)), ("within", (2, 1, 9, 300), ())],
)
def test_an_odd_value_changes_its_windows_alone_to_the_bit(region, shape, place, bad, dtype, engine):
    rng = np.random.default_rng(4)
    x, dy = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
    arguments = dict(size=3, alpha=0.7, beta=0.75, bias=1.3, region=region, engine=engine)
    before = calls(x, dy, **arguments)
    place = place or (1, 0, 4, 256)
    x[place] = np.nan if bad == "nan" else np.finfo(dtype).max
    axes = (1,) if region == "across" else (2, 3)
    for found, calm, reach in zip(calls(x, dy, **arguments), before, (1, 1, 2), strict=True):
        near = np.ones(shape, bool)
        for axis, length in enumerate(shape):
            away = np.abs(np.arange(length) - place[axis]) > (reach if axis in axes else 0)
            near &= ~away.reshape([-1 if other == axis else 1 for other in range(4)])
        np.testing.assert_array_equal(found[~near], calm[~near])
        assert np.isnan(found[near]).all() == (bad == "nan")


@ENGINES
@pytest.mark.parametrize("region", ["across", "within"])
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
@pytest.mark.parametrize("beta", [0.0, 0.6, 0.75])
def test_not_a_number_reaches_all_windows_that_hold_it(beta, order, region, engine):
    x = np.zeros((1, 5, 4, 7) if order == "NCHW" else (1, 4, 7, 5), np.float32)
    x[0, 2, 3, 2] = np.nan
    y, scale, dx = calls(x, np.ones_like(x), size=3, alpha=1.0, beta=beta, order=order, region=region, engine=engine)
    axes = {("NCHW", "across"): (1,), ("NHWC", "across"): (3,), ("NCHW", "within"): (2, 3), ("NHWC", "within"): (1, 2)}
    for found, reach in ((y, 1), (scale, 1), (dx, 2)):
        near = np.ones(x.shape, bool)
        for axis, (length, middle) in enumerate(zip(x.shape, (0, 2, 3, 2), strict=True)):
            away = np.abs(np.arange(length) - middle) > (reach if axis in axes[order, region] else 0)
            near &= ~away.reshape([-1 if other == axis else 1 for other in range(4)])
        np.testing.assert_array_equal(np.isnan(found), near)


LAYOUTS = {  # chunks of lanes, bands of rows and several outer blocks: every axis is cut somewhere
    "planes": ((2, 70, 3, 99), "NCHW", "across"),
    "pixels": ((3, 5, 70, 9), "NHWC", "across"),
    "long rows": ((2, 2, 70, 210), "NCHW", "within"),
    "small images": ((3, 50, 7, 6), "NCHW", "within"),
    "rows of pixels": ((2, 35, 6, 30), "NHWC", "within"),
}


@pytest.mark.parametrize("size", [1, 5, 9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_of_every_magnitude_in_every_layout(layout, dtype, size):
    shape, order, region = LAYOUTS[layout]
    rng, widest = np.random.default_rng(size), 30 if dtype == np.float32 else 250
    x, dy = (rng.normal(size=shape) * 10.0 ** rng.uniform(-widest, widest, shape) for _ in range(2))
    beta = 0.6 if dtype == np.float32 else 0.75  # each power is compiled for each type, which takes seconds
    arguments = dict(size=size, alpha=0.7, beta=beta, bias=1e-20, order=order, region=region)
    fast, meant = (calls(x.astype(dtype), dy.astype(dtype), **arguments, engine=e) for e in ("numba", "reference"))
    forward = 1e-6 if dtype == np.float32 else 1e-11
    tiny = float(np.finfo(dtype).smallest_subnormal)
    for found, expected in zip(fast[:2], meant[:2], strict=True):
        np.testing.assert_allclose(found, expected, rtol=forward, atol=tiny)
    # A gradient's error is a fraction of the values added up: at most 1 of them is lost in a difference of both signs.
    close = np.abs(fast[2] - meant[2]) <= 1e-3 * np.abs(meant[2]) + tiny
    close |= np.isinf(fast[2]) & np.isinf(meant[2])
    assert close.mean() > 0.999


def blocks_computed_again(monkeypatch, x, dy, **arguments):
    """Return the blocks that are computed again, of y and of dx, and how many there are."""
    counts = []
    for name in ("forward", "gradient"):
        loop = getattr(loops_wide, name)

        def counted(*given, loop=loop):
            view = next(each for each in given if isinstance(each, loops_wide.View))
            safe, _, start, stop = given[-4:]
            counts.append((len(list(loops_wide._blocks(start, stop, view, 0, safe))), stop - start))
            return loop(*given)

        monkeypatch.setattr(loops_wide, name, counted)
    local_response_norm(x, **arguments)
    local_response_norm_gradient(dy, x, **arguments)
    return counts


@pytest.mark.parametrize(("region", "size"), [("across", 5), ("within", 31)])
def test_one_odd_value_is_computed_again_where_it_is_with_little_memory(region, size, monkeypatch):
    x = np.random.default_rng(0).normal(size=(1, 2, 300, 256)).astype(np.float32)
    x[0, 1, 150, 7] = np.nan
    with thread_limit(1):  # one call of a loop does all blocks
        found = blocks_computed_again(monkeypatch, x, x, size=size, region=region)
    # Across: the tile of 16384 of 76800 pixels, of 4096 in the gradient. Within: of ten bands those in reach.
    assert [again / blocks < 0.4 for again, blocks in found] == [True, True]
    monkeypatch.undo()
    tracemalloc.start()
    with thread_limit(1):
        local_response_norm_gradient(x, x, size=size, region=region)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The result, and in within some 13 arrays of float64 with at most 32 + 4 * 15 rows of 256 + 2 * 15 elements.
    assert peak < x.nbytes + 13 * 92 * 286 * 8
