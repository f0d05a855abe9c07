"""Hostile calls of every operator and every baseline: each returns a sound result, or refuses an argument by name.

Run longer, with other calls each time: pytest tests/test_fuzz.py --hypothesis-profile=long
"""

import copy
import dataclasses
import inspect
import re

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests import hostile
from tests.declared import as_tuple, examples, is_sparse, parts
from workbench import OPERATORS, REQUIRED
from workbench.baselines import (
    dropconnect,
    elementwise,
    normalizations,
    pruning,
    regularizers,
    subsampling,
    variational_dropout,
    weight_bounds,
)
from workbench.solvers import penalties

EVERY = pytest.mark.parametrize("operator", list(OPERATORS.values()), ids=list(OPERATORS))


def legal(arg, ends):
    """Return a strategy of values that an argument may have, its ends among them; of other types, its default."""
    if arg.type is bool:
        return st.booleans()
    if arg.choices:
        return st.sampled_from(arg.choices)
    if arg.type is object or not arg.slider:
        return st.just(arg.default)
    if arg.type is int:
        return st.sampled_from([value for value in (0, 1, 3, 5, 31, arg.low, arg.high) if _allows(arg, value)])
    values = [value for value in (*ends, 2 / 3, 2.0, arg.high) if _allows(arg, value)]
    extreme = [value for value in hostile.EXTREME if value in values]
    return st.sampled_from(values) | st.sampled_from(extreme or values)


def _allows(arg, value):
    try:
        return value is not None and arg.check(value) == value
    except (TypeError, ValueError):
        return False


def outcome(function, inputs, arguments):
    """Return the results of a call, or the type and the message of its refusal, which must name an argument."""
    try:
        return as_tuple(function(*inputs, **arguments))
    except (TypeError, ValueError) as problem:
        kind, message = type(problem), str(problem)
    names = "|".join([*inspect.signature(function).parameters, "dtypes", "bound"])
    assert re.match(rf"(the )?({names})\b", message), message
    return kind, message


def is_refusal(found):
    return isinstance(found[0], type)


def bits(values):
    return [
        [(part.dtype.str, part.shape, part.tobytes()) for part in parts(value)] for value in values if is_array(value)
    ]


def is_array(value):
    return isinstance(value, np.ndarray | np.generic | float) or is_sparse(value)


def are_finite(values):
    """Return whether all values can be read as finite numbers, but for flags and words."""
    try:
        arrays = [np.asarray(x, float) for value in values if not isinstance(value, str | bool) for x in parts(value)]
    except (TypeError, ValueError, OverflowError):
        return False
    return all(np.isfinite(array).all() for array in arrays)


def has_nan(values):
    return any(
        np.isnan(part).any() for value in values if is_array(value) for part in parts(value) if part.dtype.kind == "f"
    )


def assert_sound(found, inputs, before, changes=(), nan=False):
    """Assert that a call changed only what it may, and returned arrays of its own, without NaN from finite numbers."""
    refused = is_refusal(found)
    for place, (value, old) in enumerate(zip(inputs, before, strict=True)):
        if refused or place not in changes:
            assert bits([value]) == bits([old]), "an input was changed"
    if refused:
        return
    for value in found:
        assert not isinstance(value, np.generic), "a number where an array is due"
        if isinstance(value, np.ndarray):
            assert value.dtype.isnative
            assert not any(np.shares_memory(value, x) for x in inputs if type(x) is np.ndarray)
    assert nan or not has_nan(found), "NaN from finite numbers"


def assert_agree(operator, mine, theirs):
    """Assert that two engines refuse alike, or return the same bits or nearly the same numbers."""
    if is_refusal(mine) or is_refusal(theirs):
        assert mine == theirs
        return
    if operator.exact:
        assert bits(mine) == bits(theirs)
        return
    ours, others = ([part for value in found for part in parts(value)] for found in (mine, theirs))
    floats = [part[np.isfinite(part)] for part in ours if part.dtype.kind == "f"]
    largest = 0.0 if operator.blockwise else max((float(np.abs(part).max(initial=0)) for part in floats), default=0.0)
    for a, b in zip(ours, others, strict=True):  # a sum may cancel, an elementwise result may not
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        with np.errstate(over="ignore", invalid="ignore"):
            close = np.isclose(a, b, rtol=1e-5, atol=max(1e-30, 10 * operator.tolerance * largest), equal_nan=True)
            end = float(np.finfo(a.dtype).max) / 2 if a.dtype.kind == "f" else np.inf
            assert np.all(close | ((np.abs(a) > end) & (np.abs(b) > end)))  # one of them may be infinite


@EVERY
@given(data=st.data())
def test_operators(operator, data):
    inputs, arguments = data.draw(st.sampled_from(examples(operator)))
    ends = hostile.GENTLE if operator.room.endswith("lrn") else hostile.ENDS  # LRN's ends have tests of their own
    inputs, odd = list(inputs), data.draw(st.sampled_from(("ends", "input", "argument")))
    for place in {"ends": range(len(inputs)), "input": [data.draw(st.integers(0, len(inputs) - 1))]}.get(odd, ()):
        if not is_sparse(inputs[place]):
            draw = hostile.values if odd == "ends" else hostile.arrays
            inputs[place] = data.draw(draw(inputs[place], ends))
    chosen = {arg.name: legal(arg, ends) for arg in operator.args if odd == "ends"}
    if odd == "argument":
        chosen[data.draw(st.sampled_from(operator.args)).name] = hostile.scalars
    arguments = arguments | {name: data.draw(values) for name, values in chosen.items()}
    arguments = {name: value for name, value in arguments.items() if value is not REQUIRED}
    changes = [operator.inputs.index(name) for name in operator.changes]
    function, before, found = getattr(workbench, operator.function), copy.deepcopy(inputs), []
    for engine in operator.engines:
        results = outcome(function, inputs, arguments | {"engine": engine})
        assert_sound(results, inputs, before, changes, nan=not are_finite([*before, *arguments.values()]))
        if not is_refusal(results):
            results = [value for value in results if value is not None] + [inputs[place].copy() for place in changes]
            for place in changes:
                inputs[place][...] = before[place]
        found.append(results)
    assert_agree(operator, *found)


# -- baselines ---------------------------------------------------------------------------------------------------------

X = np.linspace(-2.0, 3.0, 20).reshape(4, 5)
MASK = np.arange(20).reshape(4, 5) % 3 == 0
CSR = scipy.sparse.csr_array(np.where(MASK, X, 0))
DRAWN = {"ratio": 0.5, "seed": 3, "training": True}
NOISE = {"noise": X[::-1].copy()}
LAYER = {"theta": X[:3].copy(), "log_sigma2": -X[:3]}
BASELINES = {  # each with arguments that it accepts
    elementwise.dropout: {"x": X, **DRAWN},
    elementwise.dropout_gradient: {"dy": X, "dropped": MASK, "ratio": 0.5},
    elementwise.feature_dropout: {"x": X, **DRAWN},
    elementwise.feature_dropout_gradient: {"dy": X, "dropped": MASK, "ratio": 0.5},
    elementwise.alpha_dropout: {"x": X, **DRAWN},
    elementwise.alpha_dropout_gradient: {"dy": X, "dropped": MASK, "ratio": 0.5},
    elementwise.alpha_dropout_affine: {"ratio": 0.5},
    elementwise.gaussian_dropout: {"x": X, **DRAWN},
    elementwise.gaussian_dropout_gradient: {"dy": X, **NOISE},
    dropconnect.dropconnect: {"x": X, "weight": X[:3].copy(), **DRAWN},
    dropconnect.dropconnect_gradient: {
        "dy": X[:, :3],
        "x": X,
        "weight": X[:3].copy(),
        "dropped": MASK[:3],
        "ratio": 0.5,
    },
    subsampling.subsample_entries: {"x": CSR, **DRAWN, "scaled": True},
    subsampling.subsample_entries_gradient: {"dy": X[0, :3].copy(), "dropped": MASK[:1, :].ravel(), "ratio": 0.5},
    subsampling.subsample_lists: {"values": X[0].copy(), "lengths": np.array([2, 0, 3]), "keep": 1, "seed": 3},
    variational_dropout.variational_dropout: {"x": X, **LAYER, "seed": 3, "training": True},
    variational_dropout.variational_dropout_gradient: {"dy": X[:, :3], "x": X, **LAYER, "normal": X[::-1, :3].copy()},
    variational_dropout.log_alpha: LAYER,
    variational_dropout.pruned: {"log_alpha": X, "threshold": 3.0},
    variational_dropout.kl_approximation: {"log_alpha": X},
    variational_dropout.variational_dropout_kl: LAYER,
    variational_dropout.variational_dropout_kl_gradient: LAYER,
    pruning.prune_global: {"layers": [X, X[:3].copy()], "sparsity": 0.5},
    pruning.prune_layers: {"layers": [X, X[:3].copy()], "sparsity": 0.5},
    pruning.prune_rows: {"w": X, "sparsity": 0.5, "p": 2.0},
    pruning.gradual_sparsity: {"step": 3.0, "begin": 1.0, "end": 7.0, "initial": 0.1, "final": 0.9, "exponent": 3.0},
    normalizations.normalize_gradient: {
        "dy": X[::-1].copy(),
        "x": X,
        "kind": "layer",
        "gamma": X[0].copy(),
        "eps": 0.5,
    },
    normalizations.weight_norm_gradient: {"dw": X[::-1].copy(), "v": X, "g": X[:, 0].copy()},
    penalties.elastic_net_prox: {"x": X, "weight": 0.5, "l1_ratio": 0.5},
    penalties.group_prox: {"x": X, "weight": 0.5},
    penalties.max_norm_prox: {"x": X, "weight": 0.5},
}
IN_PLACE = ("layers", "w", "param")
PRODUCTS = (
    dropconnect,
    normalizations,
    variational_dropout,
)  # sums of products: an infinite one and its opposite make NaN


def hostile_to(value):
    """Return a strategy of values in the place of one that is accepted."""
    if isinstance(value, np.ndarray):
        return hostile.arrays(value)
    if isinstance(value, list) and isinstance(value[0], np.ndarray):
        return st.one_of(st.lists(hostile.arrays(value[0]), max_size=2), hostile.arrays(value[0]))
    return st.one_of(st.sampled_from([value, *hostile.ENDS]), hostile.scalars)


def at_the_ends(value):
    """Return a strategy of finite values in the place of one that is accepted."""
    if isinstance(value, np.ndarray):
        return hostile.values(value)
    ends = st.sampled_from(hostile.ENDS) | st.sampled_from(hostile.EXTREME)
    return ends if isinstance(value, float) else st.just(value)


def drawn(arguments, data):
    """Return arguments one of which is odd, or all of which are finite values at the ends of the range."""
    odd = data.draw(st.sampled_from([*arguments, None, None]))
    return {
        name: data.draw(hostile_to(value) if name == odd else at_the_ends(value) if odd is None else st.just(value))
        for name, value in copy.deepcopy(arguments).items()
    }


def run_hostile(function, arguments, data, nan=False):
    arguments = drawn(arguments, data)
    before = copy.deepcopy(arguments)
    found = outcome(function, (), arguments)
    changes = [place for place, name in enumerate(arguments) if name in IN_PLACE]
    results = found if is_refusal(found) else [value for value in found if is_array(value)]
    nan = nan or not are_finite(before.values())
    assert_sound(results or [0.0], list(arguments.values()), list(before.values()), changes, nan)


@pytest.mark.parametrize("function", BASELINES, ids=lambda function: function.__name__)
@given(data=st.data())
def test_baselines(function, data):
    run_hostile(function, BASELINES[function], data, nan=inspect.getmodule(function) in PRODUCTS)


REGULARIZERS = {
    kind: {field.name: {"k": 2, "groups": [2, 3]}.get(field.name, 0.5) for field in dataclasses.fields(kind)}
    for kind in (vars(regularizers) | vars(weight_bounds)).values()
    if isinstance(kind, type) and issubclass(kind, regularizers.Regularizer) and kind is not regularizers.Regularizer
}
REGULARIZERS[weight_bounds.LogBarrier]["discount_policy"] = "inv"
REGULARIZERS[weight_bounds.BoundedGradientProjection] = {
    "lower": -1.0,
    "upper": 0.5,
    "left_open": True,
    "epsilon": 0.25,
}


@pytest.mark.parametrize("kind", REGULARIZERS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_regularizers(kind, data):
    made = outcome(kind, (), drawn(REGULARIZERS[kind], data))
    if is_refusal(made):
        return
    method = data.draw(st.sampled_from([made[0].on_loss, made[0].gradient_on_loss, made[0].after_step]))
    if method == made[0].after_step:
        run_hostile(method, {"param": X, "indices": np.array([2, 0, 2])}, data)
    else:
        run_hostile(method, {"w": X}, data)
