"""Ensembles: the parts of the error by loops, losses by hand, and members that are copies."""

import numpy as np
import pytest

from workbench.experiments import ensembles

RNG = np.random.default_rng(6)


def test_parts_of_the_squared_error_by_loops():
    predictions, targets = RNG.dirichlet(np.ones(3), (4, 5)), np.eye(3)[[0, 2, 1, 1, 0]]
    error = mean_error = ambiguity = 0.0
    for n in range(5):
        for k in range(3):
            mean = sum(predictions[m, n, k] for m in range(4)) / 4
            error += (mean - targets[n, k]) ** 2 / 15
            mean_error += sum((predictions[m, n, k] - targets[n, k]) ** 2 for m in range(4)) / 60
            ambiguity += sum((predictions[m, n, k] - mean) ** 2 for m in range(4)) / 60
    found = ensembles.parts_of_the_error(predictions, targets)
    np.testing.assert_allclose(found, (error, mean_error, ambiguity), rtol=1e-12)
    np.testing.assert_allclose(found[0], found[1] - found[2], rtol=1e-12)


def test_log_losses_by_hand():
    predictions = np.array([[[0.5, 0.5], [0.25, 0.75]], [[1.0, 0.0], [0.5, 0.5]]])
    np.testing.assert_allclose(ensembles.log_losses(predictions, np.array([0, 1])), [-np.log(0.375) / 2, np.log(2) / 2])


@pytest.fixture
def short_training(monkeypatch):
    monkeypatch.setattr(ensembles, "TRAINING", {"epochs": 2})


@pytest.mark.usefixtures("short_training")
def test_members_by_seeds_by_bootstrap_and_as_copies():
    data = ensembles.world(3)
    by_seed, best = ensembles._trained(data, 3, "seeds")
    copies, _ = ensembles._trained(data, 3, "copies")
    bagged, _ = ensembles._trained(data, 3, "bootstrap samples")
    assert by_seed.shape == (10, 1197, 10)
    np.testing.assert_array_equal(copies, np.repeat(by_seed[:1], 10, axis=0))
    assert len({each.tobytes() for each in (*by_seed, *bagged)}) == 20
    assert 0 <= best < 10


@pytest.mark.usefixtures("short_training")
def test_copies_gain_nothing():
    found = ensembles.ensemble(1, "copies")
    assert found["ensemble beats the best member"] == 0
    assert found["relative gain over the mean member"] == pytest.approx(0, abs=1e-12)
    assert found["ambiguity over mean error"] == pytest.approx(0, abs=1e-12)
    different = ensembles.ensemble(1, "seeds")
    assert different["ambiguity over mean error"] > 0.01
    assert different["squared error less mean error plus ambiguity"] == pytest.approx(0, abs=1e-12)
