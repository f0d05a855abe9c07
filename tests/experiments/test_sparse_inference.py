"""Pruned networks in use: which units go, what is left of a network, and what it costs, by hand."""

import numpy as np
import pytest

from workbench.experiments import sparse_inference as experiment
from workbench.machines.prediction import predict
from workbench.machines.published import SMALL_CORE
from workbench.sparse_inference import cost


def test_units_with_the_shortest_rows_go_with_their_biases_and_do_not_come_back():
    rng = np.random.default_rng(2)
    first = rng.standard_normal((2, 10, 3)) * np.arange(1, 11)[::-1][None, :, None]
    network = [
        {"weight": first, "bias": np.ones((2, 10))},
        {},
        {"weight": np.ones((2, 4, 10)), "bias": np.ones((2, 4))},
    ]
    norms = np.linalg.norm(first, axis=2)
    penalty = experiment.RowPruning(np.array([0.2, 0.7]), begin=0.5, end=0.6, gradual=False)
    state = penalty.start(network)
    penalty.after_step(network, 0.1, 0.4, state)
    assert (network[0]["weight"] != 0).all()
    penalty.after_step(network, 0.1, 0.5, state)
    gone = (network[0]["weight"] == 0).all(axis=2)
    assert gone.sum(axis=1).tolist() == [2, 7]
    assert all(size[own].max() < size[~own].min() for size, own in zip(norms, gone, strict=True))
    assert np.array_equal(network[0]["bias"] == 0, gone)
    assert (network[2]["weight"] == 1).all()
    assert (network[2]["bias"] == 1).all()
    network[0]["weight"] += 1
    network[0]["bias"] += 1
    penalty.after_step(network, 0.1, 0.7, state)
    assert np.array_equal((network[0]["weight"] == 0).all(axis=2), gone)
    assert np.array_equal(network[0]["bias"] == 0, gone)


def test_a_network_without_its_removed_units_gives_the_same():
    rng = np.random.default_rng(3)
    first, second, x = (rng.standard_normal(shape) for shape in ((6, 4), (3, 6), (5, 4)))
    first[[1, 4]] = 0
    small = experiment.small_network(first, second)
    assert [w.shape for w in small] == [(4, 4), (3, 4)]
    whole, less = (np.maximum(x @ a.T, 0) @ b.T for a, b in ((first, second), small))
    np.testing.assert_allclose(whole, less)


def test_the_latency_is_that_of_the_layers_with_all_weights_in_the_caches_together():
    layers = [((512, 784), 512 * 784), ((10, 512), 5120)]
    weights = 4 * (512 * 784 + 5120)
    seconds = [
        predict(cost.cost("dense", shape, stored, 1), SMALL_CORE, working_set=weights).seconds
        for shape, stored in layers
    ]
    assert experiment.latency("dense", layers) == pytest.approx(sum(seconds), rel=1e-12)
    # 1,626,112 bytes lie between the 512 KiB at 76.8e9 bytes a second and the 2 MiB at 17e9.
    assert weights / 76.8e9 < sum(seconds) < weights / 17e9 + 3e-6


def test_digits_are_enlarged():
    images = experiment._images()
    assert images.x.shape == (1797, 784)
    assert images.x.dtype == np.float32
    corners = images.x.reshape(-1, 28, 28)[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    from sklearn.datasets import load_digits

    expected = load_digits().images[:, [0, 0, -1, -1], [0, -1, 0, -1]] / 16
    np.testing.assert_allclose(corners, expected, atol=1e-6)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(experiment, "HIDDEN", 20)
    monkeypatch.setattr(experiment, "GRID", (0.01, 0.05))
    monkeypatch.setattr(experiment, "AT_THE_END", {"epochs": 3, "evaluate_every": 3})


@pytest.mark.parametrize("structure", experiment.STRUCTURES)
def test_what_is_counted_of_a_trained_network(structure, short):
    dense, pruned = experiment.table(5, structure, (0.0, 0.9))
    by_rows = structure == "whole rows"
    whole = 20 * 784 + 10 * 20
    left = 2 * 784 + 10 * 2 if by_rows else round(0.1 * whole)
    assert (dense.multiply_adds, pruned.multiply_adds) == (whole, left)
    biases = 4 * (20 + 10)
    if by_rows:
        assert dense.sizes == {"rows": 4 * whole + biases}
        assert pruned.sizes == {"rows": 4 * left + 4 * (2 + 10)}
    else:
        assert dense.sizes["dense"] == pruned.sizes["dense"] == 4 * whole + biases
        assert pruned.sizes["CSR, int16"] == 6 * left + 4 * (21 + 11) + biases
    numbers = experiment.on_a_small_device(5, structure)
    form = "rows" if by_rows else "CSR, int16"
    name = "rows" if by_rows else "dense"
    assert numbers["bytes at 90 % zeros over dense"] == pruned.sizes[form] / dense.sizes[name]
    assert numbers["accuracy lost at 90 % zeros"] == pytest.approx(dense.accuracy - pruned.accuracy)
    assert numbers["multiply-adds at 90 % zeros over dense"] == left / whole
    assert numbers["best rates at the end of their grid"] == 2  # two rates are two ends
