"""Which trials are stopped early: those that Optuna would stop, driven by hand with the same past."""

import optuna
import pytest

from workbench.sweep import sweep

from .conftest import InThreads, quick

pytestmark = pytest.mark.filterwarnings("ignore:WilcoxonPruner is experimental")
PRUNERS = {
    "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=5),
    "halving": optuna.pruners.SuccessiveHalvingPruner,
    "wilcoxon": lambda: optuna.pruners.WilcoxonPruner(p_threshold=0.1),
}
NOISE = [0.3, -0.2, 0.5, -0.4, 0.1, 0.2, -0.5, 0.4, -0.1, -0.3]


def curve(trial, level: float = 0.0):
    """Report ten values about a level, and stop where the pruner says so; return their mean."""
    for step, noise in enumerate(NOISE):
        trial.report(level + noise * (1 + level % 1), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return level + sum(NOISE) * (1 + level % 1) / len(NOISE)


def by_hand(levels, pruner, direction, in_flight):
    """Return how Optuna ends trials at these levels, each of which knows those `in_flight` before it and earlier."""
    past, ended = [], []
    for level in levels:
        study = optuna.create_study(direction=direction, pruner=PRUNERS[pruner]())
        study.add_trials(past[: len(past) - in_flight + 1])
        trial = study.ask()
        try:
            study.tell(trial, curve(trial, level))
        except optuna.TrialPruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        past.append(study.trials[-1])
        ended.append(("pruned" if past[-1].state.name == "PRUNED" else "ok", dict(past[-1].intermediate_values)))
    return ended


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("in_flight", [1, 3])
@pytest.mark.parametrize("pruner", PRUNERS)
def test_trials_are_pruned_where_optuna_prunes_them(pruner, in_flight, direction):
    words = {"pruner": pruner, "sampler": "random", "trials": 16, "seed": 1, "report": False}
    with InThreads(in_flight) as pool:
        result = sweep(curve, {"level": "0..8"}, f"loss:{direction}", executor=pool, jobs=in_flight, name="s", **words)
    records = list(result.records())
    levels = [each.parameters["level"] for each in records]
    found = [(each.status, dict(each.intermediate)) for each in records]
    assert found == by_hand(levels, pruner, f"{direction}imize", in_flight)
    assert 2 <= sum(status == "pruned" for status, _ in found) <= 14


def test_the_median_pruner_by_hand():
    """From the sixth trial on, one is stopped at the first step where it is worse than the median of the others."""
    levels = [1.0, 2.0, 3.0, 4.0, 5.0, 3.5, 2.5, 9.0]

    def constant(trial, place: int = 0):
        for step in range(3):
            trial.report(levels[trial.number], step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return levels[trial.number]

    settings = {"sampler": "random", "pruner": "median", "trials": 8, "in_process": True, "report": False, "name": "s"}
    records = list(sweep(constant, {"place": "0..9"}, **settings).records())
    assert [each.status for each in records] == ["ok"] * 5 + ["pruned", "ok", "pruned"]
    assert [len(each.intermediate) for each in records] == [3, 3, 3, 3, 3, 1, 3, 1]


def test_without_a_pruner_nothing_is_pruned_but_values_are_kept():
    result = quick(curve, {"level": "0..8"}, trials=8, sampler="random")
    assert result.counts == {"ok": 8, "pruned": 0, "failed": 0}
    assert {len(each.intermediate) for each in result.records()} == {10}
