"""Each step of measuring a machine, with a clock that stands still; test_probes.py has a whole measurement."""

import types

import numpy as np
import pytest

from workbench import parallel
from workbench.machines import measuring, probes

from .flat import flat_limits


def test_cpu_share_is_the_lesser_of_before_and_after(monkeypatch):
    shares = iter([0.75, 0.5, 0.25, 0.875])
    monkeypatch.setattr(measuring, "_cpu_share", lambda threads: next(shares))
    monkeypatch.setattr(measuring, "_limits", lambda threads: flat_limits(threads))
    assert measuring.measure(3) == ({1: flat_limits(1), 3: flat_limits(3)}, 0.5)
    assert measuring.measure(1) == ({1: flat_limits(1)}, 0.25)


def test_limits_are_the_middle_of_rounds_that_take_turns(monkeypatch):
    # The third round finds a slow machine, the second a fast one: rates of 5, 8 and 2 billion a second.
    monkeypatch.setattr(measuring, "_cpu_share", lambda threads: 1.0)
    scales, order = {1: iter([5, 8, 2]), 2: iter([7, 4, 6])}, []
    monkeypatch.setattr(measuring, "_limits", lambda n: order.append(n) or flat_limits(next(scales[n])))
    assert measuring.measure(2)[0] == {1: flat_limits(5), 2: flat_limits(6)}
    assert order == [1, 2] * 3


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until something is added to `now` or `used`."""
    clock = types.SimpleNamespace(now=50.0, used=7.0)
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(measuring.time, "process_time", lambda: clock.used)
    return clock


def takes(clock, *seconds):
    """Return a function whose calls take these seconds, one number a call."""
    left = list(seconds)

    def run(*arguments):
        clock.now += left.pop(0)

    run.left = left
    return run


@pytest.mark.parametrize(("used", "share"), [(6.0, 1.0), (3.0, 0.5), (7.0, 1.0)])
def test_cpu_share_is_processor_time_over_time(used, share, clock, monkeypatch):
    # Two threads for 3 s could use 6 s; clocks that differ a little may say more.
    def shared(work, jobs):
        if jobs > 2:
            clock.now += 3
            clock.used += used

    monkeypatch.setattr(measuring, "_shared", shared)
    assert measuring._cpu_share(2) == share


def test_the_best_is_the_shortest_after_one_that_is_not_timed(clock):
    run = takes(clock, 0.125, 3.0, 2.0, 4.0)
    assert measuring._best(run, 3) == 2.0
    assert run.left == []


def test_a_rate_counts_the_elements_of_all_jobs(clock):
    # A job takes 2^-14 s, about 61 us: 16 of them a millisecond. Each has 10 elements.
    done = []

    def work(start, stop):
        done.append(stop - start)
        clock.now += (stop - start) * 2.0**-14

    with parallel.thread_limit(1):
        assert measuring._rate(work, 10, 1) == 10 * 2.0**14
    assert done == [8] * (1 + 3) + [16] * (1 + 3)


def test_a_curve_is_of_sizes_and_rates():
    assert measuring._curve((10, 30), lambda size, factor: size * factor, 0.5) == ((10.0, 5.0), (30.0, 15.0))


def test_sizes_about_as_fast_as_waking_are_left_out_for_several_threads():
    sizes = [(1 << 21) - 1, 1 << 21, (1 << 25) - 1, 1 << 25]
    assert measuring._measurable(sizes, 1) == sizes
    assert measuring._measurable(sizes, 2) == [(1 << 21) - 1, 1 << 25]


@pytest.mark.parametrize(
    ("name", "moved"),
    # Arrays of 2^16 bytes together, four times. A copy reads half and writes half; a sum reads; an update does both.
    [("copy", 4 * (32768 + 32768)), ("read", 4 * 65536), ("update", 4 * (65536 + 65536))],
)
def test_a_stream_moves_as_many_bytes_as_are_counted(name, moved, monkeypatch):
    monkeypatch.setattr(measuring, "PASSED", 1 << 18)
    monkeypatch.setattr(measuring, "_best", lambda run: run() or 2.0)
    seen = []
    right = getattr(probes, name)
    monkeypatch.setattr(probes, name, lambda x, *rest: seen.append((x.nbytes, rest[-4:])) or right(x, *rest))
    with parallel.thread_limit(1):
        assert measuring._stream(1 << 16, name, 1) == moved / 2
    elements = 8192 if name == "copy" else 16384
    assert seen == [(4 * elements, (elements, 4, 0, 1))]


def test_a_large_stream_is_gone_through_once_after_other_work_and_less_what_waking_takes(monkeypatch):
    monkeypatch.setattr(measuring, "SETTLED", 1 << 16)
    monkeypatch.setattr(measuring, "_best", lambda run: pytest.fail("again and again"))
    monkeypatch.setattr(measuring, "_after_other_work", lambda run, array: 2.0)
    assert measuring._stream(1 << 16, "copy", 2, 0.5) == 65536 / 1.5
    monkeypatch.setattr(measuring, "_best", lambda run: 4.0)
    monkeypatch.setattr(measuring, "PASSED", 1)
    assert measuring._stream((1 << 16) - 8, "copy", 2, 0.5) == 65528 / 4.0  # one is small
    assert measuring._stream(1 << 16, "copy", 2) == 65536 / 4.0  # and one is to be gone through again


def test_rows_move_what_they_read_and_write(monkeypatch):
    # 2^18 bytes are 1024 rows of 64, of which 205 are named: 205 * 256 bytes each way in 1 - 0.25 s.
    monkeypatch.setattr(measuring, "_after_other_work", lambda run, array: run() or 1.0)
    seen = []
    right = probes.rows

    def rows(table, numbers, factor, start, stop):
        seen.append((table.shape, np.unique(numbers).size, stop - start))
        right(table, numbers, factor, start, stop)

    monkeypatch.setattr(probes, "rows", rows)
    with parallel.thread_limit(1):
        assert measuring._rows(1 << 18, 1, 0.25) == 205 * 2 * 256 / 0.75
    assert seen == [((1024, 64), 205, 205)]


@pytest.mark.parametrize(
    ("seconds", "wake", "expected"), [(1.0, 0.25, 0.75), (1.0, 0.5, 0.5), (1.0, 3.0, 0.5), (1.0, 0.0, 1.0)]
)
def test_less_waking_at_least_half_is_left(seconds, wake, expected):
    assert measuring._less(seconds, wake) == expected


def test_after_other_work_is_a_median_of_calls_that_find_other_things_in_the_caches(clock, monkeypatch):
    monkeypatch.setattr(measuring, "TRIES", 3)
    steps = []
    seconds = iter([9.0, 3.0, 1.0, 2.0])

    def run():
        steps.append("run")
        clock.now += next(seconds)

    class Array(np.ndarray):
        def max(self):
            steps.append("read")

        def __iadd__(self, number):
            steps.append(f"change {self.size}")
            return self

    array = np.ones(5, np.float32).view(Array)
    assert measuring._after_other_work(run, array) == 2.0
    assert steps == ["run"] + ["change 5", "read", "run"] * 3


def test_new_memory_takes_what_old_memory_does_not(clock, monkeypatch):
    # 12288 bytes are three pages. What was touched before takes 1 s, new memory 3 s.
    touched = []

    def touch(memory, page, start, stop):
        old = any(memory is each for each in touched)
        touched.append(memory)
        assert (page, start, stop) == (4096, 0, 3)
        clock.now += 1.0 if old else 3.0

    monkeypatch.setattr(probes, "touch", touch)
    with parallel.thread_limit(1):
        assert measuring._allocation_bandwidth(12288) == 12288 / 2


def test_overlap_by_hand(monkeypatch):
    # 32 operations at 64 a second take half a second. A division alone takes 1 s, at 1 a second.
    for both, share in ((1.5, 1.0), (1.0, 0.5), (0.75, 0.25), (0.4, 0.0), (2.0, 1.0)):
        monkeypatch.setattr(measuring, "_rate", lambda work, elements, threads, both=both: 1 / both)
        assert measuring._overlap("divisions", 1.0, 64.0, 1) == pytest.approx(share)


def test_a_wrong_guess_by_hand(clock, monkeypatch):
    # 1024 stretches of no or one element take 3 s, of one element 1 s: 2 s for 512 wrong guesses.
    monkeypatch.setattr(measuring, "STRETCHES", 1024)

    def stretches(x, y, lengths, start, stop):
        assert (start, stop) == (0, 1024)
        assert set(lengths.tolist()) <= {0, 1}
        clock.now += 1.0 if lengths.all() else 3.0

    monkeypatch.setattr(probes, "stretches", stretches)
    assert measuring._misprediction() == 2 / 512


def test_launches_and_calls_by_hand(clock, monkeypatch):
    # After work on 2^12 bytes a launch takes 1/8 s. Two operators take 6 and 9 s, of which launches are 1/4 s, for 50
    # calls: all of these after work on 1024 elements.
    monkeypatch.setattr(measuring, "calls_of", lambda operator: {"First": 20, "Second": 30}[operator.name])
    swept, others, right = [], [], measuring._after_other_work

    def after(run, array, tries):
        swept.append(array.nbytes)
        others.append(tries)
        return right(run, array, tries)

    def nothing(*arguments):
        clock.now += 1 / 8

    def operator(name, seconds):
        def run(*inputs, **arguments):
            ran.append((name, inputs, arguments))
            clock.now += seconds

        examples = iter([((name,), {"size": 3}), ((name,), {"size": 5})])
        return types.SimpleNamespace(name=name, examples=lambda rng: examples, run=run)

    monkeypatch.setattr(measuring, "_after_other_work", after)
    monkeypatch.setattr(probes, "nothing", nothing)
    assert measuring._launch_rate(1 << 12) == 8.0
    for seconds, left in (((6.0, 9.0), 14.75), ((1 / 16, 1 / 8), 1e-9)):  # never less than nothing
        ran = []
        bare = types.SimpleNamespace(examples=None)
        pair = {name: operator(name, each) for name, each in zip(("First", "Second"), seconds, strict=True)}
        monkeypatch.setattr(measuring, "OPERATORS", {"Bare": bare, **pair})
        assert measuring._call_rate(1 << 12, ((1024.0, 4.0), (4096.0, 8.0))) == 50 / left
        each = 1 + measuring.STARTS
        assert ran == [("First", ("First",), {"size": 3})] * each + [("Second", ("Second",), {"size": 3})] * each
    assert swept == [1 << 12] * 5
    assert others == [measuring.STARTS] * 5


def test_waking_is_what_is_beyond_a_share_of_the_work(clock, monkeypatch):
    # Work that takes one thread 8 s, on two 4 s, takes 5 s with waking: 1 s; and never less than nothing.
    monkeypatch.setattr(measuring, "CALLS", 3)
    monkeypatch.setattr(measuring.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(measuring, "_best", lambda run, tries=7: 8.0)
    for seconds, waking in ((5.0, 1.0), (3.0, 0.0)):
        monkeypatch.setattr(measuring, "_shared", takes(clock, seconds, seconds, seconds))
        assert measuring._wake(2) == waking
