"""No copy of the weights is kept on the way: peaks of calls of 64 MB, in a process of their own."""

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

ROWS, COLUMNS = 65536, 256
indices = np.arange(0, ROWS, 64, dtype=np.int32)
every = np.arange(ROWS, dtype=np.int32)

CALLS = {
    "penalty": lambda w: sparse_lp(w, 1.0, 1.0, 0.5)[1:],
    "penalty of any p": lambda w: sparse_lp(w, 1.0, 0.7, 0.5)[1:],
    "penalty in another order": lambda w: sparse_lp(w.T, 1.0, 2.0, 0.5)[1:],
    "rows": lambda w: sparse_lp_regularizer(w, every % len(w), 1.0, 0.1) or (),
    "roots of rows": lambda w: sparse_lp_regularizer(w, every % len(w), 0.5, 0.1) or (),
    "few rows in another order": lambda w: sparse_lp_regularizer(
        w.reshape(COLUMNS, -1).T, indices % (w.size // COLUMNS), 1.0, 0.1
    ) or (),
    "gradient": lambda w: (lp_gradient(w, 1.0, 0.7),),
    "prox": lambda w: (lp_prox(w, 1.0, 0.7),),
    "soft": lambda w: (lp_prox(w, 1.0, 1.0),),
    "reference": lambda w: sparse_lp(w, 1.0, 2.0, 0.5, engine="reference")[1:],
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


w = np.full((ROWS, COLUMNS), 1.5, np.float32)
found = {}
for name, call in CALLS.items():
    call(w[:256])  # compiled code and the threads' stacks are not what is measured
    ballast = fill()
    before = peak()
    results = call(w)
    found[name] = (peak() - before - sum(result.nbytes for result in results)) / w.nbytes
    del results, ballast
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def temporaries():
    """Return what calls take beyond their results, by name, as fractions of w; 1 is a word an element."""
    environment = {**os.environ, "WORKBENCH_NUM_THREADS": "2"}  # each thread has a buffer of its own
    call = [sys.executable, "-c", SCRIPT]
    finished = subprocess.run(call, capture_output=True, text=True, timeout=120, env=environment)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("penalty", 0.05),
        ("penalty of any p", 0.05),
        ("penalty in another order", 0.05),
        ("rows", 0.05),
        ("roots of rows", 0.05),
        ("few rows in another order", 0.1),  # copies of the rows that are named
        ("gradient", 0.05),
        ("prox", 0.05),
        ("soft", 0.05),
    ],
)
def test_a_call_takes_little_beyond_its_results(name, most, temporaries):
    assert temporaries[name] < most


def test_the_measurement_sees_temporaries(temporaries):
    assert temporaries["reference"] > 1
