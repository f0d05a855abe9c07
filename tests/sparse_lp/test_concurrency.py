"""Many threads and several processes at once; each in a process of its own, so that a crash is a failed test."""

import os
import subprocess
import sys

import pytest

COMMON = """
import multiprocessing, os, sys, threading
import numpy as np
from workbench import lp_gradient, lp_prox, parallel, sparse_lp, sparse_lp_regularizer

x = np.random.default_rng(0).normal(size=(700, 83)).astype(np.float32)  # large enough to use the pool
indices = np.random.default_rng(1).integers(len(x), size=900)


def results(seed, engine="numba"):
    shifted = x + np.float32(seed)
    loss, mask = sparse_lp(kept := shifted.copy(), 0.7, 1.0, 0.9, engine=engine)
    found = [np.array(loss), mask, kept]
    for p in (0.0, 0.5, 0.7, 1.0, 2.0, 3.0):
        sparse_lp_regularizer(table := shifted.copy(), indices, p, 0.01, engine=engine)
        found += [table, lp_gradient(shifted, 0.7, p, engine=engine), lp_prox(shifted, 0.7, p, engine=engine)]
    return found


def use_two_threads():
    meeting = threading.Barrier(2, timeout=60)  # which one thread alone would wait for in vain
    parallel.run(lambda start, stop: meeting.wait(), 2, 1 << 20)


def check(found, seed):
    for fast, meant in zip(found, results(seed, "reference"), strict=True):
        np.testing.assert_allclose(fast, meant, rtol=1e-5)

"""

THREADS = """
start = threading.Barrier(6)
found = {}

def worker(seed):
    start.wait()
    found[seed] = [results(seed) for _ in range(3)]

threads = [threading.Thread(target=worker, args=(seed,)) for seed in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
for seed in range(6):
    check(found[seed][0], seed)
    alone = [array.tobytes() for array in results(seed)]
    for several in found[seed]:
        assert [array.tobytes() for array in several] == alone, seed
print("done")
"""

SPAWNED = """
if __name__ == "__main__":
    check(results(0), 0)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for seed, found in enumerate(pool.map(results, range(3))):
            check(found, seed)
    check(results(4), 4)
    print("done")
"""

FORKED = """
check(results(0), 0)
use_two_threads()
child = os.fork()
if child == 0:
    try:
        check(results(1), 1)
        use_two_threads()
        os._exit(0)
    except BaseException as problem:
        print(problem, file=sys.stderr, flush=True)
        os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
check(results(2), 2)
print("done")
"""

COUNTS = """
found = []
for threads in (1, 2, 3, 7):
    with parallel.thread_limit(threads):
        found.append([array.tobytes() for array in results(0)])
assert found[0] == found[1] == found[2] == found[3]
print("done")
"""


def run(tmp_path, script):
    (tmp_path / "script.py").write_text(COMMON + script)
    # Four threads a call, whatever the machine has: the pool must be in use.
    environment = {**os.environ, "WORKBENCH_NUM_THREADS": "4"}
    call = [sys.executable, "-W", "ignore::DeprecationWarning", str(tmp_path / "script.py")]
    finished = subprocess.run(call, capture_output=True, text=True, timeout=120, env=environment)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "done\n"


def test_many_threads_at_once(tmp_path):
    run(tmp_path, THREADS)


def test_spawned_workers_after_the_parent_used_its_pool(tmp_path):
    run(tmp_path, SPAWNED)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked_child_after_the_parent_used_its_pool(tmp_path):
    run(tmp_path, FORKED)


def test_the_number_of_threads_changes_nothing(tmp_path):
    run(tmp_path, COUNTS)
