"""The plots of competition, against values worked out by hand or computed apart."""

import numpy as np
import pytest

from tests.pictures import artist, data, draw_again, heights, pixels, render, title
from workbench.competition import bandit, cortex, plots, retina


def test_response_curves_of_a_unit_and_its_neighbour():
    panels = plots.response_curves(scale=2.0, others=0.5, alpha=0.5)
    drawn = {title(panel): panel for panel in panels.flat}
    own, relu = data(drawn["ReLU"], "own")
    assert relu == pytest.approx(np.maximum(2 * own, 0))
    assert set(data(drawn["ReLU"], "other")[1]) == {1.0}
    _, other = data(drawn["softmax"], "other")
    assert other == pytest.approx(np.e / (np.exp(2 * own) + 7 * np.e))  # eight units, seven of them with 2 * 0.5
    _, normalized = data(drawn["LRN"], "other")
    assert normalized == pytest.approx((1 + 0.1 * (4 + 4 * own**2)) ** -0.75)
    draw_again(plots.response_curves, panels, 1.0, -1.0)
    assert set(data(drawn["ReLU"], "other")[1]) == {0.0}
    render(panels)


def test_matrices_are_shown_in_parts_of_their_largest_entry_beside_the_diagonal():
    one = np.array([[9.0, 2.0, 0.0], [0.0, 9.0, -4.0], [1.0, 0.0, 9.0]])
    panels = plots.influences({"one": one, **{str(i): np.eye(3) for i in range(8)}})
    shown = np.ma.filled(artist(panels[0, 0], "matrix").get_array(), np.nan)
    assert np.array_equal(shown, [[np.nan, 0.5, 0], [0, np.nan, -1], [0.25, 0, np.nan]], equal_nan=True)
    assert title(panels[0, 0]) == "one: at most 4"
    assert title(panels[2, 2]) == "7: nobody"
    render(panels)


def test_shares_of_the_strongest():
    scales = np.array([0.01, 1.0, 50.0])
    found = plots.shares(alpha=1e-9, scales=scales)
    x = plots.positive_inputs()
    before = np.mean(x.sum(axis=1) / x.max(axis=1))  # what a lone winner gains
    for name in ("linear", "ReLU", "LRN"):
        assert found[name] == pytest.approx(np.ones(3)), name
    assert found["winner-take-all"] == pytest.approx(np.full(3, before))
    assert found["softmax"][0] == pytest.approx(np.mean(x.sum(axis=1) / x.max(axis=1)) / 8, rel=0.01)
    assert found["softmax"][2] == pytest.approx(before, rel=0.15)
    ax = plots.strongest(scale=3.0)
    assert data(ax, "tanh")[1] == pytest.approx(plots.shares()["tanh"])
    draw_again(plots.strongest, ax, 5.0, 0.5)
    render(ax)


def test_a_row_of_detectors():
    panels = plots.row_of_detectors("ramp", 0.5, 2.0, 300)
    answers = 1.5 * retina.answers(retina.pattern("ramp"), 0.5, 2.0)
    assert data(panels[2], "answers")[1] == pytest.approx(answers, rel=1e-4)
    assert pixels(panels[1], "strip")[0] == pytest.approx(answers, rel=1e-4)
    draw_again(plots.row_of_detectors, panels, "edge", step=0)
    assert set(data(panels[2], "answers")[1]) == {0.0}
    render(panels)


def test_a_contest():
    panels = plots.contest(900, weight=1.5, lead=0.1)
    assert heights(panels[0], "answer") == pytest.approx([0, 0, 0, 0, 0, 1.067, 0, 0], abs=1e-6)  # 1.1 * 0.97
    assert title(panels[0]) == "Step 900: 1 of 8 answer"
    draw_again(plots.contest, panels, 0)
    assert heights(panels[0], "answer") == [0] * 8
    render(panels)


def test_contrasts():
    panels = plots.contrasts(0.4, 0.4, 3.0, 0.2)
    own, alone = data(panels[0], "alone")
    assert alone == pytest.approx(own**3 / (0.008 + own**3))
    assert data(panels[0], "masked")[1][-1] == pytest.approx(1 / (0.008 + 1 + 0.064), rel=0.02)
    assert data(panels[0], "undivided")[1] == pytest.approx((own / 0.2) ** 3)
    places, answers = data(panels[1], "answers")
    assert sorted(places[np.argsort(-answers)[:2]]) == [-90, 0]  # -90 degrees is 90 degrees
    assert len(places) == cortex.CELLS
    draw_again(plots.contrasts, panels, 0.2, 0.1)
    render(panels)


def test_a_race():
    panels = plots.race(20, rate=0.5, seed=3)
    rewards = bandit.rewards_of_arms(3)
    order = np.argsort(-rewards)
    assert [title(panel) for panel in panels[0]] == list(plots.METHODS)
    p = np.exp(10 * rewards)
    for key, arms in (("best", slice(0, 1)), ("others", slice(1, None))):
        outline = artist(panels[0, 3], key).get_xy()[:-1].reshape(-1, 4, 2)  # the last point closes it
        assert outline[:, [1, 2], 1] == pytest.approx(np.stack(2 * [(p / p.sum())[order][arms]], axis=1))
        assert not outline[:, [0, 3], 1].any()
        assert outline[:, :, 0].mean(axis=1).round(9).tolist() == list(range(10))[arms]
    run = bandit.play(rewards, 0.5, 20, baseline="none", seed=3).chances[0]
    steps, shares = np.reshape(data(panels[1, 1], "others"), (2, 9, 22))
    assert shares[1, :-1] == pytest.approx(run[:, order[2]])
    assert np.isnan(shares[:, -1]).all()  # a curve does not go on to the next arm's
    assert steps[1, :-1].tolist() == list(range(21))
    assert title(panels[1, 1]) == f"best arm: {run[-1, order[0]]:.0%}"
    draw_again(plots.race, panels, 7, seed=4)
    render(panels)


def test_learning_curves_and_kinship():
    ax = plots.learning_curves({"a": np.array([0.1, 0.5, 0.9]), "b": np.array([0.1, 0.2, 0.3])})
    assert np.array_equal(data(ax, "b"), [[1, 2, 3], [0.1, 0.2, 0.3]])
    entries = np.array([[0.1, -0.1], [0.2, -0.2]])
    panels = plots.kinship(entries, {"softmax": entries, "LRN": 3 * entries[::-1]})
    assert np.allclose(data(panels[1], "entries"), [[0.6, -0.6, 0.3, -0.3], [0.1, -0.1, 0.2, -0.2]])
    render(panels)
