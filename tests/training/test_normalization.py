"""The layers that normalize against what PyTorch computed and a loop, and what they refuse."""

import numpy as np
import pytest

from tests.lrn import scalar as lrn_loop
from workbench.training import network as networks
from workbench.training.layers import (
    BatchNorm,
    Dense,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    ReLU,
    WeightNorm,
)

from .recorded import cases

WORLDS, BATCH, IMAGE = 3, 2, (4, 5, 7)


def some(shape, seed=0):
    """Return numbers that differ from world to world in mean and size."""
    worlds = np.arange(1.0, 1 + shape[0]).reshape(-1, *(1,) * (len(shape) - 1))
    return worlds * np.random.default_rng(seed).normal(size=shape) - worlds / 2


def as_world_1(arrays):
    """Return three worlds of unequal content, the second of them from arrays of one network."""
    return {name: np.stack([array * 2 + 1, array, array / 3]) for name, array in arrays.items()}


def check(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("case", list(cases("batch_norm")), ids=lambda case: case[0])
def test_batch_norm_is_that_of_pytorch(case):
    _, arguments, inputs, expected = case
    given = as_world_1(inputs)
    parameters = {name: given[name] for name in ("gamma", "beta", "running_mean", "running_var")}
    before = {name: array.copy() for name, array in parameters.items()}
    layer = BatchNorm(momentum=arguments["momentum"], eps=arguments["eps"])
    y, saved = layer.forward(parameters, given["x"], training=arguments["training"])
    dx, gradients = layer.backward(parameters, saved, given["dy"])
    check(y[1], expected["y"])
    check(dx[1], expected["dx"])
    for name in ("gamma", "beta"):
        check(gradients[name][1], expected[f"d{name}"])
    for name in ("running_mean", "running_var"):
        check(parameters[name][1], expected.get(name, before[name][1]))
    assert gradients.keys() == {"gamma", "beta"}


@pytest.mark.parametrize("case", list(cases("layer_norm")), ids=lambda case: case[0])
def test_layer_norm_is_that_of_pytorch(case):
    _, arguments, inputs, expected = case
    given = as_world_1(inputs)
    layer = LayerNorm(eps=arguments["eps"])
    y, saved = layer.forward(given, given["x"], training=True)
    dx, gradients = layer.backward(given, saved, given["dy"])
    for name, found in {"y": y, "dx": dx, "dgamma": gradients["gamma"], "dbeta": gradients["beta"]}.items():
        check(found[1], expected[name])


def test_weight_norm_is_that_of_pytorch():
    ((_, _, inputs, expected),) = cases("weight_norm")
    given = as_world_1({**inputs, "g": inputs["g"][:, 0]})
    units, features = inputs["v"].shape
    parameters = {"v": given["v"], "g": given["g"], "bias": np.zeros((WORLDS, units))}
    x = np.broadcast_to(np.eye(features), (WORLDS, features, features))  # so that y is the transposed weight
    layer = WeightNorm(Dense(units))
    y, saved = layer.forward(parameters, x, training=True)
    _, gradients = layer.backward(parameters, saved, given["dw"].swapaxes(1, 2))
    check(y[1].T, expected["w"])
    check(gradients["v"][1], expected["dv"])
    check(gradients["g"][1], expected["dg"][:, 0])


@pytest.mark.parametrize("shape", [IMAGE, (5,)], ids=["images", "features"])
def test_lrn_against_a_loop(shape):
    x = some((WORLDS, BATCH, *shape))
    y, _ = LocalResponseNorm(size=3, alpha=0.7, bias=1.3).forward({}, x, training=True)
    for s in range(WORLDS):
        expected = x[s] / lrn_loop.scale(x[s], 3, 0.7, 0.75, 1.3) ** 0.75
        np.testing.assert_allclose(y[s], expected, rtol=1e-12)


@pytest.mark.parametrize("region", ["across", "within"])
def test_lrn_with_an_alpha_for_each_world_against_a_loop(region):
    x, alphas = some((WORLDS, BATCH, *IMAGE)), (0.3, 40.0, 2.0)
    layer = LocalResponseNorm(size=3, alpha=alphas, bias=1.3, region=region)
    (parameters,) = networks.initial([layer], IMAGE, np.arange(WORLDS, dtype=np.uint64), np.float64)
    y, _ = layer.forward(parameters, x, training=True)
    for s, alpha in enumerate(alphas):
        expected = lrn_loop.normalized(x[s], 3, alpha, 0.75, 1.3, region=region)
        np.testing.assert_allclose(y[s], expected, rtol=1e-12)


def test_weight_norm_starts_with_the_layers_own_weight():
    layer = Dense(4, bias=False)
    plain, ours = (each.initial((5,), np.random.default_rng(3), WORLDS) for each in (layer, WeightNorm(layer)))
    x = some((WORLDS, BATCH, 5))
    expected, _ = layer.forward(plain, x, training=False)
    np.testing.assert_allclose(WeightNorm(layer).forward(ours, x, training=False)[0], expected, rtol=1e-13)
    assert ours.keys() == {"v", "g"}


def initial(layer, shape):
    return layer.initial(shape, np.random.default_rng(0), WORLDS)


def zeros(shape, *_):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: BatchNorm(momentum=2), ValueError, "momentum=2: must be a number from 0.0 to 1.0"),
        (lambda: LayerNorm(eps="small"), TypeError, "eps='small': must be a number"),
        (lambda: LocalResponseNorm(size=4), ValueError, "size=4: must be an odd whole number"),
        (lambda: LocalResponseNorm(alpha=[0.1, 0.0]), ValueError, r"alpha=\[0.1, 0.0\]: must be above 0 in each world"),
        (lambda: LocalResponseNorm(region="within").output((5,)), ValueError, "region='within' takes 4"),
        (lambda: GroupNorm(3).output(IMAGE), ValueError, "groups=3: must divide the number of channels, 4"),
        (lambda: InstanceNorm().output((5,)), ValueError, "groups of 1 element: must be at least 2"),
        (lambda: BatchNorm().output(()), ValueError, "must have at least one channel"),
        (lambda: initial(WeightNorm(ReLU()), (5,)), ValueError, r"layer=ReLU\(\): must have a weight"),
        (lambda: initial(WeightNorm(Dense(4, zeros)), (5,)), ValueError, r"v\[0, 0\] has a length of 0"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_batch_of_one_is_refused_in_training_alone():
    layer, x = BatchNorm(), some((WORLDS, 1, 5))
    parameters = initial(layer, (5,))
    with pytest.raises(ValueError, match=r"x has shape \(1, 5\) and groups of 1 element: must be at least 2; give a"):
        layer.forward(parameters, x, training=True)
    assert not parameters["running_mean"].any()
    np.testing.assert_allclose(layer.forward(parameters, x, training=False)[0], x / np.sqrt(1 + 1e-5), rtol=1e-14)


def test_a_world_that_diverges_leaves_the_others_alone():
    layer, x = BatchNorm(), some((WORLDS, BATCH, 5))
    expected, _ = layer.forward(initial(layer, (5,)), x, training=True)
    x[1] *= 1e200
    with np.errstate(all="ignore"):
        y, _ = layer.forward(initial(layer, (5,)), x, training=True)
    assert np.isnan(y[1]).all()
    assert np.array_equal(y[[0, 2]], expected[[0, 2]])
