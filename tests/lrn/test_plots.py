"""The plots of local response normalization, against values worked out by hand."""

import numpy as np
import pytest

from tests.pictures import artist, data, draw_again
from workbench.lrn import plots


def test_response_curve_has_its_maximum_where_the_derivative_vanishes():
    ax = plots.response_curve(size=5, alpha=1.0, beta=0.75, bias=1.0)
    x, y = data(ax, "energy 0.0")
    assert abs(x[np.argmax(y)]) == pytest.approx(np.sqrt(10), abs=0.05)
    assert ax.get_xlabel() == "response x"


def test_inhibition_and_excitation_mark_the_pole():
    left, right = plots.inhibition_and_excitation(size=5, alpha=0.1, bias=1.0, energy=10.0)
    # 1 - 0.1 / 5 * (x^2 + 10) = 0 at x^2 = 40
    assert data(right, "pole 1")[0][0] == pytest.approx(np.sqrt(40))
    assert np.isnan(data(left, "pole 1")[0][0])
    x, y = data(right, "response")
    assert np.abs(x).max() < np.sqrt(40)
    assert np.all(np.abs(y) >= np.abs(x))
    x, y = data(left, "response")
    assert np.all(np.abs(y) <= np.abs(x))


def test_excitation_without_any_real_value_says_so():
    _, right = plots.inhibition_and_excitation(size=5, alpha=0.6, bias=1.0, energy=10.0)
    assert data(right, "response")[0].size == 0
    assert "no real value" in artist(right, "note").get_text()


def test_window_over_channels_tells_its_members_from_the_others():
    top, _ = plots.window_over_channels(np.arange(1.0, 8.0), size=5, channel=3)
    colours = [tuple(artist(top, f"channel {i}").get_facecolor()) for i in range(7)]
    # Channel 3, a window of 5: 1, 2, 4 and 5 are its neighbours, 0 and 6 lie outside.
    assert colours[1] == colours[2] == colours[4] == colours[5]
    assert colours[0] == colours[6]
    assert len({colours[0], colours[1], colours[3]}) == 3


def test_window_over_channels_shows_before_and_after():
    responses = np.array([1.0, 2.0, 3.0, 4.0])
    top, bottom = plots.window_over_channels(responses, size=3, alpha=3.0, beta=1.0, bias=1.0, channel=1)
    assert [bar.get_height() for bar in top.patches[:4]] == [1, 2, 3, 4]
    after = [1 / (1 + 5), 2 / (1 + 14), 3 / (1 + 29), 4 / (1 + 25)]
    assert [bar.get_height() for bar in bottom.patches[:4]] == pytest.approx(after)


def test_gradient_matrix_by_hand():
    # Two channels that see each other, alpha/n = 1/3, beta = 1: y_j = x_j / s with s = 1 + (x_0^2 + x_1^2) / 3
    ax = plots.gradient_matrix(np.array([1.0, 2.0]), size=3, alpha=1.0, beta=1.0, bias=1.0)
    s = 1 + 5 / 3
    expected = np.array([[1 / s - 2 / 3 / s**2, -4 / 3 / s**2], [-4 / 3 / s**2, 1 / s - 8 / 3 / s**2]])
    np.testing.assert_allclose(ax.images[0].get_array(), expected, rtol=1e-12, atol=1e-15)


def test_feature_maps_show_the_chosen_channels_on_one_scale_a_row():
    before = np.random.default_rng(0).random((7, 3, 4))
    axes = plots.feature_maps(before, before / 2, channels=(0, 1, 2, 4, 5, 6))
    np.testing.assert_array_equal(axes[0, 3].images[0].get_array(), before[4])
    np.testing.assert_array_equal(axes[1, 5].images[0].get_array(), before[6] / 2)
    assert {panel.images[0].get_clim() for panel in axes[0]} == {(0.0, np.percentile(before[[0, 1, 2, 4, 5, 6]], 99.5))}


def test_gain_by_argument_falls_with_alpha_and_beta():
    maps = np.random.default_rng(1).random((6, 3, 4)).astype(np.float32)
    panels = plots.gain_by_argument(maps, size=3)
    for panel in panels[1:3]:
        assert np.all(np.diff(data(panel, "gain")[1]) < 0)
    assert data(panels[2], "gain")[1][0] == pytest.approx(1.0)  # beta 0 divides by 1


@pytest.mark.parametrize(
    "draw",
    [
        plots.response_curve,
        plots.inhibition_and_excitation,
        lambda **options: plots.normalized_maps(np.ones((6, 3, 4), np.float32), **options),
        lambda **options: plots.gradient_matrix(np.arange(1.0, 5.0), **options),
        lambda **options: plots.window_over_channels(np.arange(1.0, 8.0), channel=3, **options),
    ],
)
def test_drawing_again_moves_and_adds_nothing(draw):
    draw_again(draw, draw(), size=3)


def test_rows_of_feature_maps_name_their_scales():
    maps = np.linspace(0.0, 20.0, 7 * 3 * 5).reshape(7, 3, 5)
    panels = plots.normalized_maps(maps, size=1, alpha=0.0, beta=1.0, bias=4.0)  # a quarter of the input
    high = np.percentile(maps, 99.5)
    words = [artist(row[0], "row").get_text() for row in panels]
    assert words == [f"before\n0 to {high:.3g}", f"after\n0 to {high / 4:.3g}"]
