"""Which parameters and seeds trials get."""

import itertools
import math

import numpy as np
import optuna
import pytest
from scipy import stats

from workbench.sweep import Choices, Range, sweep
from workbench.sweep.samplers import Independent, Sequential, sampler_seed, trial_seed

from . import functions
from .conftest import InThreads, definition, essence, parameters, quick, record

MIXED = {
    "rate": Range(1e-5, 1.0, log=True),
    "width": Range(1, 9, step=2),
    "units": Range(1, 64, log=True, step=1),
    "mode": Choices(("fast", "plain")),
    "many": Choices((3, 5, 11)),
    "quick": Choices((True, False)),
}


def proposals(dimensions, count, **settings):
    proposer = Independent(definition(dimensions, "loss", **settings))
    return [proposer.propose(number) for number in range(count)]


def test_a_grid_is_the_product_each_point_once_in_an_order_that_the_seed_gives():
    space = {"x": Range(0.0, 1.0, count=3), "kind": Choices(("a", "b")), "size": Range(1, 9, step=4)}
    product = [{"x": x, "kind": k, "size": s} for x, k, s in itertools.product((0, 0.5, 1), "ab", (1, 5, 9))]
    orders = [proposals(space, 18, sampler="grid", seed=seed) for seed in (0, 1)]
    for order in orders:
        assert sorted(order, key=str) == sorted(({**each, "x": float(each["x"])} for each in product), key=str)
    assert orders[0] != orders[1]
    assert orders[0] != product


def test_a_grid_of_nothing_is_one_trial():
    assert quick(functions.bowl, {"x": 1.0, "y": -2.0}, sampler="grid").best.values == (0.0,)


@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_proposals_depend_on_the_seed_and_the_number_alone(sampler):
    inorder = proposals(MIXED, 20, sampler=sampler, seed=4)
    proposer = Independent(definition(MIXED, "loss", sampler=sampler, seed=4))
    assert {number: proposer.propose(number) for number in (13, 2, 19, 2, 0)} == {
        number: inorder[number] for number in (13, 2, 19, 0)
    }
    others = proposals(MIXED, 20, sampler=sampler, seed=5)
    assert all(one["rate"] != other["rate"] for one, other in zip(inorder, others, strict=True))
    assert len({each["rate"] for each in inorder + others}) == 40


@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe"])
def test_proposals_lie_in_their_dimensions_and_reach_all_of_them(sampler):
    if sampler == "tpe":
        sequential = Sequential(definition(MIXED, "loss", sampler="tpe"))
        found = []
        for number in range(40):
            found.append(sequential.propose(number))
            sequential.finish(record(number, (math.sin(number),), parameters=found[-1]))
    else:
        found = proposals(MIXED, 200, sampler=sampler)
    columns = {name: [each[name] for each in found] for name in MIXED}
    assert all(1e-5 <= each <= 1.0 for each in columns["rate"])
    assert all(1 <= each <= 64 for each in columns["units"])
    assert set(columns["width"]) == {1, 3, 5, 7, 9}
    assert set(columns["mode"]) == {"fast", "plain"}
    assert set(columns["many"]) == {3, 5, 11}
    assert set(columns["quick"]) == {True, False}
    assert {name: {type(each) for each in column} for name, column in columns.items()} == {
        "rate": {float}, "width": {int}, "units": {int}, "mode": {str}, "many": {int}, "quick": {bool},
    }  # fmt: skip


def test_random_proposals_are_uniform_on_their_scale_and_independent_of_each_other():
    found = proposals({"x": Range(1e-4, 1.0, log=True), "y": Range(-3.0, 5.0)}, 400, sampler="random", seed=1)
    x = np.array([(math.log10(each["x"]) + 4) / 4 for each in found])
    y = np.array([(each["y"] + 3) / 8 for each in found])
    assert stats.kstest(x, "uniform").pvalue > 1e-3
    assert stats.kstest(y, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.2
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.2


@pytest.mark.parametrize("seed", [0, 7])
def test_quasi_random_proposals_are_the_points_of_scipys_sobol_sequence(seed):
    space = {"x": Range(0.0, 1.0), "y": Range(-3.0, 5.0), "z": Range(1e-4, 1.0, log=True)}
    found = proposals(space, 32, sampler="qmc", seed=seed)
    points = stats.qmc.Sobol(3, scramble=True, seed=sampler_seed(seed, 0)).random(32)
    shares = np.array([[each["x"], (each["y"] + 3) / 8, 1 + math.log10(each["z"]) / 4] for each in found])
    np.testing.assert_allclose(shares, points, rtol=1e-9, atol=1e-12)
    for share in shares.T:  # each of 32 equal intervals has one point
        assert sorted((share * 32).astype(int)) == list(range(32))


@pytest.mark.parametrize(("low", "step", "count"), [(1, 2, 4), (-7, 5, 8), (0, 1, 16)])
def test_every_quasi_random_step_of_a_range_has_an_interval_of_the_same_length(low, step, count):
    """Of 64 points of a Sobol sequence, each of `count` equal intervals has 64 / count."""
    space = {"n": Range(low, low + step * (count - 1), step=step)}
    found = [each["n"] for each in proposals(space, 64, sampler="qmc", seed=3)]
    assert {n: found.count(n) for n in sorted(found)} == {low + step * i: 64 // count for i in range(count)}


def tpe(name, order, seed=0, at_once=3):
    with InThreads(at_once, order) as pool:
        return sweep(
            functions.shuffled_bowl,
            {"x": "-5..5", "y": "-5..5"},
            trials=20,
            jobs=at_once,
            seed=seed,
            executor=pool,
            name=name,
            report=False,
        )


def test_tpe_proposes_the_same_whatever_the_order_in_which_trials_finish():
    first = essence(tpe("a", 1))
    assert essence(tpe("b", 3)) == first
    assert essence(tpe("c", 2)) == first
    assert parameters(tpe("d", 1, seed=1)) != [each[2] for each in first]
    alone = parameters(tpe("e", 1, at_once=1))
    assert alone[:10] == [each[2] for each in first[:10]]  # Optuna draws the first ten at random
    assert alone[10:] != [each[2] for each in first[10:]]


@pytest.mark.parametrize("at_once", [1, 3])
def test_tpe_proposes_what_optuna_does_where_as_many_trials_run(at_once):
    """Each trial has a sampler of its own seed; what it has seen of the others is Optuna's own study."""
    space = {"x": optuna.distributions.FloatDistribution(-5, 5), "y": optuna.distributions.FloatDistribution(-5, 5)}
    study, running = optuna.create_study(), []
    for number in range(20):
        if len(running) == at_once:
            ended = running.pop(0)
            study.tell(ended, functions.bowl(**ended.params))
        study.sampler = optuna.samplers.TPESampler(seed=sampler_seed(2, number), constant_liar=True)
        running.append(study.ask(space))
    settings = {"trials": 20, "seed": 2, "jobs": at_once, "report": False}
    with InThreads(at_once) as pool:
        result = sweep(functions.bowl, {"x": "-5..5", "y": "-5..5"}, executor=pool, **settings)
    assert parameters(result) == [each.params for each in study.trials]


def test_trial_seeds_depend_on_both_and_are_never_the_same():
    seeds = {(seed, number): trial_seed(seed, number) for seed in range(20) for number in range(200)}
    assert len(set(seeds.values())) == 4000
    assert all(0 <= each < 2**31 for each in seeds.values())
    # NumPy's own words for it: the state of a SeedSequence that was spawned from the sweep's.
    child = np.random.SeedSequence(5).spawn(8)[7]
    assert sampler_seed(5, 7) == int(child.generate_state(1)[0]) // 2
    assert trial_seed(5, 7) == int(child.spawn(2)[1].generate_state(1)[0]) // 2


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_function_is_given_the_trials_seed(sampler):
    result = quick(functions.seeded, {"x": "0..1"}, sampler=sampler, trials=4, seed=9)
    for each in result.records():
        assert each.metrics["given"] == each.parameters["seed"] == each.seed == trial_seed(9, each.number)
    assert len({each.seed for each in result.records()}) == 4


def test_a_seed_with_limits_stays_within_them():
    result = quick(functions.seeded_within, {"x": "0..1"}, sampler="random", trials=40)
    given = [each.metrics["given"] for each in result.records()]
    assert set(given) <= set(range(100, 110))
    assert len(set(given)) >= 8
    assert given == [each.parameters["seed"] for each in result.records()]


def test_a_seed_that_the_sweep_sets_is_not_the_trials():
    fixed = quick(functions.seeded, {"x": "0..1", "seed": 7}, sampler="random", trials=3)
    assert [each.metrics["given"] for each in fixed.records()] == [7, 7, 7]
    grid = quick(functions.seeded, {"seed": "3,4"}, sampler="grid", name="grid")
    assert sorted(each.metrics["given"] for each in grid.records()) == [3, 4]


def test_two_objectives_are_proposed_for_as_optuna_does():
    def two(x=0.0):
        return x * x, (x - 1) ** 2

    result = quick(two, {"x": "-2..2"}, ["a", "b:max"], trials=15)
    study = optuna.create_study(directions=["minimize", "maximize"])
    for number in range(15):
        study.sampler = optuna.samplers.TPESampler(seed=sampler_seed(0, number), constant_liar=True)
        trial = study.ask({"x": optuna.distributions.FloatDistribution(-2, 2)})
        study.tell(trial, two(trial.params["x"]))
    assert parameters(result) == [each.params for each in study.trials]
    assert result.best.values[0] == min(each.values[0] for each in study.trials)
