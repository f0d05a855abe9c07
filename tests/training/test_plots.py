"""What the pictures of training show, against numbers worked out by hand."""

import numpy as np
import pytest

from tests.pictures import artist, data, draw_again, labels, pixels, title
from workbench.training import plots
from workbench.training.statistics import compare, compare_many, interval

GAINS = {"one": np.array([0.2, 0.21, 0.22, 0.23]), "other": np.array([-0.1, 0.1, 0.3, -0.2])}


def compared(shift=0.0):
    return compare_many({name: 1 - gains - shift for name, gains in GAINS.items()}, np.ones(4))


def test_differences_show_worlds_intervals_margin_and_verdict():
    found = compared()
    ax = plots.differences(found)
    np.testing.assert_allclose(data(ax, "other worlds")[0], GAINS["other"])
    assert tuple(data(ax, "one holds")[0]) == (found["one"].low, found["one"].high)
    assert tuple(data(ax, "one bootstrap")[0]) == (found["one"].bootstrap_low, found["one"].bootstrap_high)
    assert np.isnan(data(ax, "one open")[0]).all()
    assert [artist(ax, f"{name} verdict").get_text() for name in found] == ["holds", "open"]
    band = artist(ax, "margin")
    assert (band.get_x(), band.get_width()) == (-0.02, 0.04)
    assert [each.get_text() for each in ax.get_yticklabels()] == ["one", "other"]


def test_differences_follow_new_numbers():
    ax = plots.differences(compared())
    draw_again(plots.differences, ax, compared(-0.5))
    np.testing.assert_allclose(data(ax, "one mean")[0], [-0.285])
    assert np.isnan(data(ax, "one holds")[0]).all()
    assert artist(ax, "one verdict").get_text() == "fails"
    with pytest.raises(ValueError, match=r"margins \[0\.02, 0\.03\]: must have one"):
        plots.differences({"a": compare([1, 2], [2, 3]), "b": compare([1, 2], [2, 3], margin=0.03)})


def test_learning_curves_show_the_middle_of_the_worlds_that_go_on():
    worlds = np.array([[1.0, 2.0, 9.0], [2.0, 4.0, np.nan], [3.0, 6.0, np.inf], [4.0, 8.0, 10.0], [9.0, 10.0, 11.0]])
    ax = plots.learning_curves({"a": np.array([5.0, 4.0])}, {"a": worlds, "b": worlds + 1})
    assert [each.tolist() for each in data(ax, "a, training")] == [[1, 2], [5, 4]]
    assert data(ax, "a, validation")[1].tolist() == [3, 6, 10]
    corners = artist(ax, "a, validation band").get_xy()[:-1]
    assert corners.tolist() == [[1, 2], [2, 4], [3, 9.5], [3, 10.5], [2, 8], [1, 4]]  # quartiles
    assert labels(ax)[1:] == [f"{name}, validation (2 of 5 worlds stopped)" for name in "ab"]
    assert artist(ax, "a, training").get_color() == artist(ax, "a, validation").get_color()
    assert artist(ax, "a, training").get_linestyle() != artist(ax, "a, validation").get_linestyle()
    draw_again(plots.learning_curves, ax, {"a": np.array([5.0, 4.0])}, {"a": worlds, "b": worlds}, middle="mean")
    assert data(ax, "a, validation")[1].tolist() == [3.8, 6, 10]
    assert artist(ax, "a, validation band").get_xy()[[0, -2], 1].tolist() == list(interval(worlds[:, 0]))
    later = plots.learning_curves({}, {"a": worlds}, epochs=[5, 10, 12])
    assert data(later, "a, validation")[0].tolist() == [5, 10, 12]
    with pytest.raises(ValueError, match="middle='mode'"):
        plots.learning_curves({}, {"a": worlds}, middle="mode")


GRID = np.array([[3.0, 2.0, 4.0, 7.0], [5.0, 1.0, 4.0, 8.0], [6.0, 3.0, 3.0, 100.0]])  # its median is 4


def test_a_heat_map_shows_the_mean_over_worlds_and_marks_the_best_cell():
    values = np.stack([GRID - 0.5, GRID + 0.5])
    values[1, 0, 0] = np.nan
    ax = plots.heat_map(values, [0.1, 1, 10], [1, 2, 3, 4], rows="penalty", columns="depth", measure="error")
    np.testing.assert_array_equal(pixels(ax, "cells"), np.where(GRID == [[3], [0], [0]], np.nan, GRID))
    assert [each.tolist() for each in data(ax, "best")] == [[1], [1]]
    assert title(ax) == "Best error 1 at penalty = 1, depth = 2,\nwithin the grid"
    assert artist(ax, "cells").get_clim() == (1, 13)  # low + 4 * (median - low); the 100 is beyond the colours
    draw_again(plots.heat_map, ax, GRID[::-1], [0.1, 1, 10], [1, 2, 3, 4])
    assert artist(ax, "cells").colorbar.extend == "max"
    for wrong in (GRID.T, np.full((3, 4), np.nan)):
        with pytest.raises(ValueError, match="must have 3 rows and 4 columns, one of them finite"):
            plots.heat_map(wrong, [1, 2, 3], [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        ((slice(1, 3), slice(0, 4)), "at the edge of the grid: extend penalty"),
        ((slice(0, 3), slice(1, 4)), "at the edge of the grid: extend depth"),
        ((slice(1, 3), slice(1, 4)), "at the edge of the grid: extend penalty and depth"),
        ((slice(1, 2), slice(0, 4)), "within the grid"),  # a single penalty was not searched
    ],
)
def test_a_heat_map_says_whether_the_best_lies_at_the_edge(cut, words):
    rows, columns = np.array([0.1, 1, 10])[cut[0]], np.array([1, 2, 3, 4])[cut[1]]
    ax = plots.heat_map(GRID[cut], rows, columns, rows="penalty", columns="depth")
    assert title(ax).endswith(words)


def test_activations_show_quantiles_and_the_second_moment_of_each_world():
    first = np.arange(101.0).reshape(1, 101) * [[1.0], [1.0]]
    second = np.array([[[3.0, -3.0]], [[0.0, 0.0]]])  # the second world is silent
    axes = plots.activations({"first": first, "second": second})
    np.testing.assert_allclose(data(axes[0], "most")[1][:2], [5, 95], atol=0.3)
    np.testing.assert_allclose(data(axes[0], "half")[1][:2], [25, 75], atol=0.3)
    assert data(axes[0], "median")[1].tolist() == [50, 0]
    assert data(axes[1], "worlds")[1] == pytest.approx([3350, 9, np.nan, 3350, np.nan, np.nan], nan_ok=True)
    assert data(axes[1], "middle")[1] == pytest.approx([3350, 9])  # sum of squares to 100 is 338350
    draw_again(plots.activations, axes, {"first": second, "second": first})


def test_feature_maps_lie_side_by_side_with_frames():
    maps = np.arange(1.0, 31).reshape(5, 2, 3)
    maps[3] = 0
    ax = plots.feature_maps(maps, across=3)
    shown = pixels(ax, "maps")
    assert shown.shape == (2 * 3, 3 * 4)
    np.testing.assert_array_equal(shown[3:5, 4:7], maps[4])
    assert np.isnan(shown[:, 3::4]).all()
    assert np.isnan(shown[3:, 8:]).all()
    assert artist(ax, "maps").get_clim() == (0, 30)
    assert title(ax) == "5 feature maps from 0 to 30; 1 all zero"
    draw_again(plots.feature_maps, ax, maps - 40, across=3)
    assert artist(ax, "maps").get_clim() == (-40, 40)
    with pytest.raises(ValueError, match=r"maps has shape \(2, 3\)"):
        plots.feature_maps(maps[0])


def test_a_decision_boundary_lies_where_the_probability_is_one_half():
    grid_x, grid_y = np.linspace(-2, 2, 9), np.linspace(0, 3, 4)
    x, y = np.array([[-1.0, 0.5], [1.0, 2.5], [1.5, 1.0]]), np.array([0, 1, 1])

    def draw(at, **options):
        probability = np.broadcast_to(0.5 + (grid_x - at) / 8, (4, 9))
        return plots.decision_boundary(grid_x, grid_y, probability, x, y, **options)

    ax = draw(0.3)
    across, up = data(ax, "boundary")
    np.testing.assert_allclose(across[np.isfinite(across)], 0.3)
    assert (np.nanmin(up), np.nanmax(up)) == (0, 3)
    assert data(ax, "class 1")[1].tolist() == [2.5, 1.0]
    assert artist(ax, "probability").get_extent() == [-2.25, 2.25, -0.5, 3.5]
    draw_again(draw, ax, 9.0)  # the boundary is outside
    assert np.isnan(data(ax, "boundary")[0]).all()
