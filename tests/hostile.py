"""Hostile arguments for the fuzz tests: arrays of odd types, shapes, layouts and values, and what is no number."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import scipy.sparse
from hypothesis import strategies as st

ENDS = [0.0, 5e-324, 1e-310, 2.3e-308, 1e-160, 1e-38, 1e-7, 0.3, 1.0, 1.5, 7.0, 1e30, 3.4e38, 1e160, 1.7e308]
EXTREME = [0.0, 5e-324, 1.7e308]  # these are drawn as often as all others together
NOT_FINITE = [math.nan, math.inf, -math.inf]
TYPES = [*"efdgbhiqBHIQ?FDO", "U5", "S3", "M8[s]", "m8[s]", ">f4", ">f8", ">i4"]
WHOLE = [0, 1, 2, 3, 5, 7, 2**31, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 10**400, -1, -(10**400), 10**5000]
NO_NUMBERS = [
    None,
    "1",
    b"1",
    True,
    np.True_,
    1j,
    [0.5],
    (),
    {},
    Decimal(1),
    np.timedelta64(1, "s"),
    np.datetime64(0, "s"),
]
NUMBERS = [
    Fraction(1, 3),
    Fraction(10**400),
    np.longdouble(0.25),
    np.longdouble("1e4000"),
    np.float16(0.5),
    np.float32(0.5),
]
NUMBERS += [np.float64(0.5), np.int8(1), np.uint64(3), np.array(0.5), np.array(1), np.array([1.0])]

scalars = st.one_of(
    st.sampled_from(ENDS),
    st.sampled_from([-value for value in ENDS] + NOT_FINITE),
    *[st.sampled_from(values) for values in (WHOLE, NO_NUMBERS, NUMBERS)],
)


GENTLE = [0.0, 1e-3, 0.3, 1.0, 1.5, 7.0]


def arrays(base, ends=ENDS):
    """Return a strategy of arrays like `base`, and of things that are no arrays or have another type or shape."""
    like = st.builds(_with_values, st.just(base), st.just(ends), st.integers(0, 2**32), st.booleans())
    changed = like.flatmap(lambda x: st.sampled_from(CHANGES).map(lambda change: change(x)))
    return st.one_of(like, like.flatmap(lambda x: st.sampled_from(LAYOUTS).map(lambda lay: lay(x))), changed)


def values(base, ends=ENDS):
    """Return a strategy of arrays of the type and shape of `base` with finite values."""
    return st.integers(0, 2**32).map(lambda seed: _with_values(base, ends, seed, True))


def _with_values(base, ends, seed, finite):
    """Return an array of the type and shape of `base`, its floats and some whole numbers from the ends of the range."""
    rng = np.random.default_rng(seed)
    if base.dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = rng.choice(ends if finite else ends + NOT_FINITE, base.shape) * rng.choice([-1.0, 1.0], base.shape)
            x = np.where(rng.random(base.shape) < 0.7, values, base).astype(base.dtype)
        return np.nan_to_num(x) if finite else x
    if finite or base.dtype.kind not in "iu":
        return base.copy()
    limits = np.iinfo(base.dtype)
    return np.where(rng.random(base.shape) < 0.9, base, rng.choice([limits.min, limits.max, 0], base.shape)).astype(
        base.dtype
    )


def _strided(x):
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]) if x.ndim else (), x.dtype)
    view = wide[..., ::2] if x.ndim else wide
    view[...] = x
    return view


def _unaligned(x):
    room = np.zeros(x.nbytes + 1, np.uint8)
    view = room[1:].view(x.dtype)[: x.size].reshape(x.shape)
    view[...] = x
    return view


def _read_only(x):
    x.flags.writeable = False
    return x


def _overlapping(step):
    def lay(x):
        flat = np.resize(x, x.size * 4 + 4)
        strides = (step * x.itemsize,) * x.ndim
        return np.lib.stride_tricks.as_strided(flat, tuple(min(n, 2) for n in x.shape), strides)

    return lay


LAYOUTS = [
    *[
        lambda x: x[::-1] if x.ndim else x,
        np.asfortranarray,
        _strided,
        _unaligned,
        _read_only,
        lambda x: np.asarray(x)[...],
    ],
    *[
        lambda x: x.astype(x.dtype.newbyteorder("S")),
        lambda x: np.broadcast_to(x.reshape(-1)[:1], x.shape) if x.size else x,
    ],
    *[_overlapping(0), _overlapping(1), _overlapping(2), lambda x: x.view(np.matrix) if x.ndim == 2 else x],
]


def _of_type(code):
    def change(x):
        with np.errstate(all="ignore"):
            return x.astype(code)

    return change


CHANGES = [
    *[_of_type(code) for code in TYPES],
    *[
        np.ravel,
        lambda x: x[None],
        lambda x: x[..., None],
        lambda x: x[:0] if x.ndim else x,
        lambda x: x.reshape(-1)[:1],
    ],
    *[
        lambda x: x.reshape(-1)[0] if x.size else 0.5,
        lambda x: np.array(x.reshape(-1)[0] if x.size else 0.5),
        np.ndarray.tolist,
    ],
    *[lambda x: np.ma.masked_array(x), lambda x: [x.tolist(), [1.0]], lambda _: [], lambda _: [[1.0], [2.0, 3.0]]],
    *[lambda _, value=value: value for value in (None, "text", 0.5, 3, {}, object(), b"", np.float32(2), 10**400)],
    *[lambda x: _sparse(x, "csr"), lambda x: _sparse(x, "csc"), lambda x: _sparse(x, "coo"), lambda x: _broken(x)],
]


def _sparse(x, form):
    x = np.resize(x, (3, 4)) if x.dtype.kind in "iufb" and x.dtype.char not in "eg" else np.ones((3, 4))
    return getattr(scipy.sparse, f"{form}_array")(x)


def _broken(x):
    """Return a sparse matrix with index arrays of two axes."""
    matrix = _sparse(x, "csr")
    matrix.indices = matrix.indices[:, None]
    return matrix
