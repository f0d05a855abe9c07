"""What the page keeps of many trials."""

import numpy as np
import pytest

from workbench.sweep import points
from workbench.sweep.points import gather

from .conftest import definition, record


def trials(values, failed=()):
    """Return records of trials, numbered by their place; each takes a quarter of a second."""
    found = []
    for place, each in enumerate(values):
        settings = {"status": "failed", "error": {"kind": "k", "message": str(place)}} if place in failed else {}
        settings |= {"duration_seconds": 0.25, "started": f"2026-01-01T00:00:{(50 * place + 20) % 60:02d}"}
        found.append(record(place, () if place in failed else tuple(map(float, each)), **settings))
    return found


def gathered(monkeypatch, values, *objectives, most=20_000, listed=300, failed=()):
    monkeypatch.setattr(points, "MOST_POINTS", most)
    monkeypatch.setattr(points, "LISTED", listed)
    successes = len(values) - len(failed)
    return gather(iter(trials(values, failed)), definition({}, *objectives), successes)


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
    monkeypatch.setattr(points, "FAILURES", 2)
    found = gathered(monkeypatch, [(5,), (4,), (6,), (7,), (8,)], "loss", most=1, failed=(0, 2, 4))
    assert [each.number for each in found.failures] == [0, 2]
    assert found.points.numbers.tolist() == [1]
    assert found.seconds == 1.25
