"""Fast sparse Lp regularization: the functions of `reference`, computed by compiled loops.

Threads share the work by ranges of the array or of the table's rows. So no two threads write to the same element, and a
row named k times is shrunk k times with any number of threads.
"""

import functools
import math

import numpy as np

from workbench import parallel
from workbench.compiling import unlocked, variant
from workbench.sparse_lp import curves, loops_penalty, loops_prox, loops_rows
from workbench.sparse_lp.curves import LARGEST_SINGLE_POWER
from workbench.sparse_lp.loops_common import SAMPLE, SMALLEST
from workbench.sparse_lp.reference import lp_threshold, power_of_product

RANGES = 256  # largest number of ranges of rows; row numbers are sorted by range, and a range is a job

NEAR = 1000.0  # powers with a larger exponent, to the base 2, may be beyond the range where the slope is not
NEAR_SINGLE = 120.0  # numbers and powers with exponents up to this are normal numbers of float32
LARGEST_FINITE = 1e16  # for p above this, the proximal operator changes by less than 2e-13

PENALTIES = {0: loops_penalty.COUNT, 0.5: loops_penalty.ROOT, 1: loops_penalty.ABSOLUTE, 2: loops_penalty.SQUARE}
PROXES = {
    0: loops_prox.HARD,
    1: loops_prox.SOFT,
    2: loops_prox.SHRINK,
    math.inf: loops_prox.CLIP,
}
SINGLES = {
    loops_prox.BELOW_ONE: loops_prox.SINGLE_BELOW_ONE,
    loops_prox.ABOVE_ONE: loops_prox.SINGLE_ABOVE_ONE,
}


def sparse_lp_regularizer(
    param: np.ndarray, indices: np.ndarray, p: float, reg_lambda: float, exact: bool
) -> np.ndarray:
    if not indices.size or not param.size:
        return param
    if param.flags.c_contiguous:
        _shrink_rows(param, indices, p, reg_lambda, exact)
        return param
    touched, places = np.unique(indices, return_inverse=True)
    table = np.ascontiguousarray(param[touched])
    _shrink_rows(table, places, p, reg_lambda, exact)
    param[touched] = table
    return param


def sparse_lp(w: np.ndarray, alpha: float, p: float, sparsity_threshold: float) -> tuple[float, np.ndarray]:
    if w.flags.c_contiguous:
        loss, mask = _penalty(w.ravel(), p, _rounded_down(sparsity_threshold, w.dtype))
        return (alpha * loss if alpha else 0.0), mask.reshape(w.shape)
    order = np.argsort([-abs(stride) for stride in w.strides], kind="stable")
    in_memory = w.transpose(order)
    in_place = in_memory.flags.c_contiguous
    flat = in_memory.reshape(-1) if in_place else np.ascontiguousarray(in_memory).reshape(-1)
    loss, mask = _penalty(flat, p, _rounded_down(sparsity_threshold, w.dtype))
    if not in_place:
        in_memory[...] = flat.reshape(in_memory.shape)
    return (alpha * loss if alpha else 0.0), mask.reshape(in_memory.shape).transpose(np.argsort(order))


def lp_gradient(w: np.ndarray, alpha: float, p: float) -> np.ndarray:
    source = unlocked(w.ravel())
    dw = np.empty(source.size, source.dtype)
    if not alpha or not p:
        alpha, p = 0.0, 1.0
    usual = p == 1 or SMALLEST <= alpha * p < math.inf
    kind = variant(PENALTIES.get(p, loops_penalty.POWER) if usual else loops_penalty.POWER)
    strength = (alpha, p, math.log2(alpha) + math.log2(p) if alpha else 0.0, NEAR if usual else -1.0)
    _run(loops_penalty.gradient, source.size, source, dw, kind, strength)
    return dw.reshape(w.shape)


def lp_prox(x: np.ndarray, weight: float, p: float) -> np.ndarray:
    if weight == 0:
        return x.copy()
    source = unlocked(x.ravel())
    z = np.empty(source.size, source.dtype)
    _run(loops_prox.prox, source.size, source, z, *_prox(weight, p, x.dtype))
    return z.reshape(x.shape)


def _shrink_rows(param: np.ndarray, indices: np.ndarray, p: float, reg_lambda: float, exact: bool) -> None:
    length = param.size // len(param)
    shift = max(0, (len(param) - 1).bit_length() - (RANGES - 1).bit_length())
    bounds = np.zeros(((len(param) - 1) >> shift) + 2, np.int64)
    by_range = np.empty(indices.size, indices.dtype)
    loops_rows.partition(unlocked(indices), shift, bounds, by_range)
    strength = param.dtype.type(reg_lambda)
    kind, constants, curve = _prox(reg_lambda, p, param.dtype)
    if p == 1:
        kind = variant(loops_rows.SUBTRACT)
    elif p == 2:
        kind, strength = (
            (variant(loops_rows.DIVIDE), 1 + strength) if exact else (variant(loops_rows.DECAY), 1 - strength)
        )
    given = param.ravel(), length, by_range, bounds, kind, strength, constants, curve
    parallel.run(loops_rows.rows, bounds.size - 1, indices.size * length, *given)


def _penalty(flat: np.ndarray, p: float, threshold: np.floating) -> tuple[float, np.ndarray]:
    """Return the sum of |w|^p and the mask of a flat array, and set small weights to zero."""
    mask = np.empty(flat.size, np.bool_)
    marks = mask.view(np.uint8)
    totals = np.zeros(-(-flat.size // SAMPLE))
    number = PENALTIES.get(p, loops_penalty.POWER)
    if number == loops_penalty.POWER and flat.dtype == np.float32 and p <= LARGEST_SINGLE_POWER:
        number = loops_penalty.SINGLE_POWER
    kind, power = variant(number), _single_power(p) if number == loops_penalty.SINGLE_POWER else p
    _run(loops_penalty.penalty, flat.size, flat, marks, kind, power, threshold, totals)
    try:
        return math.fsum(totals), mask
    except OverflowError:  # the sum is beyond the range of float64
        return math.inf, mask


def _run(loop, elements: int, *arguments) -> None:
    parallel.run(loop, -(-elements // SAMPLE), elements, *arguments)


@functools.lru_cache(maxsize=64)  # a step of training asks for the same again
def _prox(weight: float, p: float, dtype: np.dtype) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
    """Return the variant of the loop, the numbers of a `Prox` in their order, and the coefficients of a curve."""
    p = min(p, LARGEST_FINITE) if p < math.inf else p
    number = PROXES.get(p, loops_prox.BELOW_ONE if p < 1 else loops_prox.ABOVE_ONE)
    strength = 0.5 / (0.5 + weight) if p == 2 else power_of_product(weight, p, 1)
    log_strength = math.log2(weight) + (math.log2(p) if p else 0.0)
    near = abs(log_strength) < math.log2(loops_prox.FAR)
    middle, curve = curves.curve(p) if number in SINGLES and near else curves.NONE
    first = second = _exponents(0, 0)
    if curve.size and dtype == np.float32 and curves.in_single(p):
        number, curve = loops_prox.SINGLE_HALF if p == 0.5 else SINGLES[number], curve.astype(np.float32)
        c = log_strength - (middle if p > 1 else 0)
        first, second = _exponents(p - 2, c), _exponents((p - 2) / (1 - p), c / (1 - p))
    threshold = _rounded_down(lp_threshold(weight, p), dtype)
    constants = np.array((weight, p, threshold, strength, log_strength, middle, *first, *second))
    return variant(number), constants, curve


@functools.lru_cache(maxsize=64)
def _single_power(p: float) -> tuple:
    """Return the exponents of `power_single`, and two sizes: between them, sizes and powers are normal numbers."""
    bound = min(NEAR_SINGLE / p, NEAR_SINGLE)
    return _exponents(p), np.float32(2**-bound), np.float32(2**bound)


def _exponents(p: float, c: float = 0.0) -> tuple[np.float32, ...]:
    """Return the exponents for `power_single`, which computes 2^c x^p: multiples of 2^-10 and the rests."""
    p_, c_ = round(p * 1024) / 1024, round(c * 1024) / 1024
    return np.float32(p_), np.float32(p - p_), np.float32(c_), np.float32(c - c_)


@functools.lru_cache(maxsize=64)
def _rounded_down(threshold: float, dtype: np.dtype) -> np.floating:
    """Return the largest number of a type that is at most the threshold; comparing |w| with either gives the same."""
    with np.errstate(over="ignore"):
        nearest = dtype.type(threshold)
    # Compare as Python floats: a NumPy scalar would compare in its own type, where the two are always equal.
    return np.nextafter(nearest, dtype.type(0)) if float(nearest) > threshold else nearest
