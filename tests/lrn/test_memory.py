"""No temporary as large as the input: the peak of a process that makes one large call."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="peak memory is read with getrusage")

SCRIPT = """
import json, resource, sys
import numpy as np
from workbench import local_response_norm, local_response_norm_gradient, local_response_norm_scale

function, shape, arguments = json.loads(sys.argv[1])
call = {
    "y": lambda x: local_response_norm(x, **arguments),
    "scale": lambda x: local_response_norm_scale(x, **arguments),
    "dx": lambda x: local_response_norm_gradient(x, x, **arguments),
}[function]


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


call(np.ones((4, 24, 20, 24), np.float32))  # compiled code and the threads' stacks are not what is measured
x = np.full(shape, 1.5, np.float32)

# What was freed before must not hide what is taken now: fill memory until every byte more raises the peak.
ballast, grown = [], 0
while grown < 7 << 20:
    before = peak()
    ballast.append(np.ones(8 << 20, np.uint8))
    grown = peak() - before

before = peak()
result = call(x)
print((peak() - before - result.nbytes) / x.nbytes)
"""


def temporaries(function, shape, arguments):
    """Return the memory that a call takes beyond its result, as a fraction of its input."""
    call = [sys.executable, "-c", SCRIPT, json.dumps([function, shape, arguments])]
    environment = {**os.environ, "WORKBENCH_NUM_THREADS": "2"}  # each thread has rows of its own
    finished = subprocess.run(call, capture_output=True, text=True, timeout=120, env=environment)
    assert finished.returncode == 0, finished.stderr
    return float(finished.stdout)


@pytest.mark.parametrize("function", ["y", "scale", "dx"])
@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        pytest.param([2, 96, 1024, 64], {}, id="NCHW"),
        pytest.param([2, 1024, 64, 96], {"order": "NHWC"}, id="NHWC"),
        pytest.param([2, 96, 1024, 64], {"region": "within"}, id="within"),
    ],
)
def test_a_call_takes_little_beyond_its_result(function, shape, arguments):
    assert temporaries(function, shape, arguments) < 0.1


def test_the_measurement_sees_temporaries():
    assert temporaries("y", [2, 96, 1024, 64], {"engine": "reference"}) > 1
