"""Ratios 0 and 1 and one unit in 2^32 beside them, at elements whose word is the largest and the smallest there is.

Found by drawing 2^20 words of each seed from 0 on: the first word 0xFFFFFFFF and the first word 0.
"""

import numpy as np
import pytest
import scipy.sparse

from workbench import (
    dropout_with_replacement,
    sparse_dropout_with_replacement,
    sparse_itemwise_dropout_with_replacement,
)
from workbench.sparse_dropout.inputs import Drop

from . import scalar
from .common import ENGINES

LARGEST = (9652, 859188)  # seed, index
SMALLEST = (10751, 344903)
UNIT = 2.0**-32
COUNT = 11  # elements, of which the one in question is the middle one


def dense(ratio, seed, start, engine):
    return dropout_with_replacement(np.ones(COUNT), ratio, 2.0, seed=seed, start=start, engine=engine)[1]


def dense_scaled(ratio, seed, start, engine):
    return dropout_with_replacement(np.ones(COUNT), ratio, 2.0, seed=seed, start=start, scaled=True, engine=engine)[1]


def dense_from_the_beginning(ratio, seed, start, engine):
    y, _ = dropout_with_replacement(np.ones(start + COUNT, np.int8), ratio, 2, seed=seed, engine=engine)
    return y[start:] == 2


def csr(ratio, seed, start, engine):
    x = scipy.sparse.csr_matrix(np.ones((1, COUNT)))
    return dropout_with_replacement(x, ratio, 2.0, seed=seed, start=start, engine=engine)[1].data


def csc(ratio, seed, start, engine):
    x = scipy.sparse.csc_array(np.ones((COUNT, 1)))
    return dropout_with_replacement(x, ratio, 2.0, seed=seed, start=start, engine=engine)[0].data == 2


def segments(ratio, seed, start, engine):
    lengths = np.full(COUNT, 3)
    _, lengths = sparse_dropout_with_replacement(
        np.ones(3 * COUNT), lengths, ratio, 2.0, seed=seed, start=start, engine=engine
    )
    return lengths == 1


def items(ratio, seed, start, engine):
    lengths = np.array([COUNT])
    y, _ = sparse_itemwise_dropout_with_replacement(
        np.ones(COUNT), lengths, ratio, 2.0, seed=seed, start=start, engine=engine
    )
    return y == 2


WAYS = pytest.mark.parametrize(
    "way", [dense, dense_scaled, dense_from_the_beginning, csr, csc, segments, items], ids=lambda way: way.__name__
)


def is_dropped(way, ratio, place, engine):
    """Say whether the element at a place (seed, index) is dropped, after checking those around it."""
    seed, index = place
    drops = way(ratio, seed, index - COUNT // 2, engine).tolist()
    others = [w for k, w in enumerate(scalar.words(seed, COUNT, index - COUNT // 2)) if k != COUNT // 2]
    assert all(1 < w < 2**32 - 2 for w in others)
    gone = drops.pop(COUNT // 2)
    assert drops == [ratio > 0.5] * (COUNT - 1)  # all ratios here are next to 0 or to 1
    return gone


def test_these_are_the_extreme_words():
    assert scalar.word(*LARGEST) == 0xFFFFFFFF
    assert scalar.word(*SMALLEST) == 0


@WAYS
@pytest.mark.parametrize("engine", ENGINES)
def test_the_largest_word_is_dropped_at_ratio_one_alone(engine, way):
    assert is_dropped(way, 1.0, LARGEST, engine)
    assert not is_dropped(way, 1 - UNIT, LARGEST, engine)
    assert not is_dropped(way, 0.0, LARGEST, engine)


@WAYS
@pytest.mark.parametrize("engine", ENGINES)
def test_the_smallest_word_is_kept_at_ratio_zero_alone(engine, way):
    assert not is_dropped(way, 0.0, SMALLEST, engine)
    assert is_dropped(way, UNIT, SMALLEST, engine)
    assert is_dropped(way, 5e-324, SMALLEST, engine)  # 0 < ratio, by however little
    assert is_dropped(way, 1.0, SMALLEST, engine)


@pytest.mark.parametrize(
    ("ratio", "threshold"),
    [
        (0.0, 0),
        (5e-324, 1),
        (2**-32, 1),
        (2**-32 + 2**-60, 2),
        (0.5, 2**31),
        (1 / 3, 1431655766),  # 2^32 / 3 = 1431655765.33
        (1 - 2**-32, 2**32 - 1),
        (1 - 2**-53, 2**32),
        (1.0, 2**32),
    ],
)
def test_how_many_words_are_dropped(ratio, threshold):
    assert Drop(ratio, seed=0).threshold == threshold
