"""A machine of round numbers in the place of this one, so that no test measures it."""

import pytest

import workbench.bench
from workbench.machines.limits import CURVES, Limits, Machine


def limits(threads: int) -> Limits:
    """Return limits that grow with the threads; so many seconds a launch, a run, a thread to wake."""
    names = ("divisions", "square_roots", "exponentials", "logarithms", "powers", "random_words")
    everywhere = ((1e3, threads * 1e10), (1e9, threads * 1e10))
    return Limits(
        flops={"float32": threads * 2e10, "float64": threads * 1e10},
        functions={name: {"float32": threads * 1e9, "float64": threads * 5e8} for name in names},
        **dict.fromkeys(CURVES, everywhere),
        launch_seconds=1e-6,
        run_seconds=1e-5,
        wake_seconds=1e-5 * (threads > 1),
    )


MACHINE = Machine("made up", {1: limits(1), 2: limits(2)})


@pytest.fixture(autouse=True)
def known_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench.bench, "this_machine", lambda: MACHINE)
