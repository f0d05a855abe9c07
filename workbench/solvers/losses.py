"""Losses of linear models as functions of the predictions u = X w, shape (n,), or (n, classes) for several classes.

    least squares    f(u) = 1/(2 n) sum_i s_i (y_i - u_i)^2
    logistic         f(u) = 1/n sum_i s_i log(1 + exp(-y_i u_i)),  y_i = -1 or 1
    multinomial      f(u) = 1/n sum_i s_i (log sum_k exp(u_ik) - u_i,y_i),  y_i = 0, 1, ..., classes - 1

The share s_i of a row is its sample weight divided by the mean of all. With an intercept, f(u) is the least of all
f(u + b), where the number b, or one for each class, is added to all rows. The best b is `offset`. So no solver has to
know of an intercept: it sees a loss that does not change when a constant is added to u.

All are convex and smooth, and the matrix of n d^2 f / d u_i^2 is at most s_i `curvature`. With respect to w, the
Lipschitz constant of the gradient is therefore at most curvature / n * |sqrt(s) X|_2^2.

Source of the curvature 1/2: Böhning, Multinomial logistic regression algorithm, 1992.
"""

import dataclasses
import functools
from typing import ClassVar

import numpy as np
from scipy.special import expit, xlog1py, xlogy

SEARCH = 200  # steps at most towards an intercept; Newton's method needs about five, unless predictions are huge
LEAST_DAMPING = 1e-8  # what is first added to second derivatives of a mean loss
BALANCED = 1e-9  # a gradient adds up to zero if its sum is at most this share of the sum of its sizes
EPS = float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True)
class LeastSquares:
    """Half the mean square of y - u; `targets` is y. Arrays are float64, shape (n,); shares is None if all are 1."""

    targets: np.ndarray
    shares: np.ndarray | None = None
    intercept: bool = False
    name: ClassVar[str] = "least squares"
    curvature: ClassVar[float] = 1.0
    quadratic: ClassVar[bool] = True
    classes: ClassVar[int] = 1

    def offset(self, predictions: np.ndarray) -> float:
        """Return the best intercept, the mean of y - u; 0 without an intercept."""
        return _mean(self.targets - predictions, self.shares) if self.intercept else 0.0

    def value(self, predictions: np.ndarray) -> float:
        """Return 1/(2 n) sum s (y - u)^2."""
        residual = self._residual(predictions)
        return float(residual @ _times(residual, self.shares)) / (2 * residual.size)

    def gradient(self, predictions: np.ndarray) -> np.ndarray:
        """Return the gradient with respect to u, s (u - y) / n."""
        return _times(self._residual(predictions), self.shares) / -predictions.size

    def curvatures(self, predictions: np.ndarray) -> np.ndarray:
        """Return n times the second derivative with respect to each u_i for a given intercept, which is s_i."""
        return np.ones_like(predictions) if self.shares is None else self.shares

    def conjugate(self, dual: np.ndarray) -> float:
        """Return the Fenchel conjugate sup_u <dual, u> - f(u) = n/2 sum dual^2 / s + <dual, y>.

        With an intercept it is infinite unless `dual` adds up to 0, for each class.
        """
        if self.intercept and not _balanced(dual):
            return np.inf
        scaled = dual if self.shares is None else dual / self.shares
        return float(dual @ scaled) * dual.size / 2 + float(dual @ self._centred)

    @functools.cached_property
    def _centred(self) -> np.ndarray:
        return self.targets - _mean(self.targets, self.shares) if self.intercept else self.targets

    def _residual(self, predictions: np.ndarray) -> np.ndarray:
        residual = self.targets - predictions
        return residual - _mean(residual, self.shares) if self.intercept else residual


@dataclasses.dataclass(frozen=True)
class Logistic:
    """Mean negative log likelihood of labels y (-1 or 1) with log odds u; methods as in `LeastSquares`."""

    targets: np.ndarray
    shares: np.ndarray | None = None
    intercept: bool = False
    last: list = dataclasses.field(default_factory=lambda: [0.0, None])  # last intercept, and its predictions
    name: ClassVar[str] = "logistic"
    curvature: ClassVar[float] = 0.25
    quadratic: ClassVar[bool] = False
    classes: ClassVar[int] = 1

    def offset(self, predictions: np.ndarray) -> float:
        """Return the best intercept, by Newton's method within a bracket that halves where a step would leave it."""
        if self.last[1] is predictions:
            return self.last[0]
        if not self.intercept or not np.isfinite(predictions).all():
            return 0.0
        wanted = _mean((self.targets > 0).astype(np.float64), self.shares)
        odds = float(np.log(wanted / (1 - wanted)))
        low, high = odds - float(predictions.max()), odds - float(predictions.min())
        b = min(max(self.last[0], low), high)
        for _ in range(SEARCH):
            slope = _mean(expit(predictions + b), self.shares) - wanted
            bend = _mean(self._bends(predictions + b), self.shares)
            low, high = (low, b) if slope > 0 else (b, high)
            following = b - slope / bend if bend > 0 else np.inf
            following = following if low <= following <= high else (low + high) / 2
            done, b = abs(following - b) <= 2 * EPS * max(1.0, abs(b)) or abs(slope) <= EPS * wanted, following
            if done:
                break
        self.last[:] = b, predictions
        return b

    def value(self, predictions: np.ndarray) -> float:
        """Return the mean of s log(1 + exp(-y u)), computed without overflow."""
        return _mean(np.logaddexp(0, -self.targets * self._full(predictions)), self.shares)

    def gradient(self, predictions: np.ndarray) -> np.ndarray:
        """Return -s y / (1 + exp(y u)) / n."""
        pulls = self.targets * expit(-self.targets * self._full(predictions))
        return _times(pulls, self.shares) / -predictions.size

    def curvatures(self, predictions: np.ndarray) -> np.ndarray:
        """Return s q (1 - q) with q = 1 / (1 + exp(-u))."""
        return _times(self._bends(self._full(predictions)), self.shares)

    def conjugate(self, dual: np.ndarray) -> float:
        """Return the mean of s (t log t + (1 - t) log(1 - t)), t = -n y dual / s; infinity if t is outside [0, 1]."""
        t = -dual.size * self.targets * (dual if self.shares is None else dual / self.shares)
        if t.min() < 0 or t.max() > 1 or (self.intercept and not _balanced(dual)):
            return np.inf
        return _mean(xlogy(t, t) + xlog1py(1 - t, -t), self.shares)

    def _full(self, predictions: np.ndarray) -> np.ndarray:
        return predictions + self.offset(predictions) if self.intercept else predictions

    def _bends(self, odds: np.ndarray) -> np.ndarray:
        return expit(odds) * expit(-odds)


@dataclasses.dataclass(frozen=True)
class Multinomial:
    """Mean negative log likelihood of classes with log odds u; `targets` (n, classes) is 1 for a row's class, else 0.

    Arrays have shape (n, classes). Adding one number to the log odds of all classes changes nothing, so the intercepts
    are chosen with the mean 0. The rest is as in `LeastSquares`.
    """

    targets: np.ndarray
    shares: np.ndarray | None = None
    intercept: bool = False
    last: list = dataclasses.field(default_factory=lambda: [0.0, None])  # last intercepts, and their predictions
    name: ClassVar[str] = "multinomial"
    curvature: ClassVar[float] = 0.5
    quadratic: ClassVar[bool] = False

    @property
    def classes(self) -> int:
        return self.targets.shape[1]

    def offset(self, predictions: np.ndarray) -> np.ndarray:
        """Return the best intercepts, shape (classes,), by Newton's method with damping where a step fails."""
        if self.last[1] is predictions:
            return self.last[0]
        b = np.zeros(self.classes)
        if not self.intercept or not np.isfinite(predictions).all():
            return b
        rows = np.ones(len(predictions)) if self.shares is None else self.shares
        wanted = rows @ self.targets / len(rows)

        def look(b: np.ndarray) -> tuple[float, np.ndarray]:
            logs, chances = _softmax(predictions + b)
            return _mean(logs, self.shares) - float(wanted @ b), chances

        b, damping = b + self.last[0], 0.0
        value, chances = look(b)
        for _ in range(SEARCH):
            found = rows @ chances / len(rows)
            slope = found - wanted
            if np.abs(slope).max() <= 4 * EPS:
                break
            bend = np.diag(found + damping) - (chances.T * rows) @ chances / len(rows)
            step = -np.linalg.lstsq(bend, slope, rcond=1e-14)[0]
            if -(slope @ step) <= EPS * EPS:  # twice what the step would gain
                break
            ahead, there = look(b + step)
            if ahead <= value + 4 * EPS * abs(value):
                b, value, chances, damping = b + step, ahead, there, damping / 10
            else:
                damping = max(10 * damping, LEAST_DAMPING)
        b = b - b.mean()
        self.last[:] = b, predictions
        return b

    def value(self, predictions: np.ndarray) -> float:
        """Return the mean of s (log sum exp(u) - u of the row's class)."""
        odds = predictions + self.offset(predictions)
        return _mean(_softmax(odds)[0] - (odds * self.targets).sum(axis=1), self.shares)

    def gradient(self, predictions: np.ndarray) -> np.ndarray:
        """Return s (softmax(u) - targets) / n."""
        pulls = _softmax(predictions + self.offset(predictions))[1] - self.targets
        return (pulls if self.shares is None else pulls * self.shares[:, None]) / len(predictions)

    def conjugate(self, dual: np.ndarray) -> float:
        """Return the mean of s sum_k t log t, t = targets + n dual / s; infinity if any t is negative."""
        scaled = dual if self.shares is None else dual / self.shares[:, None]
        t = self.targets + len(dual) * scaled
        if t.min() < -4 * EPS or (self.intercept and not _balanced(dual)):  # a chance of 0 may come out slightly below
            return np.inf
        t = np.maximum(t, 0)
        return _mean(xlogy(t, t).sum(axis=1), self.shares)


Loss = LeastSquares | Logistic | Multinomial
LOSSES = {loss.name: loss for loss in (LeastSquares, Logistic, Multinomial)}


def _mean(values: np.ndarray, shares: np.ndarray | None) -> float:
    return float(values.sum() if shares is None else values @ shares) / values.size


def _times(values: np.ndarray, shares: np.ndarray | None) -> np.ndarray:
    return values if shares is None else values * shares


def _balanced(dual: np.ndarray) -> bool:
    """Return whether each column adds up to zero."""
    return bool((np.abs(dual.sum(axis=0)) <= BALANCED * np.abs(dual).sum(axis=0)).all())


def _softmax(odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log sum_k exp(odds) of each row, shape (n,), and exp(odds) divided by this sum, shape (n, classes)."""
    top = odds.max(axis=1, keepdims=True)
    powers = np.exp(odds - top)
    total = powers.sum(axis=1, keepdims=True)
    return (top + np.log(total))[:, 0], powers / total
