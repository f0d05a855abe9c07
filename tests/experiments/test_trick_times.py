"""The software tricks of dropout are timed beside a copy."""

import numpy as np

from workbench.experiments.trick_times import time_tricks
from workbench.hardware.tricks import TRICKS


def test_a_copy_and_every_trick_are_timed():
    x = np.random.default_rng(0).standard_normal(5000, np.float32)
    times = time_tricks(x, 0.3, 1, rounds=2)
    assert list(times) == ["copy", *TRICKS]
    assert all(seconds > 0 for seconds in times.values())
    assert list(time_tricks(x[:5], 0.3, 1, rounds=1, threads=2, tricks={})) == ["copy"]
