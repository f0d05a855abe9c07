"""Blocks of weights that coordinate descent moves together, and which of them a working set takes."""

import functools
import math

import numpy as np

from workbench.solvers import coordinate_loops
from workbench.solvers.penalties import ElasticNet, GroupLasso, Lp
from workbench.solvers.problem import Problem
from workbench.sparse_lp.reference import lp_threshold


class Blocks:
    """Single weights, or groups of them."""

    def __init__(self, problem: Problem) -> None:
        penalty = problem.penalty
        self.size = min(penalty.size, problem.size) if isinstance(penalty, GroupLasso) else 1
        self.grouped = self.size > 1
        if isinstance(penalty, ElasticNet):
            self.terms = coordinate_loops.Terms(penalty.lasso, 1.0, penalty.ridge)
        else:
            self.terms = coordinate_loops.Terms(penalty.alpha, penalty.p if isinstance(penalty, Lp) else 1.0, 0.0)
        self.features = problem.size
        self.curvatures = problem.coordinate_lipschitz
        self.all_active = self.terms.weight == 0 or self.terms.p > 1  # the penalty holds no weight at zero

    def violations(self, gradient: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the distance of each block from its own minimum, in units of the gradient, shape (blocks,)."""
        if not self.grouped:
            out = np.empty_like(weights)
            coordinate_loops.violations(gradient, weights, self.curvatures, self.terms, out)
            return out
        norms = self._norms(weights)
        inside = np.divide(weights, self._spread(norms), out=np.zeros_like(weights), where=weights != 0)
        distance = self._norms(gradient + self.terms.weight * inside)  # to the subdifferential where a norm is not 0
        return np.where(norms > 0, distance, np.maximum(self._norms(gradient) - self.terms.weight, 0))

    def violation_for(self, gap: float, weights: np.ndarray, violations: np.ndarray) -> float:
        """Return the violation v at which the duality gap of the Lasso is about `gap`.

        To obey its bound, a dual point is scaled down by the share v / alpha, which costs v |w|_1. Weights that are not
        at their own minimum cost as much at most. While all weights are zero, the steps that each would take alone
        stand for them.
        """
        moved = violations > 0
        size = float(np.abs(weights).sum()) or float((violations[moved] / self.curvatures[moved]).sum())
        return gap / (2 * size) if size else math.inf

    def choose(self, size: int, gradient: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return `size` block numbers, sorted: all non-zero blocks, and those closest to becoming non-zero."""
        blocks = math.ceil(self.features / self.size)
        if self.all_active or size >= blocks:
            return np.arange(blocks)
        score = self._sizes(gradient) * self.scales - self.bounds
        score[self._sizes(weights) > 0] = np.inf
        return np.sort(np.argpartition(score, blocks - size)[blocks - size :])

    def count_active(self, weights: np.ndarray) -> int:
        """Return the number of blocks that are not zero."""
        return int(np.count_nonzero(self._sizes(weights)))

    def _sizes(self, values: np.ndarray) -> np.ndarray:
        return self._norms(values) if self.grouped else np.abs(values)

    @functools.cached_property
    def scales(self) -> np.ndarray:
        """Return 1 / sqrt(curvature) of each block; it scales a gradient so that `bounds` applies."""
        curvatures = self._norms(np.sqrt(self.curvatures)) ** 2 if self.grouped else self.curvatures
        return np.divide(1.0, np.sqrt(curvatures), out=np.zeros_like(curvatures), where=curvatures > 0)

    @functools.cached_property
    def bounds(self) -> np.ndarray:
        """Return the size of the scaled gradient above which a zero block becomes non-zero."""
        p, scales = self.terms.p, self.scales
        if p > 1:
            return np.zeros_like(scales)
        # lp_threshold(weight / curvature, p) * sqrt(curvature), and infinite for a column of zeros: it stays zero.
        power = 2 / (2 - p) - 1
        bounds = lp_threshold(1.0, p) * self.terms.weight ** (1 / (2 - p)) * (scales if power == 1 else scales**power)
        return np.where(scales > 0, bounds, np.inf)

    def members(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of the chosen blocks' weights, and where each block starts among them, plus the end."""
        if not self.grouped:
            return chosen, np.arange(chosen.size + 1)
        features = (chosen[:, None] * self.size + np.arange(self.size)).reshape(-1)
        features = features[features < self.features]  # the last group may be shorter
        return features, np.append(np.arange(chosen.size) * self.size, features.size)

    def _norms(self, values: np.ndarray) -> np.ndarray:
        return GroupLasso(0.0, self.size).norms(values)

    def _spread(self, of_groups: np.ndarray) -> np.ndarray:
        return np.repeat(of_groups, self.size)[: self.features]
