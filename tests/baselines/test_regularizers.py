"""Each regularizer against loops over plain Python floats, its gradient against central differences, its refusals."""

import dataclasses
import math

import numpy as np
import pytest

from workbench.baselines.regularizers import (
    L1,
    L2,
    ElasticNet,
    GroupL1,
    L0Approximation,
    LpNorm,
    TrimmedElasticNet,
    TrimmedL1,
)
from workbench.baselines.weight_bounds import BoundedGradientProjection, ConstantNorm, LogBarrier, MaxNorm, SparseLp

OUT, IN = 3, 5
STEP = 1e-6  # the error of a central difference is about its square, and 1e-16 / STEP
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
INDEX_TYPES = pytest.mark.parametrize("index_type", [np.int32, np.int64])


def some(shape=(OUT, IN), dtype=np.float64):
    """Return weights of both signs, none near 0 and no two of nearly the same size."""
    rng = np.random.default_rng(0)
    count = math.prod(shape)
    sizes = rng.permutation(np.arange(1, count + 1)) / 8
    return (sizes * rng.choice([-1.0, 1.0], count)).reshape(shape).astype(dtype)


def column(w, j):
    return math.sqrt(sum(row[j] ** 2 for row in w))


def sum_of_sizes(w):
    return sum(abs(value) for row in w for value in row)


def sum_of_squares(w):
    return sum(value**2 for row in w for value in row)


def trimmed(w, k):
    return sum(sum(sorted(abs(value) for value in row)[: max(0, len(row) - k)]) for row in w)


def lp_norm(w, p):
    return sum(column(w, j) ** p for j in range(len(w[0]))) ** (1 / p)


def columns_that_count(w, alpha):
    return sum(min(column(w, j), alpha) / alpha for j in range(len(w[0])))


def group_lasso(w, groups, stabilizer=0.0):
    total, first = 0.0, 0
    for size in groups:
        squares = sum(column(w, j) ** 2 for j in range(first, first + size))
        total += math.sqrt(size) * math.sqrt(squares + stabilizer)
        first += size
    return total


def barrier(w):
    return -sum(math.log(max(value, 1e-9)) for row in w for value in row)


# Of each regularizer: its loss by a loop over a list of rows. The columns of some() are 1.14 to 2.58 long.
LOSSES = [
    (L1(0.3), lambda w: 0.3 * sum_of_sizes(w)),
    (L2(0.3), lambda w: 0.3 * sum_of_squares(w)),
    (ElasticNet(0.3, 0.7), lambda w: 0.3 * sum_of_sizes(w) + 0.7 * sum_of_squares(w)),
    (TrimmedL1(0.3, 1), lambda w: 0.3 * trimmed(w, 1)),
    (TrimmedL1(0.3, 2), lambda w: 0.3 * trimmed(w, 2)),
    (TrimmedL1(0.3, 5), lambda w: 0.0),
    (TrimmedL1(0.3, 9), lambda w: 0.0),
    (TrimmedElasticNet(0.3, 0.7, 2), lambda w: 0.3 * trimmed(w, 2) + 0.7 * sum_of_squares(w)),
    (LpNorm(0.3), lambda w: 0.3 * lp_norm(w, 0.5)),
    (LpNorm(0.3, 1), lambda w: 0.3 * lp_norm(w, 1)),
    (LpNorm(0.3, 2), lambda w: 0.3 * math.sqrt(sum_of_squares(w))),
    (LpNorm(0.3, 3.5), lambda w: 0.3 * lp_norm(w, 3.5)),
    (L0Approximation(0.3), lambda w: 0.3 * IN),
    (L0Approximation(0.3, 2), lambda w: 0.3 * columns_that_count(w, 2)),
    (L0Approximation(0.3, 2, 1.5), lambda w: 0.3 * (columns_that_count(w, 2) - 1.5)),
    (L0Approximation(0.3, 2, 6), lambda w: 0.0),
    (GroupL1(0.3, [2, 3]), lambda w: 0.3 * group_lasso(w, [2, 3])),
    (GroupL1(0.3, [1, 3, 1], 0.5), lambda w: 0.3 * group_lasso(w, [1, 3, 1], 0.5)),
    (LogBarrier(0.3), lambda w: 0.3 / 2 * barrier(w)),
    (LogBarrier(0.3, "inv", 0.25, 2), lambda w: 0.3 / 1.25**2 * barrier(w)),
    (LogBarrier(0.3, "exp", 0.9), lambda w: 0.3 * 0.9 * barrier(w)),
    (LogBarrier(0.3, "fixed"), lambda w: 0.3 * barrier(w)),
]
NO_LOSS = [BoundedGradientProjection(-0.5, 0.5), MaxNorm(0.5), ConstantNorm(), SparseLp(1, 0.1)]
ON_LOSS = [regularizer for regularizer, _ in LOSSES]


@pytest.mark.parametrize(("regularizer", "loss"), LOSSES, ids=[repr(each)[:50] for each, _ in LOSSES])
@TYPES
def test_loss(regularizer, loss, dtype):
    w = some(dtype=dtype)
    for weights in (w, np.asfortranarray(w), np.repeat(w, 2, axis=1)[:, ::2]):
        found = regularizer.on_loss(weights)
        assert isinstance(found, float)
        assert found == pytest.approx(loss(w.tolist()), rel=1e-13, abs=1e-300)
    assert np.array_equal(w, some(dtype=dtype))


@pytest.mark.parametrize("regularizer", ON_LOSS, ids=repr)
@TYPES
def test_gradient(regularizer, dtype):
    w = some()
    slopes = np.empty_like(w)
    for place in np.ndindex(w.shape):
        high, low = w.copy(), w.copy()
        high[place] += STEP
        low[place] -= STEP
        slopes[place] = (regularizer.on_loss(high) - regularizer.on_loss(low)) / (2 * STEP)
    gradient = regularizer.gradient_on_loss(w.astype(dtype))
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, slopes, rtol=2e-7, atol=1e-8)


@pytest.mark.parametrize("regularizer", NO_LOSS, ids=repr)
@TYPES
def test_nothing_on_the_loss(regularizer, dtype):
    w = some(dtype=dtype)
    assert regularizer.on_loss(w) == 0
    gradient = regularizer.gradient_on_loss(w)
    assert gradient.dtype == dtype
    assert np.array_equal(gradient, np.zeros((OUT, IN)))


@pytest.mark.parametrize("regularizer", ON_LOSS, ids=repr)
def test_nothing_after_the_step(regularizer):
    w = np.abs(some())
    before = w.copy()
    regularizer.after_step(w)
    regularizer.after_step(w, np.array([0, 2]))
    assert np.array_equal(w, before)


@pytest.mark.parametrize("regularizer", [L1(2), L2(2), ElasticNet(1, 3), LogBarrier(2)], ids=repr)
@pytest.mark.parametrize("shape", [(), (15,), (3, 5), (1, 3, 5)])
def test_any_shape(regularizer, shape):
    w = np.abs(some((15,)))[: math.prod(shape)].reshape(shape)
    expected = sum(regularizer.on_loss(value) for value in w.ravel())
    assert regularizer.on_loss(w) == pytest.approx(expected, rel=1e-13)
    assert regularizer.gradient_on_loss(w).shape == shape


def test_a_row_is_a_line_along_the_last_axis():
    w = np.array([[[1.0, -2, 3], [-6, 5, 4]]])
    assert TrimmedL1(2, 1).on_loss(w) == 2 * (1 + 2 + 5 + 4)
    assert TrimmedL1(2, 1).on_loss(w.ravel()) == 2 * (1 + 2 + 3 + 5 + 4)
    assert TrimmedL1(2, 2).gradient_on_loss(w).tolist() == [[[2, 0, 0], [0, 0, 2]]]


def test_of_equal_ones_the_first_are_free():
    w = np.array([[-1.0, 1, -1], [1, -2, 2]])
    assert TrimmedL1(1, 1).gradient_on_loss(w).tolist() == [[0, 1, -1], [1, 0, 1]]


def test_columns_as_long_as_alpha_count_in_full_and_stay():
    w = np.array([[3.0, -0.3], [-4.0, 0.4]])
    assert L0Approximation(2, 5).on_loss(w) == pytest.approx(2 * 1.1)
    np.testing.assert_allclose(L0Approximation(2, 5).gradient_on_loss(w), [[0, -0.24], [0, 0.32]], rtol=1e-14)


# 0 is kept where there is no derivative: in zero weights, zero columns and zero groups.
@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        (L1(2), [[0, 2, -2], [0, 0, 2]]),
        (L2(2), [[0, 12, -16], [0, 0, 4]]),
        (ElasticNet(2, 1), [[0, 8, -10], [0, 0, 4]]),
        (TrimmedL1(2, 1), [[0, 2, 0], [0, 0, 0]]),
        (LpNorm(2, 1), [[0, 2, -8 / 17**0.5], [0, 0, 2 / 17**0.5]]),
        (LpNorm(2, 2), [[0, 6 / 26**0.5, -8 / 26**0.5], [0, 0, 2 / 26**0.5]]),
        (LpNorm(2, 0.5), [[0, 2 * (1 + (17**0.5 / 3) ** 0.5), None], [0, 0, None]]),
        (L0Approximation(2, 4), [[0, 0.5, 0], [0, 0, 0]]),
        (GroupL1(2, [1, 2]), [[0, 6 * (2 / 26) ** 0.5, -8 * (2 / 26) ** 0.5], [0, 0, 2 * (2 / 26) ** 0.5]]),
    ],
    ids=lambda each: repr(each)[:30],
)
def test_subgradient_at_zero(regularizer, expected):
    w = np.array([[0.0, 3, -4], [-0.0, 0, 1]])
    gradient = regularizer.gradient_on_loss(w).tolist()
    for row, right in zip(gradient, expected, strict=True):
        for found, value in zip(row, right, strict=True):
            assert value is None or found == pytest.approx(value, rel=1e-14, abs=0)


@pytest.mark.parametrize("regularizer", [r for r in ON_LOSS if not isinstance(r, LogBarrier | GroupL1)], ids=repr)
def test_all_zero(regularizer):
    w = np.zeros((OUT, IN))
    assert regularizer.on_loss(w) == 0
    assert np.array_equal(regularizer.gradient_on_loss(w), w)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_empty(shape):
    w = np.zeros(shape)
    groups = [2, 3] if shape[1] else []
    regularizers = [L1(1), L2(1), TrimmedL1(1, 2), LpNorm(1), L0Approximation(1), GroupL1(1, groups), LogBarrier(1)]
    for regularizer in [*regularizers, *NO_LOSS]:
        assert regularizer.on_loss(w) == 0
        assert regularizer.gradient_on_loss(w).shape == shape
        regularizer.after_step(w)
        regularizer.after_step(w, np.zeros(0, np.int32))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("p", [0.5, 1, 2, 3])
def test_squares_that_a_float64_cannot_hold(scale, p):
    w = some()
    for make in (lambda: LpNorm(0.3, p), lambda: GroupL1(0.3, [2, 3])):
        assert make().on_loss(w * scale) == pytest.approx(make().on_loss(w) * scale, rel=1e-13)
        slopes = make().gradient_on_loss(w)
        np.testing.assert_allclose(make().gradient_on_loss(w * scale), slopes, rtol=1e-13, atol=0)
    for make in (MaxNorm, ConstantNorm):
        large = w * 1e200
        make().after_step(large)
        for row, unit in zip(large.tolist(), w.tolist(), strict=True):
            length = math.hypot(*unit)
            assert row == pytest.approx([value / length for value in unit], rel=1e-13)


def test_float32_is_summed_in_float64():
    w = np.full((1000, 3000), 0.1, np.float32)
    each = float(np.float32(0.1))
    assert L1(1).on_loss(w) == pytest.approx(3e6 * each, rel=1e-12)
    assert L2(1).on_loss(w) == pytest.approx(3e6 * each**2, rel=1e-12)
    assert L2(1).on_loss(np.float32([[1e30]])) == pytest.approx(1e60, rel=1e-6)


def test_nan_and_infinity_on_the_loss():
    w = some()
    w[1, 2] = math.nan
    for regularizer in ON_LOSS:
        if repr(regularizer) != repr(L0Approximation(0.3, 2, 6)):
            assert math.isnan(regularizer.on_loss(w)), regularizer
    w[1, 2] = -math.inf
    for regularizer in (L1(1), L2(1), ElasticNet(1, 1), LpNorm(1), LpNorm(1, 3), GroupL1(1, [2, 3])):
        assert regularizer.on_loss(w) == math.inf
    assert TrimmedL1(1, 1).on_loss(w) == 2.375 + 5.125 + 3.5
    assert L0Approximation(1).on_loss(w) == IN


def test_no_warning_where_float64_ends():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert L2(1).on_loss(np.array([1e200, 1.0])) == math.inf
        assert L2(1).gradient_on_loss(np.array([1e308, 1.0])).tolist() == [math.inf, 2]
        assert np.isnan(LpNorm(1).gradient_on_loss(np.array([[math.inf, 1.0]]))[0, 0])
        assert LpNorm(1, 0.001).on_loss(np.ones((OUT, IN))) == math.inf


# What Caffe2's own test expects of the barrier: at the first iteration half of reg_lambda * sum of -log(w clipped to
# 1e-9), and w clipped.
def test_barrier_as_in_caffe2():
    w = np.array([[1.0, -1.0, 0.0], [0.5, -0.25, 1e-9]], np.float32)
    logs = [0, math.log(1e-9), math.log(1e-9), math.log(0.5), math.log(1e-9), math.log(1e-9)]
    assert LogBarrier(1.0).on_loss(w) == pytest.approx(-sum(logs) * 0.5, rel=1e-6)
    LogBarrier(1.0).after_step(w)
    tiny = np.float32(1e-9)
    assert w.tolist() == [[1, tiny, tiny], [0.5, tiny, tiny]]


def test_barrier_weakens():
    w = np.array([math.exp(-1)])
    inverse = [LogBarrier(3).on_loss(w, iteration) for iteration in (0, 1, 2, 9)]
    assert inverse == pytest.approx([3, 1.5, 1, 0.3])
    assert LogBarrier(3, gamma=4, power=0.5).on_loss(w, 6) == pytest.approx(0.6)
    assert LogBarrier(3, "exp", 0.5).on_loss(w, 3) == pytest.approx(3 / 8)
    assert LogBarrier(3, "fixed").on_loss(w, 10**6) == pytest.approx(3)
    assert LogBarrier(3).gradient_on_loss(w, 2).tolist() == pytest.approx([-math.e])


def test_barrier_does_not_push_what_is_clipped():
    w = np.array([-1.0, 0.0, 1e-9, 2e-9, 0.5])
    assert LogBarrier(2, "fixed").gradient_on_loss(w).tolist() == pytest.approx([0, 0, 0, -1e9, -4])


BOUNDS = [
    ((), -math.inf, math.inf),
    ((-0.5, None), -0.5, math.inf),
    ((None, 0.75), -math.inf, 0.75),
    ((-0.5, 0.75), -0.5, 0.75),
    ((0.25, 0.25), 0.25, 0.25),
    ((-0.5, 0.75, True), -0.5 + 1e-9, 0.75),
    ((-0.5, 0.75, False, True), -0.5, 0.75 - 1e-9),
    ((-0.5, 0.75, True, True, 1e-4), -0.5 + 1e-4, 0.75 - 1e-4),
]


# What Caffe2's own test expects of the projection: 0 on the loss, and clipping to within 1e-7.
@pytest.mark.parametrize(("arguments", "lowest", "highest"), BOUNDS)
@TYPES
def test_projection(arguments, lowest, highest, dtype):
    regularizer = BoundedGradientProjection(*arguments)
    w = some(dtype=dtype)
    expected = [[min(max(value, lowest), highest) for value in row] for row in w.tolist()]
    assert regularizer.on_loss(w) == 0
    regularizer.after_step(w)
    np.testing.assert_allclose(w, expected, rtol=0, atol=0 if dtype == np.float64 else 1e-7)
    number = np.array(9.0, dtype)
    regularizer.after_step(number)
    assert number == dtype(min(9, highest))


def test_open_bounds_in_float32():
    w = np.array([-9.0, 9.0], np.float32)
    BoundedGradientProjection(0, 1, True, True).after_step(w)
    assert w.tolist() == [np.float32(1e-9), 1]


@INDEX_TYPES
def test_rows_that_are_not_named_are_left_alone(index_type):
    for regularizer in (MaxNorm(0.1), ConstantNorm(0.1), LogBarrier(1), BoundedGradientProjection(0.1, 0.2)):
        whole, w = some((7, 2, 3)), some((7, 2, 3))
        regularizer.after_step(whole)
        regularizer.after_step(w, np.array([[5, 0], [5, 2]], index_type))
        for row in range(7):
            expected = whole[row] if row in (0, 2, 5) else some((7, 2, 3))[row]
            assert np.array_equal(w[row], expected)
            assert not np.array_equal(whole[row], some((7, 2, 3))[row])


@pytest.mark.parametrize("norm", [0.01, 1.9, 3])
@TYPES
def test_norms(norm, dtype):
    for w in (some((7, 3), dtype), some((7, 2, 3), dtype), some((7,), dtype), some((3, 14), dtype).T[::2]):
        for make, stretches in ((MaxNorm, False), (ConstantNorm, True)):
            changed = np.array(w)
            make(norm).after_step(changed)
            for row, given in zip(changed.reshape(len(w), -1), w.reshape(len(w), -1).tolist(), strict=True):
                length = math.sqrt(sum(value**2 for value in given))
                factor = norm / (length + 1e-12) if stretches or length > norm else 1
                expected = [value * factor for value in given]
                assert row.tolist() == pytest.approx(expected, rel=1e-15 + float(np.finfo(dtype).eps), abs=0)


def test_norms_default_to_1():
    w = np.array([[3.0, -4.0], [0.3, 0.4], [0.6, -0.8]])
    MaxNorm().after_step(w)
    np.testing.assert_allclose(w, [[0.6, -0.8], [0.3, 0.4], [0.6, -0.8]], rtol=1e-12)
    ConstantNorm().after_step(w)
    np.testing.assert_allclose(w, [[0.6, -0.8], [0.6, 0.8], [0.6, -0.8]], rtol=1e-11)


def test_rows_without_a_direction():
    given = [[0.0, -0.0], [math.nan, 2], [math.inf, 3], [1e-12, 0]]
    w = np.array(given)
    ConstantNorm(4).after_step(w)
    assert np.array_equal(w[:3], given[:3], equal_nan=True)
    assert w[3].tolist() == pytest.approx([2, 0])  # 1e-12 * 4 / (1e-12 + 1e-12)
    w = np.array(given)
    MaxNorm(1e-13).after_step(w)
    assert np.array_equal(w[:3], given[:3], equal_nan=True)
    assert w[3].tolist() == pytest.approx([5e-14, 0], abs=0)


def test_nan_stays_in_what_is_clipped():
    for regularizer in (LogBarrier(1), BoundedGradientProjection(-1, 1)):
        w = np.array([math.nan, math.inf, -math.inf, 0.5])
        regularizer.after_step(w)
        assert math.isnan(w[0])
        assert np.isfinite(w[2:]).all()


def test_a_table_in_parts():
    rng = np.random.default_rng(3)
    w = rng.normal(size=(90_001, 7)).astype(np.float32)
    lengths = [math.sqrt(sum(value**2 for value in row)) for row in w[::1000].tolist()]
    expected = [
        [value * min(1, 2 / length) for value in row] for row, length in zip(w[::1000].tolist(), lengths, strict=True)
    ]
    MaxNorm(2).after_step(w)
    np.testing.assert_allclose(w[::1000], expected, rtol=1e-6)
    assert np.linalg.norm(w, axis=1).max() == pytest.approx(2, rel=1e-6)


@INDEX_TYPES
@TYPES
def test_sparse_lp(index_type, dtype):
    indices = np.array([4, 1, 4], index_type)
    for p, shrink in (
        (1, lambda value: math.copysign(max(abs(value) - 0.3, 0), value)),
        (2, lambda value: value * 0.7),
        (0, lambda value: value if abs(value) > math.sqrt(0.6) else 0),
    ):
        w = some((6, 2), dtype)
        given = w.tolist()
        expected = [list(map(shrink, row)) if i == 1 else row for i, row in enumerate(given)]
        expected[4] = [shrink(shrink(value)) for value in given[4]]
        SparseLp(p, 0.3).after_step(w, indices)
        np.testing.assert_allclose(w, expected, rtol=4 * float(np.finfo(dtype).eps), atol=1e-7)
        w = some((6, 2), dtype)
        SparseLp(p, 0.3).after_step(w)
        np.testing.assert_allclose(w, [list(map(shrink, row)) for row in given], rtol=0, atol=1e-6)


EVERY = [*ON_LOSS, *NO_LOSS]


@pytest.mark.parametrize("regularizer", EVERY, ids=repr)
def test_is_frozen_and_a_value(regularizer):
    assert dataclasses.replace(regularizer) == regularizer
    assert hash(dataclasses.replace(regularizer)) == hash(regularizer)
    name = dataclasses.fields(regularizer)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(regularizer, name, 0.5)


STRENGTH = "must be a number of at least 0.0"
ABOVE_0 = "must be a number above 0"

REFUSED = [
    (lambda: L1(-0.1), ValueError, f"reg_lambda=-0.1: {STRENGTH}; the nearest legal value is 0.0"),
    (lambda: L2(math.nan), ValueError, "reg_lambda=nan: must be finite, a number of at least 0.0"),
    (lambda: L1(math.inf), ValueError, "reg_lambda=inf: must be finite"),
    (lambda: L1("much"), TypeError, f"reg_lambda='much': {STRENGTH}, not str"),
    (lambda: L1(None), TypeError, f"reg_lambda=None: {STRENGTH}"),
    (lambda: L1(True), TypeError, f"reg_lambda=True: {STRENGTH}"),
    (lambda: ElasticNet(-1, 0), ValueError, f"l1=-1: {STRENGTH}"),
    (lambda: ElasticNet(0, -1), ValueError, f"l2=-1: {STRENGTH}"),
    (lambda: TrimmedL1(-1, 1), ValueError, f"reg_lambda=-1: {STRENGTH}"),
    (lambda: TrimmedL1(1, 0), ValueError, "k=0: must be a whole number of at least 1; the nearest legal value is 1"),
    (lambda: TrimmedL1(1, 2.0), TypeError, "k=2.0: must be a whole number of at least 1, not float"),
    (lambda: TrimmedElasticNet(1, -1, 1), ValueError, f"l2=-1: {STRENGTH}"),
    (lambda: TrimmedElasticNet(1, 1, -1), ValueError, "k=-1: must be a whole number of at least 1"),
    (lambda: LpNorm(-1), ValueError, f"reg_lambda=-1: {STRENGTH}"),
    (lambda: LpNorm(1, 0), ValueError, f"p=0: {ABOVE_0}"),
    (lambda: LpNorm(1, math.inf), ValueError, "p=inf: must be finite, a number above 0"),
    (lambda: L0Approximation(-1), ValueError, f"reg_lambda=-1: {STRENGTH}"),
    (lambda: L0Approximation(1, 0), ValueError, f"alpha=0: {ABOVE_0}"),
    (lambda: L0Approximation(1, 1, -2), ValueError, f"budget=-2: {STRENGTH}"),
    (lambda: GroupL1(-1, [2]), ValueError, f"reg_lambda=-1: {STRENGTH}"),
    (lambda: GroupL1(1, 5), TypeError, "groups=5: must be a list of whole numbers"),
    (lambda: GroupL1(1, [2.0]), TypeError, r"groups=\[2.0\]: must be a list of whole numbers"),
    (lambda: GroupL1(1, [True]), TypeError, r"groups=\[True\]: must be a list of whole numbers"),
    (lambda: GroupL1(1, None), TypeError, "groups=None: must be a list of whole numbers"),
    (lambda: GroupL1(1, [2, 0]), ValueError, r"groups\[1\]=0: must be at least 1; leave out groups without columns"),
    (lambda: GroupL1(1, [2], -1), ValueError, f"stabilizer=-1: {STRENGTH}"),
    (lambda: LogBarrier(-1), ValueError, f"reg_lambda=-1: {STRENGTH}"),
    (lambda: LogBarrier(1, "step"), ValueError, "discount_policy='step': must be one of 'inv', 'exp', 'fixed'"),
    (lambda: LogBarrier(1, gamma=-1), ValueError, f"gamma=-1: {STRENGTH}"),
    (lambda: LogBarrier(1, power=-1), ValueError, f"power=-1: {STRENGTH}"),
    (lambda: LogBarrier(1, "exp", 1.5), ValueError, "gamma=1.5: must be at most 1 with discount_policy='exp'"),
    (lambda: BoundedGradientProjection("low"), TypeError, "lower='low': must be a number, or None for no bound"),
    (lambda: BoundedGradientProjection(upper=math.inf), ValueError, "upper=inf: must be finite, a number, or None"),
    (lambda: BoundedGradientProjection(left_open=1), TypeError, "left_open=1: must be True or False"),
    (lambda: BoundedGradientProjection(epsilon=0), ValueError, f"epsilon=0: {ABOVE_0}"),
    (lambda: BoundedGradientProjection(epsilon=None), TypeError, f"epsilon=None: {ABOVE_0}"),
    (
        lambda: BoundedGradientProjection(1, 0.5),
        ValueError,
        r"lower=1.0 and upper=0.5: no number is in \[lower, upper\]",
    ),
    (lambda: BoundedGradientProjection(1, 1, True), ValueError, r"no number is in \(lower, upper\] with epsilon=1e-09"),
    (
        lambda: BoundedGradientProjection(0, 1, True, True, 0.6),
        ValueError,
        r"in \(lower, upper\) with epsilon=0.6; give",
    ),
    (lambda: MaxNorm(0), ValueError, f"norm=0: {ABOVE_0}"),
    (lambda: ConstantNorm(-1), ValueError, f"norm=-1: {ABOVE_0}"),
    (lambda: ConstantNorm(math.nan), ValueError, "norm=nan: must be finite"),
    (lambda: SparseLp(-1, 0.1), ValueError, "p=-1: must be a number of at least 0, infinity included"),
    (lambda: SparseLp(1, 0), ValueError, "reg_lambda=0: must be a number above 0.0 and below 1.0"),
    (lambda: SparseLp(1, 1), ValueError, "reg_lambda=1: must be a number above 0.0 and below 1.0"),
]


@pytest.mark.parametrize(("make", "error", "message"), REFUSED)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("regularizer", EVERY, ids=repr)
def test_weights_refused(regularizer):
    for hook in (regularizer.on_loss, regularizer.gradient_on_loss):
        for dtype in (np.float16, int, complex):
            with pytest.raises(TypeError, match=f"w has dtype {np.dtype(dtype).name}: must be float32 or float64"):
                hook(some().astype(dtype))
        with pytest.raises(TypeError, match="w: a masked array's mask would be lost"):
            hook(np.ma.masked_array(some()))
        with pytest.raises(ValueError, match="iteration=-1: must be a whole number"):
            hook(some(), -1)


@pytest.mark.parametrize("regularizer", EVERY, ids=repr)
def test_nothing_is_written_where_something_is_refused(regularizer):
    w = some()
    for indices, error, message in (
        (np.array([0, 3, -1]), ValueError, r"indices\[1\]=3: must be from 0 to 2"),
        (np.array([0, 1, -1], np.int32), ValueError, r"indices\[2\]=-1: must be from 0 to 2"),
        (np.array([0.0, 1.0]), TypeError, "indices has dtype float64: must be int32 or int64"),
        (np.array([0, 1], np.uint8), TypeError, "indices has dtype uint8: must be int32 or int64; convert it"),
    ):
        with pytest.raises(error, match=message):
            regularizer.after_step(w, indices)
    w.setflags(write=False)
    with pytest.raises(ValueError, match="param is read-only and is changed in place"):
        regularizer.after_step(w)
    with pytest.raises(TypeError, match="param has dtype int64: must be float32 or float64"):
        regularizer.after_step(np.ones((OUT, IN), int))
    with pytest.raises(TypeError, match="param: must be a NumPy array, which is changed in place, not list"):
        regularizer.after_step(w.tolist())
    with pytest.raises(ValueError, match=r"param has shape \(\): must have the axes \(rows, ...\)"):
        regularizer.after_step(np.array(1.0), np.array([0]))
    assert np.array_equal(w, some())


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 5)])
def test_matrices_are_asked_for(shape):
    for regularizer in (LpNorm(1), L0Approximation(1), GroupL1(1, [2, 3])):
        for hook in (regularizer.on_loss, regularizer.gradient_on_loss):
            with pytest.raises(ValueError, match=r"w has shape \(.*\): must have the axes \(out, in\); reshape it"):
                hook(np.ones(shape))


def test_a_number_has_no_rows():
    for regularizer in (MaxNorm(), ConstantNorm(), SparseLp(1, 0.1)):
        with pytest.raises(ValueError, match=r"param has shape \(\): must have the axes \(rows, ...\)"):
            regularizer.after_step(np.array(1.0))
    with pytest.raises(ValueError, match=r"w has shape \(\): must have the axes \(..., weights\)"):
        TrimmedL1(1, 1).on_loss(np.array(1.0))


def test_groups_that_do_not_add_up():
    with pytest.raises(ValueError, match="w has 5 columns and groups add up to 6: must be equal"):
        GroupL1(1, [2, 4]).on_loss(some())


def test_a_bound_that_float32_cannot_hold():
    w = some(dtype=np.float32)
    with pytest.raises(ValueError, match=r"the bound 1e\+300: does not fit param's dtype float32"):
        BoundedGradientProjection(1e300).after_step(w)
    assert np.array_equal(w, some(dtype=np.float32))


# -- the ends of the range ---------------------------------------------------------------------------------------------

HUGE, LEAST = 1.7e308, 5e-324
AT_THE_ENDS = [
    # a strength of 0 adds nothing, even where a sum is beyond the range
    *[
        (regularizer, [[HUGE, -HUGE, 0.0]], 0.0, [[0.0, 0.0, 0.0]])
        for regularizer in (
            L1(0),
            L2(0),
            ElasticNet(0, 0),
            TrimmedElasticNet(0, 0, 1),
            LpNorm(0, 1e-3),
            LpNorm(0, LEAST),
            GroupL1(0, [2, 1]),
        )
    ],
    (TrimmedL1(0, 1), [[HUGE, HUGE, HUGE, 3.0]], 0.0, [[0.0, 0.0, 0.0, 0.0]]),
    # a strength near the largest number: 0 stays 0, and 2 * 1.7e308 * 0.25 is no more than the largest
    (L2(HUGE), [[0.0, 0.25, -2.0]], math.inf, [[0.0, HUGE / 2, -math.inf]]),
    (L2(HUGE), [[0.0, 0.25, 1e-300]], HUGE / 16, [[0.0, HUGE / 2, 2 * 1.7e8]]),
    (ElasticNet(LEAST, HUGE), [[0.0, 0.25, 1e-300]], HUGE / 16, [[0.0, HUGE / 2, 3.4e8]]),
    (TrimmedElasticNet(LEAST, HUGE, 1), [[0.0, 0.25, 1e-300]], HUGE / 16, [[0.0, HUGE / 2, 3.4e8]]),
    # p near 0: (sum of |w_j|^p)^(1/p) is 2^1000 times the size of two equal columns, and infinite for three of them
    (LpNorm(1.0, 1e-3), [[1.0, -1.0, 0.0]], 2.0**1000, [[2.0**999, -(2.0**999), 0.0]]),
    (LpNorm(1.0, 1e-4), [[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]], math.inf, [[math.inf, -math.inf, 0.0], [0.0, 0.0, 0.0]]),
    # lengths beyond the range: sqrt(2) 1.7e308
    (LpNorm(1.0, 1.0), [[HUGE, 3.0], [HUGE, 4.0]], math.inf, [[0.5**0.5, 0.6], [0.5**0.5, 0.8]]),
    (GroupL1(1.0, [1, 1], 16.0), [[HUGE, 3.0], [HUGE, 0.0]], math.inf, [[0.5**0.5, 0.6], [0.5**0.5, 0.0]]),
    # reg_lambda / alpha is beyond the range, and a share of it is not
    (L0Approximation(1e10, 1e-300), [[0.0, 0.6e-310], [0.0, 0.8e-310]], 1.0, [[0.0, math.inf], [0.0, math.inf]]),
    (L0Approximation(1e10, 1e-300), [[0.0, 0.0], [1e-323, 1e-301]], 1e9, [[0.0, 0.0], [math.inf, math.inf]]),
    # a discount of 0
    (LogBarrier(HUGE, "inv", 1.0, HUGE), [[1e-3, 0.5]], 0.0, [[-0.0, -0.0]]),
]


@pytest.mark.parametrize(
    ("regularizer", "w", "loss", "gradient"), AT_THE_ENDS, ids=[str(each[0]) for each in AT_THE_ENDS]
)
def test_at_the_ends_of_the_range(regularizer, w, loss, gradient):
    w = np.array(w)
    assert regularizer.on_loss(w) == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(regularizer.gradient_on_loss(w), gradient, rtol=1e-12)


@pytest.mark.parametrize("norm", [LEAST, 1e-310, 1.0, HUGE])
def test_lengths_at_the_ends_of_the_range(norm):
    w = np.array([[0.0, 1e-310], [3e200, 4e200], [0.0, -1e300], [-3e-150, 0.0]])
    ConstantNorm(norm).after_step(w)
    # |row| + 1e-12 divides: the first and the last row are much shorter than that.
    shares = np.array([[0.0, 1e-298], [0.6, 0.8], [0.0, -1.0], [-3e-138, 0.0]])
    np.testing.assert_allclose(w, norm * shares, rtol=1e-12, atol=LEAST)


@pytest.mark.parametrize("w", [np.float64(-3.0), np.array(-3.0, np.float32), -3.0], ids=type)
@pytest.mark.parametrize("regularizer", [L1(0.5), L2(0.5), ElasticNet(0.5, 0.25), LogBarrier(0.5)], ids=type)
def test_the_gradient_of_one_number_is_an_array_without_axes(regularizer, w):
    found = regularizer.gradient_on_loss(w)
    assert (type(found), found.shape, found.dtype) == (np.ndarray, (), np.asarray(w).dtype)
    assert found == regularizer.gradient_on_loss(np.reshape(w, (1, 1)))[0, 0]
