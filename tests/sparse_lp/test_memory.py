"""No copy of the weights is made, in other layouts and for roots too, in calls that the bench does not time."""

import pytest

from tests import peaks

SETUP = """
every, some = np.arange(16384, dtype=np.int32), np.arange(0, 16384, 64, dtype=np.int32)

def table(n):
    return (np.full((16384 if n else 256, 256), 1.5, np.float32),)

def rows(w, numbers, p):
    workbench.sparse_lp_regularizer(w, numbers % len(w), p, 0.1)
    return w
"""
CALLS = {
    "penalty in another order": ("table(n)", "workbench.sparse_lp(x[0].T, 1.0, 2.0, 0.5)"),
    "roots of rows": ("table(n)", "rows(*x, every, 0.5)"),
    "few rows in another order": ("table(n)", "rows(x[0].reshape(256, -1).T, some, 1.0)"),
    "roots": ("table(n)", "workbench.lp_prox(*x, 1.0, 0.7)"),
}


@pytest.mark.skipif(not peaks.can_measure(), reason="this system does not report a process's peak in /proc")
def test_a_call_takes_little_beyond_its_results():
    found = peaks.bytes_beyond_results(SETUP, CALLS)
    assert found.pop("few rows in another order") < 0.1  # copies of the rows that are named
    assert max(found.values()) < 0.05
