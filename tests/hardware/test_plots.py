"""The plots of a mask generator, against values worked out by hand."""

import numpy as np
import pytest

from tests.pictures import artist, data, draw_again, render, title
from workbench.hardware import mask_generator, plots


def test_lattice_of_one_bit_steps_is_two_lines():
    panels = plots.lattice(16, 8, clocks=300)
    now, later = data(panels[0], "pairs")
    assert len(now) == 299
    rest = later - 2 * now % 1  # one new bit, the lowest of eight
    assert set(rest) == {0, 1 / 256}
    words = mask_generator.philox_words(1, 300, 1, 8)[:, 0] / 256
    np.testing.assert_array_equal(data(panels[2], "pairs"), [words[:-1], words[1:]])


def test_lattice_of_word_steps_shows_the_words():
    panels = plots.lattice(8, 3, seed=4, clocks=7)
    generator = mask_generator.MaskGenerator(8, 3, 1)
    words = generator.words(7, generator.start(4))[:, 0] / 8
    np.testing.assert_array_equal(data(panels[1], "pairs"), [words[:-1], words[1:]])


def test_mask_fields_are_dark_where_dropped():
    panels = plots.mask_fields(16, 4, 5, 0.3, "bit", seed=2, clocks=13)
    for panel, feed, step in zip(panels, mask_generator.FEEDS, ("bit", "bit", "word"), strict=False):
        generator = mask_generator.MaskGenerator(16, 4, 5, feed, step)
        masks = generator.words(13, generator.start(2)) < 5  # 0.3 * 16, rounded
        np.testing.assert_array_equal(artist(panel, "mask").get_array() == 0, masks)
        assert f"{masks.mean():.3f} dropped" in title(panel)
    philox = mask_generator.philox_words(2, 13, 5, 4) < 5
    np.testing.assert_array_equal(artist(panels[3], "mask").get_array() == 0, philox)


def test_mask_fields_that_change_their_shape_are_shown_whole():
    panels = plots.mask_fields(lanes=5, clocks=13)
    plots.mask_fields(lanes=11, clocks=7, ax=panels)
    for panel in panels:
        assert panel.get_xlim() == (-0.5, 10.5)
        assert artist(panel, "mask").get_extent() == [-0.5, 10.5, 6.5, -0.5]


def test_serial_correlation_of_one_bit_steps_follows_the_theory():
    ax = plots.serial_correlation(16, 8, clocks=65535, lags=5)
    # Of uniform words w of 8 bits the variance is (4^8 - 1) / 12, of the covariance (4^8 - 4^lag) / 12 / 2^lag is left.
    np.testing.assert_allclose(data(ax, "theory")[1], [(4**8 - 4**lag) / (4**8 - 1) / 2**lag for lag in range(1, 6)])
    few = plots.serial_correlation(16, 2, clocks=65535, lags=4)
    np.testing.assert_allclose(data(few, "theory")[1], [0.4, 0, 0, 0])
    np.testing.assert_allclose(data(few, "one bit")[1], [0.4, 0, 0, 0], atol=0.01)
    np.testing.assert_allclose(data(ax, "one bit")[1], data(ax, "theory")[1], atol=2e-3)
    assert np.abs(data(ax, "word")[1]).max() < 0.02
    assert np.abs(data(ax, "philox")[1]).max() < 0.02


def test_lane_correlations_show_who_shares_bits():
    panels = plots.lane_correlations(16, 8, 8, clocks=65535)
    separate, shared, leap, philox = (artist(panel, "matrix").get_array().filled(np.nan) for panel in panels)
    np.testing.assert_allclose(np.diag(shared, 1), 0.25, atol=2e-3)
    for matrix in (separate, leap, philox):
        assert np.isnan(np.diag(matrix)).all()
        assert np.nanmax(np.abs(matrix)) < 0.05
    assert title(panels[1]).endswith("largest 0.25")


def test_quantized_ratio_by_hand():
    stairs, errors = plots.quantized_ratio(0.3, 4)
    wanted, given = data(stairs, "2 bits")
    assert given[np.searchsorted(wanted, 0.3)] == 0.25
    assert set(given) == {0, 0.25, 0.5, 0.75, 1}
    # 0 or 1 of 2, 1 of 4, 2 of 8, 5 of 16
    np.testing.assert_allclose(data(errors, "error")[1][:4], [0.2, 0.05, 0.05, 0.0125])
    np.testing.assert_allclose(np.concatenate(data(errors, "here")), [4, 0.0125])
    assert np.all(data(errors, "error")[1] <= data(errors, "bound")[1])


def test_area_per_lane_by_hand():
    memory, logic, depth = plots.area_per_lane(15, 2, lanes=4)
    lanes, separate = data(memory, "separate")
    assert list(lanes) == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    # A register of 15 flip-flops for each lane or once, and a threshold of 3.
    np.testing.assert_allclose(separate, [15 + 3 / n for n in lanes])
    np.testing.assert_allclose(data(memory, "leap")[1], [18 / n for n in lanes])
    # Comparators of 6 gates, and 2 steps of one XOR: for each lane, or for all.
    np.testing.assert_allclose(data(logic, "separate")[1], 8)
    np.testing.assert_allclose(data(logic, "shared")[1], [6 + 2 / n for n in lanes])
    np.testing.assert_allclose(data(logic, "leap")[1], 8)
    assert list(data(depth, "separate")[1]) == [1] * 9
    # x^15 + x + 1 feeds back into x: what a step changed falls out, and is fed back, 14 steps later.
    assert data(depth, "leap")[1][:4].tolist() == [1, 1, 1, 2]
    assert data(logic, "here")[0].tolist() == [4, 4]


@pytest.mark.parametrize(
    ("draw", "moved"),
    [
        (plots.lattice, {"width": 11, "seed": 3}),
        (plots.mask_fields, {"lanes": 3, "ratio": 0.7}),
        (plots.serial_correlation, {"bits": 5}),
        (plots.lane_correlations, {"lanes": 1, "step": "bit"}),
        (plots.quantized_ratio, {"bits": 20, "ratio": 0.0}),
        (plots.area_per_lane, {"width": 8, "step": "bit"}),
    ],
)
def test_drawing_again_moves_and_adds_nothing(draw, moved):
    axes = draw()
    before = render(axes)
    draw_again(draw, axes, **moved)
    assert render(axes) != before


def test_trick_times_are_multiples_of_the_copy():
    times = {1: {"copy": 2.0, "slow_one": 5.0, "fast": 3.0}, 2: {"copy": 1.0, "slow_one": 4.0, "fast": 1.5}}
    ax = plots.trick_times(times)
    assert [artist(ax, f"1 thread {i}").get_height() for i in range(2)] == [2.5, 1.5]
    assert [artist(ax, f"2 threads {i}").get_height() for i in range(2)] == [4.0, 1.5]
    assert artist(ax, "2 threads slow_one").get_text() == "4.0"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["slow\none", "fast"]


def test_times_by_ratio_are_multiples_of_the_copy():
    ax = plots.times_by_ratio([0.01, 0.1, 0.5], {"copy": [1.0, 2.0, 4.0], "skipping": [2.0, 6.0, 2.0]})
    np.testing.assert_array_equal(data(ax, "skipping"), [[0.01, 0.1, 0.5], [2, 3, 0.5]])
    np.testing.assert_array_equal(data(ax, "copy")[1], [1, 1, 1])


def test_one_lane_has_no_pair_to_correlate():
    panels = plots.lane_correlations(lanes=1, clocks=64)
    assert [title(panel).splitlines()[1] for panel in panels] == ["no pair of lanes"] * 4


def test_the_scales_of_the_areas_stay_when_the_sliders_move():
    panels = plots.area_per_lane()
    scales = [panel.get_ylim() for panel in panels]
    for moved in ({"width": 8, "bits": 1, "step": "bit"}, {"width": 64, "bits": 16}):
        draw_again(plots.area_per_lane, panels, **moved)
        assert [panel.get_ylim() for panel in panels] == scales
        for panel, (low, high) in zip(panels, scales, strict=True):
            drawn = np.concatenate([line.get_ydata() for line in panel.lines if line.get_gid() != "here"])
            assert low < drawn.min() < drawn.max() < high
