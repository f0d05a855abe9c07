"""Dropout with replacement one element at a time, on Python's own numbers, sharing no code with the package.

The first of three tiers: the NumPy reference and the compiled loops are both compared with this, and with each other.
"""

import functools

import numpy as np

MASK = 0xFFFFFFFF


def philox(counter, key):
    """Encrypt four words with two: ten rounds of Philox4x32, as the paper's figure draws them."""
    left0, right0, left1, right1 = counter
    k0, k1 = key
    for _ in range(10):
        a, b = left0 * 0xD2511F53, left1 * 0xCD9E8D57
        left0, right0, left1, right1 = b >> 32 ^ right0 ^ k0, b & MASK, a >> 32 ^ right1 ^ k1, a & MASK
        k0, k1 = k0 + 0x9E3779B9 & MASK, k1 + 0xBB67AE85 & MASK
    return left0, right0, left1, right1


@functools.cache
def _block(seed, number):
    return philox((number & MASK, number >> 32, 0, 0), (seed & MASK, seed >> 32))


def word(seed, index):
    """Return one word of a seed's stream."""
    return _block(seed, index // 4)[index % 4]


def words(seed, count, start=0):
    """Return a list of words of a seed's stream."""
    return [word(seed, index) for index in range(start, start + count)]


def drops(seed, ratio, count, start=0):
    """Return for each of `count` words whether it is dropped."""
    return [w / 2**32 < ratio for w in words(seed, count, start)]


def broadcast_at(array, index):
    """Return the value of a broadcast array at `index` of the larger array."""
    array = np.asarray(array)
    tail = index[len(index) - array.ndim :]
    return array[tuple(0 if length == 1 else i for i, length in zip(tail, array.shape, strict=True))]


def dropout(x, ratio, new, *, seed, start=0):
    """Return y and dropped; an element that is neither replaced nor converted keeps its bits."""
    new = np.asarray(new).astype(x.dtype)
    gone = iter(drops(seed, ratio, x.size, start))
    y, dropped = np.empty(x.shape, x.dtype), np.empty(x.shape, bool)
    for index in np.ndindex(x.shape):
        dropped[index] = next(gone)
        y[index] = broadcast_at(new, index) if dropped[index] else x[index]
    return y, dropped


def scaled_dropout(x, ratio, new, *, seed, start=0):
    """Return y in float64 and the sum of the absolute values of its terms, the scale of its rounding error."""
    gone = iter(drops(seed, ratio, x.size, start))
    y, size = np.empty(x.shape), np.empty(x.shape)
    for index in np.ndindex(x.shape):
        value, put = float(x[index]), float(broadcast_at(new, index))
        y[index] = put if next(gone) else put + (value - put) / (1 - ratio)
        size[index] = abs(put) + (abs(value) + abs(put)) / (1 - ratio)
    return y, size


def ragged(x, lengths, ratio, value, *, seed, start=0):
    """Return y and output_lengths of the operator that drops whole segments."""
    y, output_lengths, at = [], [], 0
    for length, gone in zip(lengths.tolist(), drops(seed, ratio, len(lengths), start), strict=True):
        segment = [value] if gone else list(x[at : at + length])
        y += segment
        output_lengths.append(len(segment))
        at += length
    return np.array(y, x.dtype), np.array(output_lengths, lengths.dtype)


def itemwise(x, ratio, value, *, seed, start=0):
    """Return y of the operator that drops single values."""
    return np.array(
        [value if gone else v for v, gone in zip(x, drops(seed, ratio, len(x), start), strict=True)], x.dtype
    )


def gradient(dy, dropped, shape, ratio=0.0):
    """Return dx and dreplacement in float64, for y = new where dropped, else new + (x - new) / (1 - ratio)."""
    dx, to_new = np.zeros(dy.shape), np.zeros(shape)
    for index in np.ndindex(dy.shape):
        g, slope = float(dy[index]), 1 / (1 - ratio)
        tail = index[len(index) - len(shape) :]
        place = tuple(0 if length == 1 else i for i, length in zip(tail, shape, strict=True))
        if dropped[index]:
            to_new[place] += g
        else:
            dx[index] = g * slope
            to_new[place] += g * (1 - slope)
    return dx, to_new
