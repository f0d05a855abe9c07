"""Compiled loops of coordinate descent.

    descend          minimize 1/2 |r|^2 + penalty(w), r = z - A w, over one weight or one group of weights at a time
    lasso_path       descend for p = 1 and several strengths of the penalty, one after another, given A^T A
    violations       compute the distance of each weight from its own minimum
    add_product      compute A w, for sparse columns
    block_products   compute A_g^T A_g for each group g of columns

They are fast for three reasons:

    columns        Each column of A is contiguous, dense or sparse, and r is updated: a step reads one column twice.
    products       If A is dense and has no more columns than rows, A^T A is stored, and A^T r instead of r. Then a
                   weight that does not change costs nothing, and one that changes costs one row of A^T A.
    extrapolation  After every `MEMORY` passes, the combination of the last iterates that makes their differences
                   cancel best (Anderson acceleration) is tried, and used if it lowers the objective.

Sources: Friedman, Hastie and Tibshirani, Regularization paths for generalized linear models via coordinate descent,
2010; Bertrand and Massias, Anderson acceleration of coordinate descent, 2021.
"""

import math
from collections import namedtuple

import numpy as np

from workbench.compiling import compiler
from workbench.solvers.prox_of_one import prox

kernel = compiler(fastmath={"reassoc", "contract"})  # sums are vectorized, with the same order in every run
part = compiler(forceinline=True, fastmath={"reassoc", "contract"})

# Four forms of A. The loops tell them apart by their lengths, at compile time.
Dense = namedtuple("Dense", "columns")  # (k, n): row j is column j of A
Products = namedtuple("Products", "products start")  # A^T A (k, k), and A^T z (k,); A^T r (k,) stands for r
Sparse = namedtuple("Sparse", "data indices bounds")  # CSC
# CSC minus its part along a unit vector v, which would not be sparse: column j is A_j - lean[j] v. r has one more
# element at its end, the t for which r - t v is the residual.
Leaning = namedtuple("Leaning", "data indices bounds lean")

# The penalty is weight |w|^p + ridge/2 w^2 for each weight, or weight |w_g| + ridge/2 |w_g|^2 for each group.
Terms = namedtuple("Terms", "weight p ridge")

MEMORY = 5  # number of iterates that an extrapolation combines
PASSES = 200  # largest number of passes over a working set at a time
INNER = 0.1  # tolerance of a working set, as a share of the whole problem's largest violation


@part
def _copy(source, out):
    """Copy numbers; unlike a slice, this checks no shapes, whose messages alone take two seconds to compile."""
    for i in range(source.shape[0]):
        out[i] = source[i]


@part
def _slope(columns, residual, j):
    """Return A_j . r."""
    if len(columns) == 1:
        total = 0.0
        for i in range(residual.shape[0]):
            total += columns[0][j, i] * residual[i]
        return total
    if len(columns) == 2:
        return residual[j]
    total = 0.0
    for i in range(columns[2][j], columns[2][j + 1]):
        total += columns[0][i] * residual[columns[1][i]]
    if len(columns) == 4:
        total -= columns[3][j] * residual[residual.shape[0] - 1]
    return total


@part
def _move(columns, residual, j, by):
    """Subtract `by` times column j of A from r."""
    if len(columns) >= 3:
        for i in range(columns[2][j], columns[2][j + 1]):
            residual[columns[1][i]] -= by * columns[0][i]
        if len(columns) == 4:
            residual[residual.shape[0] - 1] -= by * columns[3][j]
    else:
        for i in range(residual.shape[0]):
            residual[i] -= by * columns[0][j, i]


@part
def _best(old, slope, curvature, terms):
    """Return the w that minimizes curvature/2 (w - old)^2 - slope (w - old) + its penalty."""
    total = curvature + terms.ridge
    return prox((curvature * old + slope) / total, terms.weight / total, terms.p)


@part
def _pass_over_weights(columns, residual, weights, curvatures, terms):
    largest = 0.0
    for j in range(weights.shape[0]):
        if curvatures[j] == 0:
            continue
        old = weights[j]
        new = _best(old, _slope(columns, residual, j), curvatures[j], terms)
        if new != old:
            weights[j] = new
            _move(columns, residual, j, new - old)
            largest = max(largest, curvatures[j] * abs(new - old))
    return largest


@part
def _pass_over_groups(columns, residual, weights, curvatures, terms, starts, wanted):
    largest = 0.0
    for g in range(starts.shape[0] - 1):
        begin, end, total = starts[g], starts[g + 1], curvatures[g] + terms.ridge
        if curvatures[g] == 0:
            continue
        squares = 0.0
        for j in range(begin, end):
            wanted[j] = (curvatures[g] * weights[j] + _slope(columns, residual, j)) / total
            squares += wanted[j] * wanted[j]
        norm, moved = math.sqrt(squares), 0.0
        kept = max(norm - terms.weight / total, 0.0) / norm if norm > 0 else 0.0
        for j in range(begin, end):
            change = kept * wanted[j] - weights[j]
            if change != 0:
                weights[j] += change
                _move(columns, residual, j, change)
                moved += change * change
        largest = max(largest, curvatures[g] * math.sqrt(moved))
    return largest


@part
def _power_sum(weights, terms, groups):
    """Return the penalty."""
    total, squares = 0.0, 0.0
    for j in range(weights.shape[0]):
        squares += weights[j] * weights[j]
    if len(groups):
        for g in range(groups[0].shape[0] - 1):
            of_group = 0.0
            for j in range(groups[0][g], groups[0][g + 1]):
                of_group += weights[j] * weights[j]
            total += math.sqrt(of_group)
    elif terms.p == 1:
        for j in range(weights.shape[0]):
            total += abs(weights[j])
    elif terms.p == 2:
        total = squares
    elif terms.p < math.inf:  # for p = inf the penalty is 0, as weights stay within [-1, 1]
        for j in range(weights.shape[0]):
            if weights[j] != 0:
                total += abs(weights[j]) ** terms.p
    return terms.weight * total + terms.ridge / 2 * squares


@part
def _objective(columns, residual, weights, terms, groups):
    """Return 1/2 |r|^2 + penalty, minus the constant 1/2 |z|^2 if A is given as products."""
    total = 0.0
    if len(columns) == 2:
        for j in range(weights.shape[0]):
            total -= weights[j] * (residual[j] + columns[1][j])
    else:
        for i in range(residual.shape[0]):
            total += residual[i] * residual[i]
        if len(columns) == 4:
            total -= 2 * residual[residual.shape[0] - 1] ** 2
    return total / 2 + _power_sum(weights, terms, groups)


@part
def _extrapolation(history, mixed):
    """Set mixed[1:] to the shares of the iterates history[1:] (MEMORY, k); return whether this was possible.

    The shares add up to 1 and minimize the length of the mixture of the differences history[1:] - history[:-1].
    """
    k = history.shape[1]
    system = np.empty((MEMORY, MEMORY))
    for a in range(MEMORY):
        for b in range(a + 1):
            total = 0.0
            for j in range(k):
                total += (history[a + 1, j] - history[a, j]) * (history[b + 1, j] - history[b, j])
            system[a, b] = total
            system[b, a] = total
    trace = 0.0
    for a in range(MEMORY):
        trace += system[a, a]
    if not 0 < trace < math.inf:
        return False
    for a in range(MEMORY):
        system[a, a] += 1e-12 * trace
        mixed[a + 1] = 1.0
    for a in range(MEMORY):  # Gaussian elimination; a positive definite matrix needs no exchange of rows
        for b in range(a + 1, MEMORY):
            factor = system[b, a] / system[a, a]
            for c in range(a, MEMORY):
                system[b, c] -= factor * system[a, c]
            mixed[b + 1] -= factor * mixed[a + 1]
    total = 0.0
    for a in range(MEMORY - 1, -1, -1):
        for c in range(a + 1, MEMORY):
            mixed[a + 1] -= system[a, c] * mixed[c + 1]
        mixed[a + 1] /= system[a, a]
        total += mixed[a + 1]
    if not 0 < abs(total) < math.inf:
        return False
    for a in range(MEMORY):
        mixed[a + 1] /= total
    return True


@part
def _mix(history, mixed, out):
    for i in range(out.shape[0]):
        out[i] = 0.0
    for a in range(1, MEMORY + 1):
        for i in range(out.shape[0]):
            out[i] += mixed[a] * history[a, i]


@kernel
def descend(columns, residual, weights, curvatures, terms, groups, tolerance, limit):
    """Minimize 1/2 |r|^2 + penalty(w) by cyclic passes over w (k,); return their number.

    w and r (or A^T r) are changed in place. `groups` is () or (starts,); group g is the weights starts[g] to
    starts[g + 1] - 1. `curvatures` are |A_j|^2, or for groups at least the largest eigenvalue of A_g^T A_g. Weights
    with curvature 0 do not change. The loop ends after `limit` passes, or before that when no step of a pass, times its
    curvature, was above `tolerance`.
    """
    k, n = weights.shape[0], residual.shape[0]
    iterates, residuals = np.empty((MEMORY + 1, k)), np.empty((MEMORY + 1, n))
    mixed, trial, trial_residual = np.empty(MEMORY + 1), np.empty(k), np.empty(n)
    wanted = np.empty(k)
    at = 0
    for done in range(1, limit + 1):
        if len(groups):
            largest = _pass_over_groups(columns, residual, weights, curvatures, terms, groups[0], wanted)
        else:
            largest = _pass_over_weights(columns, residual, weights, curvatures, terms)
        if largest <= tolerance:
            return done
        _copy(weights, iterates[at])
        _copy(residual, residuals[at])
        at += 1
        if at <= MEMORY:
            continue
        at = 0
        if terms.p < math.inf and _extrapolation(iterates, mixed):  # for p = inf a mixture may leave [-1, 1]
            _mix(iterates, mixed, trial)
            _mix(residuals, mixed, trial_residual)
            value = _objective(columns, residual, weights, terms, groups)
            if _objective(columns, trial_residual, trial, terms, groups) < value:
                _copy(trial, weights)
                _copy(trial_residual, residual)
        _copy(weights, iterates[0])
        _copy(residual, residuals[0])
        at = 1
    return limit


@part
def _look(weights, pull, start, square, strength):
    """Return the duality gap of 1/2 |r|^2 + strength |w|_1 and the largest violation, given pull = A^T r."""
    fitted, error, size, largest, violation = 0.0, square, 0.0, 0.0, 0.0
    for j in range(weights.shape[0]):
        w, g = weights[j], pull[j]
        fitted += w * start[j]
        error -= w * (start[j] + g)
        size += abs(w)
        largest = max(largest, abs(g))
        violation = max(violation, abs(g) - strength if w == 0 else abs(g - math.copysign(strength, w)))
    share = min(1.0, strength / largest) if largest > 0 else 1.0
    return error / 2 + strength * size - share * (square - fitted) + share * share * error / 2, violation


@kernel
def lasso_path(products, start, square, strengths, target, limit, found, gaps):
    """Minimize 1/2 |r|^2 + strengths[a] |w|_1 for each a, and set found[a] (k,) to w and gaps[a] to the duality gap.

    `products` is A^T A (k, k), `start` is A^T z (k,), `square` is |z|^2. The strengths decrease, and each solution
    starts at the one before. A working set has the weights that are not zero and those that the strong rule keeps,
    later those that violate. It is solved at most `limit` times, until the gap is at most `target` or nothing moves.

    Source: Tibshirani et al., Strong rules for discarding predictors in lasso-type problems, 2012.
    """
    k = start.shape[0]
    weights, pull, chosen = np.zeros(k), start.copy(), np.empty(k, np.intp)
    for a in range(strengths.shape[0]):
        strength = strengths[a]
        bound = 2 * strength - strengths[max(a - 1, 0)]
        for done in range(limit + 1):
            gaps[a], violation = _look(weights, pull, start, square, strength)
            if gaps[a] <= target or done == limit:
                break
            size = 0
            for j in range(k):
                if products[j, j] > 0 and (weights[j] != 0 or abs(pull[j]) >= bound):
                    chosen[size] = j
                    size += 1
            inner, slopes, begun = np.empty((size, size)), np.empty(size), np.empty(size)
            some, squares = np.empty(size), np.empty(size)
            for b in range(size):
                j = chosen[b]
                some[b], squares[b], slopes[b], begun[b] = weights[j], products[j, j], pull[j], start[j]
                for c in range(size):
                    inner[b, c] = products[j, chosen[c]]
            terms = Terms(strength, 1.0, 0.0)
            descend(Products(inner, begun), slopes, some, squares, terms, (), INNER * violation, PASSES)
            _copy(start, pull)
            moved = bound > strength
            for b in range(size):
                moved = moved or weights[chosen[b]] != some[b]
                weights[chosen[b]] = some[b]
                if some[b] != 0:
                    for i in range(k):
                        pull[i] -= some[b] * products[chosen[b], i]
            if not moved:  # rounding is all that is left
                break
            bound = strength
        _copy(weights, found[a])


@kernel
def violations(gradient, weights, curvatures, terms, out):
    """Set out to curvature * |w - its own minimum| for each weight, given the loss's gradient; 0 for curvature 0."""
    for j in range(weights.shape[0]):
        out[j] = 0.0
        if curvatures[j] > 0:
            out[j] = curvatures[j] * abs(weights[j] - _best(weights[j], -gradient[j], curvatures[j], terms))


@kernel
def add_product(columns, weights, out):
    """Add A w to out (n,)."""
    for j in range(weights.shape[0]):
        if weights[j] != 0:
            _move(columns, out, j, -weights[j])


@kernel
def block_products(columns, starts, rows, out):
    """Set out[g] (size, size), initially zero, to A_g^T A_g for each group g of columns; A has `rows` rows."""
    column = np.zeros(rows)
    for g in range(starts.shape[0] - 1):
        for j in range(starts[g], starts[g + 1]):
            _move(columns, column, j, -1.0)
            for i in range(starts[g], j + 1):
                out[g, i - starts[g], j - starts[g]] = _slope(columns, column, i)
                out[g, j - starts[g], i - starts[g]] = out[g, i - starts[g], j - starts[g]]
            for i in range(rows):
                column[i] = 0.0
