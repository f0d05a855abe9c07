"""No word and no copy is kept for each element, whatever the replacement, in calls that the bench does not time."""

import pytest

from tests import peaks

SETUP = """
marks = np.full((2048, 2048), True)
row, column = np.ones(2048, np.float32), np.ones((2048, 1), np.float32)

def table(n):
    return (np.full((2048 if n else 16, 2048), 1.5, np.float32),)

def drop(x, new, **options):
    return workbench.dropout_with_replacement(x, 0.5, new, seed=0, **options)
"""
CALLS = {
    "one for each feature, scaled": ("table(n)", "drop(*x, row, scaled=True)"),
    "one for each row": ("table(n)", "drop(*x, column[: len(x[0])], start=3)"),
    "scaled gradient": (
        "table(n)",
        "workbench.dropout_with_replacement_gradient(*x, marks[: len(x[0])], ratio=0.5, scaled=True)",
    ),
    "gradient for each feature": (
        "table(n)",
        "workbench.dropout_with_replacement_gradient(*x, marks[: len(x[0])], replacement_shape=(2048,))",
    ),
}


@pytest.mark.skipif(not peaks.can_measure(), reason="this system does not report a process's peak in /proc")
def test_a_call_takes_little_beyond_its_results():
    found = peaks.bytes_beyond_results(SETUP, CALLS)
    assert found.pop("gradient for each feature") < 0.3  # sums of its own for each job
    assert max(found.values()) < 0.05
