"""Compare a reader's answer with the right one. In a handout the right one is sealed: only a digest of it is there.

A sealed number is a digest of its place on a logarithmic grid. The grid is as coarse as the tolerance and is shifted so
that the right answers are one step of it. Sealing hides an answer from a reader, not from a program that tries all.
"""

import hashlib
import math
import os
from typing import Any

MARK = "sealed:"
ROUNDS = 20_000  # of hashing, so that trying many answers takes long
NEARLY_ZERO = 1e-12  # smaller numbers count as 0
NARROWEST = 1e-9  # relative width of a step of the grid, for a tolerance of 0


Truth = float | str | set[str]


def is_right(prediction: Any, truth: Truth, tolerance: float = 0.02) -> bool:
    """Tell whether a prediction is right; `tolerance` is relative. A number may be text, such as "9/2".

    Raises:
        ValueError: the truth is a number, and the prediction is not.
    """
    known = plain(truth)
    sealed = isinstance(known, str) and known.startswith(MARK)
    salt, start, digest = known[len(MARK) :].split(":") if sealed else ("", "", "")
    if isinstance(known, str) and not start:
        word = _word(prediction)
        return _digest(salt, word) == digest if digest else word == known.lower()
    number = _number(prediction)
    if not digest:
        return math.isclose(number, float(known), rel_tol=tolerance, abs_tol=NEARLY_ZERO)
    return math.isfinite(number) and _digest(salt, _step(number, float(start), tolerance)) == digest


def plain(answer: Any) -> Any:
    """Return an answer; a set of words becomes one text, which does not depend on their order."""
    return ", ".join(sorted(map(_word, answer))) if isinstance(answer, set | frozenset) else answer


def seal(truth: Truth, tolerance: float = 0.02) -> str:
    """Return a text that `is_right` takes in place of the truth, with the same tolerance, and that does not show it.

    Raises:
        ValueError: the truth is not finite, or the tolerance is not in [0, 1).
    """
    known = plain(truth)
    if isinstance(known, str) and known.startswith(MARK):
        return known
    salt, start = os.urandom(4).hex(), ""
    if isinstance(known, str):
        step = known.lower()
    else:
        number = float(known)
        if not (math.isfinite(number) and 0 <= tolerance < 1):
            raise ValueError(f"truth={truth}, tolerance={tolerance}: must be finite, and in [0, 1), to be sealed")
        width = _width(tolerance)
        place = math.log(abs(number)) if abs(number) > NEARLY_ZERO else int.from_bytes(os.urandom(4), "big")
        start = repr(place % width)
        step = _step(number, float(start), tolerance)
    return f"{MARK}{salt}:{start}:{_digest(salt, step)}"


def _word(prediction: Any) -> str:
    return str(plain(prediction)).strip(" .!\"'").lower()


def _number(prediction: Any) -> float:
    try:
        if not isinstance(prediction, str):
            return float(prediction)
        above, _, below = prediction.partition("/")
        return float(above) / float(below or 1)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(f"{prediction!r} is not a number") from None


def _width(tolerance: float) -> float:
    """Return the step of the grid: numbers a, b are as near as math.isclose asks if |log a - log b| is at most half."""
    return -2 * math.log1p(-max(tolerance, NARROWEST))


def _step(number: float, start: float, tolerance: float) -> str:
    if abs(number) <= NEARLY_ZERO:
        return "0"
    return f"{'-' if number < 0 else '+'}{round((math.log(abs(number)) - start) / _width(tolerance))}"


def _digest(salt: str, text: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", text.encode(), salt.encode(), ROUNDS).hex()[:16]
