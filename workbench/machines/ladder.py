"""Compare ways to compute the same thing that become faster rung by rung: predict, verify, then time them in turns."""

import dataclasses
import functools
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.machines.limits import Machine
from workbench.machines.prediction import Prediction, Work
from workbench.machines.timing import Contender, measure
from workbench.parallel import thread_limit

PYTHON_STEP = 1e-7  # seconds; assumed for machines on which it is not measured
STEPS = 2000  # steps in a measurement


@dataclasses.dataclass(frozen=True)
class Rung:
    """One way to compute something.

    Attributes:
        name: a short name.
        function: the way itself.
        why: one sentence on why it is faster than the rung before.
        work: from the arguments that a ladder's costs depend on, such as a shape, to the counts of one call.
        code: the functions to show to a reader; they may be compiled.
        threaded: whether it shares its work between threads.
        steps: from the same arguments to the number of interpreted steps, for a loop in Python.
    """

    name: str
    function: Callable
    why: str
    work: Callable[..., Work]
    code: tuple[Callable, ...]
    threaded: bool = False
    steps: Callable[..., int] | None = None

    def source(self) -> str:
        """Return the source code of the functions to show."""
        return "\n\n".join(inspect.getsource(getattr(each, "py_func", each)).rstrip() for each in self.code)

    def predict(self, machine: Machine, threads: int, *arguments: Any) -> Prediction:
        """Predict a call with `threads` threads if the rung is threaded, else with one."""
        return self.work(*arguments).predict(machine, threads if self.threaded else 1)

    def predicted_seconds(
        self, machine: Machine, threads: int, *arguments: Any, python_step: float = PYTHON_STEP
    ) -> float:
        """Predict the seconds of a call; an interpreted step takes `python_step`."""
        interpreted = self.steps(*arguments) * python_step if self.steps else 0.0
        return self.predict(machine, threads, *arguments).seconds + interpreted


def climb(
    rungs: Sequence[Rung],
    arguments: Mapping[str, tuple],
    is_right: Callable[[str, Any], bool],
    *,
    threads: int = 1,
    rounds: int = 5,
) -> dict[str, float]:
    """Verify every rung, then time them in turns; return the median seconds of each by name.

    Args:
        rungs: the rungs.
        arguments: the arguments of each rung's function, by its name.
        is_right: from a rung's name and its result to whether the result is right.
        threads: number of threads of the threaded rungs; the others use one.
        rounds: number of times to take the median of.

    Raises:
        ArithmeticError: a rung's result is not right; none has been timed then.
    """
    contenders = {}
    for rung in rungs:
        given = arguments[rung.name]
        run = functools.partial(_run, rung.function, given, threads if rung.threaded else 1)
        if not is_right(rung.name, run()):
            raise ArithmeticError(f"rung {rung.name!r}: its result is not right; no rung was timed")
        contenders[rung.name] = Contender(run, tuple(each for each in given if isinstance(each, np.ndarray)))
    return {name: timing.seconds for name, timing in measure(contenders, rounds).items()}


def _run(function: Callable, given: tuple, threads: int) -> Any:
    with thread_limit(threads):
        return function(*given)


def measured_python_step(tries: int = 5) -> float:
    """Return the seconds in which Python reads one element of an array and adds it to a number: the best of `tries`."""
    x, seconds = np.ones((1, 1, 1, STEPS), np.float32), []
    for _ in range(tries):
        begin, total = time.perf_counter(), 0.0
        for i in range(STEPS):
            total += x[0, 0, 0, i] * x[0, 0, 0, i]
        seconds.append(time.perf_counter() - begin)
    return min(seconds) / STEPS
