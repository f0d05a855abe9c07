"""Coordinate descent on working sets: small problems in the weights that are not zero or may soon become non-zero.

Sources: Massias, Gramfort and Salmon, Celer: a fast solver for the Lasso with dual extrapolation, 2018 (working sets);
Lee, Sun and Saunders, Proximal Newton-type methods for minimizing composite functions, 2014 (the logistic loss).
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from workbench.compiling import unlocked
from workbench.solvers import coordinate_loops
from workbench.solvers.blocks import Blocks
from workbench.solvers.columns import column_squares, stretch_sums
from workbench.solvers.penalties import GroupLasso, Lp
from workbench.solvers.problem import Iterate, Options, Problem

FEW_STORED = 20_000  # a sparse X with at most this many numbers has one working set with all weights
DEEP = 0.01  # tolerance of such a set in place of INNER: its passes cost less than the steps between them
FIRST_SET = 100  # least number of features in a working set
FIRST_CONVEX_SET = 50  # the same where the working sets do not decide which minimum is found
NEWTON_STEPS = 10  # largest number of Newton steps on a working set
SHORTEST = 1e-10  # the line search gives up at this share of a Newton step
ARMIJO = 0.01  # a step must give at least this share of the decrease that the slope predicts
BLUR = 4e-16  # relative error of an objective: near the minimum, a good step may not be seen to lower it
ROUNDING = 1e-12  # relative error of an eigenvalue
FLATTEST = 1e-6  # smaller second derivatives of the loss are replaced by this one

SOON = 5  # A^T A is computed after one pass for each so many features; few problems need as many
MOST_SHARED = 1000  # with more features, each alpha of a path has working sets of its own
MOST_KEPT = 500  # with more weights that are not zero, none of their Newton steps are taken
FLOOR = 1e-12  # smaller sums of squares, as a share of those before a projection, are rounding

Columns = coordinate_loops.Dense | coordinate_loops.Sparse | coordinate_loops.Leaning


def coordinate_descent(problem: Problem, options: Options) -> Iterator[Iterate]:
    blocks = Blocks(problem)
    weights, predictions = options.start, options.predictions
    weights[problem.squares == 0] = 0.0  # these columns predict nothing that an intercept does not
    convex = problem.loss.quadratic and problem.penalty.convex
    gradient, dual = problem.gradients(predictions)
    violations = blocks.violations(gradient, weights)
    whole = convex and _at_once(problem, violations)
    inner = DEEP if whole else coordinate_loops.INNER
    least = math.ceil((FIRST_CONVEX_SET if convex else FIRST_SET) / blocks.size)
    passes, size, work = 0, problem.size if whole or _keeps_all(problem) else least, None
    while True:
        largest = float(violations.max())
        yield Iterate(weights.copy(), predictions, gradient, largest, passes=passes, dual=dual)
        tolerance = inner * largest
        if whole and problem.penalty == Lp(problem.penalty.alpha):
            goal = options.tolerance * problem.loss.value(problem.nothing)
            tolerance = min(tolerance, blocks.violation_for(goal, weights, violations))
        if work is None or not work.covers(violations, tolerance):
            size = max(size, 2 * blocks.count_active(weights))
            work = _WorkingSet(problem, blocks, blocks.choose(size, gradient, weights), weights, predictions)
        passes += work.solve(tolerance, dual)
        if np.array_equal(weights[work.features], work.weights):
            return
        weights[work.features] = work.weights
        predictions = work.predictions
        if not (problem.penalty.convex or problem.loss.quadratic):
            weights, predictions = _newton_step_of_non_zeros(problem, weights, predictions)
            work.weights, work.predictions = weights[work.features], predictions
        gradient, dual = problem.gradients(predictions)
        violations = blocks.violations(gradient, weights)


def _at_once(problem: Problem, violations: np.ndarray) -> bool:
    """Return whether one working set with all weights is faster than several that grow."""
    if not isinstance(problem.matrix, np.ndarray):
        return problem.matrix.nnz <= FEW_STORED
    most = 2 * np.count_nonzero(violations) > violations.size
    return problem.size <= len(problem.matrix) and (most or problem.size <= 2 * FIRST_CONVEX_SET)


def _newton_step_of_non_zeros(
    problem: Problem, weights: np.ndarray, predictions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights, and their predictions, after a Newton step in those that are not zero.

    A non-convex penalty is smooth there; it is replaced by its tangent. If these weights part the classes, their best
    sizes are far away or infinite. Models that are never below the loss take short steps towards them, Newton's do not.
    """
    kept = np.flatnonzero(weights)
    if not 0 < kept.size <= MOST_KEPT:
        return weights, predictions
    some = problem.matrix[:, kept]
    some = some if isinstance(some, np.ndarray) else some.toarray()
    bends = problem.loss.curvatures(predictions)
    if problem.means is not None:
        some = some - bends @ some / bends.sum()
    slope = problem.gradient(predictions)[kept] + problem.penalty.subgradient(weights)[kept]
    way = np.zeros_like(weights)
    way[kept] = np.linalg.lstsq((some.T * bends) @ some / len(some), -slope, rcond=None)[0]
    ahead, before, length = problem.predictions(way), problem.objective(weights, predictions), 1.0
    promised = ARMIJO * float(slope @ way[kept])
    while length > SHORTEST:
        trial, there = weights + length * way, predictions + length * ahead
        if problem.objective(trial, there) < before + length * promised:
            return trial, there
        length /= 2
    return weights, predictions


class _WorkingSet:
    """The problem restricted to the weights of the chosen blocks; all other weights are zero."""

    def __init__(
        self, problem: Problem, blocks: Blocks, chosen: np.ndarray, weights: np.ndarray, predictions: np.ndarray
    ) -> None:
        self.penalty, self.loss, self.objective = problem.penalty, problem.loss, problem.objective
        self.terms, self.chosen = blocks.terms, chosen
        self.features, self.starts = blocks.members(chosen)
        self.groups = (self.starts,) if blocks.grouped else ()
        self.kept = problem.kept if _keeps_all(problem) else None
        self.columns = _once(self.kept, "columns", lambda: _columns(problem, self.features))
        self.means = None if problem.means is None else problem.means[self.features]
        self.weights, self.predictions = weights[self.features], predictions
        self.squares = problem.squares[self.features]
        if blocks.grouped:
            weighted = _scaled(self.columns, self.loss.shares)
            self.squares = _largest_eigenvalues(weighted, self.starts, blocks.size, predictions.size)

    def covers(self, violations: np.ndarray, tolerance: float) -> bool:
        """Return whether all blocks outside the set have a violation of at most `tolerance`."""
        missing = violations.copy()
        missing[self.chosen] = 0.0
        return bool(missing.max() <= tolerance)

    def solve(self, tolerance: float, dual: np.ndarray) -> int:
        """Minimize until no violation is above the tolerance or the limit of passes is reached; return their number.

        `dual` is the gradient of the loss with respect to the predictions. A loss that is not quadratic is replaced by
        a sequence of quadratic models.
        """
        if self.loss.quadratic:
            found, passes = self._minimum_of_model(self._exact_model, tolerance, dual)
            self._go_to(found)
            return passes
        passes = 0
        for _ in range(NEWTON_STEPS):
            before = self.weights
            done = self._newton_step(tolerance) if self.penalty.convex else self._safe_step(tolerance)
            passes += done
            if done == 1 or np.array_equal(before, self.weights):  # the model had its minimum at these weights
                break
        return passes

    def _newton_step(self, tolerance: float) -> int:
        """Go to the minimum of Newton's model, or part of the way if the objective is not low enough there."""
        found, passes = self._minimum_of_model(self._newton_model(), tolerance)
        way, penalty = found - self.weights, self.penalty
        ahead = _product(self.columns, way, self.predictions.size)
        before = self.objective(self.weights, self.predictions)
        promised = self.loss.gradient(self.predictions) @ ahead + penalty.value(found) - penalty.value(self.weights)
        length = 1.0
        while length > SHORTEST:
            weights = found if length == 1 else self.weights + length * way
            most = before * (1 + BLUR) + ARMIJO * length * promised
            if self.objective(weights, self.predictions + length * ahead) <= most:
                self._go_to(weights)
                break
            length /= 2
        return passes

    def _safe_step(self, tolerance: float) -> int:
        """Go to the minimum of a model that is never below the loss, then to that of Newton's model if it is lower."""
        found, passes = self._minimum_of_model(self._model(self.loss.curvature * self._shares), tolerance)
        self._go_to(found)
        if passes > 1:
            found, more = self._minimum_of_model(self._newton_model(), tolerance)
            passes += more
            predictions = _product(self.columns, found, self.predictions.size)
            if self.objective(found, predictions) < self.objective(self.weights, self.predictions):
                self._go_to(found)
        return passes

    def _minimum_of_model(
        self, model: "_Model", tolerance: float, dual: np.ndarray | None = None
    ) -> tuple[np.ndarray, int]:
        """Return the weights that minimize a quadratic model, and the number of passes.

        The model of n times the loss is 1/2 |r - A (w - weights)|^2, where r = -n dual / root, and `dual` is the
        gradient of the loss with respect to the predictions.
        """
        n = self.predictions.size
        columns, residual = model.columns, -n * (self.loss.gradient(self.predictions) if dual is None else dual)
        if model.root is not None:
            residual /= model.root
        weights, passes, soon = self.weights.copy(), 0, self._passes_before_products(model)
        if len(columns) == 4:
            residual = np.append(residual, 0.0)  # an intercept has made the residual orthogonal to root
        terms = coordinate_loops.Terms(self.terms.weight * n, self.terms.p, self.terms.ridge * n)
        how = model.squares, terms, self.groups, tolerance * n
        if soon:
            passes = coordinate_loops.descend(columns, residual, weights, *how, soon)
            if passes < soon or passes == coordinate_loops.PASSES:
                return weights, passes
        residual = columns.columns @ residual
        columns = coordinate_loops.Products(model.products, residual + model.products @ weights)
        return weights, passes + coordinate_loops.descend(columns, residual, weights, *how, coordinate_loops.PASSES)

    def _passes_before_products(self, model: "_Model") -> int:
        """Return the passes that are made before A^T A is computed, or all where it is no gain.

        A path needs A^T A sooner or later, and small sets have it at once.
        """
        features = self.weights.size
        if len(model.columns) > 1 or features > self.predictions.size:
            return coordinate_loops.PASSES
        if features < FIRST_CONVEX_SET or not self.loss.quadratic or self.kept is not None:
            return 0
        return 0 if "products" in model.__dict__ else features // SOON

    @property
    def _shares(self) -> np.ndarray:
        return np.ones_like(self.predictions) if self.loss.shares is None else self.loss.shares

    @functools.cached_property
    def _exact_model(self) -> "_Model":
        return _once(self.kept, "model", lambda: self._model(self.loss.shares))

    def _newton_model(self) -> "_Model":
        return self._model(np.maximum(self.loss.curvatures(self.predictions), FLATTEST * self._shares))

    def _model(self, bends: np.ndarray | None) -> "_Model":
        """Return the model with second derivatives `bends`, shape (n,), of n times the loss; None if all are 1.

        An intercept takes the part along root = sqrt(bends) from each column. For least squares, dense columns are
        centred, and have no such part. Its length in a sparse one is sqrt(n) times its mean.
        """
        root = None if bends is None else np.sqrt(bends)
        columns = _scaled(self.columns, bends)
        dense, known = len(columns) == 1, self.loss.quadratic or len(self.groups) > 0
        squares = self.squares * self.loss.curvature if known else _column_squares(columns)
        if self.means is not None and self.loss.quadratic:
            lean = math.sqrt(self.predictions.size) * self.means
            columns = columns if dense else coordinate_loops.Leaning(*columns, lean)
        elif self.means is not None:
            columns, lean = _without(columns, root)
            if not known:
                squares = np.where(self.squares > 0, np.maximum(squares - lean**2, FLOOR * squares), 0.0)
        return _Model(columns, root, squares)

    def _go_to(self, weights: np.ndarray) -> None:
        self.weights, self.predictions = weights, _product(self.columns, weights, self.predictions.size)


@dataclasses.dataclass(frozen=True, eq=False)
class _Model:
    """A quadratic model: A = diag(root) X, without its part along root if there is an intercept; see `_model`."""

    columns: Columns  # of A
    root: np.ndarray | None  # square roots of the second derivatives, shape (n,); None if all are 1
    squares: np.ndarray  # of A's columns, or bounds for groups, shape (weights,) or (groups,)

    @functools.cached_property
    def products(self) -> np.ndarray:
        """Return A^T A; A is dense."""
        return self.columns.columns @ self.columns.columns.T


def _keeps_all(problem: Problem) -> bool:
    """Return whether all alphas of a path share one working set, with all weights, and its products A^T A."""
    if problem.kept is None or not problem.loss.quadratic or isinstance(problem.penalty, GroupLasso):
        return False
    return isinstance(problem.matrix, np.ndarray) and problem.size <= min(problem.matrix.shape[0], MOST_SHARED)


def _once(kept: dict[str, Any] | None, name: str, make: Callable[[], Any]) -> Any:
    """Return kept[name], made first if it is missing; without a place to keep it, make it."""
    if kept is None:
        return make()
    if name not in kept:
        kept[name] = make()
    return kept[name]


def _columns(problem: Problem, features: np.ndarray) -> Columns:
    """Return some columns of the matrix, each contiguous in memory; copy them only if necessary.

    Dense columns are centred for an intercept, which changes predictions by a constant only.
    """
    matrix, every = problem.matrix, features.size == problem.matrix.shape[1]
    if isinstance(matrix, np.ndarray):
        some = matrix.T if every else matrix[:, features].T
        if problem.means is None:
            return coordinate_loops.Dense(np.ascontiguousarray(some))
        reused = some if some.flags.c_contiguous and not every else None  # it is a copy already
        return coordinate_loops.Dense(np.subtract(some, problem.means[features, None], out=reused, order="C"))
    some = matrix if every else matrix[:, features]
    return coordinate_loops.Sparse(*map(unlocked, (some.data, some.indices, some.indptr)))


def _scaled(columns: Columns, bends: np.ndarray | None) -> Columns:
    """Return the columns with row i multiplied by the square root of bends[i]."""
    if bends is None:
        return columns
    root = np.sqrt(bends)
    if len(columns) == 1:
        return coordinate_loops.Dense(columns.columns * root)
    return columns._replace(data=columns.data * root[columns.indices])


def _without(columns: Columns, root: np.ndarray) -> tuple[Columns, np.ndarray]:
    """Return the columns without their part along a vector (n,), and the lengths of these parts."""
    unit = root / np.linalg.norm(root)
    if len(columns) == 1:
        lean = columns.columns @ unit
        return coordinate_loops.Dense(columns.columns - lean[:, None] * unit), lean
    lean = stretch_sums(columns.data * unit[columns.indices], columns.bounds)
    return coordinate_loops.Leaning(*columns, lean), lean


def _column_squares(columns: Columns) -> np.ndarray:
    if len(columns) == 1:
        return column_squares(columns.columns.T)
    return stretch_sums(np.square(columns.data), columns.bounds)


def _product(columns: Columns, weights: np.ndarray, rows: int) -> np.ndarray:
    """Return X w for these columns of X."""
    if len(columns) == 1:
        return weights @ columns.columns
    out = np.zeros(rows)
    coordinate_loops.add_product(columns, weights, out)
    return out


def _largest_eigenvalues(columns: Columns, starts: np.ndarray, size: int, rows: int) -> np.ndarray:
    """Return the largest eigenvalue of X_g^T X_g for each group of columns."""
    products = np.zeros((starts.size - 1, size, size))
    coordinate_loops.block_products(columns, starts, rows, products)
    return np.maximum(np.linalg.eigvalsh(products)[:, -1], 0.0) * (1 + ROUNDING)
