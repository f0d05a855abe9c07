"""Experiments on tuning against numbers worked out by hand."""

import math
from typing import Annotated

import numpy as np
import pytest

from workbench import drawing
from workbench.experiments import tuning_plots, tuning_studies
from workbench.experiments.tuning_studies import Run, run_sweep
from workbench.sweep.definition import Definition, read_objectives
from workbench.sweep.points import Points
from workbench.sweep.records import Record
from workbench.sweep.space import Choices, Range, Space


def bowl(
    x: Annotated[float, "where [0 .. 10]"] = 1.0,
    size: Annotated[int, "how many [1 .. 9]"] = 3,
    scale: Annotated[float, "a factor [0 .. 100]"] = 1.0,
    trial=None,
) -> dict:
    """Return six scores around a bowl that is lowest at x = 4, and report them one by one."""
    scores = [scale * (x - 4) ** 2 + size + fold / 10 for fold in range(6)]
    for step, score in enumerate(scores):
        if trial is not None:
            trial.report(score, step)
            if step < 5 and trial.should_prune():
                from optuna import TrialPruned

                raise TrialPruned
    return {"loss": scores}


SPACE = {"x": "0..10", "size": [1, 3, 5, 7], "scale": 2.0}


def record(number, value, status="ok", scores=(), steps=0):
    return Record(
        number=number, status=status, parameters={}, metrics={"loss": list(scores)},
        values=() if value is None else (value,), spread=(), seed=0, started="", duration_seconds=0.0, attempts=1,
        versions={}, error=None, intermediate=tuple((step, 0.0) for step in range(steps)),
    )  # fmt: skip


def test_best_so_far_by_hand():
    values = [None, 5.0, 7.0, None, 4.0, 4.5]
    records = [record(i, value, "ok" if value else "pruned") for i, value in enumerate(values)]
    assert tuning_studies.best_so_far(records).tolist() == [math.inf, 5.0, 5.0, 5.0, 4.0, 4.0]


def test_a_run_knows_its_best_trial_and_its_folds():
    run = Run((record(0, 3.0, steps=6), record(1, None, "pruned", steps=2), record(2, 2.0, steps=6)), None)
    assert run.best.number == 2
    assert run.folds == 14


def test_a_sweep_comes_back_whole_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = run_sweep(bowl, SPACE, trials=7, seed=3)
    assert [each.number for each in run.records] == list(range(7))
    for each in run.records:
        x, size = each.parameters["x"], each.parameters["size"]
        assert each.values[0] == pytest.approx(2 * (x - 4) ** 2 + size + 0.25)
    assert run.folds == 42
    assert list(tmp_path.iterdir()) == []


def test_seeds_decide_and_tpe_begins_as_random():
    def proposed(**how):
        return [each.parameters for each in run_sweep(bowl, SPACE, trials=12, **how).records]

    assert proposed(seed=1) == proposed(seed=1)
    assert proposed(seed=1) != proposed(seed=2)
    assert proposed(seed=1)[:10] == proposed(seed=1, sampler="tpe")[:10]
    assert proposed(seed=1)[10:] != proposed(seed=1, sampler="tpe")[10:]


def test_samplers_get_the_same_budget_and_seeds():
    runs = tuning_studies.compare_samplers(bowl, SPACE, ("grid", "random"), 12, 2)
    assert {name: [len(run.records) for run in each] for name, each in runs.items()} == {
        "grid": [12, 12],
        "random": [12, 12],
    }
    assert [run.definition.seed for run in runs["random"]] == [0, 1]
    grid = [{(each.parameters["x"], each.parameters["size"]) for each in run.records} for run in runs["grid"]]
    assert grid[0] == grid[1] == {(x, size) for x in (1.25, 3.75, 6.25, 8.75) for size in (1, 5, 7)}
    assert tuning_studies.curves(runs["random"]).shape == (2, 12)


@pytest.mark.parametrize(
    ("space", "trials", "points"),
    [
        ({"a": "0..8"}, 4, {"a": [1, 3, 5, 7]}),
        ({"a": "1..10000:log"}, 2, {"a": [10, 1000]}),
        ({"a": "0..8", "b": [1, 3, 5, 7], "c": 2.0}, 7, {"a": [8 / 6, 4, 40 / 6], "b": [3, 7], "c": 2.0}),
        ({"a": "0..8", "b": ["x", "y"]}, 9, {"a": [1, 3, 5, 7], "b": ["x", "y"]}),
        ({"a": "0..8", "b": "0..2", "c": "0..2"}, 7, {"a": [8 / 6, 4, 40 / 6], "b": [0.5, 1.5], "c": [1]}),
        ({"a": "0..8", "b": "0..2", "c": "0..2"}, 8, {"a": [2, 6], "b": [0.5, 1.5], "c": [0.5, 1.5]}),
    ],
)
def test_grids_are_as_fine_as_the_budget_allows(space, trials, points):
    found = tuning_studies.gridded(space, trials)
    assert list(found) == list(space)
    for name, values in points.items():
        assert found[name] == (values if "x" in np.atleast_1d(values) else pytest.approx(values))


def test_paired_difference_by_hand():
    scores, others = np.array([[3.0, 5.0, 4.0, 8.0], [1.0, 1.0, 1.0, 1.0]]), np.array([1.0, 2.0, 3.0, 4.0])
    mean, error = tuning_studies.paired_difference(scores, others)
    # Differences 2, 3, 1, 4 and 0, -1, -2, -3: both have variance 5/3; times 1/4 + 1/3.
    assert mean.tolist() == [2.5, -1.5]
    np.testing.assert_allclose(error, math.sqrt(5 / 3 * 7 / 12))


def test_which_are_worse_by_hand():
    best = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    nearly, hardly = [0.1, 0.2, 0.3, 0.4, -0.05], [9, 9, 9, 9, -0.1]
    scores = np.array([best + 0.1 * np.arange(1, 6), best, best + np.array(nearly), best + np.array(hardly)])
    # All five worse: p = 1/32. One of rank 1 better: 2/32 is above 0.05.
    assert tuning_studies.worse(scores).tolist() == [True, False, False, False]
    assert tuning_studies.worse(scores, level=0.07).tolist() == [True, False, True, True]
    assert not tuning_studies.worse(scores[:, :4]).any()


def test_winners_curse_on_two_trials_by_hand():
    # On either half one trial is at 0 and the other at 1, and they change places where the folds fall so.
    scores = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert tuning_studies.winners_curse(scores, 2, draws=50) == (0.0, 1.0)
    seeming, true = tuning_studies.winners_curse(scores, 1, draws=50)
    assert seeming == true == 0.5


def test_winners_curse_on_noise_alone():
    scores = np.random.default_rng(0).standard_normal((4000, 8))
    seeming, true = tuning_studies.winners_curse(scores, 16)
    assert seeming == pytest.approx(-1.766 / 2, abs=0.05)  # the least of 16 normal numbers, of means of four folds
    assert true == pytest.approx(0, abs=0.05)


def test_trials_of_several_sweeps_together():
    runs = [run_sweep(bowl, SPACE, trials=5, seed=seed) for seed in (0, 1)]
    points = tuning_studies.pool(runs)
    assert points.values[:, 0].tolist() == [each.values[0] for run in runs for each in run.records]
    scores = tuning_studies.fold_scores(each for run in runs for each in run.records)
    np.testing.assert_allclose(scores.mean(axis=1), points.values[:, 0])
    assert scores.shape == (10, 6)
    pruned = [record(0, None, "pruned"), record(1, 2.0, scores=[1, 3])]
    assert tuning_studies.fold_scores(pruned).tolist() == [[1, 3]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("pruner", ["median", "halving", "wilcoxon"])
def test_pruning_saves_folds_and_proposes_the_same(pruner):
    whole = run_sweep(bowl, SPACE, trials=20)
    pruned = run_sweep(bowl, SPACE, trials=20, pruner=pruner)
    assert [each.parameters for each in pruned.records] == [each.parameters for each in whole.records]
    assert whole.folds == 120
    assert 40 <= pruned.folds < 120
    stopped = [each for each in pruned.records if each.status == "pruned"]
    assert stopped
    assert pruned.folds == 120 - sum(6 - len(each.intermediate) for each in stopped)


def test_main_effects_of_what_matters_and_what_does_not():
    rng = np.random.default_rng(0)
    x, y, z = rng.integers(0, 3, 300), 10.0 ** rng.uniform(-2, 2, 300), rng.uniform(0, 1, 300)
    decade = np.floor(np.log10(y) + 2).clip(0, 3)
    loss = np.exp(x + 2 * (decade % 2) + 0.1 * rng.standard_normal(300))
    dimensions = {"x": Choices((0, 1, 2)), "y": Range(0.01, 100.0, log=True), "z": Range(0.0, 1.0)}
    definition = Definition("n", "t", "d", Space(dimensions, {}), read_objectives("loss"), "random", "none", 0, 1)
    parameters = {"x": x.tolist(), "y": y.tolist(), "z": z.tolist()}
    points = Points(np.arange(300), loss[:, None], loss[:, None], parameters, definition)
    shares = tuning_studies.main_effects(points, parts=4)
    # Variances of the parts: of 0, 1, 2 it is 2/3, of 0, 2 it is 1, of the noise 0.01.
    assert shares == pytest.approx({"x": 0.67 / 1.68, "y": 1.0 / 1.68, "z": 0.0}, abs=0.08)
    assert tuning_studies.main_effects(points, parts=150)["z"] < 0.2  # by chance alone it would be a half


def test_what_is_said_of_the_gp_sampler(monkeypatch):
    assert tuning_studies.samplers(gp=False)[0] == ("grid", "random", "qmc", "tpe")
    assert "-p gp True" in tuning_studies.samplers(gp=False)[1]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    names, said = tuning_studies.samplers(gp=True)
    assert "gp" not in names
    assert "torch, which it needs, is not installed" in said
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert tuning_studies.samplers(gp=True) == (("grid", "random", "qmc", "tpe", "gp"), "gp is in")


def test_pictures_show_what_they_are_given():
    runs = tuning_studies.compare_samplers(bowl, SPACE, ("random", "qmc"), 8, 3)
    lines = {name: tuning_studies.curves(each) for name, each in runs.items()}
    panels = tuning_plots.samplers({"one": lines, "two": lines})
    means = [line for line in panels[1].get_lines() if line.get_label() == "qmc"]
    np.testing.assert_allclose(means[0].get_ydata(), lines["qmc"].mean(axis=0))
    points = tuning_studies.pool(runs["random"])
    worse = np.arange(24) % 3 > 0
    panels = tuning_plots.responses({each: (points, worse, {"x": 0.75, "size": 0.25}) for each in ("one", "two")})
    assert panels[0, 0].get_title(loc="left") == "x: 0.75"
    assert [len(line.get_xdata()) for line in panels[1, 1].get_lines()] == [16, 8]
    assert drawing.encode(drawing.figure_of(panels))


def test_pictures_of_folds():
    scores = np.arange(12.0).reshape(3, 4)[::-1]
    lines = tuning_plots.folds(scores, shown=2).get_lines()
    assert [line.get_ydata().tolist() for line in lines] == [[4, 5, 6, 7], [0, 1, 2, 3]]
    folds_of = {"none": [3, 3], "median": [3, 1], "halving": [1, 3], "wilcoxon": [3, 3]}
    panels = tuning_plots.pruned(folds_of, dict.fromkeys(folds_of, 1))
    assert [bar.get_height() for bar in panels[1].patches] == [3, 1]
    assert panels[2].get_title(loc="left") == "halving: 4 folds"
    curse = tuning_plots.winners_curse([1, 2], [3.0, 1.0], [3.0, 2.0])
    assert [line.get_ydata().tolist() for line in curse.get_lines()] == [[3, 2], [3, 1]]


def test_picture_of_a_front():
    def two(x: float = 0.5) -> dict:
        return {"loss": 1 + x, "nonzeros": 1 - x}

    run = run_sweep(two, {"x": "0..1"}, trials=6, objective=("loss", "nonzeros"))
    ax = tuning_plots.front(tuning_studies.pool([run]), "x")
    assert ax.get_title(loc="left") == "6 trials on the front"
    assert sorted(ax.get_lines()[0].get_xdata()) == sorted(1 + each.parameters["x"] for each in run.records)


def test_the_best_of_several_trials_is_chosen_by_half_of_the_folds():
    scores = np.outer([3.0, 1.0, 2.0], [1.0, 1.1, 1.2, 1.3])  # the same order in all folds
    ax = tuning_plots.best_of(scores, 3, 0)
    points = {line.get_gid(): np.transpose(line.get_data()) for line in ax.lines}
    order = np.lexsort(points["others"].T)
    assert order.tolist() == [1, 2, 0]
    x, y = points["others"][1]
    assert x + y == pytest.approx(2 * 1.15)  # the halves share nothing, and leave nothing out
    assert points["best"].tolist() == [[x, y]]
    assert ax.get_title(loc="left") == f"The best of 3 seems to have {x:.3f}, and has {y:.3f}"
    assert tuning_plots.best_of(scores, 1, 2, ax=ax) is ax
    assert len(ax.lines[2].get_xdata()) == 1
    assert ax.lines[3].get_xdata() == ax.lines[2].get_xdata()
    uneven = tuning_plots.best_of(np.random.default_rng(1).uniform(1, 2, (9, 4)), 9, 0)
    (x, y), *_ = sorted(zip(*uneven.lines[1].get_data(), strict=True))
    assert uneven.lines[3].get_xydata().tolist() == [[x, y]]
    assert y > min(uneven.lines[1].get_ydata())
