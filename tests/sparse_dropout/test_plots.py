"""The pictures of sparse dropout hold the right values, and a second call moves their artists."""

import numpy as np
import pytest

from tests.pictures import artist, draw_again, pixels, render, title
from workbench.sparse_dropout import plots

IDS = np.array([11, 12, 13, 21, 22, 41, 42, 43, 44])
LENGTHS = np.array([3, 2, 0, 4], np.int32)


def words_in(ax):
    return {text.get_gid(): text.get_text() for text in ax.texts if text.get_text()}


def test_ragged_shows_each_value_and_what_becomes_of_it():
    before, after = plots.ragged(IDS, LENGTHS, ratio=1.0, seed=5, new=-7)
    assert pixels(before, "cells").tolist() == [[2, 2, 2, 0], [2, 2, 0, 0], [0, 0, 0, 0], [2, 2, 2, 2]]
    assert pixels(after, "cells").tolist() == [[3, 0, 0, 0]] * 4
    assert words_in(before)["number 3 2"] == "43"
    assert set(words_in(after).values()) == {"-7"}
    assert title(after) == "after: 4 of 4 segments are one value each, 4 values"


def test_ragged_moves_what_it_drew():
    axes = plots.ragged(IDS, LENGTHS, ratio=0.0, seed=5)
    texts = []
    for ratio in (1.0, 0.0, 1.0, 0.0):
        plots.ragged(IDS, LENGTHS, ratio=ratio, seed=5, ax=axes)
        texts.append(len(axes[1].texts))
    assert pixels(axes[1], "cells").tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
    assert texts[-1] == texts[0]
    assert words_in(axes[1])["number 0 0"] == "11"


def test_ragged_leaves_no_number_behind():
    axes = plots.ragged(IDS, LENGTHS, ratio=0.0, seed=5)
    plots.ragged(IDS[:6], np.array([2, 0, 4]), ratio=0.0, seed=5, ax=axes)
    assert sorted(words_in(axes[0])) == ["number 0 0", "number 0 1", *(f"number 2 {place}" for place in range(4))]
    plots.ragged(np.arange(40), np.array([40]), ratio=0.0, seed=5, ax=axes)
    assert words_in(axes[0]) == {}


def test_mask_fields_show_their_shares():
    axes = plots.mask_fields(seed=4, ratios=(0.0, 0.25, 0.75, 1.0))
    shares = [pixels(ax, "field").mean() for ax in axes]
    assert shares[0] == 0
    assert shares[3] == 1
    assert shares[1:3] == pytest.approx([0.25, 0.75], abs=6 * np.sqrt(0.25 * 0.75 / 4096))  # six sigma
    assert title(axes[1]) == f"ratio 0.25: {shares[1]:.1%} dropped"


def test_responses_have_the_sparsity_that_is_asked_for():
    assert (plots.sparse_responses(0.0) > 0).all()
    assert (plots.sparse_responses(1.0) == 0).all()
    x = plots.sparse_responses(0.7, 300, 110)
    assert x.shape == (300, 110)
    assert np.mean(x == 0) == pytest.approx(0.7, abs=6 * np.sqrt(0.21 / x.size))


@pytest.mark.parametrize(("ratio", "value", "scaled"), [(0.25, 5.0, False), (0.25, 5.0, True), (0.5, -1.0, True)])
def test_mean_and_variance_by_enumerating_every_outcome(ratio, value, scaled):
    x = np.array([1.0, 2.0, 6.0])
    outcomes, chances = [], []
    for each in x:
        kept = value + (each - value) / (1 - ratio) if scaled else each
        outcomes += [value, kept]
        chances += [ratio / 3, (1 - ratio) / 3]
    mean = np.dot(chances, outcomes)
    variance = np.dot(chances, (np.array(outcomes) - mean) ** 2)
    assert plots.mean_and_variance(x, ratio, value, scaled) == pytest.approx((mean, variance), rel=1e-12)


def test_output_distribution_shows_shares_that_add_up_and_the_new_value():
    zero, mean, _ = plots.output_distribution(sparsity=0.5, ratio=0.4, seed=2, part="stored")
    x = plots.sparse_responses(0.5)
    assert artist(mean, "value").get_xdata()[0] == pytest.approx(x[x != 0].mean(), rel=1e-12)
    assert artist(zero, "value").get_xdata()[0] == 0
    assert artist(zero, "y").get_ydata().sum() == pytest.approx(1, abs=0.01)
    assert artist(zero, "y").get_ydata().max() == pytest.approx(0.4, abs=6 * np.sqrt(0.24 / (x != 0).sum()))


def test_dropped_elements_tell_wasted_draws_from_others():
    _, of_all, _ = plots.dropped_elements(sparsity=0.5, ratio=1.0, part="all")
    x = plots.sparse_responses(0.5, *plots.PICTURE)
    assert (pixels(of_all, "picture") == np.where(x == 0, 4, 3)).all()
    assert title(of_all) == f"768 draws, {(x == 0).sum()} of them for zeros"
    _, of_stored, y = plots.dropped_elements(sparsity=0.5, ratio=1.0, part="stored", replacement="zero")
    assert (pixels(of_stored, "picture") == np.where(x == 0, 0, 3)).all()
    assert (pixels(y, "picture") == 0).all()
    assert title(of_stored) == f"{(x != 0).sum()} draws, 0 of them for zeros"


def test_gradient_flow_counts():
    dropped, dx, bars = plots.gradient_flow(ratio=0.3, seed=6)
    marks = pixels(dropped, "picture").astype(bool)
    assert (pixels(dx, "picture") == ~marks).all()
    assert [bar.get_height() for bar in bars.patches] == marks.sum(axis=0).tolist()


def test_draws_names_every_count():
    ax = plots.draws({"a": {"all elements": 64.0}, "b": {"all elements": 1200.0, "whole lists": 3.0}})
    assert [bar.get_height() for bar in ax.patches] == [64, 1200, 3]
    assert {"64", "1,200", "3", "a", "b"} <= set(words_in(ax).values())


def test_losses_show_means_and_standard_errors():
    values = np.array([[4.0, 2.0], [6.0, 2.0]])
    axes = plots.losses_by_ratio((0.0, 0.5), {"m": {name: values + i for i, name in enumerate("abcd")}})
    line, _, (bars,) = axes[0].containers[0]
    assert line.get_ydata().tolist() == [5, 2]
    low, high = bars.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((4, 6))  # standard deviation sqrt(2), over sqrt(2) seeds


@pytest.mark.parametrize(
    "draw",
    [
        plots.mask_fields,
        plots.output_distribution,
        plots.dropped_elements,
        plots.gradient_flow,
        lambda ax=None: plots.ragged(IDS, LENGTHS, ax=ax),
    ],
)
def test_drawing_again_adds_nothing(draw):
    axes = draw()
    draw_again(draw, axes)
    render(axes)
