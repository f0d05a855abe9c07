"""Small calls: every operator of a package is verified, then timed, and the figure is that of one call."""

import numpy as np
import pytest

from workbench.bench import small_calls
from workbench.bench.driver import Settings, WrongResult
from workbench.machines.timing import Timing
from workbench.sparse_lp import kernels

SETTINGS = Settings(True, 1, lambda line: None)


def test_the_figure_is_that_of_one_call(monkeypatch):
    def measured(contenders, rounds, say, threads):
        for contender in contenders.values():
            contender.run()
        return {name: Timing(0.002, 0.0) for name in contenders}

    monkeypatch.setattr(small_calls, "measure_steadily", measured)
    names = ["DropoutWithReplacement", "DropoutWithReplacementGradient"]
    names += ["SparseDropoutWithReplacement", "SparseItemwiseDropoutWithReplacement"]
    found = small_calls.small_calls("workbench.sparse_dropout", SETTINGS)
    assert [(each.name, each.value, each.target) for each in found] == [
        (f"{name}, a call on 90 elements", pytest.approx(2e-5), 1e-5) for name in names
    ]


def test_a_wrong_result_is_not_timed(untimed, monkeypatch):
    monkeypatch.setattr(kernels, "lp_prox", lambda x, weight, p: np.zeros_like(x))
    with pytest.raises(WrongResult, match=r"^LpProx, small call: z is wrong at \d+ of \d+ places$"):
        small_calls.small_calls("workbench.sparse_lp", SETTINGS)
