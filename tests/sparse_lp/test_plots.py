"""The pictures of sparse Lp regularization hold the right values, and a second call moves their artists."""

import math

import numpy as np
import pytest
from matplotlib.colors import same_color

from tests.pictures import artist, data, draw_again, heights, labels, panels, render, title
from workbench import sparse_lp
from workbench.sparse_lp import plots

WEIGHTS = np.array([[-1.03, 0.22, 0.01, -0.13], [0.72, 2.0, 0.13, -0.52]])
ALPHAS = np.array([1.0, 0.3, 0.1, 0.03, 0.01])
PATH = np.array([[0, 0, 0], [0, -2.0, 0], [0.5, -2.5, 0], [0.7, -2.6, 0], [0.8, -2.7, 0.1]])
TABLE = np.array([[0.5, -0.25, 1.0], [0.05, -0.05, 0.1], [2.0, 1.0, -1.0], [-0.15, 0.4, 0.25]])


def drawn(axes):
    """Return all texts and data of a picture."""
    words = [(title(ax), [text.get_text() for text in ax.texts]) for ax in panels(axes)]
    lines = [line.get_xydata().tolist() for ax in panels(axes) for line in ax.lines]
    return words, lines, [heights(ax) for ax in panels(axes)]


def loss_at(x, y, center):
    first, second = x - center[0], y - center[1]
    return (first * first + first * second + second * second) / 2


# The ball.


def test_a_corner_of_the_diamond_is_touched():
    ax = plots.ball_and_contours(p=1.0, radius=0.8, angle=20.0)
    center = [2 * math.cos(math.pi / 9), 2 * math.sin(math.pi / 9)]
    assert np.ravel(data(ax, "least loss")) == pytest.approx(center)
    # At (0.8, 0) minus the gradient is (1.42, 1.22): a multiple of the subgradient (1, 0.86).
    assert np.ravel(data(ax, "least loss within the ball")) == pytest.approx([0.8, 0], abs=1e-12)
    assert title(ax) == "p = 1: where a contour touches the ball, w2 = 0"
    for share in (0.25, 1.0, 2.25):
        levels = [loss_at(x, y, center) for x, y in zip(*data(ax, f"contour {share}"), strict=True)]
        assert levels == pytest.approx([share * loss_at(0.8, 0, center)] * len(levels))
    assert [abs(x) + abs(y) for x, y in artist(ax, "ball").get_xy()] == pytest.approx([0.8] * ax.patches[0].xy.shape[0])


@pytest.mark.parametrize(
    ("p", "angle", "words"),
    [
        (0.0, 20.0, "p = 0: where a contour touches the ball, w2 = 0"),
        (0.0, 90.0, "p = 0: the least loss lies in the ball, w1 = 0"),
        (0.5, 100.0, "p = 0.5: where a contour touches the ball, w1 = 0"),
        (2.0, 20.0, "p = 2: where a contour touches the ball, no weight is zero"),
        (math.inf, 20.0, "p = inf: where a contour touches the ball, no weight is zero"),
    ],
)
def test_the_title_says_which_weight_is_zero(p, angle, words):
    ax = plots.ball_and_contours(p, 1.0, angle)
    assert title(ax) == words


def test_a_minimum_within_the_ball_is_told_apart():
    ax = plots.ball_and_contours(p=2.0, radius=3.0, angle=-50.0)
    assert data(ax, "least loss") == data(ax, "least loss within the ball")
    assert title(ax) == "p = 2: the least loss lies in the ball, no weight is zero"
    render(ax)  # contours of level 0


def test_the_balls_of_zero_and_infinity():
    cross = artist(plots.ball_and_contours(0.0, 0.5), "ball").get_xy()
    assert np.abs(cross).min(axis=1).max() == 0
    assert np.abs(cross).max() == plots.REACH  # the cross has no radius
    square = artist(plots.ball_and_contours(math.inf, 0.5), "ball").get_xy()
    assert np.abs(square).max(axis=1) == pytest.approx([0.5] * len(square))


def test_shares_are_drawn_as_they_come():
    ax = plots.share_by_exponent([0.0, 1.0, 2.0], [1.0, 0.5, 0.0])
    assert np.array_equal(data(ax, "shares"), [[0, 1, 2], [1, 0.5, 0]])


# The penalty and its proximal operator.


@pytest.mark.parametrize(("p", "weight"), [(0.0, 0.7), (0.5, 1.0), (0.9, 0.4), (1.0, 0.7), (1.5, 2.0), (3.0, 0.7)])
def test_penalty_and_prox_against_a_search(p, weight):
    left, right = plots.penalty_and_prox(p, weight)
    for z, height in list(zip(*data(left, "chosen"), strict=True))[::60]:
        assert height == pytest.approx(weight * (abs(z) ** p if z else 0))
    tried = np.concatenate([np.linspace(-3, 3, 60_001), [0]])
    costs = weight * np.where(tried == 0, 0, np.abs(tried) ** p)
    for x, z in list(zip(*data(right, "chosen"), strict=True))[::97]:
        assert z == pytest.approx(tried[np.argmin((tried - x) ** 2 / 2 + costs)], abs=2e-4)


def test_thresholds_are_marked_and_named():
    # For p = 1/2, weight 1 and x = 3/2: z = 1 costs 1/8 + 1, and z = 0 costs 9/8.
    _, right = plots.penalty_and_prox(0.5, 1.0)
    assert [artist(right, f"threshold {side}").get_xdata()[0] for side in (-1, 1)] == pytest.approx([-1.5, 1.5])
    assert title(right) == "its prox: 0 up to 1.5, then jumps to 1"
    _, right = plots.penalty_and_prox(0.0, 2.0)
    assert artist(right, "threshold 1").get_xdata()[0] == pytest.approx(2)  # sqrt(2 weight)
    assert title(right) == "its prox: 0 up to 2, then jumps to 2"
    assert title(plots.penalty_and_prox(1.0, 0.25)[1]) == "its prox: 0 up to 0.25"


@pytest.mark.parametrize("p", [1.5, 2.0, math.inf])
def test_above_one_no_threshold_is_marked(p):
    left, right = plots.penalty_and_prox(p, 0.7)
    assert np.isnan(artist(right, "threshold 1").get_xdata()).all()
    assert title(right) == "its prox: 0 only at x = 0"
    assert title(left) == f"penalty weight · |z|^p, p = {p:g}"


def test_infinity_is_a_wall_and_clips():
    left, right = plots.penalty_and_prox(math.inf, 0.7)
    z, height = data(left, "chosen")
    assert np.array_equal(height, [0 if abs(each) < 1 else 0.7 if abs(each) == 1 else math.inf for each in z])
    x, clipped = data(right, "chosen")
    assert clipped.tolist() == [max(-1, min(1, each)) for each in x]
    render([left, right])


def test_no_line_crosses_a_jump_and_no_side_of_it_is_cut():
    _, right = plots.penalty_and_prox(0.5, 1.0)
    x, z = data(right, "chosen")
    steps = np.diff(z)
    assert np.abs(steps[np.isfinite(steps)]).max() < 0.1  # the jump is 1
    assert np.isnan(z).sum() == 2
    np.testing.assert_allclose(z, -z[::-1], rtol=1e-9)
    assert x[z > 0].min() == pytest.approx(1.505)  # the first beyond 1.5


@pytest.mark.parametrize("p", [0.0, 0.5, math.inf])
def test_a_weight_of_zero_changes_nothing(p):
    left, right = plots.penalty_and_prox(p, 0.0)
    assert not data(left, "chosen")[1].any()
    assert np.array_equal(*data(right, "chosen"))
    assert title(right) == "its prox: 0 only at x = 0"
    render([left, right])


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 2000.0, math.inf])
def test_a_weight_beyond_the_picture_leaves_zeros(p):
    left, right = plots.penalty_and_prox(p, 1e6)
    assert not np.isnan(data(left, "chosen")[1]).any()
    assert (np.abs(data(right, "chosen")[1]) <= (0 if p <= 1 else 1)).all()


# The histogram.


def counts(ax, name):
    """Return the heights of a histogram that is drawn as one outline, by the edges of its bins."""
    x, y = artist(ax, name).get_xy()[:-1].T  # the last point closes the outline
    assert y[0] == y[-1] == 0
    return dict(zip(zip(x[1:-1:2], x[2::2], strict=True), y[1:-1:2], strict=True))


def test_the_histogram_counts_every_weight():
    left, right = plots.weight_histogram(WEIGHTS, 0.13)
    values = WEIGHTS.ravel().tolist()
    counted = {"kept": counts(left, "kept"), "gone": counts(left, "gone")}
    for (low, high), kept in counted["kept"].items():
        gone = counted["gone"][low, high]
        assert kept + gone == sum(low <= value < high or value == 2.0 <= high + 1e-9 for value in values)
        assert not kept or max(abs(low), abs(high)) > 0.13
        assert not gone or min(abs(low), abs(high)) < 0.13
    assert sum(counted["gone"].values()) == 3
    assert same_color(artist(left, "gone").get_facecolor(), plots.GONE)
    assert same_color(artist(left, "kept").get_facecolor(), plots.KEPT)
    assert title(left) == "|w| up to 0.13 becomes 0: 37.5% of 8"  # -0.13, 0.01 and 0.13
    band = artist(left, "zeroed")
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-0.13, 0.13))
    highest = dict(zip(*data(right, "shares"), strict=True))  # of the shares at one size
    assert len(highest) == 7
    for size, share in highest.items():
        assert share == sum(abs(value) <= size for value in values) / 8
    assert np.ravel(data(right, "here")).tolist() == [0.13, 0.375]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.3, 0.7])
def test_the_histogram_says_what_the_operator_does(dtype, threshold):
    weights = np.array([0.1, -0.3, 0.7, 0.0, -0.7, 0.3, 0.2], dtype)  # equal to a threshold, or just beside it
    _, mask = sparse_lp(weights.copy(), 0.0, 1.0, threshold, engine="reference")
    left, _ = plots.weight_histogram(weights, threshold)
    assert title(left).endswith(f"becomes 0: {1 - mask.mean():.1%} of 7")


@pytest.mark.parametrize(
    ("weights", "threshold", "ending", "counted", "reach"),
    [
        (np.zeros((3, 2)), 0.0, "100.0% of 6", 6, 1),
        (np.zeros((3, 2)), 0.5, "100.0% of 6", 6, 1),
        (np.zeros((0, 3)), 0.1, "0.0% of 0", 0, 1),
        (WEIGHTS, 0.0, "0.0% of 8", 8, 2),
        (WEIGHTS, 9.0, "100.0% of 8", 8, 2),
        (np.array([0.25]), 0.1, "0.0% of 1", 1, 0.25),
        (np.array([math.nan, 0.25, -math.inf, -1.5]), 0.5, "25.0% of 4", 2, 1.5),
    ],
)
def test_histograms_of_unusual_weights(weights, threshold, ending, counted, reach):
    left, right = plots.weight_histogram(weights, threshold)
    assert title(left) == f"|w| up to {threshold:.3g} becomes 0: {ending}"
    assert sum(sum(counts(left, name).values()) for name in ("kept", "gone")) == counted
    assert (left.get_xlim(), right.get_xlim()) == ((-reach, reach), (0, reach))
    assert f"{data(right, 'here')[1][0]:.1%}" == ending.split()[0]
    render([left, right])


# Paths.


def test_a_path_shows_weights_and_their_number():
    left, right = plots.regularization_path(ALPHAS, PATH, 0.12, names=["age", "mass", "sex"])
    for j, column in enumerate(zip(*PATH.tolist(), strict=True)):
        assert np.array_equal(data(left, f"weight {j}"), [ALPHAS, column])
    assert np.array_equal(data(right, "nonzeros"), [ALPHAS, [0, 1, 2, 2, 3]])
    assert labels(left) == ["age", "mass", "sex"]
    assert {panel.get_xscale() for panel in (left, right)} == {"log"}
    assert [artist(panel, "alpha").get_xdata()[0] for panel in (left, right)] == [0.12, 0.12]
    assert title(right) == "2 of 3 weights at alpha = 0.1"


@pytest.mark.parametrize(
    ("alpha", "words"),
    [
        (None, "3 weights"),
        (50.0, "0 of 3 weights at alpha = 1"),
        (0.18, "1 of 3 weights at alpha = 0.3"),  # by factors: 1.67 to 0.3 and 1.8 to 0.1
        (1e-6, "3 of 3 weights at alpha = 0.01"),
    ],
)
def test_the_title_of_a_path_counts_at_the_nearest_alpha(alpha, words):
    axes = plots.regularization_path(ALPHAS, PATH, alpha)
    assert title(axes[1]) == words
    assert np.isnan(artist(axes[0], "alpha").get_xdata()[0]) == (alpha is None)
    assert axes[0].get_legend() is None


@pytest.mark.parametrize("alpha", [None, 0.3, 2.0])
def test_a_path_of_one_alpha(alpha):
    axes = plots.regularization_path(ALPHAS[1:2], PATH[1:2], alpha, names=["a", "b", "c"])
    assert np.ravel(data(axes[1], "nonzeros")).tolist() == [0.3, 1]
    assert title(axes[1]) == ("3 weights" if alpha is None else "1 of 3 weights at alpha = 0.3")
    render(axes)


def test_the_largest_weights_of_a_long_path_are_named():
    largest = np.array([0.5, 9, 0.1, 7, 6, 0.2, 5, 8, 3, 4])
    signs = np.array([1, -1, 1, 1, -1, 1, 1, -1, 1, 1])
    weights = np.outer([0, 1, 0.5], largest * signs)
    left, _ = plots.regularization_path(ALPHAS[:3], weights, names=list("abcdefghij"))
    assert labels(left) == ["b", "d", "e", "g", "h", "i", "j"]
    for j, name in enumerate("abcdefghij"):
        assert same_color(artist(left, f"weight {j}").get_color(), plots.MUTED) == (name in "acf")


def test_weights_without_a_name_are_drawn_nameless():
    left, _ = plots.regularization_path(ALPHAS, PATH, names=["age", "mass"])
    assert labels(left) == ["age", "mass"]
    assert np.array_equal(data(left, "weight 2")[1], PATH[:, 2])


# Convergence.


def test_convergence_by_iteration_and_by_milliseconds():
    runs = {"a": (np.array([0.0, 0.5, 2.0]), np.array([3.0, 1e-3, 0.0])), "b": ([0.25, 0.75], [2.0, 5.0])}
    left, right = plots.convergence(runs, floor=1e-6)
    assert np.array_equal(data(left, "a"), [[1, 2, 3], [3, 1e-3, 1e-6]])
    assert np.array_equal(data(right, "b"), [[250, 750], [2, 5]])
    assert data(right, "a")[0].tolist() == [1e-3, 500, 2000]  # a log scale has no 0
    assert [text.get_text() for legend in left.figure.legends for text in legend.get_texts()] == ["a", "b"]
    assert {left.get_yscale(), right.get_xscale()} == {"log"}


def test_gaps_that_are_not_finite_are_left_out():
    gaps = np.array([1.0, math.inf, math.nan, -math.inf, -1e-18])
    axes = plots.convergence({"a": (np.arange(5) / 8, gaps), "none": (np.arange(2.0), np.full(2, math.nan))}, 1e-9)
    drawn = data(axes[0], "a")[1]
    assert np.array_equal(drawn, [1, math.inf, math.nan, 1e-9, 1e-9], equal_nan=True)
    render(axes)
    assert np.isfinite([*axes[0].get_ylim(), *axes[1].get_ylim()]).all()


def test_many_runs_can_be_told_apart():
    runs = {f"run {i}": (np.array([0.1]), np.array([1.0 + i])) for i in range(17)}
    left, _ = plots.convergence(runs)
    looks = {(artist(left, name).get_color(), artist(left, name).get_linestyle()) for name in runs}
    assert len(looks) == 17


# Rows of a table.


def test_touched_rows_are_counted_and_measured():
    table = TABLE.copy()
    left, right = plots.touched_rows(table, np.array([[3, 1], [3, 3]]), p=1.0, reg_lambda=0.1)
    assert np.array_equal(table, TABLE)
    # Row 1 loses all of 0.05, 0.05 and 0.1; row 3 loses 0.15, 0.3 and 0.25 of 0.15, 0.4 and 0.25.
    assert heights(right) == pytest.approx([0, 1, 0, 0.7 / 0.8])
    after = TABLE.copy()
    after[1], after[3] = 0, [0, 0.1, 0]
    np.testing.assert_allclose(artist(left, "table").get_array(), after, atol=1e-15)
    assert artist(left, "table").get_clim() == (-2, 2)
    assert left.get_yticks().tolist() == [1, 3]
    assert [text.get_text() for text in right.texts] == ["", "1", "", "3"]
    assert title(left) == "the table after: 2 of 4 rows were named"
    assert title(right) == "42% of the table is 0; above a bar: times named"  # 5 of 12
    colors = [same_color(bar.get_facecolor(), plots.GONE) for bar in right.patches]
    assert colors == [False, True, False, True]


@pytest.mark.parametrize(
    ("p", "left_over"),
    [
        (0.0, [0.5, 0, 1.0]),  # the hard threshold sqrt(2 * 0.1) = 0.447
        (2.0, [0.45, -0.225, 0.9]),
        (math.inf, [0.5, -0.25, 1.0]),
    ],
)
def test_touched_rows_by_exponent(p, left_over):
    left, right = plots.touched_rows(TABLE, np.array([0], np.int32), p, 0.1)
    np.testing.assert_allclose(artist(left, "table").get_array()[0], left_over, rtol=1e-12)
    gone = 1 - sum(map(abs, left_over)) / 1.75
    assert heights(right) == pytest.approx([gone, 0, 0, 0], abs=1e-15)


def test_a_batch_without_ids_touches_nothing():
    axes = plots.touched_rows(TABLE, np.array([], np.int64))
    assert np.array_equal(artist(axes[0], "table").get_array(), TABLE)
    assert heights(axes[1]) == [0, 0, 0, 0]
    assert title(axes[0]) == "the table after: 0 of 4 rows were named"
    render(axes)


@pytest.mark.parametrize("rows", [[1], [0, 1, 2, 3]])
def test_a_row_of_zeros_has_nothing_to_lose(rows):
    table = TABLE.copy()
    table[rows] = 0
    axes = plots.touched_rows(table, np.array([1, 1]), 1.0, 0.1)
    assert heights(axes[1]) == [0, 0, 0, 0]
    assert title(axes[1]).startswith(f"{len(rows) / 4:.0%} of the table is 0")
    render(axes)


# What is left.


def test_frequencies_are_drawn_as_they_come():
    values = {"lazy": np.array([3.0, 1.0]), "every row": np.array([2.0, 0.5])}
    ax = plots.by_frequency(np.array([0.9, 0.01]), values, ylabel="size")
    assert np.array_equal(data(ax, "every row"), [[0.9, 0.01], [2, 0.5]])
    assert labels(ax) == ["lazy", "every row"]
    assert (ax.get_xscale(), ax.get_ylabel()) == ("log", "size")


def test_decay_and_prox_by_repeated_multiplication():
    left, right = plots.decay_and_prox(0.25, 6)
    assert data(left, "here 0")[1][0] == 0.75
    assert data(left, "here 1")[1][0] == pytest.approx(0.8)
    for name, factor in (("decay: 1 - lambda", 0.75), ("proximal operator: 1 / (1 + lambda)", 0.8)):
        shares = [1.0]
        for _ in range(6):
            shares.append(shares[-1] * factor)
        assert np.ravel(data(right, name)) == pytest.approx([0, 1, 2, 3, 4, 5, 6, *shares])
    assert title(right) == "lambda = 0.25"
    assert artist(left, "lambda").get_xdata()[0] == 0.25


def test_errors_are_means_over_data_sets():
    errors = {"few": {"p = 1": np.array([[1.0, 3.0, 2.0], [2.0, 5.0, 8.0]])}, "all": {"p = 2": np.full((2, 3), 0.5)}}
    few, all_of_them = plots.error_by_strength(ALPHAS[:3], errors, noise=0.25)
    assert np.array_equal(data(few, "p = 1"), [ALPHAS[:3], [1.5, 4, 5]])
    assert np.array_equal(data(all_of_them, "p = 2")[1], [0.5, 0.5, 0.5])
    assert np.array_equal(data(few, "noise")[1], [0.25, 0.25, 0.25])
    assert (title(few), title(all_of_them)) == ("few", "all")


@pytest.mark.parametrize(
    ("draw", "first", "second"),
    [
        (plots.ball_and_contours, (2.0, 1.0, 20.0), (0.0, 1.0, 130.0)),
        (plots.share_by_exponent, ([0, 1], [1, 0.5]), ([0, 1, 2], [1, 0.5, 0.1])),
        (plots.penalty_and_prox, (0.5, 1.0), (2.0, 0.3)),
        (plots.penalty_and_prox, (math.inf, 1.0), (0.0, 1.0)),
        (plots.weight_histogram, (WEIGHTS, 0.1), (WEIGHTS, 0.6)),
        (plots.regularization_path, (ALPHAS, PATH, None), (ALPHAS, PATH, 0.2)),
        (plots.convergence, ({"a": ([0.1, 0.2], [1.0, 0.1])},), ({"a": ([0.1, 0.4, 0.5], [1.0, 0.5, 0.1])},)),
        (plots.touched_rows, (TABLE, np.array([0, 2])), (TABLE, np.array([1, 1, 3]), 2.0, 0.4)),
        (plots.by_frequency, ([0.1, 0.5], {"a": [1.0, 2.0]}), ([0.1, 0.5], {"a": [2.0, 1.5]})),
        (plots.decay_and_prox, (0.1, 20), (0.5, 7)),
        (
            plots.error_by_strength,
            (ALPHAS[:2], {"few": {"p = 1": [[1.0, 2.0]]}, "all": {"p = 1": [[2.0, 1.0]]}}, 0.25),
            (ALPHAS[:2], {"few": {"p = 1": [[1.5, 1.0]]}, "all": {"p = 1": [[3.0, 1.0]]}}, 0.5),
        ),
    ],
)
def test_drawing_again_moves_and_adds_nothing(draw, first, second):
    axes = draw(*first)
    before = drawn(axes)
    draw_again(draw, axes, *second)
    np.testing.assert_equal(drawn(axes), drawn(draw(*second)))
    with pytest.raises(AssertionError):
        np.testing.assert_equal(drawn(axes), before)


def test_the_ball_moves_when_drawn_again():
    ax = plots.ball_and_contours(0.5)
    plots.ball_and_contours(math.inf, 1.5, ax=ax)
    assert np.abs(artist(ax, "ball").get_xy()).max(axis=1) == pytest.approx(1.5, rel=1e-12)


def test_of_many_rows_medians_are_drawn():
    frequencies = np.geomspace(1e-3, 1.0, 3001)
    ax = plots.by_frequency(frequencies, {"lazy": np.where(np.arange(3001) % 3 == 0, 9.0, frequencies)})
    assert labels(ax) == ["lazy, median"]
    at, medians = data(ax, "lazy, medians")
    assert len(at) == plots.GROUPS
    assert np.all(np.diff(at) > 0)
    assert medians[0] == pytest.approx(np.sort(np.where(np.arange(188) % 3 == 0, 9.0, frequencies[:188]))[94], rel=0.02)


def test_a_histogram_moves_with_the_weights():
    ax = plots.weight_histogram(np.array([1.0, -0.5, 0.25]))
    plots.weight_histogram(np.array([4.0, -2.0, 1.0]), ax=ax)
    *_, ((low, high), height) = counts(ax[0], "kept").items()
    assert (low, high, height) == (pytest.approx(3.9), 4, 1)


def test_the_scale_of_the_penalty_stays_when_the_weight_moves():
    axes = plots.penalty_and_prox(weight=0.05)
    scale = axes[0].get_ylim()
    draw_again(plots.penalty_and_prox, axes, weight=2.5)
    assert axes[0].get_ylim() == scale
    assert max(data(axes[0], "p = 0: counts")[1]) == 2.5 < scale[1]
