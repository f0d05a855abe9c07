"""Loops become vector instructions on processors with AVX2 too: one that does not takes five times as long there."""

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

# A new process compiles for a processor of 2013 and calls kernels. For each kernel, it prints how often each operation
# occurs in a vector and alone. The remainder of a loop is always done alone.
CODE = """
import collections, gc, json, re
import numpy as np
import workbench
from numba.core.dispatcher import Dispatcher
from workbench.loading import numba

w = np.linspace(-2, 2, 600, dtype=np.float32)
for p in (0.3, 0.5, 1.5):
    workbench.lp_prox(w, 0.1, p=p)
    workbench.lp_gradient(w, 0.1, p=p)
    workbench.sparse_lp(w.copy(), alpha=0.1, p=p, sparsity_threshold=0.5)
workbench.local_response_norm(w.reshape(2, 6, 5, 10))

found = {}
for each in gc.get_objects():
    if isinstance(each, Dispatcher) and each.py_func.__module__.startswith("workbench") and each.overloads:
        if each.targetoptions.get("no_cpython_wrapper"):
            continue
        for signature, code in each.inspect_asm().items():
            counts = collections.Counter()
            for line in code.splitlines():
                parts = re.match(r"\\s+v(div|sqrt|fn?madd|cvtt)\\d*([ps])[sd]\\s", line)
                if parts:
                    counts[parts[1] + " " + {"p": "in vectors", "s": "alone"}[parts[2]]] += 1
            found[f"{each.py_func.__module__}.{each.py_func.__name__}{signature}"] = counts
print(json.dumps(found))
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="needs an x86 processor")
def test_every_loop_is_vectorized_for_avx2(tmp_path):
    features = np._core._multiarray_umath.__cpu_features__
    if not (features["AVX2"] and features["FMA3"]):
        pytest.skip("needs a processor with AVX2")
    old = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+fma,+lzcnt,+popcnt,+sse4.2"}
    environment = {**os.environ, **old, "NUMBA_CACHE_DIR": str(tmp_path)}
    printed = subprocess.run([sys.executable, "-c", CODE], env=environment, check=True, capture_output=True, text=True)
    kernels = json.loads(printed.stdout)
    assert sum("sqrt in vectors" in counts for counts in kernels.values()) >= 3
    slow = [
        (kernel, operation)
        for kernel, counts in kernels.items()
        for operation in ("sqrt", "div", "fmadd", "fnmadd", "cvtt")
        if f"{operation} alone" in counts and f"{operation} in vectors" not in counts
    ]
    assert not slow
