"""The order of calls, medians of known times, and the warning about an unsteady measurement."""

import gc

import numpy as np
import pytest

from workbench import parallel
from workbench.machines.timing import Contender, Timing, measure, measure_steadily, thread_counts


def clock_of(durations):
    """Return a clock by which the n-th timed call takes durations[n]."""
    now = 0.0
    pending = iter(durations)
    running = False

    def clock():
        nonlocal now, running
        if running:
            now += next(pending)
        running = not running
        return now

    return clock


def recorder(calls, *names):
    return {name: Contender(lambda name=name: calls.append(name)) for name in names}


def test_contenders_take_turns_after_one_untimed_call_each():
    calls = []
    measure(recorder(calls, "a", "b", "c"), rounds=3)
    assert calls == ["a", "b", "c", "a", "b", "c", "a", "b", "c", "a", "b", "c"]


def test_median_and_interquartile_range_of_known_times():
    # Turns: a b a b a b a b a b. Sorted, a: 1 2 3 4 100, b: 10 10 10 10 20.
    clock = clock_of([3.0, 10.0, 1.0, 10.0, 100.0, 20.0, 2.0, 10.0, 4.0, 10.0])
    timings = measure(recorder([], "a", "b"), rounds=5, clock=clock)
    assert timings == {"a": Timing(3.0, 2.0), "b": Timing(10.0, 0.0)}
    assert timings["a"].spread == pytest.approx(2 / 3)


def test_garbage_collection_rests_while_contenders_run_and_comes_back():
    seen = []
    assert gc.isenabled()
    measure({"a": Contender(lambda: seen.append(gc.isenabled()))}, rounds=2)
    assert seen == [True, False, False]
    assert gc.isenabled()


def test_garbage_collection_comes_back_after_a_failure():
    turns = iter([None])
    with pytest.raises(StopIteration):
        measure({"a": Contender(lambda: next(turns))}, rounds=2)
    assert gc.isenabled()


def test_inputs_may_be_empty():
    assert measure({"a": Contender(lambda: None, (np.empty((0, 3), np.float32),))}, rounds=1)["a"].seconds >= 0


def test_a_steady_measurement_is_made_once_with_the_threads_asked_for():
    calls, said, threads = [], [], []
    contenders = {"a": Contender(lambda: calls.append("a")), "b": Contender(lambda: threads.append(limit()))}
    measure_steadily(contenders, 3, said.append, threads=3, clock=clock_of([1.0] * 6))
    assert len(calls) == 4
    assert said == []
    assert set(threads) == {3}
    assert limit() is None


def limit():
    return parallel._limit.get()


def test_an_unsteady_measurement_is_repeated_once_and_named():
    # First time a: 1 1 2 (quartiles 1 and 1.5, spread 50 %), b steady; second time both steady.
    calls, said = [], []
    clock = clock_of([1.0, 5.0, 1.0, 5.0, 2.0, 5.0] + [3.0, 6.0] * 3)
    timings = measure_steadily(recorder(calls, "a", "b"), 3, said.append, threads=1, clock=clock)
    assert timings == {"a": Timing(3.0, 0.0), "b": Timing(6.0, 0.0)}
    assert len(calls) == 2 * (2 + 6)
    assert len(said) == 1
    assert "above 20%" in said[0]
    assert said[0].endswith("repeating once: a 50%")


def test_a_spread_of_exactly_a_fifth_is_steady():
    # 9 10 11 12 10: quartiles 10 and 11 about 10 would be 10 %; 8 9 10 11 12: quartiles 9 and 11, 20 %.
    said = []
    measure_steadily(recorder([], "a"), 5, said.append, threads=1, clock=clock_of([8.0, 9.0, 10.0, 11.0, 12.0]))
    assert said == []


def test_what_stays_unsteady_is_measured_twice_and_no_more():
    calls, said = [], []
    clock = clock_of([1.0, 1.0, 2.0] * 2)
    timings = measure_steadily(recorder(calls, "a"), 3, said.append, threads=1, clock=clock)
    assert timings == {"a": Timing(1.0, 0.5)}
    assert len(calls) == 2 * 4
    assert "above 20%, read with care" in said[1]


def test_thread_counts_are_one_and_all(monkeypatch):
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "6")
    assert thread_counts() == (1, 6)
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "1")
    assert thread_counts() == (1,)
