"""`import workbench` does not import heavy packages."""

import json
import subprocess
import sys

HEAVY = {"numba", "llvmlite", "matplotlib", "IPython", "ipywidgets", "papermill", "jupyterlab", "nbformat", "nbconvert"}
HEAVY |= {"jupyter_core", "jupyter_client", "ipykernel", "scipy", "sklearn", "PIL", "typer", "rich"}
HEAVY |= {"optuna", "dask", "distributed", "pyarrow", "sqlalchemy", "cloudpickle", "torch"}


def modules_after(statement):
    script = f"{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    return {name.partition(".")[0] for name in json.loads(finished.stdout)}


def test_import_is_light():
    loaded = modules_after("import workbench")
    assert {"workbench", "numpy"} <= loaded
    assert loaded & HEAVY == set()


def test_the_reference_needs_no_compiler():
    loaded = modules_after(
        "import workbench as w, numpy; w.local_response_norm(numpy.ones((2, 3)), engine='reference')"
    )
    assert loaded & HEAVY == set()


FIRST_CALL = """
import gc, sys
import numpy as np, workbench
workbench.lp_prox(np.ones(3), 0.5)
print("scipy.linalg" in sys.modules, gc.isenabled())
import numba
print(numba.njit(lambda a, b: np.dot(a, b))(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 7.0])))
print("scipy.linalg" in sys.modules)
"""


def test_a_first_call_leaves_linear_algebra_to_functions_that_need_it():
    finished = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, timeout=300)
    assert finished.stdout.splitlines() == ["False True", "[19. 43.]", "True"], finished.stderr


def test_the_kernels_do():
    assert "numba" in modules_after("import workbench as w, numpy; w.local_response_norm(numpy.ones((2, 3)))")
