"""The same sweep, run by executors of every kind."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from threading import Thread

import psutil
import pytest
from processes import has_ended, wait_until
from report.conftest import build, metric

from workbench.sweep import SweepStopped, sweep

from . import functions
from .conftest import InThreads, calls, essence, journal

SPACE = {"x": "-5..5"}


def whose(name, **settings):
    asked = {"sampler": "random", "trials": 6, "jobs": 2, "report": False, "seed": 1}
    return sweep(functions.whose, SPACE, name=name, **{**asked, **settings})


def parents(result):
    return {each.metrics["parent"] for each in result.records()}


def without_parents(result):
    return [(each.number, each.status, each.parameters, each.values, each.seed) for each in result.records()]


def test_by_default_trials_run_in_processes_of_their_own_one_for_each_job():
    result = whose("s")
    assert result.counts["ok"] == 6
    assert parents(result) == {os.getpid()}
    pids = {each["pid"] for each in calls()}
    assert len(pids) <= 2
    assert os.getpid() not in pids
    assert all(map(has_ended, pids))
    assert without_parents(result) == without_parents(whose("here", in_process=True, jobs=None))
    assert {each["pid"] for each in calls()} - pids == {os.getpid()}


def test_an_executor_of_threads_stays_usable_for_the_next_sweep():
    with ThreadPoolExecutor(1) as pool:
        first, second = (whose(name, executor=pool, jobs=1, trials=2) for name in ("a", "b"))
        assert pool.submit(int, "3").result() == 3
    assert without_parents(first) == without_parents(second)
    assert parents(first) == parents(second) == {os.getpid()}
    assert len({each["pid"] for each in calls()}) == 2  # a process for each sweep
    assert all(has_ended(each["pid"]) for each in calls())


def test_a_pool_of_processes_runs_trials_and_a_sweep_in_it_can_be_extended():
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        first = without_parents(whose("s", executor=pool, trials=3))
        again = whose("s", executor=pool, trials=4)
        workers = {process.pid for process in psutil.Process().children() if process.pid in pool._processes}
    assert parents(again) <= workers
    assert without_parents(again)[:3] == first
    assert again.counts["ok"] == 4
    wait_until(lambda: all(has_ended(each["pid"]) for each in calls()))


def test_a_pool_that_has_lost_a_process_stops_the_sweep_which_goes_on_with_another(monkeypatch):
    monkeypatch.setenv("SWEEP_PAUSE", "1")

    def run(**settings):
        sweep(functions.slow, SPACE, sampler="random", trials=3, jobs=1, name="s", report=False, **settings)

    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:

        def kill():
            wait_until(lambda: len(calls()) == 2)
            os.kill(calls()[1]["parent"], signal.SIGKILL)

        killer = Thread(target=kill)
        killer.start()
        with pytest.raises(
            SweepStopped, match=r"the executor takes no more trials .* run the same command to continue"
        ):
            run(executor=pool)
        killer.join()
    monkeypatch.setenv("SWEEP_PAUSE", "0")
    with InThreads(1) as pool:
        run(executor=pool)
    assert [each["number"] for each in calls()] == [0, 1, 1, 2]


def test_an_executor_that_is_shut_down_stops_the_sweep():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(SweepStopped, match="cannot schedule new futures after shutdown"):
        whose("s", executor=pool)


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as made:
        yield made


def workers(cluster):
    """Return the numbers of the workers' processes."""
    from distributed import Client

    with Client(cluster.scheduler_address) as client:
        return set(client.run(os.getpid).values())


def test_a_function_runs_on_a_cluster_with_the_results_of_one_machine(cluster):
    result = whose("s", scheduler=cluster.scheduler_address, jobs=None)
    assert parents(result) <= workers(cluster)
    assert result.counts["ok"] == 6
    assert result.definition.in_flight == 2  # a trial for each thread of the workers
    assert without_parents(result) == without_parents(whose("here", in_process=True, jobs=None))


def test_a_notebook_runs_on_a_cluster(cluster, tmp_path):
    build(tmp_path / "n.ipynb", "# N", metric("loss", "x * x + seed"), parameters="x: float = 0.5\nseed: int = 1")
    result = sweep("n.ipynb", {"x": "2,3"}, sampler="grid", scheduler=cluster.scheduler_address)
    assert [each.values[0] for each in result.records()] == [
        each.parameters["x"] ** 2 + each.seed for each in result.records()
    ]
    assert sorted(each.parameters["x"] for each in result.records()) == [2.0, 3.0]
    assert (tmp_path / "sweeps" / "n" / "trials" / "00001" / "report.html").is_file()


def test_a_worker_that_is_killed_loses_no_trial(cluster, tmp_path):
    victim = min(workers(cluster))

    def kill():
        wait_until(lambda: journal(tmp_path / "sweeps" / "s"))
        os.kill(victim, signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    settings = {"sampler": "random", "trials": 6, "jobs": 2, "name": "s", "report": False}
    result = sweep(functions.slow, SPACE, scheduler=cluster.scheduler_address, **settings)
    killer.join()
    assert has_ended(victim)
    assert result.counts == {"ok": 6, "pruned": 0, "failed": 0}  # what it ran is run again by another
    expected = sweep(functions.slow, SPACE, in_process=True, **{**settings, "jobs": 1, "name": "here"})
    assert essence(result) == essence(expected)


def test_a_cluster_that_ends_stops_the_sweep_which_goes_on_without_it(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_PAUSE", "0")  # in this process; on the cluster it is longer

    def end():
        wait_until(lambda: len(journal(tmp_path / "sweeps" / "s")) >= 2)
        cluster.close()

    ender = Thread(target=end)
    ender.start()
    settings = {"sampler": "random", "trials": 30, "name": "s", "report": False}
    with pytest.raises(SweepStopped, match="finished trials are kept; run the same command to continue"):
        sweep(functions.slow, SPACE, scheduler=cluster.scheduler_address, **settings)
    ender.join()
    finished = {each["number"] for each in journal(tmp_path / "sweeps" / "s")}
    assert 2 <= len(finished) < 30
    assert sweep(functions.slow, SPACE, in_process=True, **settings).counts["ok"] == 30
    assert {each["number"] for each in calls() if each["pid"] == os.getpid()} == set(range(30)) - finished
