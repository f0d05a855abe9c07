"""The compiled loops against the NumPy reference: every layout, and every length at which a loop changes its branch."""

import numba
import numpy as np
import pytest

from workbench import local_response_norm, local_response_norm_gradient, local_response_norm_scale
from workbench.compiling import compiler
from workbench.lrn import conventions, half, kernels, loops_common, loops_within
from workbench.lrn.window import SHORT_ROW, Window
from workbench.parallel import thread_limit

from . import scalar
from .counted import accesses

# Relative error of the forward pass, and error of the gradient as a fraction of its largest element. A float16 comes
# from a rounded float32, which can turn it to the other neighbour: one unit in the last place.
TOLERANCE = {np.float16: (2**-10, 2**-10), np.float32: (1e-6, 2e-6), np.float64: (1e-14, 1e-14)}
SIGNED_TINY = 2.0**-24  # the smallest float16: a fraction of it is lost below the normal range
PAPER = dict(size=5, alpha=0.7, beta=0.75, bias=1.3)


def both_signs(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(scale=3, size=shape).astype(dtype)


def compare(x, dy, scale=False, **arguments):
    """Assert that both engines give the same y and dx, and the same scale where asked for."""
    forward, backward = TOLERANCE[x.dtype.newbyteorder("=").type]
    functions = [local_response_norm, local_response_norm_scale] if scale else [local_response_norm]
    before = x.copy(), dy.copy()
    for function in functions:
        fast, meant = (function(x, **arguments, engine=engine) for engine in ("numba", "reference"))
        assert fast.dtype == meant.dtype == x.dtype.newbyteorder("=")
        assert fast.shape == meant.shape == x.shape
        assert not np.shares_memory(fast, x)
        np.testing.assert_allclose(
            fast.astype(float), meant.astype(float), rtol=forward, atol=SIGNED_TINY if x.itemsize == 2 else 0
        )
    fast, meant = (local_response_norm_gradient(dy, x, **arguments, engine=e) for e in ("numba", "reference"))
    assert fast.dtype == meant.dtype == x.dtype.newbyteorder("=")
    assert fast.shape == x.shape
    largest = np.abs(meant.astype(float)).max(initial=0)
    np.testing.assert_allclose(fast.astype(float), meant.astype(float), rtol=0, atol=backward * largest)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(dy, before[1])


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 11, 13, 15, 101])
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_sizes(order, size):
    for channels in (1, 2, 3, 4, 5, 6, 12):
        shape = (2, channels, 70) if order == "NCHW" else (2, 70, channels)
        compare(both_signs(shape), both_signs(shape, seed=1), **{**PAPER, "size": size}, order=order)


@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("pixels", [1, 2, 15, 63, 64, 65, 127, 255, 256, 257, 300, 511, 513, 1031])
def test_widths_around_the_blocks(pixels, size):
    shape = (2, 9, pixels)
    compare(both_signs(shape), both_signs(shape, seed=1), scale=True, **{**PAPER, "size": size})


@pytest.mark.parametrize("size", [13, 15, 17, 27])
def test_windows_of_several_passes(size):
    # Across rows, four windows share most terms, and at the ends of the channels any number is left for each. Along a
    # row, sums of three, four and five terms are summed; 13 and 17 terms leave one over, 27 leave two.
    compare(both_signs((2, 40, 259)), both_signs((2, 40, 259), seed=1), **{**PAPER, "size": size})
    compare(both_signs((7, 40)), both_signs((7, 40), seed=1), **{**PAPER, "size": size})


@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("pixels", [8191, 8192, 8193, 16384, 16385, 20011])
def test_planes_in_several_tiles(pixels, size):
    shape = (2, 3, pixels) if size == 3 else (2, 7, pixels)
    compare(both_signs(shape), both_signs(shape, seed=1), **{**PAPER, "size": size})


@pytest.mark.parametrize("pixels", [1100, 4096, 8200], ids=["chunks of 15 rows", "chunks of 4 rows", "two tiles"])
@pytest.mark.parametrize("size", [3, 5, 9])
def test_channels_around_the_chunks_of_the_gradient(size, pixels):
    for channels in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 16, 17, 28, 29, 31, 33, 40)[:: 1 if size == 5 else 3]:
        shape = (1, channels, pixels)
        compare(both_signs(shape), both_signs(shape, seed=1), **{**PAPER, "size": size})


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7, 16, 24, 257])
def test_pixels_in_several_tiles(channels, size):
    pixels = 3 * 8192 // channels + 11
    compare(both_signs((pixels, channels)), both_signs((pixels, channels), seed=1), **{**PAPER, "size": size})


def test_the_middle_one_of_three_tiles_has_masks(monkeypatch):
    # Not compiled: a compiled loop reads beyond masks that it does not have, and what it reads may be computed again.
    _, (x, y) = accesses(monkeypatch, "forward", (11, 7), 5, order="NHWC", jobs=(0, 3), _0=4)  # tiles of four pixels
    np.testing.assert_allclose(y, local_response_norm(x, **PAPER, order="NHWC", engine="reference"), rtol=1e-6)


@pytest.mark.parametrize("size", [1, 3, 5, 11])
@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 300), (5, 64), (31, 2), (32, 7), (33, 257), (64, 3), (70, 5)], ids=str
)
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_within_a_channel_around_the_bands(order, height, width, size):
    shape = (2, 3, height, width) if order == "NCHW" else (2, height, width, 3)
    x, dy = both_signs(shape), both_signs(shape, seed=1)
    compare(x, dy, scale=size == 5, **{**PAPER, "size": size}, order=order, region="within")


def of_width(order, height, row):
    """Return a shape whose rows have `row` elements; in NHWC a row holds three channels."""
    return (2, 2, height, row) if order == "NCHW" else (2, height, row // 3, 3)


@pytest.mark.parametrize("size", [1, 3, 5, 9, 151])
@pytest.mark.parametrize(("height", "row"), [(70, 6), (70, 189), (70, 192), (70, 195), (97, 3), (20, 90)], ids=str)
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_within_a_channel_on_both_sides_of_a_short_row(dtype, order, height, row, size):
    shape = of_width(order, height, row)  # in bands of 32 rows; a window of 151 sees the whole image
    axes = (2, 3) if order == "NCHW" else (1, 2)
    plan = kernels._plan(shape, Window(size // 2, size // 2, 1.0, 1.0, 0.75, 1.0, "within"), axes, "forward")
    assert plan.loop is (loops_within.small_forward if row < SHORT_ROW else loops_within.forward)
    assert plan.jobs == (2 if order == "NHWC" else 4) * -(-height // 32)
    x, dy = both_signs(shape, dtype), both_signs(shape, dtype, seed=1)
    compare(x, dy, scale=True, **{**PAPER, "size": size}, order=order, region="within")


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize(("order", "shape"), [("NCHW", (1, 2, 67, 3)), ("NHWC", (1, 67, 3, 2))])
def test_several_bands_against_one_element_at_a_time(order, shape, size):
    x, dy = both_signs(shape, np.float64), both_signs(shape, np.float64, seed=1)
    arguments = {**PAPER, "size": size, "order": order, "region": "within"}
    y, dx = local_response_norm(x, **arguments), local_response_norm_gradient(dy, x, **arguments)
    np.testing.assert_allclose(y, scalar.normalized(x, **arguments), rtol=1e-13)
    np.testing.assert_allclose(dx, scalar.gradient(dy, x, **arguments), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (0, 3), (3, 0), (40, 2), (2, 40)])
@pytest.mark.parametrize(("height", "row"), [(70, 6), (70, 189), (70, 195), (5, 90), (33, 240)], ids=str)
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_lopsided_windows_within_a_channel(order, height, row, before, after):
    # No framework has these, but an even window would be one; above and below must not be confused.
    shape, window = of_width(order, height, row), Window(before, after, 0.7, 9.0, 0.75, 1.3, "within")
    x, dy = both_signs(shape, np.float64), both_signs(shape, np.float64, seed=1)
    for function, arrays in (
        (conventions.local_response_norm, (x,)),
        (conventions.local_response_norm_scale, (x,)),
        (conventions.local_response_norm_gradient, (dy, x)),
    ):
        fast, meant = (function(*arrays, window, order=order, engine=engine) for engine in ("numba", "reference"))
        np.testing.assert_allclose(fast, meant, rtol=1e-13, atol=1e-13 * np.abs(meant).max())


def test_a_lopsided_window_by_hand():
    # One row above, none below; one column to the left, none to the right. Ones and a 3, whose square is 9.
    x = np.ones((1, 1, 3, 2))
    x[0, 0, 1, 0] = 3
    window = Window(1, 0, 2.0, 4.0, 1.0, 0.5, "within")
    sums = [[1, 2], [1 + 9, 2 + 9 + 1], [9 + 1, 9 + 1 + 2]]
    for engine in ("reference", "numba"):
        scale = conventions.local_response_norm_scale(x, window, engine=engine)
        np.testing.assert_array_equal(scale[0, 0], 0.5 + 0.5 * np.array(sums))


@pytest.mark.parametrize("window", [Window(1, 2, 0.3, 4.0, 0.6, 1.5, "within"), conventions.onnx(4, 0.3, 0.6, 1.5)])
def test_the_gradient_of_a_lopsided_window_is_the_derivative(window):
    x, dy = np.random.default_rng(3).standard_normal((2, 1, 7, 5, 4))
    dx, step = conventions.local_response_norm_gradient(dy, x, window), 1e-6
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        rise = conventions.local_response_norm(up, window) - conventions.local_response_norm(down, window)
        assert dx[index] == pytest.approx((dy * rise).sum() / (2 * step), rel=1e-7, abs=1e-8)


def test_memory_that_is_shared_or_unaligned():
    a, b = both_signs((2, 7, 4, 9)), both_signs((2, 7, 4, 9), seed=1)
    for arranged in (
        lambda x: np.broadcast_to(x[:, :, :1], x.shape),
        lambda x: np.frombuffer(b"x" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    ):
        compare(arranged(a), arranged(b), **PAPER)


@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_conversion_in_several_blocks(order):
    # Over 2^20 elements, float16 is converted a block at a time: here three blocks along either long axis.
    shape = (5, 3, 150_001) if order == "NCHW" else (5, 150_001, 3)
    x, dy = both_signs(shape, np.float16), both_signs(shape, np.float16, seed=1)
    compare(x, dy, **PAPER, order=order)


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        pytest.param((2, 3, 40_000), {"size": 3}, id="planes in tiles"),
        pytest.param((2, 3, 70, 200), {"region": "within"}, id="image of long rows"),
    ],
)
def test_one_thread_and_several_agree_to_the_bit(shape, arguments):
    x, dy = both_signs(shape), both_signs(shape, seed=1)
    compare(x, dy, **{**PAPER, **arguments})
    results = []
    for threads in (1, 2, 5):
        with thread_limit(threads):
            y = local_response_norm(x, **{**PAPER, **arguments})
            results.append(y.tobytes() + local_response_norm_gradient(dy, x, **{**PAPER, **arguments}).tobytes())
    assert results == results[:1] * 3


@pytest.mark.parametrize("beta", [0.1, 0.25, 0.5, 0.6, 0.75, 0.9, 1, 1.25, 1.5, 2, 5, 10, 30, 1000])
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_float32_is_accurate_at_every_exponent(order, beta):
    x = both_signs((3, 11, 500))
    # The base varies from 1 to about 1 + 1 / beta where beta is large, so that y stays within float32.
    arguments = dict(size=5, alpha=1 / max(1, 5 * beta), beta=beta, bias=1.0, order=order)
    y = local_response_norm(x, **arguments)
    truth = local_response_norm(x.astype(np.float64), **arguments, engine="reference")
    np.testing.assert_allclose(y, truth, rtol=1e-6)


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.6, 0.75, 1, 2])
def test_float32_is_accurate_where_it_excites(beta):
    x = np.random.default_rng(0).uniform(-1, 1, size=(3, 11, 500)).astype(np.float32)
    compare(x, x[::-1], size=5, alpha=-0.5, beta=beta, bias=1.0)  # a base from 0.5 to 1


@pytest.mark.parametrize("engine", ["reference", "numba"])
@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize(("order", "region"), [("NCHW", "across"), ("NHWC", "across"), ("NCHW", "within")])
def test_a_spike_leaves_the_others_exact(order, region, size, engine):
    # The gradient sees windows of windows. Beyond them nothing depends on the spike, which no running sum may remember.
    x = np.random.default_rng(0).uniform(0.5, 2, size=(2, 40, 17, 5)).astype(np.float32)
    axis = 3 if order == "NHWC" else 1 if region == "across" else 2
    x = np.moveaxis(x, 2, axis).copy()
    calm, spiked = x.astype(np.float64), np.moveaxis(x, axis, 0)
    spiked[8], np.moveaxis(calm, axis, 0)[8] = 1e6, 0
    arguments = dict(size=size, alpha=0.7, beta=0.75, bias=1.0, order=order, region=region)
    for function, windows in (
        (local_response_norm, 1),
        (local_response_norm_scale, 1),
        (lambda x, **options: local_response_norm_gradient(np.ones_like(x), x, **options), 2),
    ):
        found, expected = function(x, **arguments, engine=engine), function(calm, **arguments, engine="reference")
        outside = np.abs(np.arange(17) - 8) > windows * (size // 2)
        found, expected = (np.moveaxis(each, axis, 0)[outside] for each in (found, expected))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 if windows == 2 else 0)


@pytest.mark.parametrize("engine", ["reference", "numba"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_what_is_not_finite_stays_in_its_windows(order, bad, engine):
    x = both_signs((2, 9, 6))
    x[1, 4, 2] = bad
    arguments = dict(size=3, alpha=0.7, beta=0.6, bias=1.3, order=order)
    y = local_response_norm(x, **arguments, engine=engine)
    touched = np.zeros(x.shape, bool)
    touched[(1, slice(3, 6), 2) if order == "NCHW" else (1, 4, slice(1, 4))] = True
    clean = np.where(np.isfinite(x), x, 0)
    expected = local_response_norm(clean, **arguments, engine="reference")
    np.testing.assert_allclose(y[~touched], expected[~touched], rtol=1e-6)
    beside = touched & np.isfinite(x)
    assert np.all(np.isnan(y[touched])) if np.isnan(bad) else np.all(y[beside] == 0)


@numba.njit  # without the cache on disk, which does not know that these need `half`
def widen_by_integers(halves, values):
    for i in range(halves.size):
        values[i] = half.from_half(halves[i])


@numba.njit
def narrow_by_integers(values, halves):
    for i in range(values.size):
        halves[i] = half.to_half(values[i])


@pytest.mark.parametrize(
    ("widen", "narrow"),
    [(half.widen, half.narrow), (widen_by_integers, narrow_by_integers)],
    ids=["this processor", "integers"],
)
def test_float16_is_converted_as_numpy_does(widen, narrow):
    halves = np.arange(2**16, dtype=np.uint16)
    values = np.empty(2**16, np.float32)
    widen(halves, values)
    np.testing.assert_array_equal(values, halves.view(np.float16).astype(np.float32))
    # Numbers between neighbours: on a tie, beside it, and beyond the largest and below the smallest float16.
    steps = np.array([0, 1, 0xFFF, 0x1000, 0x1001], np.uint32)
    between = np.concatenate([(values.view(np.uint32) + step).view(np.float32) for step in steps])
    between = np.concatenate([between, np.arange(4096, dtype=np.float32) * np.float32(2.0**-26)])
    rounded = np.empty(between.size, np.uint16)
    narrow(between, rounded)
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_array_equal(rounded.view(np.float16), between.astype(np.float16))


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.75), (1e30, 0.1)], ids=["at once", "in blocks"])
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_float16_is_computed_in_float32_and_rounded_once(order, alpha, beta):
    x, dy = (both_signs((2, 7, 5, 6), np.float16, seed=seed) for seed in (0, 1))
    x[1, 3, 2, 4] = 65504  # with the larger alpha, its square is beyond plain arithmetic, which the result is not
    arguments = dict(size=5, alpha=alpha, beta=beta, order=order)
    wide = [each.astype(np.float32) for each in (dy, x)]
    y, dx = local_response_norm(x, **arguments), local_response_norm_gradient(dy, x, **arguments)
    np.testing.assert_array_equal(y, local_response_norm(wide[1], **arguments).astype(np.float16))
    np.testing.assert_array_equal(dx, local_response_norm_gradient(*wide, **arguments).astype(np.float16))


@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
@pytest.mark.parametrize("region", ["across", "within"])
@pytest.mark.parametrize("axes", [(3, 2, 1, 0), (0, 2, 3, 1), (0, 3, 1, 2), (2, 1, 3, 0), (1, 0, 2, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_axes_in_every_order_in_memory(dtype, axes, region, order):
    x, dy = (both_signs((2, 7, 5, 6), dtype, seed=seed) for seed in (0, 1))
    turned = [np.ascontiguousarray(each.transpose(axes)).transpose(np.argsort(axes)) for each in (x, dy)]
    assert turned[0].strides != x.strides
    compare(*turned, scale=True, **PAPER, order=order, region=region)
    compare(turned[0], dy, **PAPER, order=order, region=region)


def test_each_method_of_computing_a_power_is_compiled_without_the_others():
    divide = compiler()(loops_common._divide_by_power.py_func)
    x, s = np.float32(3), np.float32(16)
    for power, expected in (
        (loops_common.THREE_QUARTERS, 3 / 8),
        (loops_common.SQUARE_ROOT, 3 / 4),
        (loops_common.RECIPROCAL, 3 / 16),
        (loops_common.SCALE_ITSELF, 16),
    ):
        assert divide(x, s, power, ()) == expected  # the method for any exponent would not compile without its scalars
