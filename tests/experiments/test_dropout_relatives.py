"""Relatives of dropout: what the controls remove, counted by hand."""

import types

import numpy as np

from workbench.data.splits import Data
from workbench.experiments import dropout_and_choices, dropout_relatives
from workbench.training.fit import fit
from workbench.training.layers import BatchNorm, Dense
from workbench.training.optimizers import SGD


def weights():
    rng = np.random.default_rng(3)
    return [{"weight": rng.standard_normal((2, 3, 5))}, {}, {"weight": rng.standard_normal((2, 7, 3))}]


def test_random_pruning_removes_as_many_at_random_and_keeps_them_removed():
    network, before = weights(), weights()
    penalty = dropout_relatives.RandomPruning(np.array([0.25, 0.5]), begin=0.5, end=0.6, gradual=False)
    state = penalty.start(network)
    penalty.after_step(network, 0.1, 0.4, state)
    assert all(np.array_equal(a["weight"], b["weight"]) for a, b in zip(network[::2], before[::2], strict=True))
    penalty.after_step(network, 0.1, 0.5, state)
    removed = np.concatenate([(layer["weight"] == 0).reshape(2, -1) for layer in network[::2]], axis=1)
    assert removed.sum(axis=1).tolist() == [9, 18]  # of 3 * 5 + 7 * 3 = 36
    sizes = np.abs(np.concatenate([layer["weight"].reshape(2, -1) for layer in before[::2]], axis=1))
    assert all(own[gone].max() > own[~gone].min() for own, gone in zip(sizes, removed, strict=True))
    for layer in network[::2]:
        layer["weight"] += 1
    penalty.after_step(network, 0.1, 0.7, state)
    again = np.concatenate([(layer["weight"] == 0).reshape(2, -1) for layer in network[::2]], axis=1)
    assert np.array_equal(again, removed)


def test_statistics_are_estimated_again_from_the_whole_training_part():
    x = np.random.default_rng(4).normal(5.0, [1.0, 2.0, 4.0], (11, 3))
    y = np.arange(11) % 2
    data = Data(x, y, np.arange(7)[None], np.arange(0)[None], np.arange(7, 11)[None], None, None, 2)
    history = fit([BatchNorm(), Dense(2)], data, SGD(0.1), epochs=0, evaluate_every=0)
    parameters, tuned = history.parameters, types.SimpleNamespace(history=history)
    loss, ratio = dropout_and_choices._estimated_again(tuned, data)
    variance = x[:7].var(axis=0, ddof=1)
    scores = (x[7:] - x[:7].mean(axis=0)) / np.sqrt(variance + 1e-5) @ parameters[1]["weight"][0].T
    expected = np.mean([np.log(np.exp(row).sum()) - row[label] for row, label in zip(scores, y[7:], strict=True)])
    np.testing.assert_allclose(loss, expected, rtol=1e-9)
    assert ratio == np.median(1 / variance)  # running statistics start at a variance of 1
    assert (parameters[0]["running_mean"] == 0).all()
