"""Jobs shared between the caller and the pool."""

import functools
import hashlib
import signal
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import workbench
from workbench import parallel

MANY = 1 << 20  # elements, enough to be worth several threads whatever is done to them
SOME = 1 << 15  # enough if the work takes long
FEW = SOME - 1  # never enough

WORTH_WAKING = parallel.WORTH_WAKING


@pytest.fixture(autouse=True)
def waking_costs_what_it_costs(waking_costs_nothing, monkeypatch):
    monkeypatch.setattr(parallel, "WORTH_WAKING", WORTH_WAKING)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until something is added to `now`."""
    clock = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(parallel.time, "perf_counter", lambda: clock.now)
    return clock


def covered(jobs, elements=MANY, threads=4):
    """Return the jobs that were done, in order, and the threads that did them."""
    done, workers, lock = [], set(), threading.Lock()

    def work(done, workers, start, stop):
        with lock:
            done.extend(range(start, stop))
            workers.add(threading.current_thread())

    with parallel.thread_limit(threads):
        parallel.run(work, jobs, elements, done, workers)
    return sorted(done), workers


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("jobs", [0, 1, 2, 3, 7, 8, 28, 29, 1000])
@pytest.mark.parametrize("elements", [FEW, SOME, MANY - 1, MANY])
@pytest.mark.parametrize("worth_waking", [0.0, 1e9])
def test_every_job_is_done_once(worth_waking, elements, jobs, threads, monkeypatch):
    monkeypatch.setattr(parallel, "WORTH_WAKING", worth_waking)
    assert covered(jobs, elements, threads)[0] == list(range(jobs))


def test_small_work_stays_with_the_caller():
    assert covered(100, elements=10)[1] == {threading.current_thread()}
    assert covered(100, threads=1)[1] == {threading.current_thread()}


def ranges(jobs, elements, threads, clock, seconds, monkeypatch):
    """Return the ranges that `run` works on, in order, and how often it asks for help; each job takes so long."""
    asked, done = [], []

    def decline(task):
        asked.append(task)
        return types.SimpleNamespace(cancel=lambda: True)

    def work(start, stop):
        done.append((start, stop))
        clock.now += (stop - start) * seconds

    monkeypatch.setattr(parallel, "_executor", lambda: types.SimpleNamespace(submit=decline))
    with parallel.thread_limit(threads):
        parallel.run(work, jobs, elements)
    return done, len(asked)


@pytest.mark.parametrize(
    ("elements", "seconds", "begin", "calls"),
    [
        (FEW, 1.0, [(0, 30)], 0),  # all at once
        (MANY, 0.0, [(0, 2), (2, 5), (5, 7)], 2),  # nobody comes, and the caller does one range after another
        # The first of 12 ranges has 2 jobs: 11 * 2 * 9e-6 s = 198 us are left, less than 200 us; 9.2e-6 s make 202 us.
        (SOME, 9e-6, [(0, 2), (2, 30)], 0),
        (MANY - 1, 9e-6, [(0, 2), (2, 30)], 0),
        (SOME, 9.2e-6, [(0, 2), (2, 5), (5, 7)], 2),
    ],
)
def test_help_is_asked_for_where_it_pays(elements, seconds, begin, calls, clock, monkeypatch):
    done, asked = ranges(30, elements, 3, clock, seconds, monkeypatch)
    assert (done[:3], asked) == (begin, calls)
    assert len(done) == (12 if calls else len(begin))


def test_with_slow_work_others_take_part_after_the_caller():
    first, others = threading.Event(), threading.Barrier(2, timeout=30)
    workers = []

    def work(start, stop):
        workers.append(threading.current_thread())
        if not first.is_set():
            time.sleep(0.01)  # seven more ranges: much longer than waking takes
            first.set()
        elif start >= 2:
            others.wait()  # two of the last six at a time, so both threads take part

    with parallel.thread_limit(2):
        parallel.run(work, 8, SOME)
    assert workers[0] == threading.current_thread()
    assert len(set(workers)) == 2


@pytest.mark.parametrize(
    ("jobs", "elements", "seconds", "threads", "expected"),
    [
        (8, MANY, 1.0, 1, (1, 0)),
        (1, MANY, 1.0, 4, (1, 0)),  # no more threads than jobs
        (0, MANY, 0.0, 4, (1, 0)),
        (8, FEW, 1.0, 2, (1, 0)),
        (8, MANY, 0.0, 2, (0, 1 / 2)),  # 8 ranges, 4 each
        (3, MANY, 0.0, 2, (0, 2 / 3)),  # 3 ranges: one thread does two
        (1000, MANY, 0.0, 3, (0, 1 / 3)),  # 12 ranges, 4 each
        (5, MANY, 0.0, 4, (0, 2 / 5)),  # 5 ranges: one thread does two
        (8, SOME, 1.0, 2, (1 / 8, 4 / 7)),  # the first of 8, then 7 by two
        (1000, SOME, 1.0, 3, (1 / 12, 4 / 11)),
        (2, SOME, 1.0, 2, (1 / 2, 1)),  # what is left is one range
        (8, SOME, 2.28e-4, 2, (1, 0)),  # 7 / 8 of it are 199.5 us
        (8, SOME, 2.29e-4, 2, (1 / 8, 4 / 7)),  # 200.4 us
        (8, MANY - 1, 2.28e-4, 2, (1, 0)),
    ],
)
def test_parallel_part_by_hand(jobs, elements, seconds, threads, expected):
    assert parallel.parallel_part(jobs, elements, seconds, threads) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("jobs", [1, 2, 3, 8, 24, 48])
@pytest.mark.parametrize("elements", [FEW, SOME, MANY])
@pytest.mark.parametrize("seconds", [1e-5, 1e-2])
def test_parallel_part_is_what_run_does(seconds, elements, jobs, threads, clock, monkeypatch):
    done, asked = ranges(jobs, elements, threads, clock, seconds / jobs, monkeypatch)
    before, busiest = parallel.parallel_part(jobs, elements, seconds, threads)
    if not asked:
        assert (before, busiest) == (1, 0)
        return
    shared = done[1:] if elements < MANY else done
    alone = done[0][1] - done[0][0] if elements < MANY else 0
    assert before == pytest.approx(alone / jobs)
    assert busiest == pytest.approx(-(-len(shared) // (asked + 1)) / len(shared))  # ranges of one length


def test_no_more_threads_than_the_limit():
    workers = set()

    def work(start, stop):
        workers.add(threading.current_thread())
        time.sleep(0.002)

    with parallel.thread_limit(2):
        parallel.run(work, 40, MANY)
    assert len(workers) <= 2


@pytest.mark.parametrize("elements", [SOME, MANY])
@pytest.mark.parametrize("failing", [0, 5, 99])
def test_a_failing_job_is_reported_and_leaves_the_pool_in_order(failing, elements):
    def work(start, stop):
        if start <= failing < stop:
            raise ArithmeticError(f"job {failing}")

    with parallel.thread_limit(4):
        with pytest.raises(ArithmeticError, match=f"job {failing}"):
            parallel.run(work, 100, elements)
        assert covered(100)[0] == list(range(100))


def test_calls_inside_jobs_do_not_wait_for_each_other():
    done, lock = [], threading.Lock()

    def inner(start, stop):
        with lock:
            done.extend(range(start, stop))

    def outer(start, stop):
        with parallel.thread_limit(4):
            parallel.run(inner, 50, MANY)

    with parallel.thread_limit(64):
        parallel.run(outer, 64, MANY)
    assert len(done) % 50 == 0
    assert done.count(7) == len(done) // 50


def test_limits_nest_and_end():
    def used():
        widths = []
        parallel.run(lambda start, stop: widths.append(stop - start), 12, MANY)
        return len(widths)

    with parallel.thread_limit(1):
        assert used() == 1  # one range, done by the caller
        with parallel.thread_limit(2):
            assert used() > 1
        assert used() == 1


def test_a_limit_holds_in_its_own_thread_alone():
    seen = []

    def elsewhere():
        with parallel.thread_limit(1):
            inside.set()
            leave.wait(30)

    inside, leave = threading.Event(), threading.Event()
    other = threading.Thread(target=elsewhere)
    other.start()
    inside.wait(30)
    with parallel.thread_limit(2):
        parallel.run(lambda start, stop: seen.append(start), 12, MANY)
    leave.set()
    other.join()
    assert len(seen) > 1


@pytest.mark.parametrize("threads", [0, -2])
def test_a_limit_is_at_least_one(threads):
    with pytest.raises(ValueError, match=f"threads={threads}: must be at least 1"), parallel.thread_limit(threads):
        pass


def test_the_environment_sets_the_threads(monkeypatch):
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "3")
    assert parallel.available_threads() == 3
    monkeypatch.delenv("WORKBENCH_NUM_THREADS")
    assert parallel.available_threads() >= 1


@pytest.mark.parametrize("setting", ["0", "-1", "two", "1.5", " "])
def test_a_wrong_setting_is_refused(setting, monkeypatch):
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", setting)
    with pytest.raises(ValueError, match=r"WORKBENCH_NUM_THREADS=.*whole number, at least 1") as raised:
        parallel.available_threads()
    assert repr(setting) in str(raised.value)


@pytest.fixture
def heard():
    """Let an interrupt be heard, which a shell tells what it starts in the background to ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_interrupt_ends_a_long_call_soon_and_nothing_is_done_afterwards(threads, heard):
    # 1000 jobs of 2 to 10 ms, in few ranges; 16 of them are the first piece. Like a kernel, the work hears no signal.
    begun, done, hash_long = [], [], functools.partial(hashlib.pbkdf2_hmac, "sha256", b"", b"")

    def work(start, stop):
        begun.append(stop - start)
        hash_long(12_000 * (stop - start))
        done.append(stop - start)

    timer = threading.Timer(0.1, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
    timer.start()
    with parallel.thread_limit(threads), pytest.raises(KeyboardInterrupt):
        parallel.run(work, 1000, 1000 * MANY // 16)
    timer.join()
    assert 0 < sum(begun) < 500
    assert len(begun) - len(done) in (0, 1)  # only the caller's own piece is cut short
    before = len(begun)
    time.sleep(0.1)
    assert len(begun) == before


def test_pieces_of_a_range_grow_until_they_take_long(clock):
    # A range of 4000 jobs, 10 of them in MANY elements; each takes 1 ms, so that a piece is at most 0.1 s.
    sizes = []

    def work(start, stop):
        sizes.append(stop - start)
        clock.now += (stop - start) * 1e-3

    with parallel.thread_limit(1):
        parallel.run(work, 4000, 400 * MANY)
    assert sizes[:5] == [10, 20, 40, 80, 80]
    assert set(sizes[5:-1]) == {80}
    assert sum(sizes) == 4000


def no_thread(self):
    raise RuntimeError("can't start new thread")


@pytest.fixture
def no_threads(monkeypatch):
    """Let the system refuse every new thread."""
    monkeypatch.setattr(parallel, "_pool", None)
    monkeypatch.setattr(threading.Thread, "start", no_thread)


@pytest.mark.parametrize("elements", [SOME, MANY])
def test_where_no_thread_can_be_started_the_caller_does_all(elements, no_threads, monkeypatch):
    monkeypatch.setattr(parallel, "WORTH_WAKING", 0.0)
    done, workers = covered(100, elements)
    assert done == list(range(100))
    assert workers == {threading.current_thread()}
    assert parallel._pool is None  # no queue holds on to the arrays


def test_an_array_in_place_is_changed_as_a_whole_where_no_thread_can_be_started(no_threads, monkeypatch):
    monkeypatch.setattr(parallel, "WORTH_WAKING", 0.0)
    w = np.full((100, 400), 0.5, np.float32)  # between SMALL and LARGE
    with parallel.thread_limit(4):
        loss, mask = workbench.sparse_lp(w, 1.0, 1.0, 0.75)
    assert (loss, mask.any(), w.any()) == (20_000, False, False)


def test_a_pool_that_is_shut_down_is_not_needed(monkeypatch):
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    monkeypatch.setattr(parallel, "_pool", closed)
    assert covered(100)[0] == list(range(100))
    assert len(covered(100)[1]) >= 1  # by a new pool
