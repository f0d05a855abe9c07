"""Records that solvers share: the `Problem` to solve, the `Options` of a solver, and the `Iterate` that it yields."""

import dataclasses
import functools
from typing import Any

import numpy as np

from workbench.arrays import as_array, check_sound, is_sparse
from workbench.operator import Arg, checked_choice
from workbench.solvers.columns import centred_squares, column_means, column_squares, largest_square, without_offsets
from workbench.solvers.losses import LOSSES, Loss
from workbench.solvers.penalties import Lp, Penalty

SMALLEST = float(np.finfo(np.float64).tiny)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A loss of predictions X w plus a penalty on w; `matrix` is X, a float64 array or CSC array (n, features).

    For several classes, w has shape (features * classes,): the weights of a feature for all classes stand together.
    """

    matrix: Any
    loss: Loss
    penalty: Penalty
    squares: np.ndarray  # sum of share * square of each column of X, which an intercept centres; shape (features,)
    means: np.ndarray | None  # mean of each column by shares, shape (features,); None without an intercept
    offsets: np.ndarray  # what was subtracted from each column, shape (features,); the intercept makes up for it
    kept: dict[str, Any] | None = None  # what a path computes once for all its alphas; None where there is no path

    @property
    def size(self) -> int:
        """Return the number of weights."""
        return self.matrix.shape[1] * self.loss.classes

    @functools.cached_property
    def nothing(self) -> np.ndarray:
        """Return the predictions of zero weights."""
        return np.zeros_like(self.loss.targets)

    @functools.cached_property
    def first_gradient(self) -> np.ndarray:
        """Return the gradient of the loss with respect to w at zero weights."""
        return (self._transposed @ self.first_dual).reshape(-1)

    @functools.cached_property
    def first_dual(self) -> np.ndarray:
        """Return the gradient of the loss with respect to the predictions at zero weights."""
        return self.loss.gradient(self.nothing)

    @functools.cached_property
    def _transposed(self) -> Any:
        return self.matrix.T  # a sparse one takes as long as its product with a vector

    @functools.cached_property
    def lipschitz(self) -> float:
        """Return the Lipschitz constant of the loss's gradient with respect to w, or 1 if X is all zeros."""
        square = largest_square(self.matrix, self.means, self.loss.shares)
        return self.loss.curvature * square / self.matrix.shape[0] or 1.0

    @property
    def coordinate_lipschitz(self) -> np.ndarray:
        """Return the Lipschitz constant of each partial derivative of the loss in w; 0 for a column of zeros."""
        return np.repeat(self.loss.curvature * self.squares / self.matrix.shape[0], self.loss.classes)

    def with_penalty(self, penalty: Penalty) -> "Problem":
        """Return the problem with another penalty; what was already computed without the penalty is reused."""
        other = dataclasses.replace(self, penalty=penalty)
        for name in ("lipschitz", "nothing", "first_gradient", "first_dual", "_transposed"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    def predictions(self, weights: np.ndarray) -> np.ndarray:
        """Return X w, without the intercept."""
        return self.matrix @ (weights if self.loss.classes == 1 else weights.reshape(-1, self.loss.classes))

    def gradient(self, predictions: np.ndarray) -> np.ndarray:
        """Return the gradient of the loss with respect to w."""
        return self.gradients(predictions)[0]

    def gradients(self, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradients of the loss with respect to w and with respect to the predictions."""
        if predictions is self.nothing:
            return self.first_gradient, self.first_dual
        dual = self.loss.gradient(predictions)
        return (self._transposed @ dual).reshape(-1), dual

    def intercept(self, weights: np.ndarray) -> Any:
        """Return the best intercept, a number, or shape (classes,); 0 without one."""
        if self.means is None:
            return self.loss.offset(self.nothing)
        moved = (weights if self.loss.classes == 1 else weights.reshape(-1, self.loss.classes)).T @ self.offsets
        if self.loss.quadratic:
            return self.loss.offset(self.nothing) - float(self.means @ weights + moved)
        found = self.loss.offset(self.predictions(weights)) - moved
        return float(found) if self.loss.classes == 1 else found

    def objective(self, weights: np.ndarray, predictions: np.ndarray) -> float:
        """Return loss plus penalty."""
        return self.loss.value(predictions) + self.penalty.value(weights)


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of a solver. It chooses a value for each None, and it may change `start` in place."""

    start: np.ndarray
    predictions: np.ndarray  # of `start`
    tolerance: float = 0.0  # of `run`; a solver may take it as advice
    step: float | None = None
    sparsity_threshold: float = 1e-3
    nonzeros: int | None = None
    restart: str | None = None


@dataclasses.dataclass(frozen=True)
class Iterate:
    """Weights after an iteration, and quantities that the solver has computed for them; None for the others."""

    weights: np.ndarray
    predictions: np.ndarray | None = None
    gradient: np.ndarray | None = None  # gradient of the loss
    violation: float | None = None
    step: float | None = None  # step length with which the violation is measured
    passes: int | None = None  # passes made so far
    dual: np.ndarray | None = None  # gradient of the loss with respect to the predictions


def make_problem(
    X: Any, y: Any, penalty: Penalty | None, loss: str, intercept: bool = False, sample_weight: Any = None
) -> Problem:
    """Return a checked problem for `run`; arguments and errors are as for `solve`. Rows of weight 0 are left out."""
    checked_choice("loss", loss, LOSSES)
    intercept = Arg("intercept", bool, False, "").check(intercept)
    penalty = Lp(0.0) if penalty is None else penalty
    if not isinstance(getattr(penalty, "alpha", None), float) or not callable(getattr(penalty, "prox", None)):
        raise TypeError(f"penalty={penalty!r}: must be a penalty such as Lp(alpha=0.1), or None for none")
    matrix = _checked_matrix(X)
    squares = column_squares(matrix)
    _check_finite(matrix, squares)
    targets = _checked_targets(y, matrix.shape[0], loss)
    shares = None
    if sample_weight is not None:
        matrix, targets, shares = _weighted(matrix, targets, sample_weight)
        squares = column_squares(matrix, shares)
    if loss != "least squares" and intercept:
        classes, missing = np.unique(y), np.setdiff1d(y, targets)
        if len(classes) == 1 or missing.size:
            rows = f"no row of class {missing[0]:g} has a weight above 0" if missing.size else "all rows have one class"
            raise ValueError(f"y: {rows}, so the best intercept is infinite; leave out the class or the intercept")
    means, offsets = None, np.zeros(matrix.shape[1])
    if intercept:
        means = column_means(matrix, shares)
        centred = centred_squares(matrix, squares, means, shares)
        matrix, offsets = without_offsets(matrix, squares, means, centred)
        means, squares = column_means(matrix, shares) if offsets.any() else means, centred
    if loss == "multinomial":
        targets = np.eye(len(np.unique(y)))[targets.astype(np.intp)]
    return Problem(matrix, LOSSES[loss](targets, shares, intercept), penalty, squares, means, offsets)


def _weighted(matrix: Any, targets: np.ndarray, weights: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return the rows whose weight is not 0, their targets, and their shares, or None if all are 1."""
    weights = checked_vector("sample_weight", weights, len(targets), "one weight per row of X")
    wrong = np.flatnonzero(weights < 0)
    if wrong.size:
        raise ValueError(f"sample_weight[{wrong[0]}]={weights[wrong[0]]:g}: must be at least 0")
    if not weights.any():
        raise ValueError("sample_weight: all are 0; at least one must be above 0")
    shares = weights / weights.max()
    kept = np.flatnonzero(shares)
    if kept.size < shares.size:
        matrix, targets, shares = matrix[kept], targets[kept], shares[kept]
    shares /= shares.mean()
    return matrix, targets, None if (shares == shares[0]).all() else shares


def checked_vector(name: str, values: Any, length: int, meaning: str) -> np.ndarray:
    """Return numbers as float64, shape (length,)."""
    values = _checked_numbers(name, values)
    if values.shape != (length,):
        raise ValueError(f"{name} has shape {values.shape}: must be ({length},), {meaning}")
    values = values.astype(np.float64, copy=False)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ValueError(f"{name}[{wrong[0]}]={values[wrong[0]]}: must be finite")
    return values


def _checked_matrix(matrix: Any) -> Any:
    """Return X as a contiguous float64 array or a CSC array without duplicates; copy it only if necessary."""
    if is_sparse(matrix):
        from scipy.sparse import csc_array, sparray

        if matrix.format not in ("csr", "csc") or matrix.ndim != 2:
            raise TypeError(
                f"X is a sparse {matrix.ndim}-D {matrix.format.upper()} array: must be a CSR or CSC matrix; "
                "convert it, as with X.tocsc()"
            )
        _checked_numbers("X", matrix.data)
        check_sound("X", matrix)
        found = matrix.tocsc() if isinstance(matrix, sparray) else csc_array(matrix)
        found = found.astype(np.float64, copy=False)
        if not found.has_canonical_format:
            found = found.copy()
            found.sum_duplicates()
    else:
        matrix = _checked_numbers("X", matrix)
        if matrix.ndim != 2:
            raise ValueError(f"X has shape {matrix.shape}: must have 2 axes, (n, features)")
        found = matrix.astype(np.float64, copy=False)
        if not (found.flags.c_contiguous or found.flags.f_contiguous):
            found = np.asfortranarray(found)
    if 0 in found.shape:
        raise ValueError(f"X has shape {found.shape}: must have at least one row and one feature")
    return found


def _checked_numbers(name: str, values: Any) -> np.ndarray:
    values = as_array(name, values, "an array of numbers")
    if values.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {values.dtype}: must be numbers; convert it, as with {name}.astype(float)")
    return values


def _check_finite(matrix: Any, squares: np.ndarray) -> None:
    """Raise ValueError if X is not finite, or if a column's sum of squares overflows or underflows to 0."""
    if np.isfinite(squares).all() and squares.all():
        return
    for first in np.flatnonzero(~np.isfinite(squares))[:1]:
        column = matrix[:, [first]]
        column = (column.toarray() if is_sparse(column) else column).reshape(-1)
        for row in np.flatnonzero(~np.isfinite(column))[:1]:
            raise ValueError(f"X[{row}, {first}]={column[row]}: must be finite")
        raise ValueError(f"X[:, {first}]: its sum of squares is beyond the range of float64; scale the column down")
    empty = np.flatnonzero(squares == 0)
    vanished = abs(matrix[:, empty]).max(axis=0) if empty.size else np.zeros(0)
    vanished = vanished.toarray().reshape(-1) if is_sparse(vanished) else vanished
    for first in empty[vanished > 0][:1]:
        raise ValueError(f"X[:, {first}]: its sum of squares is 0 in float64; scale the column up")


def _checked_targets(y: Any, rows: int, loss: str) -> np.ndarray:
    y = checked_vector("y", y, rows, "one target per row of X")
    if loss == "logistic":
        wrong = np.flatnonzero(np.abs(y) != 1)
        if wrong.size:
            raise ValueError(
                f"y[{wrong[0]}]={y[wrong[0]]:g}: must be -1 or 1 for loss='logistic'; convert 0 and 1 with 2 * y - 1"
            )
    if loss == "multinomial":
        _check_classes(y)
    with np.errstate(over="ignore", under="ignore"):
        square = float(y @ y)
    if not np.isfinite(square) or (square < SMALLEST and y.any()):
        raise ValueError("y: its sum of squares is beyond the range of float64; scale y")
    return y


def _check_classes(y: np.ndarray) -> None:
    """Raise ValueError unless y holds the numbers of at least two classes, each of which has a row."""
    wrong = np.flatnonzero((y < 0) | (y != np.floor(y)))
    if wrong.size:
        raise ValueError(f"y[{wrong[0]}]={y[wrong[0]]:g}: must be the number of a class, 0, 1, 2, ...")
    found = np.unique(y)
    missing = np.flatnonzero(found != np.arange(found.size))
    if missing.size or found.size < 2:
        number = missing[0] if missing.size else found.size
        raise ValueError(f"y: no row has class {number}; classes are 0, 1, 2, ..., at least two, without a gap")
