"""Functions for notebooks: show a figure, record a result, check a prediction."""

import json
import math
import os
import statistics
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from workbench.explore.answers import Truth, is_right, plain

METRIC_TYPE = "application/vnd.workbench.metric+json"
LONGEST = 200  # characters of a prediction that a run notes


def show(axes: Any, name: str, alt: str, *, colours: int | None = None) -> None:
    """Show the figure that holds `axes`, with the alt text `alt` for readers who cannot see it.

    `colours` is the number of colours of the picture, at most 256, for one that needs more than most.

    In a report run, WORKBENCH_FIGURES names a folder; the figure is saved there too, as NAME.png and NAME.svg. The alt
    text then says which parameters were given, see `described`.
    """
    from IPython.display import display

    from workbench import drawing

    figure = drawing.figure_of(axes)
    picture, size = drawing.stored(drawing.encode(figure, density=2), figure, colours or drawing.COLOURS)
    drawing.keep(figure, name)
    display(
        {"image/png": picture, "text/plain": f"[figure: {name}]"},
        metadata={"image/png": {"alt": described(alt), **size}, "workbench": {"figure": name}},
        raw=True,
    )


def described(alt: str) -> str:
    """Return an alt text that is also right in a run with parameters, which may show something else.

    In a run, WORKBENCH_PARAMETERS holds the parameters that were given, such as "alpha = 0.1, size = 3", or is empty.
    """
    given = os.environ.get("WORKBENCH_PARAMETERS")
    return f"With {given}. At the defaults it shows: {alt}" if given else alt


def record(name: str, value: Any) -> None:
    """Record a finding under `name`, for the reader and for the report's metrics.

    A float is rounded to six significant digits, so that it does not depend on the machine. A list of numbers holds the
    scores of folds: it is shown as mean and standard deviation, and counts as its mean in a sweep's objective.

    In a run, WORKBENCH_METRICS names a file to which the finding is added, so that no displayed output can lose it.
    """
    if isinstance(value, list | tuple | np.ndarray):
        value = _scores(name, value)
        shown = "{:.6g} ± {:.2g}, {} folds".format(*mean_and_deviation(value), len(value))
    else:
        value = _plain(name, value)
        shown = str(value)
    from IPython.display import display

    metric = {"name": name, "value": value}
    if "WORKBENCH_METRICS" in os.environ:
        with open(os.environ["WORKBENCH_METRICS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(metric) + "\n")
    display({METRIC_TYPE: metric, "text/plain": f"{name} = {shown}"}, raw=True)


def mean_and_deviation(scores: Sequence[float]) -> tuple[float, float]:
    """Return the mean and standard deviation of finite scores; a deviation beyond the range of a float is infinite."""
    try:
        return statistics.fmean(scores), statistics.stdev(scores)
    except OverflowError:  # of an intermediate result
        scale = max(map(abs, scores))
        scaled = [score / scale for score in scores]
        return statistics.fmean(scaled) * scale, statistics.stdev(scaled) * scale


def _plain(name: str, value: Any) -> bool | int | float | str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Real) and not isinstance(value, (bool, int)):
        value = float(f"{value:.6g}") if math.isfinite(value) else str(value)
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError(
            f"value of {name!r} is a {type(value).__name__}: must be a number, a string, a bool or the scores of folds"
        )
    return value


def _scores(name: str, values: Any) -> list[float]:
    scores: list[Any] = [_plain(name, value) for value in values]
    if len(scores) < 2 or not all(isinstance(each, float | int) and not isinstance(each, bool) for each in scores):
        raise TypeError(f"value of {name!r} is {values!r}: the scores of folds must be two or more finite numbers")
    return scores


def check(prediction: Truth | None, truth: Truth, tolerance: float = 0.02, hint: str = "") -> None:
    """Print whether a reader's prediction is right, without printing the truth, which may be sealed.

    `tolerance` is relative. A `prediction` of None means that there is none yet. In a run, prediction and truth are
    added to the file that WORKBENCH_METRICS names.

    Raises:
        AssertionError: the prediction is not right, and nbgrader runs the notebook, which takes an error for a wrong
            answer.
    """
    if "WORKBENCH_METRICS" in os.environ:
        _note(prediction, truth, tolerance)
    said, right = _judged(prediction, truth, tolerance)
    print(said if right is not False else f"{said} {hint}".strip())
    if not right and "NBGRADER_EXECUTION" in os.environ:
        raise AssertionError(said)


def _judged(prediction: Any, truth: Truth, tolerance: float) -> tuple[str, bool | None]:
    """Return what to say of a prediction, and whether it is right; None if there is none, or it is not a number."""
    if prediction is None:
        return "No prediction yet: write one instead of None, and run the cell again.", None
    try:
        right = is_right(prediction, truth, tolerance)
    except ValueError as problem:
        return f"{problem}: write one, such as 0.25, and run the cell again.", None
    return "Right." if right else "Not yet.", right


def _note(prediction: Any, truth: Truth, tolerance: float) -> None:
    from IPython import get_ipython

    shell, answer = get_ipython(), plain(truth)
    found = {
        # The number of the cell; execution_count is that of the next cell in new versions of IPython.
        "check": len(shell.history_manager.input_hist_parsed) - 1 if shell else 0,
        "prediction": None if prediction is None else str(plain(prediction))[:LONGEST],
        "truth": answer if isinstance(answer, str) else float(answer),
        "tolerance": tolerance,
    }
    with open(os.environ["WORKBENCH_METRICS"], "a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")
