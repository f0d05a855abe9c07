"""Many threads and several processes at once; each in a process of its own, so that a crash is a failed test."""

import os
import subprocess
import sys

import pytest

COMMON = """
import multiprocessing, os, sys, threading
import numpy as np
from workbench import local_response_norm, local_response_norm_gradient
from workbench import parallel

x = np.random.default_rng(0).normal(size=(4, 9, 3000)).astype(np.float32)  # large enough to use the pool
dy = x[::-1].copy()


def both(seed):
    shifted = x + np.float32(seed)
    return local_response_norm(shifted, alpha=0.7), local_response_norm_gradient(dy, shifted, alpha=0.7)


def expected(seed):
    shifted = x + np.float32(seed)
    return (
        local_response_norm(shifted, alpha=0.7, engine="reference"),
        local_response_norm_gradient(dy, shifted, alpha=0.7, engine="reference"),
    )


def use_two_threads():
    meeting = threading.Barrier(2, timeout=60)  # which one thread alone would wait for in vain
    parallel.run(lambda start, stop: meeting.wait(), 2, 1 << 20)


def check(found, seed):
    for fast, meant in zip(found, expected(seed)):
        np.testing.assert_allclose(fast, meant, rtol=1e-5, atol=1e-6)

"""

THREADS = """
start = threading.Barrier(8)
found = {}

def worker(seed):
    start.wait()
    found[seed] = [both(seed) for _ in range(5)]

threads = [threading.Thread(target=worker, args=(seed,)) for seed in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
for seed in range(8):
    for result in found[seed]:
        check(result, seed)
print("done")
"""

SPAWNED = """
if __name__ == "__main__":
    check(both(0), 0)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for seed, result in enumerate(pool.map(both, range(3))):
            check(result, seed)
    check(both(4), 4)
    print("done")
"""

FORKED = """
check(both(0), 0)
use_two_threads()
child = os.fork()
if child == 0:
    try:
        check(both(1), 1)
        use_two_threads()
        os._exit(0)
    except BaseException as problem:
        print(problem, file=sys.stderr, flush=True)
        os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
check(both(2), 2)
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
