"""The arrays of successful trials, the numbers computed from them, and the trials that the page keeps."""

import math

import numpy as np
import pytest

from workbench.sweep import Choices, Range
from workbench.sweep import points as module
from workbench.sweep.points import collect, gather
from workbench.sweep.session import Tally

from .conftest import definition, record


def points_of(values, *objectives, dimensions=None, parameters=None, spread=None):
    """Return the points of trials with these values, whose other ones failed."""
    made = definition(dimensions or {}, *objectives)
    records = []
    for place, each in enumerate(values):
        given = {name: column[place] for name, column in (parameters or {}).items()}
        settings = {"spread": spread[place]} if spread else {}
        records.append(record(2 * place, tuple(map(float, each)), parameters=given, **settings))
        records.append(record(2 * place + 1, status="failed", error={}, parameters=given))
    return collect(records, made)


def test_points_are_those_of_successful_trials():
    found = points_of(
        [(1, 2), (3, 4)],
        "a",
        "-b",
        dimensions={"x": Range(0.0, 9.0), "k": Choices(("u", "v"))},
        parameters={"x": [0.5, 1.5], "k": ["v", "u"], "other": [1, 2]},
        spread=[(None, 0.5), (0.25, None)],
    )
    assert found.numbers.tolist() == [0, 2]
    assert found.values.tolist() == [[1, 2], [3, 4]]
    np.testing.assert_array_equal(found.spread, [[np.nan, 0.5], [0.25, np.nan]])
    assert found.parameters == {"x": [0.5, 1.5], "k": ["v", "u"]}


def test_no_trials_are_no_points():
    found = points_of([], "a", "b", dimensions={"x": Range(0.0, 1.0)})
    assert (found.values.shape, found.spread.shape, found.numbers.shape) == ((0, 2), (0, 2), (0,))
    assert (found.front().tolist(), found.order().tolist(), found.best_so_far().tolist()) == ([], [], [])


@pytest.mark.parametrize(("objective", "best", "order"), [
    ("loss", [3, 3, 1, 1, 1, 0], [5, 2, 4, 0, 1, 3]),
    ("-loss", [3, 3, 3, 5, 5, 5], [3, 0, 1, 2, 4, 5]),
])  # fmt: skip
def test_the_best_so_far_and_the_order_by_hand(objective, best, order):
    found = points_of([(3,), (3,), (1,), (5,), (1,), (0,)], objective)
    assert found.best_so_far().tolist() == best
    assert found.order().tolist() == order  # of equal ones the earlier first


def front_by_definition(values, signs):
    """Return the Pareto front, found by comparing every pair; the first of equal trials is on it."""
    signed = [[s * v for s, v in zip(signs, each, strict=True)] for each in values]
    return {
        i
        for i, mine in enumerate(signed)
        if not any(
            other[0] <= mine[0] and other[1] <= mine[1] and (other != mine or j < i)
            for j, other in enumerate(signed)
            if j != i
        )
    }


@pytest.mark.parametrize("objectives", [("a", "b"), ("-a", "b"), ("a", "-b"), ("-a", "-b")])
@pytest.mark.parametrize("ties", [True, False])
def test_the_front_is_what_no_other_trial_beats(objectives, ties):
    signs = [-1 if each[0] == "-" else 1 for each in objectives]
    for seed in range(20):
        random = np.random.default_rng(seed)
        values = random.integers(0, 5, (30, 2)) if ties else random.normal(size=(37, 2))
        found = points_of(values.tolist(), *objectives)
        front = found.front()
        assert len(set(front.tolist())) == len(front)
        assert set(front.tolist()) == front_by_definition(values.tolist(), signs)
        firsts = signs[0] * found.values[front, 0]
        assert (np.diff(firsts) > 0).all()  # the best by the first objective first


def test_axes_say_where_values_lie():
    dimensions = {
        "rate": Range(1e-3, 1.0, log=True), "size": Choices((9, 3, 5)), "units": Choices((1, 1000)),
        "mode": Choices(("b", "a")), "quick": Choices((True, False)), "signed": Choices((-1, 1000)),
    }  # fmt: skip
    given = {
        "rate": [0.1, 0.2], "size": [3, 9], "units": [1000, 1], "mode": ["a", "b"], "quick": [True, False],
        "signed": [-1, 1000],
    }  # fmt: skip
    found = points_of([(1,), (2,)], "a", dimensions=dimensions, parameters=given)
    axes = {name: found.axis(name) for name in dimensions}
    assert {name: (axis.places.tolist(), axis.log, axis.labels) for name, axis in axes.items()} == {
        "rate": ([0.1, 0.2], True, ()),
        "size": ([3, 9], False, ()),
        "units": ([1000, 1], True, ()),
        "mode": ([1, 0], False, ("b", "a")),
        "quick": ([0, 1], False, ("True", "False")),
        "signed": ([-1, 1000], False, ()),
    }


def test_numbers_that_no_plot_can_show_are_places_between_labels():
    """Axes of ordinary numbers are the numbers themselves, as in the test above."""
    far = points_of([(0.1,), (1e300,), (math.sqrt(1e299),)], "loss")
    np.testing.assert_allclose(far.values[:, 0], [0.0, 1.0, 0.5], atol=1e-12)  # on a logarithmic scale
    both = points_of([(-1e308,), (1e308,), (0.0,), (5e307,)], "-gain", spread=[(1.0,), (2.0,), (None,), (3.0,)])
    assert both.values[:, 0].tolist() == [0.0, 1.0, 0.5, 0.75]
    assert np.isnan(both.spread).all()
    equal = points_of([(1e308,), (1e308,)], "loss")
    assert equal.values.tolist() == [[0.0], [0.0]]
    assert (far.labels, both.labels, equal.labels) == ((("0.1", "1e+300"),), (("-1e+308", "1e+308"),), (("1e+308",),))
    near = points_of([(1.0,), (1.0 + 2**-51,), (1.0 + 2**-52,)], "loss")
    assert (near.values[:, 0].tolist(), near.labels) == ([0.0, 1.0, 0.5], (("1.0", "1.0000000000000004"),))


def test_one_value_far_worse_than_many_leaves_the_others_to_scale():
    values = np.append(np.random.default_rng(0).normal(size=40), -1e300)
    found = points_of(values[:, None], "-gain")
    assert found.labels == ((),)
    np.testing.assert_array_equal(found.values[:40, 0][values[:40] > -1], values[:40][values[:40] > -1])
    assert found.values[40, 0] == np.percentile(values, 5)
    assert found.order()[-1] == 40


BIG = 10**400


@pytest.mark.parametrize("points", [(2**53, 2**53 + 1), (BIG, 1), (math.inf, 1.0), (-1e308, 1e308, 0.0)])
def test_choices_that_no_plot_can_tell_apart_are_labels(points):
    dimensions = {"n": Choices(points)}
    axis = points_of([(1,)] * len(points), "loss", dimensions=dimensions, parameters={"n": points}).axis("n")
    short = {BIG: "100000000000...000000000000"}
    assert axis.labels == tuple(short.get(each, str(each)) for each in sorted(points))
    assert axis.places.tolist() == [sorted(points).index(each) for each in points]


def additive(count=80):
    random = np.random.default_rng(0)
    columns = {name: random.uniform(0, 1, count).tolist() for name in ("little", "much", "nothing")}
    values = [(10 * much + 3 * little,) for much, little in zip(columns["much"], columns["little"], strict=True)]
    dimensions = {name: Range(0.0, 1.0) for name in columns}
    return points_of(values, "loss", dimensions=dimensions, parameters=columns)


def test_importance_is_the_share_of_variance():
    """With u and v uniform, u has 100 / 109 of the variance of 10 u + 3 v."""
    shares = additive().importance()
    assert list(shares) == ["much", "little", "nothing"]
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["much"] == pytest.approx(100 / 109, abs=0.06)
    assert shares["nothing"] < 0.02
    assert additive().importance() == shares


def test_importance_of_many_trials_is_that_of_some(monkeypatch):
    monkeypatch.setattr(module, "MOST", 40)
    (first, *_) = additive().importance()
    assert first == "much"


@pytest.mark.parametrize("values", [[], [(1,)], [(2,)] * 5])
def test_importance_of_too_little_is_refused(values):
    dimensions = {"x": Range(0.0, 9.0), "y": Range(0.0, 9.0)}
    columns = {name: [float(i) for i in range(len(values))] for name in dimensions}
    with pytest.raises(ValueError, match=r"at least two trials|zero total variance"):
        points_of(values, "a", dimensions=dimensions, parameters=columns).importance()


@pytest.mark.parametrize(("objective", "best"), [("loss", 355), ("-gain", 0)])  # 355 is nearly 113 pi
def test_a_tally_holds_nothing_of_single_trials_but_the_best(objective, best):
    made = definition({"x": Range(0.0, 1.0)}, objective)
    tally = Tally(made, 1000)
    sizes = []
    for number in range(1000):
        tally.add(record(number, (math.cos(number),), parameters={"x": 0.5}), earlier=number < 500)
        sizes.append(sum(len(each) for each in vars(tally).values() if isinstance(each, list | dict | set | tuple)))
    assert set(sizes) == {3}  # the counts
    assert tally.counts == {"ok": 1000, "pruned": 0, "failed": 0}
    assert (tally.done, tally.best.number) == (1000, best)
    tally.add(record(1000, status="failed", error={"kind": "exception", "message": "a\nb", "traceback": ""}))
    assert (tally.last_error, tally.counts["failed"]) == ("trial 1000: a", 1)
    equal = record(1001, tally.best.values)
    tally.add(equal)
    assert tally.best.number == best  # of two that are equal the earlier
    assert tally.seconds_left == 0


def test_the_time_left_runs_down_while_trials_run(monkeypatch):
    """Two trials have taken 10 and 20 seconds, and three are left: 45 seconds, counted from the second result."""
    now = 0.0
    monkeypatch.setattr("workbench.sweep.session.time.monotonic", lambda: now)
    tally, found = Tally(definition({}, "loss"), 6), []
    tally.add(record(0, (1.0,)), earlier=True)
    for now in (9.0, 10.0, 12.0, 30.0, 31.0, 70.0, 80.0, 90.0):
        if now in (10.0, 30.0, 90.0):
            tally.add(record(int(now), (1.0,)))
        found.append(tally.seconds_left)
    assert found == [None, 40.0, 38.0, 45.0, 44.0, 5.0, 0.0, 60.0]


def numbered(values, failed=()):
    """Return records of trials, numbered by their place; each takes a quarter of a second."""
    found = []
    for place, each in enumerate(values):
        settings = {"status": "failed", "error": {"kind": "k", "message": str(place)}} if place in failed else {}
        settings |= {"duration_seconds": 0.25, "started": f"2026-01-01T00:00:{(50 * place + 20) % 60:02d}"}
        found.append(record(place, () if place in failed else tuple(map(float, each)), **settings))
    return found


def gathered(monkeypatch, values, *objectives, most=20_000, listed=300, failed=()):
    monkeypatch.setattr(module, "MOST_POINTS", most)
    monkeypatch.setattr(module, "LISTED", listed)
    successes = len(values) - len(failed)
    return gather(iter(numbered(values, failed)), definition({}, *objectives), successes)


def test_few_trials_are_all_kept_in_order_and_the_best_come_first(monkeypatch):
    found = gathered(monkeypatch, [(3,), (1,), (2,), (1,)], "loss")
    assert found.points.numbers.tolist() == [0, 1, 2, 3]
    assert [each.number for each in found.best] == [1, 3, 2, 0]  # of equal ones the earlier
    assert found.seconds == 1.0
    assert found.started == "2026-01-01T00:00:00"


def test_of_many_some_are_drawn_and_every_best_so_far(monkeypatch):
    values = np.random.default_rng(0).permutation(1000).astype(float)
    found = gathered(monkeypatch, values[:, None], "-loss", most=100, listed=7)
    best_so_far = [place for place, value in enumerate(values) if value == max(values[: place + 1])]
    assert found.points.numbers.tolist() == sorted({*range(0, 1000, 10), *best_so_far})
    assert [each.values[0] for each in found.best] == [999, 998, 997, 996, 995, 994, 993]


@pytest.mark.parametrize("objectives", [("a", "b"), ("a", "-b"), ("-a", "-b")])
def test_the_front_of_two_objectives_is_that_of_all_trials(monkeypatch, objectives):
    values = np.random.default_rng(1).integers(0, 30, (500, 2))
    some, every = (gathered(monkeypatch, values, *objectives, most=most).points for most in (10, 500))
    assert len(some.numbers) < 200
    assert some.numbers[some.front()].tolist() == every.numbers[every.front()].tolist()


def test_the_first_failures_are_kept_and_do_not_count_as_drawn(monkeypatch):
    monkeypatch.setattr(module, "FAILURES", 2)
    found = gathered(monkeypatch, [(5,), (4,), (6,), (7,), (8,)], "loss", most=1, failed=(0, 2, 4))
    assert [each.number for each in found.failures] == [0, 2]
    assert found.points.numbers.tolist() == [1]
    assert found.seconds == 1.25
