"""A chain of operators over a file that is larger than the memory that the process may have."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="memory is limited with setrlimit")

SCRIPT = """
import resource, sys
import dask, dask.array as da
import numpy as np
import workbench
from workbench import cluster

MB = 1 << 20
LIMIT, SIZE = 320 * MB, 336 * MB  # of data: the pages of a mapped file are the system's, and do not count
IMAGES, IMAGE = 16, (32, 64, 64)  # 8 MB in float32
shape = (SIZE // MB * 2, *IMAGE)


def chain(x, module, replacement, **options):
    y = module.local_response_norm(x, alpha=0.5)
    y, _ = module.dropout_with_replacement(y, 0.5, replacement, seed=3, **options)
    return module.lp_prox(y, 0.1)


dask.config.set(scheduler="threads", num_workers=2)
chain(da.ones((2, 32, 8, 8), np.float32, chunks=(1, 8, 8, 8)), cluster, 0.0).compute()  # compiles, which takes memory
resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))

some = np.random.default_rng(0).normal(1.0, size=(IMAGES, *IMAGE)).astype(np.float32)
whole = np.memmap(sys.argv[1], np.float32, "w+", shape=shape)
for n in range(0, len(whole), IMAGES):
    whole[n : n + IMAGES] = np.roll(some, n // IMAGES, axis=0)  # all parts differ, and have the same mean
assert whole.nbytes == SIZE > LIMIT
for allocate in (lambda: np.empty(shape, np.float32), lambda: np.array(whole), lambda: da.from_array(whole)):
    try:
        allocate()
    except MemoryError:
        continue
    raise AssertionError("the limit does not bite")

x = cluster.from_memmap(whole, chunks=(IMAGES, 8, 64, 64))
out = np.memmap(sys.argv[2], np.float32, "w+", shape=shape)
da.store(chain(x, cluster, "mean"), out, lock=False)

normalized = workbench.local_response_norm(some, alpha=0.5)
mean = normalized[normalized != 0].mean(dtype=np.float64)
assert mean > 0.3  # so that the last step does not make a zero of it
for n in (0, 1, len(whole) // 2 + 5, len(whole) - 1):
    expected = chain(whole[n : n + 1], workbench, mean, start=n * whole[0].size)
    np.testing.assert_allclose(out[n : n + 1], expected, rtol=1e-5, atol=1e-6)  # lp_prox subtracts
print("done")
"""


def test_chain_over_a_file(tmp_path):
    # Every thread's stack counts as data: two of dask's, and none of a linear algebra library.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    call = [sys.executable, "-c", SCRIPT, str(tmp_path / "x"), str(tmp_path / "y")]
    finished = subprocess.run(call, capture_output=True, text=True, timeout=120, env=environment)
    for file in tmp_path.iterdir():
        file.unlink()
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "done\n"
