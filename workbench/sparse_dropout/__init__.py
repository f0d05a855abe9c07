"""Declare dropout with replacement, y = r < ratio ? replacement : x, by element, list item or whole list."""

import dataclasses
from typing import Any

import numpy as np

from workbench.arrays import FLOATS, NUMBERS, is_sparse, native_array
from workbench.operator import REQUIRED, Arg, Gradient, Operator, register_cpu_operator
from workbench.sparse_dropout import examples
from workbench.sparse_dropout.inputs import (
    RATIO,
    REPLACEMENTS,
    Drop,
    check_entries,
    check_gradient_ratio,
    check_places,
    checked_dropped,
    checked_lengths,
    checked_matrix,
    checked_number,
    checked_replacement,
    checked_replacement_shape,
)
from workbench.sparse_dropout.sparse_entries import Stored

ENGINES = {"numba": "workbench.sparse_dropout.kernels", "reference": "workbench.sparse_dropout.reference"}

_UP_TO = "a whole number from 0 to "
_STREAM, _PLACE = "which random stream; another for each step", "where in the stream x begins, for a part of a whole"
SEED = Arg("seed", int, REQUIRED, _STREAM, low=0, high=2**64 - 1, slider=(0, 50), words=f"{_UP_TO}2^64 - 1")
START = Arg("start", int, 0, _PLACE, low=0, high=2**62, slider=(0, 64), words=f"{_UP_TO}2^62")
TRAINING = Arg("training", bool, True, "False for evaluation: nothing is dropped")
SCALED = Arg("scaled", bool, False, "scale what is kept so that the expectation of y is x")

_NUMBER = "a number that fits x's dtype"
_SHAPE = "the shape of the replacement, () for one number"


def _drop(values: dict) -> Drop:
    return Drop(values["ratio"] if values["training"] else 0.0, values["seed"], values["start"])


def _scale(ratio: float, scaled: bool) -> float | None:
    """Return the scale of kept elements, or None if there is none: not scaled, or a ratio of 0 or 1."""
    return 1 / (1 - ratio) if scaled and 0 < ratio < 1 else None


def _prepare(inputs: tuple, values: dict) -> tuple:
    (x,) = inputs
    x = checked_matrix("x", x) if is_sparse(x) else native_array("x", x, NUMBERS)
    drop = _drop(values)
    if values["scaled"] and x.dtype.kind != "f":
        raise TypeError(f"scaled=True: x has dtype {x.dtype}, which cannot be scaled; convert x to a float type")
    if isinstance(x, Stored):
        check_places(x.shape, drop.start)  # an array is never too large
        if isinstance(values["replacement"], str):
            check_entries("x", x)  # before a strategy uses them
    replacement = checked_replacement(values["replacement"], x, values["per_feature"])
    if values["scaled"] and not np.isfinite(replacement).all():
        raise ValueError("replacement: must be finite with scaled=True, which adds a part of it to what is kept")
    return x, drop, replacement, _scale(drop.ratio, values["scaled"])


def _prepare_gradient(inputs: tuple, values: dict) -> tuple:
    dy, dropped = inputs
    dy = checked_matrix("dy", dy, FLOATS) if is_sparse(dy) else native_array("dy", dy, FLOATS)
    if isinstance(dy, Stored):
        check_entries("dy", dy)
    dropped = checked_dropped(dropped, dy)
    shape = checked_replacement_shape(values["replacement_shape"], dy.shape)
    ratio = check_gradient_ratio(values["ratio"], values["training"], values["scaled"], dropped)
    return dy, dropped, _scale(ratio, values["scaled"]) or 1.0, shape


def _prepare_ragged(inputs: tuple, values: dict) -> tuple:
    x, lengths = inputs
    x = native_array("x", x, NUMBERS)
    lengths = checked_lengths(lengths, x)
    return x, lengths, _drop(values), checked_number("replacement_value", values["replacement_value"], x.dtype)


DROPOUT = register_cpu_operator(
    Operator(
        name="DropoutWithReplacement",
        meaning="Replace each element with a given chance.",
        inputs=("x",),
        outputs=("y", "dropped"),
        args=(
            RATIO,
            Arg("replacement", object, 0.0, "what is put in the place of a dropped element", words=REPLACEMENTS),
            SEED,
            TRAINING,
            SCALED,
            Arg("per_feature", bool, False, "a strategy's value for each feature, the last axis, instead of one"),
            START,
        ),
        function="dropout_with_replacement",
        engines=ENGINES,
        prepare=_prepare,
        gradient="DropoutWithReplacementGradient",
        cost="workbench.sparse_dropout.cost",
        exact=True,
        types=NUMBERS,
        examples=examples.forward,
        timed=examples.timed_forward,
    )
)

DROPOUT_GRADIENT = register_cpu_operator(
    Operator(
        name="DropoutWithReplacementGradient",
        meaning="Carry a gradient back through DropoutWithReplacement, to the input and to the replacement.",
        inputs=("dy", "dropped"),
        outputs=("dx", "dreplacement"),
        args=(
            Arg("ratio", object, None, "as in the forward pass; only scaled=True needs it", words=RATIO.allowed),
            TRAINING,
            SCALED,
            Arg("replacement_shape", object, (), _SHAPE, words=_SHAPE),
        ),
        function="dropout_with_replacement_gradient",
        engines=ENGINES,
        prepare=_prepare_gradient,
        gradient=Gradient.NO_GRADIENT,
        cost="workbench.sparse_dropout.cost",
        types=FLOATS,
        examples=examples.gradient,
        timed=examples.timed_gradient,
    )
)

SPARSE_DROPOUT = register_cpu_operator(
    dataclasses.replace(
        DROPOUT,
        name="SparseDropoutWithReplacement",
        meaning="Replace whole segments of a ragged array by one value each, with a given chance.",
        inputs=("x", "lengths"),
        outputs=("y", "output_lengths"),
        args=(
            dataclasses.replace(RATIO, default=0.0),
            Arg("replacement_value", object, 0, "the one value that a dropped segment becomes", words=_NUMBER),
            SEED,
            TRAINING,
            START,
        ),
        function="sparse_dropout_with_replacement",
        prepare=_prepare_ragged,
        gradient=Gradient.NO_GRADIENT,
        examples=examples.ragged,
        timed=examples.timed_ragged,
    )
)

SPARSE_ITEMWISE_DROPOUT = register_cpu_operator(
    dataclasses.replace(
        SPARSE_DROPOUT,
        name="SparseItemwiseDropoutWithReplacement",
        meaning="Replace single values of a ragged array with a given chance; lengths stay.",
        function="sparse_itemwise_dropout_with_replacement",
    )
)


def dropout_with_replacement(
    x: Any,
    ratio: float = 0.5,
    replacement: Any = 0.0,
    *,
    seed: int,
    training: bool = True,
    scaled: bool = False,
    per_feature: bool = False,
    start: int = 0,
    engine: str = "numba",
) -> tuple[Any, Any]:
    """Replace each element with chance `ratio`.

    y_i = r_i < ratio ? new_i : x_i,  r_i = word start + i of the seed's stream / 2^32

    where i counts the elements in C order, for any memory layout. With scaled=True a kept element becomes
    new_i + (x_i - new_i) / (1 - ratio), so that the expectation of y is x; for new = 0 that is inverted dropout.

    Args:
        x: an array of an integer type, float16, float32 or float64; or a `scipy.sparse` CSR or CSC matrix. Only the
            stored entries of a matrix take part, each with the random word of its position in the dense matrix.
        ratio: from 0 (keep all) to 1 (drop all).
        replacement: the value `new`: a number; an array that broadcasts to x, such as (features,), one value for each
            feature; or the name of a strategy: "mean" or "median" of x's finite non-zero values, or "zero". The
            gradient treats such a value as a constant.
        seed: from 0 to 2^64 - 1. The same seed gives the same draws, so use another seed for each layer and step.
        training: False returns a copy of x.
        scaled: whether kept elements are scaled. Float types only.
        per_feature: compute the mean or median separately for each feature, the last axis.
        start: position in the stream where x begins, so that a large array can be processed in parts.
        engine: "numba" or "reference"; both return the same bits.

    Returns:
        y, a new array with x's type and shape (a sparse matrix: with the same kind, format and index arrays), and
        `dropped`, the same with bool elements. Dropped values are replaced even if they are infinite or NaN.

    Raises:
        TypeError: x has another element type, is masked, or is a sparse matrix of another format; `replacement` is none
            of the above; "mean", "median" or scaled=True with integers; an argument has the wrong type.
        ValueError: an argument is out of range; `replacement` does not broadcast or fit x's type; it is not finite and
            scaled=True; per_feature=True without a strategy; a sparse matrix is invalid or stores an element twice.

    Source: the element-wise reading of Caffe2's SparseDropoutWithReplacement; for scaled=True and new = 0 Srivastava,
    Hinton, Krizhevsky, Sutskever and Salakhutdinov, Dropout, 2014.
    """
    return DROPOUT.run(
        x,
        engine=engine,
        ratio=ratio,
        replacement=replacement,
        seed=seed,
        training=training,
        scaled=scaled,
        per_feature=per_feature,
        start=start,
    )


def dropout_with_replacement_gradient(
    dy: Any,
    dropped: Any,
    *,
    ratio: float | None = None,
    training: bool = True,
    scaled: bool = False,
    replacement_shape: tuple[int, ...] = (),
    engine: str = "numba",
) -> tuple[Any, np.ndarray]:
    """Return the gradients of a loss with respect to x and to the replacement, from dy, the gradient with respect to y.

    dx_i = dropped_i ? 0 : s dy_i;  dnew_i = dropped_i ? dy_i : (1 - s) dy_i;  s = scaled ? 1 / (1 - ratio) : 1

    Args:
        dy: float16, float32 or float64, with the shape of the output y; for a sparse y, one with the same entries.
        dropped: the second result of the forward pass.
        ratio, training, scaled: as in the forward pass; scaled=True needs the ratio.
        replacement_shape: the shape of the replacement: () for a number, (features,) for one value per feature.
        engine: "numba" or "reference".

    Returns:
        dx, with dy's shape and type, and dreplacement, with shape `replacement_shape` and dy's type: dnew summed (in
        float64) over the elements that share a value.

    Raises:
        TypeError: an argument has the wrong type, only one of dy and `dropped` is sparse, or a needed ratio is missing.
        ValueError: the shapes or entries of dy and `dropped` differ, `replacement_shape` does not broadcast to them, or
            `dropped` contradicts `ratio` or `training`, such as dropped elements with training=False.
    """
    return DROPOUT_GRADIENT.run(
        dy, dropped, engine=engine, ratio=ratio, training=training, scaled=scaled, replacement_shape=replacement_shape
    )


def sparse_dropout_with_replacement(
    x: Any,
    lengths: Any,
    ratio: float = 0.0,
    replacement_value: float = 0,
    *,
    seed: int,
    training: bool = True,
    start: int = 0,
    engine: str = "numba",
) -> tuple[np.ndarray, np.ndarray]:
    """Replace whole segments of a ragged array by one value each, with chance `ratio`.

    Segment s, the next lengths[s] values of x, is dropped if r_s = word start + s of the seed's stream / 2^32 is below
    `ratio`. A dropped segment becomes the single value `replacement_value`, even if it was empty.

    Args:
        x: the values of all segments, one after another, shape (values,); any integer type, float16, float32 or
            float64.
        lengths: number of values in each segment, shape (segments,), int32 or int64; they must add up to `len(x)`.
        ratio: from 0 (keep all) to 1 (drop all).
        replacement_value: a number that fits x's type.
        seed, training, start, engine: as for `dropout_with_replacement`.

    Returns:
        y, with x's type, and output_lengths, with the type of lengths; both are new arrays.

    Raises:
        TypeError: x or lengths has another element type, or an argument has the wrong type.
        ValueError: an argument is out of range; x or lengths does not have one axis; a length is negative; the lengths
            do not add up to `len(x)`; `replacement_value` does not fit x's type.

    Source: Caffe2's SparseDropoutWithReplacement. As in Caffe2, no gradient flows back.
    """
    given: dict[str, Any] = dict(ratio=ratio, replacement_value=replacement_value, seed=seed, training=training)
    return SPARSE_DROPOUT.run(x, lengths, engine=engine, start=start, **given)


def sparse_itemwise_dropout_with_replacement(
    x: Any,
    lengths: Any,
    ratio: float = 0.0,
    replacement_value: float = 0,
    *,
    seed: int,
    training: bool = True,
    start: int = 0,
    engine: str = "numba",
) -> tuple[np.ndarray, np.ndarray]:
    """Replace single values of a ragged array, each with chance `ratio`.

    Value i is dropped if r_i = word start + i of the seed's stream / 2^32 is below `ratio`. Arguments, types and errors
    are those of `sparse_dropout_with_replacement`; output_lengths is a copy of lengths.

    Source: Caffe2's SparseItemwiseDropoutWithReplacement.
    """
    given: dict[str, Any] = dict(ratio=ratio, replacement_value=replacement_value, seed=seed, training=training)
    return SPARSE_ITEMWISE_DROPOUT.run(x, lengths, engine=engine, start=start, **given)
