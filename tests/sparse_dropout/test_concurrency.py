"""Several Python threads at once, in a process of its own, so that a crash is a failed test."""

import os
import subprocess
import sys

SCRIPT = """
import threading
import numpy as np
import scipy.sparse
from workbench import *

x = np.random.default_rng(0).normal(size=(9, 5000)).astype(np.float32)  # large enough to use the pool
matrix = scipy.sparse.csr_matrix(x)
lengths = np.full(45000, 1)
new = np.arange(5000.0)


def results(seed, engine):
    y, dropped = dropout_with_replacement(x, 0.4, new, seed=seed, scaled=True, engine=engine)
    stored, marks = dropout_with_replacement(matrix, 0.4, new, seed=seed, engine=engine)
    dx, _ = dropout_with_replacement_gradient(x, dropped, ratio=0.4, scaled=True, engine=engine)
    segments = sparse_dropout_with_replacement(x.ravel(), lengths, 0.4, 2, seed=seed, engine=engine)
    items = sparse_itemwise_dropout_with_replacement(x.ravel(), lengths, 0.4, 2, seed=seed, engine=engine)
    return [a.tobytes() for a in (y, dropped, stored.data, marks.data, dx, *segments, *items)]


start, found = threading.Barrier(8), {}

def worker(seed):
    start.wait()
    found[seed] = [results(seed, "numba") for _ in range(4)]

threads = [threading.Thread(target=worker, args=(seed,)) for seed in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
for seed in range(8):
    meant = results(seed, "reference")
    assert found[seed] == [meant] * 4, seed
print("done")
"""


def test_many_threads_at_once(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "WORKBENCH_NUM_THREADS": "4"}  # whatever the machine has: the pool must be in use
    call = [sys.executable, str(tmp_path / "script.py")]
    finished = subprocess.run(call, capture_output=True, text=True, timeout=120, env=environment)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "done\n"
