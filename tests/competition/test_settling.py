import numpy as np
import pytest

from workbench.competition import settling

DRIVE = np.array([1.0, 0.9, 0.7, 1.2, 0.8])


def test_units_that_all_inhibit_each_other_weakly_rest_where_the_closed_form_says():
    weight, total = 0.3, DRIVE.sum() / (1 + 4 * 0.3)
    expected = (DRIVE - weight * total) / (1 - weight)  # from r_i = drive_i - weight (total - r_i)
    inhibition = settling.everyone(5, weight)
    assert settling.rest(DRIVE, inhibition) == pytest.approx(expected)
    assert settling.settle(DRIVE, inhibition, 400)[-1] == pytest.approx(expected)


def test_strong_inhibition_leaves_one_winner_with_all_of_its_drive():
    assert settling.settle(DRIVE, settling.everyone(5, 1.5), 900)[-1] == pytest.approx([0, 0, 0, 1.2, 0], abs=1e-9)


def test_each_step_goes_part_of_the_way_and_never_below_zero():
    inhibition = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])  # of row by column
    path = settling.settle(np.array([1.0, 2.0, 4.0]), inhibition, 2, pace=0.5)
    assert path.shape == (3, 3)
    assert path[1] == pytest.approx([0.5, 1.0, 2.0])
    # max(1 - 2 * 1, 0) = 0, and 2 - 0.5 * 2 = 1
    assert path[2] == pytest.approx([0.25, 1.0, 3.0])


def test_a_lone_unit_follows_the_exponential():
    path = settling.settle(np.array([2.0]), np.zeros((1, 1)), 1000, pace=0.001)[:, 0]
    assert path[-1] == pytest.approx(2 * (1 - np.exp(-1)), rel=1e-3)
