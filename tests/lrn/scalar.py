"""Local response normalization one element at a time, written from the formula and sharing no code with the package.

The first of three tiers: the NumPy reference is compared with this, and the compiled loops with the reference.
`number` is the type to compute with: float, or decimal.Decimal where a float would overflow.
"""

import itertools
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext

import numpy as np

CHANNEL_AXIS = {"NCHW": 1, "NHWC": -1, "NC": 1, "NCW": 1, "NWC": -1, "NCDHW": 1, "NDHWC": -1}
SPACE_AXES = {"NCHW": (2, 3), "NHWC": (1, 2)}
_KNOWN = {}  # what `decimally` has returned


def neighbours(index, shape, size, order, region):
    """List the indices in the window around `index`, without those outside the array."""
    axes = SPACE_AXES[order] if region == "within" else (CHANNEL_AXIS[order] % len(shape),)
    found = []
    for offsets in itertools.product(range(-(size // 2), size // 2 + 1), repeat=len(axes)):
        moved = list(index)
        for axis, offset in zip(axes, offsets, strict=True):
            moved[axis] += offset
        if all(0 <= place < length for place, length in zip(moved, shape, strict=True)):
            found.append(tuple(moved))
    return found


def scale(x, size=5, alpha=1e-4, beta=0.75, bias=1.0, *, order="NCHW", region="across", number=float):
    """Return bias + alpha / n * (sum of squares in the window)."""
    n = size**2 if region == "within" else size
    result = _zeros(x.shape, number)
    for index in np.ndindex(x.shape):
        total = number(0)
        for j in neighbours(index, x.shape, size, order, region):
            total += number(x[j].item()) * number(x[j].item())
        result[index] = number(bias) + number(alpha) / number(n) * total
    return result


def normalized(x, size=5, alpha=1e-4, beta=0.75, bias=1.0, *, order="NCHW", region="across", number=float):
    """Return x / scale^beta."""
    base = scale(x, size, alpha, beta, bias, order=order, region=region, number=number)
    result = _zeros(x.shape, number)
    for index in np.ndindex(x.shape):
        result[index] = number(x[index].item()) * base[index] ** -number(beta)
    return result


def gradient(dy, x, *arguments, **options):
    """Return dx_i, the sum over j of dy_j * (derivative of y_j with respect to x_i)."""
    return gradient_and_size(dy, x, *arguments, **options)[0]


def gradient_and_size(dy, x, size=5, alpha=1e-4, beta=0.75, bias=1.0, *, order="NCHW", region="across", number=float):
    """Return dx and the sum of the absolute values of its terms, the scale of its rounding error.

    The derivative of y_j with respect to x_i is
    (1 if i = j) * scale_j^-beta - x_j * beta * scale_j^(-beta - 1) * (2 * alpha / n * x_i if i is in j's window).
    """
    n = size**2 if region == "within" else size
    base = scale(x, size, alpha, beta, bias, order=order, region=region, number=number)
    total, absolute = _zeros(x.shape, number), _zeros(x.shape, number)
    for j in np.ndindex(x.shape):
        power = base[j] ** -number(beta)
        direct = number(dy[j].item()) * power
        total[j] += direct
        absolute[j] += abs(direct)
        slope = number(dy[j].item()) * number(x[j].item()) * number(beta) * power / base[j] * 2 * number(alpha) / n
        for i in neighbours(j, x.shape, size, order, region):
            total[i] -= slope * number(x[i].item())
            absolute[i] += abs(slope * number(x[i].item()))
    return total, absolute


def decimally(function, *arrays, **arguments):
    """Call one of the functions above with 50 decimal digits and exponents large enough for every test.

    Results are kept, as both engines are compared with the same ones.
    """
    key = function.__name__, *((x.dtype.str, x.shape, x.tobytes()) for x in arrays), *sorted(arguments.items())
    if key not in _KNOWN:
        with localcontext(Context(prec=50, Emax=MAX_EMAX, Emin=MIN_EMIN)) as context:
            context.clear_traps()
            _KNOWN[key] = function(*arrays, **arguments, number=Decimal)
    return _KNOWN[key]


def _zeros(shape, number):
    result = np.empty(shape, float if number is float else object)
    result[...] = number(0)
    return result
