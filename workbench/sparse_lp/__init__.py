"""Declare sparse Lp regularization: the penalty alpha |w|^p, its proximal operator, and updates of table rows."""

import math
from typing import Any

import numpy as np

from workbench.arrays import WIDE_FLOATS, check_in_place, checked_indices, native_array
from workbench.operator import REQUIRED, Arg, Gradient, Operator, register_cpu_operator
from workbench.sparse_lp import examples

ENGINES = {"numba": "workbench.sparse_lp.kernels", "reference": "workbench.sparse_lp.reference"}


def _exponent(default: float) -> Arg:
    meaning, words = (
        "exponent of the penalty |w|^p: up to 1 it makes zeros",
        "a number of at least 0, infinity included",
    )
    return Arg("p", float, default, meaning, low=0.0, high=math.inf, slider=(0.0, 4.0), step=0.05, words=words)


STEP = "strength of one step of regularization"
REG_LAMBDA = Arg("reg_lambda", float, 1e-5, STEP, low=0.0, high=1.0, open=True, slider=(1e-5, 0.9), scale="log")
EXACT = Arg("exact", bool, False, "for p = 2 the proximal operator, 1 / (1 + lambda), instead of decay by 1 - lambda")
WEIGHT = Arg("weight", float, REQUIRED, "weight of the penalty", low=0.0, slider=(1e-3, 10.0), scale="log")
ALPHA = Arg("alpha", float, REQUIRED, "strength of the penalty", low=0.0, slider=(1e-4, 10.0), scale="log")
SMALL = "weights up to this size become zero: a larger one is sparser"
SPARSITY_THRESHOLD = Arg("sparsity_threshold", float, 0.0, SMALL, low=0.0, slider=(0.0, 3.0), step=0.01)


def _prepare_rows(inputs: tuple, values: dict) -> tuple:
    param, indices = inputs
    param = check_in_place("param", param)
    if param.ndim == 0:
        raise ValueError("param has no axes: must have at least one, the rows")
    return param, checked_indices(indices, len(param)), values["p"], values["reg_lambda"], values["exact"]


def _prepare_penalty(inputs: tuple, values: dict) -> tuple:
    (w,) = inputs
    return check_in_place("w", w), values["alpha"], values["p"], values["sparsity_threshold"]


def _prepare_gradient(inputs: tuple, values: dict) -> tuple:
    if values["p"] == math.inf:
        raise ValueError("p=inf: the penalty has no gradient; use lp_prox, which clips, or a finite p")
    return native_array("w", inputs[0], WIDE_FLOATS), values["alpha"], values["p"]


def _prepare_prox(inputs: tuple, values: dict) -> tuple:
    return native_array("x", inputs[0], WIDE_FLOATS), values["weight"], values["p"]


SPARSE_LP_REGULARIZER = register_cpu_operator(
    Operator(
        name="SparseLpRegularizer",
        meaning="Shrink the rows of an embedding table that a batch touched, in place.",
        inputs=("param", "indices"),
        outputs=("output_param",),
        args=(_exponent(2.0), REG_LAMBDA, EXACT),
        function="sparse_lp_regularizer",
        engines=ENGINES,
        prepare=_prepare_rows,
        gradient=Gradient.SHOULD_NOT_DO_GRADIENT,
        cost="workbench.sparse_lp.cost",
        inplace=(("output_param", "param"),),
        changes=("param",),
        examples=examples.rows,
        timed=examples.timed_rows,
    )
)

SPARSE_LP = register_cpu_operator(
    Operator(
        name="SparseLp",
        meaning="Return the penalty alpha |w|^p and set small weights to zero, in place.",
        inputs=("w",),
        outputs=("loss", "mask"),
        args=(ALPHA, _exponent(1.0), SPARSITY_THRESHOLD),
        function="sparse_lp",
        engines=ENGINES,
        prepare=_prepare_penalty,
        gradient="LpGradient",
        cost="workbench.sparse_lp.cost",
        changes=("w",),
        examples=examples.penalty,
        timed=examples.timed((1.0, 0.5, 3.0), alpha=examples.STRENGTH, sparsity_threshold=0.5),
    )
)

LP_GRADIENT = register_cpu_operator(
    Operator(
        name="LpGradient",
        meaning="Return the gradient of the penalty alpha |w|^p, 0 where w is 0.",
        inputs=("w",),
        outputs=("dw",),
        args=(ALPHA, _exponent(1.0)),
        function="lp_gradient",
        engines=ENGINES,
        prepare=_prepare_gradient,
        gradient=Gradient.NO_GRADIENT,
        cost="workbench.sparse_lp.cost",
        examples=examples.gradient,
        timed=examples.timed((1.0, 0.5, 3.0), alpha=examples.STRENGTH),
        blockwise="elementwise",
    )
)

LP_PROX = register_cpu_operator(
    Operator(
        name="LpProx",
        meaning="Return what is near x and has a small penalty |z|^p: the proximal operator.",
        inputs=("x",),
        outputs=("z",),
        args=(WEIGHT, _exponent(1.0)),
        function="lp_prox",
        engines=ENGINES,
        prepare=_prepare_prox,
        gradient=Gradient.NO_GRADIENT,
        cost="workbench.sparse_lp.cost",
        examples=examples.prox,
        timed=examples.timed((1.0, 0.5, 2 / 3), weight=examples.STRENGTH),
        blockwise="elementwise",
    )
)


def sparse_lp_regularizer(
    param: np.ndarray,
    indices: Any,
    p: float = 2.0,
    reg_lambda: float = 1e-5,
    *,
    exact: bool = False,
    engine: str = "numba",
) -> None:
    """Shrink the rows of a table named by `indices`, in place, once for each time a row is named.

    p = 1:        w <- sign(w) max(|w| - reg_lambda, 0)
    p = 2:        w <- (1 - reg_lambda) w;  with exact=True  w / (1 + reg_lambda), the proximal operator of
                  reg_lambda/2 w^2
    any other p:  w <- argmin_z 1/2 (z - w)^2 + reg_lambda |z|^p, as in `lp_prox`

    Args:
        param: the table, shape (rows, ...), float32 or float64, writable, in any memory layout.
        indices: row numbers, int32 or int64, of any shape. A row named k times is shrunk k times.
        p: at least 0, infinity included. Caffe2 accepts only 1 and 2.
        reg_lambda: above 0 and below 1.
        exact: whether to use the proximal operator for p = 2; it has no effect for other p, which always use it.
        engine: "numba" or "reference".

    Raises:
        TypeError: an array has another element type, or an argument has the wrong type. If any error is raised,
            nothing has been written.
        ValueError: `param` is read-only, has no axes, or has elements that share memory; an index is not a row number;
            `p`, `reg_lambda` or `engine` is not one of the values above.

    Source: Caffe2's SparseLpRegularizer. For p = 1 and p = 2, the arithmetic is the same, in param's type.
    """
    SPARSE_LP_REGULARIZER.run(param, indices, p=p, reg_lambda=reg_lambda, exact=exact, engine=engine)


def sparse_lp(
    w: np.ndarray, alpha: float, p: float = 1.0, sparsity_threshold: float = 0.0, *, engine: str = "numba"
) -> tuple[float, np.ndarray]:
    """Return the penalty of the weights and a mask of the kept ones, and set the others to zero, in place.

    loss = alpha * sum |w|^p,  mask = |w| > sparsity_threshold,  w <- mask ? w : 0

    The loss is computed before any weight is set to zero. For p = 0 it counts the weights that are not zero.

    Args:
        w: float32 or float64, any shape and memory layout, writable.
        alpha: at least 0 and finite; if 0, the loss is 0.
        p: at least 0. For infinity, |w|^p is 0 where |w| < 1, 1 where |w| = 1, and infinite where |w| > 1.
        sparsity_threshold: at least 0 and finite. A larger one sets more weights to zero.
        engine: "numba" or "reference".

    Returns:
        loss, a float summed in float64, and mask, bool, with w's shape. A NaN is False in the mask, stays in w, and
        makes the loss NaN, except for p = 0, where it is counted.

    Errors are those of `sparse_lp_regularizer`, for `w` and the arguments above; nothing has been written then.
    """
    return SPARSE_LP.run(w, alpha=alpha, p=p, sparsity_threshold=sparsity_threshold, engine=engine)


def lp_gradient(w: Any, alpha: float, p: float = 1.0, *, engine: str = "numba") -> np.ndarray:
    """Return the gradient of alpha * sum |w|^p, which is alpha p |w|^(p - 1) sign(w), or 0 where w is 0.

    For p <= 1 the penalty has no derivative at 0. For p = 1 any number from -alpha to alpha is a subgradient. For p < 1
    any number is one, since the slopes on both sides are infinite. The result 0 leaves a zero weight unchanged.

    `w` is a float32 or float64 array of any shape; the result is a new array with its shape and type. `p` is finite.
    For p = 0 the gradient is 0 everywhere.

    Raises:
        TypeError: `w` has another element type, or an argument is not a number.
        ValueError: `alpha` or `p` is negative or not finite, or `engine` is not "numba" or "reference".
    """
    return LP_GRADIENT.run(w, alpha=alpha, p=p, engine=engine)


def lp_prox(x: Any, weight: float, p: float = 1.0, *, engine: str = "numba") -> np.ndarray:
    """Return argmin_z 1/2 (z - x)^2 + weight |z|^p for each element of x: the proximal operator of the penalty.

    p = 0        x where |x| > sqrt(2 weight), else 0: the hard threshold
    0 < p < 1    0 if |x| <= `lp_threshold(weight, p)`, else the largest root of z + weight p z^(p-1) = |x|
    p = 1        sign(x) max(|x| - weight, 0): the soft threshold
    p > 1        the root of z + weight p z^(p-1) = |x|; for p = 2 that is x / (1 + 2 weight)
    p = inf      x clipped to [-1, 1], the limit of large p; for the proximal operator of the maximum norm, see
                 `workbench.solvers.penalties.max_norm_prox`

    A root is given the sign of x. If two minima are equal (for p < 1 where |x| is the threshold), the result is 0.

    Args:
        x: float32 or float64, any shape. NaN stays NaN.
        weight: at least 0 and finite; if 0, the result is x.
        p: at least 0, infinity included.
        engine: "numba" or "reference".

    Returns:
        A new array with x's shape and type. The relative error is below 1e-6 (float32) or 1e-12 (float64), except for
        the effect of rounding x: near p = 1, a change of x by eps changes z by up to eps / |p - 1|.

    Errors are those of `lp_gradient`, except that p may be infinite.

    Source: for p = 1/2 and 2/3 Cao, Sun and Xu, Fast image deconvolution using closed-form thresholding formulas of Lq
    (q = 1/2, 2/3) regularization, 2013; the threshold for 0 < p < 1 is where both minima are equal.
    """
    return LP_PROX.run(x, weight=weight, p=p, engine=engine)
