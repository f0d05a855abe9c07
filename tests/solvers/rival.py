"""Other ways to the minima of penalized losses, slow and sure. Shares no code with the package.

objective       the sum of losses and penalties, written out
coordinatewise  the best that any one weight can do alone
restricted      SciPy's BFGS on the weights that are not zero, where the objective is smooth
exhaustive      the best over all supports, for few features
reweighted      ridge regressions that are reweighted until they act as the penalty, for many features
"""

import itertools
import math

import numpy as np
from scipy.optimize import minimize, minimize_scalar


def objective(X, y, w, alpha, p, loss="least squares"):
    """Return the objective, summed in a loop."""
    total = 0.0
    for row, target in zip(np.asarray(X).tolist(), np.asarray(y).tolist(), strict=True):
        u = math.fsum(x * each for x, each in zip(row, w, strict=True))
        if loss == "least squares":
            total += (target - u) ** 2 / 2
        else:
            margin = target * u
            total += max(-margin, 0.0) + math.log1p(math.exp(-abs(margin)))
    return total / len(y) + alpha * sum(abs(each) ** p for each in w if each != 0)


def _smooth(X, y, w, alpha, p, loss):
    """Return the objective and its gradient for weights that are not zero."""
    u, n = X @ w, len(y)
    if loss == "least squares":
        value, slope = ((y - u) ** 2).sum() / (2 * n), X.T @ (u - y) / n
    else:
        margin = y * u
        value = (np.maximum(-margin, 0) + np.log1p(np.exp(-np.abs(margin)))).sum() / n
        slope = -X.T @ (y * np.exp(-np.logaddexp(0, margin))) / n
    size = np.abs(w)
    with np.errstate(divide="ignore", invalid="ignore"):
        penalty = np.where(size > 0, size**p, 0).sum()
        pull = np.where(size > 0, p * np.sign(w) * size ** (p - 1), 0)
    return value + alpha * penalty, slope + alpha * pull


def coordinatewise(X, y, w, alpha, p, loss="least squares"):
    """Return the lowest objective that is reached by changing one weight, each on a grid and then by search."""
    best, w = math.inf, np.array(w, float)
    reach = 2 * np.abs(w).max() + 1
    for j in range(w.size):

        def height(value, j=j):
            trial = w.copy()
            trial[j] = value
            return _smooth(X, y, trial, alpha, p, loss)[0]

        grid = np.append(np.linspace(-reach, reach, 61), [0.0, w[j]])
        heights = [height(value) for value in grid]
        at = grid[int(np.argmin(heights))]
        bounds = (at - reach / 30, at + reach / 30)
        best = min(
            best, *heights, minimize_scalar(height, bounds=bounds, method="bounded", options={"xatol": 1e-10}).fun
        )
    return best


def restricted(X, y, w, alpha, p, loss="least squares"):
    """Return the weights at which BFGS ends, started at w; weights that are zero stay zero."""
    w, kept = np.array(w, float), np.flatnonzero(w)
    if not kept.size:
        return w
    sizes = np.abs(w[kept])  # in units of which the weights are varied: all slopes are alike then

    def scaled(v):
        value, slope = _smooth(X[:, kept], y, v * sizes, alpha, p, loss)
        return value, slope * sizes

    found = minimize(scaled, w[kept] / sizes, jac=True, method="BFGS", options={"gtol": 1e-11, "maxiter": 5000})
    w[kept] = found.x * sizes
    return w


def exhaustive(X, y, alpha, p, loss="least squares"):
    """Return the lowest objective over all supports, each from several starts."""
    features = X.shape[1]
    rng = np.random.default_rng(0)
    best = objective(X, y, [0.0] * features, alpha, p, loss)
    for count in range(1, features + 1):
        for support in itertools.combinations(range(features), count):
            part = X[:, support]
            fit = np.linalg.lstsq(part, y, rcond=None)[0]
            for start in (fit, fit / 2, fit + rng.normal(size=count)):
                w = restricted(part, y, start, alpha, p, loss)
                best = min(best, objective(part, y, w, alpha, p, loss))
    return best


def reweighted(X, y, w, alpha, p, rounds=300):
    """Return weights for least squares, from w on: |w|^p is replaced by p/2 w^2 / (v^2 + e)^(1 - p/2) for the last v.

    Tiny weights are set to zero at the end where the objective is lower so.
    """
    n, w = len(y), np.array(w, float)
    for e in np.geomspace(1e-6, 1e-16, rounds):
        pull = alpha * p * (w**2 + e) ** (p / 2 - 1)
        w = np.linalg.solve(X.T @ X / n + np.diag(pull), X.T @ y / n)
    cut = np.where(np.abs(w) > 1e-5, w, 0.0)
    return min(w, cut, key=lambda each: objective(X, y, each, alpha, p))
