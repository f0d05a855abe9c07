"""What PyTorch computed, to 1e-9: each case is one of several worlds of unequal content."""

import numpy as np
import pytest

from tests.training.recorded import cases
from workbench.data.splits import as_data, side_by_side
from workbench.training import losses, optimizers
from workbench.training.fit import Training
from workbench.training.layers import (
    ELU,
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    Layer,
    LeakyReLU,
    LocalResponseNorm,
    MaxPool,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)

ACTIVATIONS = {
    "relu": ReLU(),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "softmax": Softmax(),
    "leaky_relu": LeakyReLU(0.1),
    "elu": ELU(),
    "softplus": Softplus(),
}
ALIKE = {"rtol": 1e-9, "atol": 1e-9}


def parameters(kind):
    return [pytest.param(*case[1:], id=case[0]) for case in cases(kind)]


def among_others(x):
    """Put x (n, ...) into world 1 of three."""
    rng = np.random.default_rng(3)
    others = rng.normal(size=(2, *x.shape)) if x.dtype.kind == "f" else np.stack([x[::-1], x])
    return np.stack([others[0], x, others[1]])


@pytest.mark.parametrize(("arguments", "inputs", "outputs"), parameters("optimizer/"))
def test_optimizer(arguments, inputs, outputs):
    name = arguments.pop("kind").removeprefix("optimizer/")
    optimizer = getattr(optimizers, name)(arguments.pop("lr"), **arguments)
    weights = {"weight": among_others(inputs["weights"])}
    state = optimizer.start(weights)
    for gradient, wanted in zip(inputs["gradients"], outputs["weights"], strict=True):
        optimizer.step(weights, {"weight": among_others(gradient)}, state)
        np.testing.assert_allclose(weights["weight"][1], wanted, **ALIKE)


def cross_entropy_cases():
    """Yield the cases with the first row of logits that PyTorch saw.

    The recorder had changed that row to (1000, -1000, 0, 0, 0) before it wrote the logits of the first two cases. Their
    recorded gradient tells what it was: 6 gradient + target is the softmax, with the smoothed target.
    """
    for id_, arguments, inputs, outputs in cases("cross_entropy"):
        logits, smoothing = inputs["logits"].copy(), arguments["label_smoothing"]
        if outputs["loss"] < 100:
            target = (np.arange(5) == inputs["targets"][0]) * (1 - smoothing) + smoothing / 5
            logits[0] = np.log(6 * outputs["dlogits"][0] + target)
        yield pytest.param(logits, inputs["targets"], smoothing, outputs, id=id_)


@pytest.mark.parametrize(("logits", "targets", "smoothing", "outputs"), list(cross_entropy_cases()))
def test_cross_entropy(logits, targets, smoothing, outputs):
    loss, gradient = losses.cross_entropy(among_others(logits), among_others(targets), smoothing)
    np.testing.assert_allclose(loss[1], outputs["loss"], **ALIKE)
    np.testing.assert_allclose(gradient[1], outputs["dlogits"], **ALIKE)


@pytest.mark.parametrize(
    ("arguments", "inputs", "outputs"), parameters("binary_cross_entropy") + parameters("squared_error")
)
def test_other_losses(arguments, inputs, outputs):
    name = "logits" if "logits" in inputs else "prediction"
    targets = np.stack([1 - inputs["targets"], inputs["targets"], inputs["targets"] ** 2])
    loss, gradient = getattr(losses, arguments["kind"])(among_others(inputs[name]), targets)
    np.testing.assert_allclose(loss[1], outputs["loss"], **ALIKE)
    np.testing.assert_allclose(gradient[1], outputs[f"d{name}"], **ALIKE)


@pytest.mark.parametrize(("arguments", "inputs", "outputs"), parameters("activation/"))
def test_activation(arguments, inputs, outputs):
    layer = ACTIVATIONS[arguments["kind"].removeprefix("activation/")]
    y, saved = layer.forward({}, among_others(inputs["x"]), training=True)
    np.testing.assert_allclose(y[1], outputs["y"], **ALIKE)
    np.testing.assert_allclose(layer.backward({}, saved, among_others(inputs["dy"]))[0][1], outputs["dx"], **ALIKE)


def trained(network, places, arguments, inputs, steps):
    """Train with the recorded weights in world 1 of three, all examples in a step; return the training and losses."""
    x, y = among_others(inputs["x"]), np.stack([inputs["targets"][::-1], inputs["targets"], inputs["targets"]])
    rates = {name: arguments[name] for name in ("momentum", "weight_decay") if name in arguments}
    optimizer = getattr(optimizers, arguments["optimizer"])(arguments["lr"], **rates)
    data = side_by_side([as_data(*world) for world in zip(x, y, strict=True)])
    training = Training(network, data, optimizer, epochs=steps, batch=len(y[1]), seed=[1, 2, 3], evaluate_every=0)
    for name, (place, parameter) in places.items():
        training.parameters[place][parameter][1] = inputs[name]
    while not training.done:
        training.run_epoch()
    return training, training.history().batch_loss[1]


@pytest.mark.parametrize(("arguments", "inputs", "outputs"), parameters("network/conv"))
def test_a_convolutional_network_over_several_steps(arguments, inputs, outputs):
    lrn = LocalResponseNorm(**arguments["lrn"])
    network = [Convolution(5, 3, padding=1), ReLU(), lrn, MaxPool(2, 2), Flatten(), Dense(3)]
    places = {"w1": (0, "weight"), "b1": (0, "bias"), "w2": (5, "weight"), "b2": (5, "bias")}
    training, found = trained(network, places, arguments, inputs, arguments["steps"])
    np.testing.assert_allclose(found, outputs["losses"], **ALIKE)
    for name, (place, parameter) in places.items():
        np.testing.assert_allclose(training.parameters[place][parameter][1], outputs[name], **ALIKE)


@pytest.mark.parametrize(("arguments", "inputs", "outputs"), parameters("network/dense"))
def test_a_network_with_batch_normalization_and_given_masks(arguments, inputs, outputs, monkeypatch):
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "1")  # all worlds in one group
    masks = iter(inputs["dropped"])

    class Given(Layer):
        """Replace what the recorded masks say; the examples come in another order in every step."""

        def forward(self, parameters, x, *, training, seed):
            dropped = np.broadcast_to(next(masks)[order[-1]], x.shape)
            return np.where(dropped, arguments["replacement"], x), dropped

        def backward(self, parameters, saved, dy):
            return np.where(saved, 0, dy), {}

    class Order(Layer):
        """Note in which order the examples of world 1 come."""

        def forward(self, parameters, x, *, training, seed):
            order.append([int(np.flatnonzero((inputs["x"] == row).all(axis=1))[0]) for row in x[1]])
            return x, None

    order = []
    network = [Order(), Dense(7, bias=False), BatchNorm(), Tanh(), Given(), Dense(3, bias=False)]
    places = {"w1": (1, "weight"), "gamma": (2, "gamma"), "beta": (2, "beta"), "w2": (5, "weight")}
    training, found = trained(network, places, arguments, inputs, arguments["steps"])
    np.testing.assert_allclose(found, outputs["losses"], **ALIKE)
    places |= {name: (2, name) for name in ("running_mean", "running_var")}
    for name, (place, parameter) in places.items():
        np.testing.assert_allclose(training.parameters[place][parameter][1], outputs[name], **ALIKE)
