"""Windows that cross borders between blocks: nothing is lost there, and only the array's own borders clip."""

import dask.array as da
import numpy as np
import pytest

import workbench
from tests.covers import every_triple
from workbench import cluster

from .common import ENGINES, cut, cut_axes, rng

FUNCTIONS = ["local_response_norm", "local_response_norm_scale", "local_response_norm_gradient"]
EVERY = pytest.mark.parametrize("function", FUNCTIONS)
STRONG = {"alpha": 0.7, "bias": 0.5}  # so that each neighbour counts

# Every axis of another length; the axes that the window runs over.
LAYOUTS = {
    "NCHW across": ((3, 11, 4, 5), "NCHW", "across", (1,)),
    "NHWC across": ((3, 4, 5, 11), "NHWC", "across", (3,)),
    "NC": ((7, 11), "NC", "across", (1,)),
    "NCW": ((3, 11, 7), "NCW", "across", (1,)),
    "NWC": ((3, 7, 11), "NWC", "across", (2,)),
    "NCDHW": ((2, 11, 3, 4, 5), "NCDHW", "across", (1,)),
    "NDHWC": ((2, 3, 4, 5, 11), "NDHWC", "across", (4,)),
    "NCHW within": ((2, 3, 11, 9), "NCHW", "within", (2, 3)),
    "NHWC within": ((2, 11, 9, 3), "NHWC", "within", (1, 2)),
}


def arrays(function, shape, dtype=np.float32, seed=0):
    random = rng(seed)
    count = 2 if function.endswith("gradient") else 1
    return [random.normal(scale=2, size=shape).astype(dtype) for _ in range(count)]


def assert_same(result, expected):
    """Assert that results agree to the last bits; where a sum cancels, to the last bits of its largest terms."""
    eps = np.finfo(expected.dtype).eps
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=4 * eps, atol=4 * eps * largest)


def compare(function, inputs, chunked, **arguments):
    expected = getattr(workbench, function)(*inputs, **arguments)
    result = getattr(cluster, function)(*chunked, **arguments)
    assert_same(result.compute(), expected)
    return result


@every_triple(
    chunk=["ones", "uneven"],
    size=[1, 3, 5, 9, 21, 31],
    layout=["NCHW across", "NHWC across", "NC", "NCHW within", "NHWC within"],
    function=FUNCTIONS,
)
def test_windows_across_borders(chunk, size, layout, function):
    shape, order, region, axes = LAYOUTS[layout]
    inputs = arrays(function, shape)
    names = [chunk if axis in axes else "whole" for axis in range(len(shape))]
    compare(function, inputs, [cut_axes(x, *names) for x in inputs], size=size, order=order, region=region, **STRONG)


@EVERY
@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("chunk", ["uneven", "long and short"])
def test_all_axes_cut_at_once(chunk, layout, function):
    shape, order, region, _ = LAYOUTS[layout]
    inputs = arrays(function, shape)
    compare(function, inputs, [cut(x, chunk) for x in inputs], order=order, region=region, **STRONG)


@EVERY
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("beta", "dtype"),  # each power compiles a loop for each type, which has its own tests
    [(0.6, "float16"), (0.6, "float32"), (0.6, "float64"), (1.0, "float16"), (0.75, "float32"), (0.5, "float64")],
)
def test_types_engines_and_powers(beta, dtype, engine, function):
    inputs = arrays(function, (2, 11, 6, 5), dtype)
    compare(function, inputs, [cut(x, "uneven") for x in inputs], beta=beta, engine=engine, **STRONG)


@pytest.mark.parametrize("region", ["across", "within"])
def test_a_gradient_and_its_input_may_be_cut_differently(region):
    dy, x = inputs = arrays("local_response_norm_gradient", (3, 11, 9, 4))
    for one, other in [("ones", "uneven"), ("whole", "with empty chunks"), ("long and short", "ones")]:
        chunked = [cut_axes(dy, "uneven", one, other, "whole"), cut_axes(x, "whole", other, one, "uneven")]
        compare("local_response_norm_gradient", inputs, chunked, region=region, **STRONG)


def test_one_element_far_away_is_seen_as_far_as_the_windows_reach():
    """With 0.5 + 3/3 x^2 the base, a 2 changes its neighbours' scale by 4; a gradient goes one window further."""
    x = np.zeros((1, 12), np.float64)
    x[0, 5] = 2
    scale = cluster.local_response_norm_scale(da.from_array(x, chunks=(1, 2)), size=3, alpha=3.0, bias=0.5).compute()
    assert scale.tolist() == [[0.5] * 4 + [4.5] * 3 + [0.5] * 5]
    x = np.full((1, 12), 1.0)
    changed = x.copy()
    changed[0, 5] = 2
    dx = [
        cluster.local_response_norm_gradient(np.ones((1, 12)), da.from_array(each, chunks=(1, 2)), size=3, alpha=3.0)
        for each in (x, changed)
    ]
    assert np.flatnonzero((dx[0] != dx[1]).compute()).tolist() == [3, 4, 5, 6, 7]


def test_a_halo_does_not_merge_more_chunks_than_it_must():
    x = cut_axes(np.ones((4, 24, 3), np.float32), "ones", "ones", "whole")
    for size, longest in [(1, 1), (3, 1), (5, 3), (9, 7)]:
        y = cluster.local_response_norm(x, size=size)
        assert max(y.chunks[1]) <= longest
        assert y.chunks[::2] == x.chunks[::2]
    x = da.ones((4, 24, 3), chunks=(2, 6, 2))
    assert cluster.local_response_norm(x, size=13).chunks == x.chunks
    assert cluster.local_response_norm_gradient(x, x, size=7).chunks == x.chunks


@every_triple(
    chunk=["ones", "uneven"],
    layout=["NCHW across", "NHWC across", "NCHW within"],
    size=[3, 5, 31],
    engine=ENGINES,
    function=FUNCTIONS,
)
def test_without_bias_only_whole_windows_must_have_energy(chunk, layout, size, engine, function):
    """Every third channel or pixel is not zero: each whole window holds one; one that a block cuts may hold none."""
    shape, order, region, axes = LAYOUTS[layout]
    inputs = arrays(function, shape)
    for axis in axes:
        places = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        inputs[-1][...] = np.where(places % 3 == 1, inputs[-1], 0)
    arguments = {"size": size, "order": order, "region": region, "alpha": 0.7, "bias": 0.0, "engine": engine}
    names = [chunk if axis in axes else "whole" for axis in range(len(shape))]
    compare(function, inputs, [cut_axes(x, *names) for x in inputs], **arguments)


@EVERY
@pytest.mark.parametrize(("alpha", "bias"), [(0.7, 0.0), (-0.5, 1.0), (0.0, 0.0)])
def test_a_base_that_is_not_positive_is_an_error_of_the_computation(alpha, bias, function):
    inputs = arrays(function, (2, 9, 4))
    inputs[-1][1, 2:8] = 0 if alpha >= 0 else 3
    result = getattr(cluster, function)(
        *(cut_axes(x, "ones", "uneven", "whole") for x in inputs), alpha=alpha, bias=bias
    )
    problem = "use a bias above 0" if bias == 0 else "it stays positive for alpha above"
    with pytest.raises(ValueError, match=problem):
        result.compute()
    with pytest.raises(ValueError, match=problem):
        getattr(workbench, function)(*inputs, alpha=alpha, bias=bias)


@EVERY
def test_large_and_small_numbers_and_none(function):
    inputs = arrays(function, (2, 11, 6))
    x = inputs[-1]
    x[0, 3:5] = [[1e30], [1e-30]]
    x[1, 6, 2], x[1, 7, 4] = np.inf, np.nan
    compare(function, inputs, [cut(x, "uneven") for x in inputs], **STRONG)


def test_a_gradient_and_an_input_that_do_not_go_together():
    dy, x = (cut(x, "uneven") for x in arrays("local_response_norm_gradient", (2, 11, 6)))
    with pytest.raises(ValueError, match=r"dy has shape \(2, 11, 5\) and x has shape \(2, 11, 6\): must be equal"):
        cluster.local_response_norm_gradient(dy[..., 1:], x)
    with pytest.raises(TypeError, match="dy has dtype float64 and x has dtype float32: must be equal"):
        cluster.local_response_norm_gradient(dy.astype(float), x)
