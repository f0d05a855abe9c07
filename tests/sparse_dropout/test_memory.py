"""No word and no copy is kept for each element: peaks of calls of 64 MB, in a process of their own."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="peak memory is read with getrusage")

SCRIPT = """
import json, resource, sys
import numpy as np
from workbench import *

ROWS, COLUMNS = 4096, 4096
marks = np.full((ROWS, COLUMNS), True)
row, column = np.ones(COLUMNS, np.float32), np.ones((ROWS, 1), np.float32)
lengths = np.full(ROWS, COLUMNS)

CALLS = {
    "dense": lambda x, n: dropout_with_replacement(x, seed=0),
    "one for each feature, scaled": lambda x, n: dropout_with_replacement(x, 0.5, row, seed=0, scaled=True),
    "one for each row": lambda x, n: dropout_with_replacement(x, 0.5, column[:n], seed=0, start=3),
    "gradient": lambda x, n: dropout_with_replacement_gradient(x, marks[:n], ratio=0.5, scaled=True),
    "gradient for each feature": lambda x, n: dropout_with_replacement_gradient(
        x, marks[:n], replacement_shape=(COLUMNS,)
    ),
    "segments": lambda x, n: sparse_dropout_with_replacement(x.reshape(-1), lengths[:n], 0.3, seed=0),
    "items": lambda x, n: sparse_itemwise_dropout_with_replacement(x.reshape(-1), lengths[:n], 0.3, seed=0),
    "reference": lambda x, n: dropout_with_replacement(x, seed=0, engine="reference"),
}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def fill():
    # What was freed before must not hide what is taken now: fill memory until every byte more raises the peak.
    ballast, grown = [], 0
    while grown < 7 << 20:
        before = peak()
        ballast.append(np.ones(8 << 20, np.uint8))
        grown = peak() - before
    return ballast


x = np.full((ROWS, COLUMNS), 1.5, np.float32)
found = {}
for name, call in CALLS.items():
    call(x[:16], 16)  # compiled code and the threads' stacks are not what is measured
    ballast = fill()
    before = peak()
    results = call(x, ROWS)
    found[name] = (peak() - before - sum(result.nbytes for result in results)) / x.nbytes
    del results, ballast
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def temporaries():
    """Return what calls take beyond their results, by name, as fractions of x; 1 is a word an element."""
    environment = {**os.environ, "WORKBENCH_NUM_THREADS": "2"}  # each thread has a buffer of its own
    call = [sys.executable, "-c", SCRIPT]
    finished = subprocess.run(call, capture_output=True, text=True, timeout=120, env=environment)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("dense", 0.05),
        ("one for each feature, scaled", 0.05),
        ("one for each row", 0.05),
        ("gradient", 0.05),
        ("gradient for each feature", 0.3),  # sums of its own for each job
        ("segments", 0.05),
        ("items", 0.3),  # a mark of one byte an element
    ],
)
def test_a_call_takes_little_beyond_its_results(name, most, temporaries):
    assert temporaries[name] < most


def test_the_measurement_sees_temporaries(temporaries):
    assert temporaries["reference"] > 1
