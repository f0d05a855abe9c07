import numpy as np
import pytest

from workbench.competition import cortex
from workbench.lrn import local_response_norm

MIDDLE = cortex.CELLS // 2  # prefers bars at 0 degrees


def test_one_grating_gives_the_curve_that_saturates():
    for contrast in (0.02, 0.1, 1.0):
        answers = cortex.answers(cortex.drive([contrast], [0.0]), exponent=3.0, sigma=0.2)
        expected = contrast**3 / (0.2**3 + contrast**3)
        assert answers[MIDDLE] == pytest.approx(expected)
        assert cortex.saturating(contrast, 3.0, 0.2) == pytest.approx(expected)
    assert cortex.saturating(0.2, 5.0, 0.2) == pytest.approx(0.5)


def test_a_mask_at_a_right_angle_suppresses_and_does_not_excite():
    both = cortex.answers(cortex.drive([0.3, 0.4], [0.0, 90.0]), 2.0, 0.1)
    alone = cortex.answers(cortex.drive([0.3], [0.0]), 2.0, 0.1)
    mask = cortex.answers(cortex.drive([0.4], [90.0]), 2.0, 0.1)
    assert mask[MIDDLE] == pytest.approx(0, abs=1e-12)
    overlap = 2 * 0.3 * 0.4 * (5 / 16 / 64) / (924 / 4096)  # means of (sin cos)^6 = (sin(2 a) / 2)^6 and of cos^12
    assert both[MIDDLE] == pytest.approx(0.09 / (0.01 + 0.09 + 0.16 + overlap))
    assert alone[MIDDLE] == pytest.approx(0.09 / 0.1)


def test_division_by_a_common_pool_changes_no_shares():
    driven = cortex.drive([0.8, 0.4], [10.0, 70.0])
    divided, undivided = cortex.answers(driven, 2.0, 0.1), cortex.answers(driven, 2.0, 0.1, pooled=0.0)
    assert divided / divided.sum() == pytest.approx(undivided / undivided.sum())
    assert undivided == pytest.approx(driven**2 / 0.01)


def test_lrn_with_a_window_of_all_and_beta_one_half_is_its_square_root():
    driven = np.random.default_rng(0).uniform(0, 1, (3, cortex.CELLS))
    alone = np.mean(cortex.tuning(0.0) ** 2)
    maps, size = driven[:, :, None, None], 2 * cortex.CELLS - 1
    alpha = size / (cortex.CELLS * alone)
    normalized = local_response_norm(maps, size, alpha, 0.5, bias=0.1**2)[:, :, 0, 0]
    assert normalized**2 == pytest.approx(cortex.answers(driven, 2.0, 0.1))


def test_tuning_by_hand():
    assert cortex.PREFERRED[[0, MIDDLE, -1]] == pytest.approx([-90, 0, 85])
    assert cortex.tuning(0.0, np.array([0.0, 60.0, -90.0])) == pytest.approx([1, 1 / 64, 0])
