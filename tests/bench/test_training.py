"""The bench of training: what it counts, predicts and refuses, with a stand-in for the peers."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from workbench.bench import training, training_peers
from workbench.bench.driver import Settings, WrongResult
from workbench.cost import Cost
from workbench.training import layers, trees

SMALL = dataclasses.replace(training.DENSE, worlds=3, epochs=2)
QUICK = Settings(True, 3, lambda line: None)


def test_a_step_is_counted_by_hand(monkeypatch):
    seen = []
    predicted = SimpleNamespace(working=1.5)
    limits = SimpleNamespace(launch_seconds=lambda size: 0.25, run_seconds=lambda size: 0.125)
    machine = SimpleNamespace(with_threads=lambda threads: limits)
    monkeypatch.setattr(training, "predict", lambda cost, machine, **options: seen.append((cost, options)) or predicted)
    seconds = training.step_seconds(SMALL, machine)
    cost = sum((each for each, _ in seen), Cost())
    # The batch, the loss and the update; forward and back, two loops for both gradients of the second layer.
    assert len(seen) == 3 + 2 * 4
    assert seconds == pytest.approx(11 * (1.5 + 0.125) + 12 * 0.25)
    # Forward, and both gradients of the second layer and one of the first: 32 examples, three worlds.
    products = 32 * (64 * 64 * 2 + 64 * 10 * 3)
    adam = 2 * (64 * 64 + 64 + 64 * 10 + 10)
    assert cost.multiply_adds == 3 * (products + adam)
    assert all(options["working_set"] == each.bytes for each, options in seen)


def test_ours_trains_for_as_many_epochs_as_the_batches_are_for(monkeypatch):
    epochs = []
    monkeypatch.setattr(
        training, "fit", lambda *work, **options: epochs.append(options["epochs"]) or SimpleNamespace(parameters=[])
    )
    for count in (1, 15, 60):  # the last of the ten batches of an epoch has twelve examples
        training._ours((), [], np.zeros((300, 1)), np.zeros(300, int), [np.zeros((3, 32), int)] * 10 * count)
    assert epochs == [1, 15, 60]


def fake_peer(change):
    """Return a peer that trains as we do, and then changes the weights."""

    def run(*work):
        return trees.changed(training._ours(*work), change)

    return run


def test_a_peer_that_agrees_is_timed_and_one_that_does_not_is_refused():
    work = {"ours": training._ours, "jax": fake_peer(np.copy)}
    training._verify(SMALL, work)
    with pytest.raises(WrongResult, match=r"after an epoch, jax differs by 0.01 of the weights"):
        training._verify(SMALL, work | {"jax": fake_peer(lambda w: w + 0.01 * np.abs(w).max())})


def test_without_peers_only_our_own_time_is_measured(monkeypatch):
    monkeypatch.setattr(training.util, "find_spec", lambda name: None)
    results = training.bench(QUICK)
    assert [each.name for each in results.measurements] == [
        "4 worlds of 64-64-10 with dropout, a step of all worlds",
        "4 worlds of two convolutions with LRN, a step of all worlds",
    ]
    assert all(each.value > 0 for each in results.measurements)


@pytest.mark.parametrize("peer", ["torch", "jax"])
def test_peers_that_are_installed_agree(peer):
    pytest.importorskip(peer)
    run = {
        "torch": lambda network, *work: training_peers.in_torch(network, *work, training.RATE),
        "jax": lambda network, *work: training_peers.in_jax(network, *work, training.RATE),
    }
    training._verify(SMALL, {"ours": training._ours, peer: run[peer]})


def test_dropout_is_the_same_amount_everywhere():
    (dropout,) = (layer for layer in training.DENSE.network if isinstance(layer, layers.DropoutWithReplacement))
    assert (dropout.ratio, dropout.scaled) == (0.5, True)
