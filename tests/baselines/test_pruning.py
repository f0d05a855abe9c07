"""Pruning against sorting in plain Python, one weight at a time; the schedule against values worked out by hand."""

import math

import numpy as np
import pytest

from workbench.baselines.pruning import gradual_sparsity, prune_global, prune_layers, prune_rows

SPARSITIES = pytest.mark.parametrize("sparsity", [0, 0.1, 0.29, 0.5, 0.83, 1])
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def some(shape, seed=0, dtype=np.float64):
    """Return weights of both signs, many of equal size, some of them zero."""
    values = np.random.default_rng(seed).integers(-4, 5, shape)
    return (values / 4).astype(dtype)


def removed_by_hand(sizes, sparsity):
    """Return which of a list of sizes go: sorted by size, then by place."""
    order = sorted(range(len(sizes)), key=lambda i: (sizes[i], i))
    return set(order[: round(sparsity * len(sizes))])


def pruned_by_hand(w, gone):
    return [0.0 if i in gone else value for i, value in enumerate(w.ravel().tolist())]


@SPARSITIES
@TYPES
def test_global(sparsity, dtype):
    layers = {"first": some((3, 5), 1, dtype), "second": some((7, 2, 4), 2, dtype), "bias": some(11, 3, dtype)}
    flat = np.concatenate([w.ravel() for w in layers.values()])
    gone = removed_by_hand([abs(value) for value in flat.tolist()], sparsity)
    masks = prune_global(layers, sparsity)
    assert list(masks) == list(layers)
    assert all(masks[name].shape == layers[name].shape and masks[name].dtype == bool for name in layers)
    assert np.concatenate([w.ravel() for w in layers.values()]).tolist() == pruned_by_hand(flat, gone)
    assert np.concatenate([mask.ravel() for mask in masks.values()]).tolist() == [
        i not in gone for i in range(flat.size)
    ]
    assert all(w.dtype == dtype for w in layers.values())


@SPARSITIES
@TYPES
def test_layers(sparsity, dtype):
    layers = [some((3, 5), 1, dtype), some((7, 2, 4), 2, dtype), some(11, 3, dtype)]
    gone = [removed_by_hand([abs(value) for value in w.ravel().tolist()], sparsity) for w in layers]
    expected = [pruned_by_hand(w, away) for w, away in zip(layers, gone, strict=True)]
    masks = prune_layers(layers, sparsity)
    assert isinstance(masks, list)
    for w, mask, away, values in zip(layers, masks, gone, expected, strict=True):
        assert w.ravel().tolist() == values
        assert mask.shape == w.shape
        assert mask.ravel().tolist() == [i not in away for i in range(w.size)]


def test_global_differs_from_layers():
    small, large = [0.1, -0.2, 0.3, -0.4], [1.0, -2.0, 3.0, -4.0]
    layers = [np.array(small), np.array(large)]
    prune_global(layers, 0.5)
    assert [w.tolist() for w in layers] == [[0, 0, 0, 0], large]
    layers = [np.array(small), np.array(large)]
    prune_layers(layers, 0.5)
    assert [w.tolist() for w in layers] == [[0, 0, 0.3, -0.4], [0, 0, 3, -4]]


def test_types_may_differ():
    # In float32 both would be 0.1.
    layers = {"wide": np.array([0.1]), "narrow": np.array([0.1], np.float32)}
    assert layers["narrow"].item() > layers["wide"].item()
    prune_global(layers, 0.5)
    assert (layers["wide"].item(), layers["narrow"].item()) == (0, np.float32(0.1))


@pytest.mark.parametrize(("sparsity", "expected"), [(0.2, [0, -2, 2, -2, 2]), (0.4, [0, 0, 2, -2, 2])])
def test_of_equal_ones_the_first_go(sparsity, expected):
    for function in (prune_global, prune_layers):
        w = np.array([-2.0, -2, 2, -2, 2])
        mask = function([w], sparsity)[0]
        assert w.tolist() == expected
        assert mask.tolist() == [value != 0 for value in expected]


def test_of_equal_ones_the_first_layer_goes():
    layers = {"z": np.array([1.0, -1]), "a": np.array([1.0, -1, 1])}
    prune_global(layers, 0.6)
    assert [w.tolist() for w in layers.values()] == [[0, 0], [0, -1, 1]]


@pytest.mark.parametrize("function", [prune_global, prune_layers])
def test_order_is_that_of_c_whatever_the_layout(function):
    w = np.asfortranarray([[1.0, 5, 1], [1, 4, 1]])
    mask = function([w], 0.5)[0]
    assert w.tolist() == [[0, 5, 0], [0, 4, 1]]
    assert mask.tolist() == [[False, True, False], [False, True, True]]


def test_a_part_of_an_array():
    base = np.arange(1.0, 13).reshape(3, 4)
    prune_global([base[:, ::2]], 0.5)
    assert base.tolist() == [[0, 2, 0, 4], [0, 6, 7, 8], [9, 10, 11, 12]]
    prune_rows(base[::2, 1:], 0.5)
    assert base.tolist() == [[0, 0, 0, 0], [0, 6, 7, 8], [9, 10, 11, 12]]


def test_all_zero():
    for function in (prune_global, prune_layers):
        w = np.zeros((2, 3))
        assert function([w], 0.5)[0].tolist() == [[False, False, False], [True, True, True]]
        assert not w.any()


def test_again_changes_nothing():
    w = some((9, 5))
    first = prune_global([w], 0.6)[0]
    before = w.copy()
    second = prune_global([w], 0.6)[0]
    assert np.array_equal(w, before)
    assert np.array_equal(first[w != 0], second[w != 0])


def test_infinities_are_the_largest_and_are_set_not_multiplied():
    w = np.array([math.inf, 1e300, -math.inf, -2.0])
    prune_global([w], 0.5)
    assert w.tolist() == [math.inf, 0, -math.inf, 0]
    prune_global([w], 1)
    assert w.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("count", "sparsity", "removed"),
    [(100, 0.29, 29), (5, 0.5, 2), (7, 0.5, 4), (3, 0.16, 0), (3, 0.17, 1), (1000, 0.9995, 1000), (1000, 0.9994, 999)],
)
def test_how_many(count, sparsity, removed):
    w = np.linspace(1, 2, count)
    assert np.count_nonzero(~prune_global([w], sparsity)[0]) == removed
    assert np.count_nonzero(w == 0) == removed


@pytest.mark.parametrize("function", [prune_global, prune_layers])
def test_nothing_and_a_single_number(function):
    assert function([], 0.5) == []
    assert function({}, 0.5) == {}
    w = np.array(-3.0)
    assert function([w], 0.5)[0].tolist() is True
    assert function((w,), 1)[0].tolist() is False
    assert w == 0


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty(shape):
    for function in (prune_global, prune_layers):
        assert [mask.shape for mask in function([np.zeros(shape), np.ones(2)], 1)] == [shape, (2,)]
    assert prune_rows(np.zeros(shape), 1).tolist() == [False] * shape[0]


@SPARSITIES
@TYPES
@pytest.mark.parametrize("p", [1, 1.5, 2, 3, math.inf])
def test_rows(sparsity, dtype, p):
    rng = np.random.default_rng(5)
    w = rng.normal(size=(11, 3, 2)).astype(dtype) * rng.choice([1e-3, 1, 1e3], (11, 1, 1)).astype(dtype)
    given = w.copy()
    norms = []
    for row in given.reshape(11, 6).tolist():
        sizes = [abs(value) for value in row]
        norms.append(max(sizes) if p == math.inf else sum(size**p for size in sizes) ** (1 / p))
    gone = removed_by_hand(norms, sparsity)
    mask = prune_rows(w, sparsity, p)
    assert mask.tolist() == [row not in gone for row in range(11)]
    for row in range(11):
        assert np.array_equal(w[row], np.zeros((3, 2)) if row in gone else given[row])


def test_the_norm_decides():
    rows = [[3.0, 3.0, 0.0], [4.0, 0.0, -0.5], [-2.0, 2.0, -2.5]]  # sums 6, 4.5, 6.5; squares 18, 16.25, 14.25
    for p, gone in ((1, 1), (2, 2), (math.inf, 2)):
        w = np.array(rows)
        assert prune_rows(w, 1 / 3, p).tolist() == [row != gone for row in range(3)]
    w = np.array(rows)
    prune_rows(w, 1 / 3)
    assert w.tolist() == [rows[0], rows[1], [0, 0, 0]]


@pytest.mark.parametrize(("p", "other"), [(1, [0.0, 7.0]), (2, [5.0, 0.0]), (math.inf, [-4.0, 4.0])])
def test_equal_rows(p, other):
    for rows in ([[3.0, -4.0], other], [other, [3.0, -4.0]]):
        assert prune_rows(np.array(rows), 0.5, p).tolist() == [False, True]


@pytest.mark.parametrize("p", [1, 2, 3, 5000, math.inf])
@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1, 1e200, 1e307])
def test_large_and_small_rows(p, scale):
    w = np.array([[2.0, -3.0], [-1.0, 0.5], [0.0, 0.0], [1.0, 2.0]]) * scale
    assert prune_rows(w, 0.5, p).tolist() == [True, False, False, True]


def test_infinite_rows_stay():
    for p in (1, 2, 3, math.inf):
        w = np.array([[1.0, -math.inf], [5.0, 5.0], [7.0, 7.0]])
        assert prune_rows(w, 2 / 3, p).tolist() == [True, False, False]


def test_rows_of_a_vector():
    w = np.array([3.0, -1.0, 2.0])
    assert prune_rows(w, 0.4).tolist() == [True, False, True]
    assert w.tolist() == [3, 0, 2]


@pytest.mark.parametrize(
    ("step", "sparsity"),
    [(-5, 0.2), (10, 0.2), (15, 0.546875), (20, 0.725), (25, 0.790625), (30, 0.8), (31, 0.8), (10**9, 0.8)],
)
def test_schedule(step, sparsity):
    # From 0.2 to 0.8 in steps 10 to 30: after a quarter 0.8 - 0.6 * 27/64, after a half 0.8 - 0.6 / 8, and so on.
    assert gradual_sparsity(step, 10, 30, 0.2, 0.8) == pytest.approx(sparsity, abs=1e-15)


def test_schedule_of_other_exponents():
    assert gradual_sparsity(3, 0, 12, 0, 0.8, 1) == pytest.approx(0.2, abs=1e-15)
    assert gradual_sparsity(3, 0, 12, 0, 0.8, 2) == pytest.approx(0.35, abs=1e-15)
    assert gradual_sparsity(3, 0, 12, 0, 0.8, 0.5) == pytest.approx(0.8 * (1 - math.sqrt(0.75)), abs=1e-15)
    assert [gradual_sparsity(step, 0, 1, 0.1, 0.7) for step in (0, 1)] == [0.1, 0.7]


def good():
    return np.array([[0.5, -1.0, 2.0], [3.0, 4.0, -5.0]])


def with_nan():
    w = good()
    w[1, 0] = w[1, 2] = math.nan
    return w


def read_only():
    w = good()
    w.setflags(write=False)
    return w


REFUSED = [
    (with_nan, ValueError, r" is NaN at \(1, 0\), one of 2 such places: must have no NaN"),
    (read_only, ValueError, " is read-only and is changed in place; give a copy, as with"),
    (lambda: good().astype(np.float16), TypeError, " has dtype float16: must be float32 or float64; convert it"),
    (lambda: good().astype(int), TypeError, " has dtype int64: must be float32 or float64; convert it"),
    (lambda: good().tolist(), TypeError, ": must be a NumPy array, which is changed in place, not list"),
    (lambda: np.ma.masked_array(good()), TypeError, ": a masked array's mask would be lost; fill it first"),
]


@pytest.mark.parametrize(("make", "error", "message"), REFUSED)
def test_all_are_checked_before_any_is_written(make, error, message):
    for function in (prune_global, prune_layers):
        first, bad = good(), make()
        with pytest.raises(error, match=r"layers\['bad'\]" + message):
            function({"first": first, "bad": bad}, 0.5)
        with pytest.raises(error, match=r"layers\[1\]" + message):
            function([first, bad], 0.5)
        assert np.array_equal(first, good())
        assert np.array_equal(bad, make(), equal_nan=True)
    bad = make()
    with pytest.raises(error, match="w" + message):
        prune_rows(bad, 0.5)
    assert np.array_equal(bad, make(), equal_nan=True)


@pytest.mark.parametrize(
    ("sparsity", "error", "message"),
    [
        (-0.1, ValueError, "sparsity=-0.1: must be a number from 0.0 to 1.0; the nearest legal value is 0.0"),
        (1.5, ValueError, "sparsity=1.5: must be a number from 0.0 to 1.0; the nearest legal value is 1.0"),
        (90, ValueError, "sparsity=90: must be a number from 0.0 to 1.0"),
        (math.nan, ValueError, "sparsity=nan: must be finite, a number from 0.0 to 1.0"),
        ("half", TypeError, "sparsity='half': must be a number from 0.0 to 1.0, not str"),
        (None, TypeError, "sparsity=None: must be a number from 0.0 to 1.0"),
    ],
)
def test_sparsity_refused(sparsity, error, message):
    w = good()
    for function, weights in ((prune_global, [w]), (prune_layers, [w]), (prune_rows, w)):
        with pytest.raises(error, match=message):
            function(weights, sparsity)
    assert np.array_equal(w, good())


def test_layers_refused():
    w = good()
    for function in (prune_global, prune_layers):
        with pytest.raises(TypeError, match=r"layers: must be a mapping or a sequence of arrays, not ndarray; give it"):
            function(w, 0.5)
        with pytest.raises(TypeError, match="layers: must be a mapping or a sequence of arrays, not generator"):
            function((each for each in [w]), 0.5)
        with pytest.raises(TypeError, match="layers: must be a mapping or a sequence of arrays, not str"):
            function("weights", 0.5)
        for again in (w, w[1:], w.T):
            with pytest.raises(ValueError, match=r"layers\['a'\] and layers\['b'\] share memory: their weights would"):
                function({"a": w, "b": again}, 0.5)
    assert np.array_equal(w, good())


def test_layers_that_lie_between_each_other_are_taken():
    w = np.array([[4.0, 1.0, 3.0, 2.0], [5.0, 8.0, 6.0, 7.0]])
    prune_global([w[:, ::2], w[:, 1::2]], 0.5)
    assert w.tolist() == [[0, 0, 0, 0], [5, 8, 6, 7]]


@pytest.mark.parametrize("p", [0, 0.5, -1, math.nan])
def test_norm_refused(p):
    with pytest.raises(ValueError, match=rf"p={p}: must be .*a number of at least 1, infinity included"):
        prune_rows(good(), 0.5, p)


def test_a_number_has_no_rows():
    with pytest.raises(ValueError, match="w has no axes: must have at least one, the rows"):
        prune_rows(np.array(1.0), 0.5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(step=math.nan), ValueError, "step=nan: must be finite"),
        (dict(step="now"), TypeError, "step='now': must be a number"),
        (dict(begin=30), ValueError, "end=30.0: must be above begin=30.0"),
        (dict(begin=40), ValueError, "end=30.0: must be above begin=40.0"),
        (dict(initial=-0.1), ValueError, "initial=-0.1: must be a number from 0.0 to 1.0"),
        (dict(final=1.1), ValueError, "final=1.1: must be a number from 0.0 to 1.0"),
        (dict(initial=0.9), ValueError, "final=0.8: must be at least initial=0.9; what is removed stays removed"),
        (dict(exponent=0), ValueError, "exponent=0: must be a number above 0"),
        (dict(exponent=math.inf), ValueError, "exponent=inf: must be finite, a number above 0"),
    ],
)
def test_schedule_refused(change, error, message):
    with pytest.raises(error, match=message):
        gradual_sparsity(**{**dict(step=20, begin=10, end=30, initial=0.2, final=0.8), **change})


def test_steps_at_the_ends_of_the_range():
    for step, left in ((-1.7e308, 1.0), (-0.85e308, 0.75), (0.0, 0.5), (1.7e308, 0.0)):
        assert gradual_sparsity(step, -1.7e308, 1.7e308, 0.2, 0.8, 1.0) == pytest.approx(left * 0.2 + (1 - left) * 0.8)
    assert gradual_sparsity(5e-324, 0.0, 1e-323, 0.2, 0.8, 1.0) == pytest.approx(0.5)
