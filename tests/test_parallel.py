"""Jobs shared between the caller and the pool."""

import threading
import time

import pytest

from workbench import parallel

MANY = 1 << 20  # elements, enough to be worth several threads


def covered(jobs, elements=MANY, threads=4):
    """Return the jobs that were done, in order, and the threads that did them."""
    done, workers, lock = [], set(), threading.Lock()

    def work(start, stop):
        with lock:
            done.extend(range(start, stop))
            workers.add(threading.current_thread())

    with parallel.thread_limit(threads):
        parallel.run(work, jobs, elements)
    return sorted(done), workers


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("jobs", [0, 1, 2, 3, 7, 8, 28, 29, 1000])
def test_every_job_is_done_once(jobs, threads):
    assert covered(jobs, threads=threads)[0] == list(range(jobs))


def test_small_work_stays_with_the_caller():
    assert covered(100, elements=10)[1] == {threading.current_thread()}
    assert covered(100, threads=1)[1] == {threading.current_thread()}


def test_several_threads_take_part():
    meeting = threading.Barrier(3, timeout=30)  # none of the first three jobs ends before all three have begun

    def work(start, stop):
        if start < 3:
            meeting.wait()

    with parallel.thread_limit(3):
        parallel.run(work, 3, MANY)


def test_no_more_threads_than_the_limit():
    active, most, lock = 0, 0, threading.Lock()

    def work(start, stop):
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        time.sleep(0.002)
        with lock:
            active -= 1

    with parallel.thread_limit(2):
        parallel.run(work, 40, MANY)
    assert most <= 2


@pytest.mark.parametrize("failing", [0, 5, 99])
def test_a_failing_job_is_reported_and_leaves_the_pool_in_order(failing):
    def work(start, stop):
        if start <= failing < stop:
            raise ArithmeticError(f"job {failing}")

    with parallel.thread_limit(4):
        with pytest.raises(ArithmeticError, match=f"job {failing}"):
            parallel.run(work, 100, MANY)
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
