"""Diversity, robustness and selectivity: what is measured, against closed forms and counts by hand."""

import types

import numpy as np
from scipy.stats import spearmanr

from workbench.experiments import diverse_networks
from workbench.training.layers import Decorrelation, Dense, Sigmoid

RNG = np.random.default_rng(5)


def test_partial_rank_correlation_is_the_closed_form_for_one_variable():
    a, c = RNG.normal(size=(2, 25))
    b = a - 2 * c + RNG.normal(size=25)
    ab, ac, bc = (spearmanr(*pair).statistic for pair in ((a, b), (a, c), (b, c)))
    found = diverse_networks.partial_rank_correlation(a, b, [np.argsort(np.argsort(c))])
    np.testing.assert_allclose(found, (ab - ac * bc) / np.sqrt((1 - ac**2) * (1 - bc**2)), rtol=1e-10)


def test_widths_explain_nothing_beyond_themselves():
    """Between the widths, a and b rise together; within each they fall."""
    width = np.repeat([1, 5, 2], 4)
    a, b = 10 * width + np.tile(np.arange(4), 3), 10 * width - np.tile(np.arange(4), 3)
    given = [width == each for each in (1, 2, 5)]
    np.testing.assert_allclose(diverse_networks.partial_rank_correlation(a, b, given), -1)


def test_corruptions():
    x = RNG.uniform(0.1, 1, (200, 64))
    covered = diverse_networks.corrupted(x, "occlusion", RNG) == 0
    rows, columns = covered.reshape(-1, 8, 8).any(axis=2), covered.reshape(-1, 8, 8).any(axis=1)
    assert (covered.sum(axis=1) == 16).all()
    assert (rows.sum(axis=1) == 4).all()
    assert (columns.sum(axis=1) == 4).all()
    assert covered.any(axis=0).all()  # every pixel is covered in some digit
    np.testing.assert_allclose(diverse_networks.corrupted(x, "brightness", RNG), x / 2 + 0.25)
    noise = diverse_networks.corrupted(x, "noise", RNG) - x
    np.testing.assert_allclose([noise.mean(), noise.std()], [0, 0.3], atol=0.01)


def test_class_selectivity_by_hand():
    """Unit 0 answers to class 1 alone; unit 1 to all alike; unit 2 with 6 to class 2 and with 2 otherwise; 3 never."""
    h = np.array([[0, 3, 1, 0], [0, 3, 3, 0], [4, 3, 2, 0], [0, 3, 6, 0]], float)
    found = diverse_networks.class_selectivity(h, np.array([0, 0, 1, 2]))
    np.testing.assert_allclose(found, (1 + 0 + (6 - 2) / (6 + 2)) / 3)


def two_networks():
    """Return two networks with two units, of which the last layer compares the first with 1/2, or the second."""
    first = {"weight": np.stack([np.eye(2, 64)] * 2).astype(np.float32), "bias": np.zeros((2, 2), np.float32)}
    last = {"weight": np.array([[[1.0, 0], [0, 0]], [[0, 1.0], [0, 0]]]), "bias": np.array([[0, 0.5], [0, 0.5]])}
    last = {name: np.concatenate([each, np.full((2, 8, *each.shape[2:]), -9.0)], axis=1) for name, each in last.items()}
    layers = [Dense(2), Sigmoid(), Decorrelation(0.0), Dense(10)]
    return types.SimpleNamespace(network=layers, parameters=[first, {}, {}, last], seeds=np.arange(2))


def test_networks_that_are_measured():
    history = two_networks()
    x = RNG.normal(size=(50, 64))
    y = (x[:, 0] < 0).astype(int)  # class 0 where unit 0 is above 1/2
    data = types.SimpleNamespace(part=lambda name: (x[None], y[None]))
    rank, clean, robust = diverse_networks.measured(history, data, "brightness", 0)
    variances = np.linalg.eigvalsh(np.cov(1 / (1 + np.exp(-x[:, :2].T))))
    np.testing.assert_allclose(rank, variances.sum() ** 2 / np.sum(variances**2), rtol=1e-5)
    np.testing.assert_allclose(clean, [1, np.mean((x[:, 1] < 0) == y)])
    np.testing.assert_allclose(robust, [np.mean((x[:, unit] / 2 + 0.25 < 0) == y) for unit in (0, 1)])
    # A unit that is lost gives 0, below 1/2. One that is kept counts twice, as half are lost.
    kept = np.random.default_rng(7).random((5, 2)) >= 0.5
    scores = [[2 / (1 + np.exp(-x[:, unit])) * each[unit] for unit in (0, 1)] for each in kept]
    expected = np.mean([[np.mean((score < 0.5) == y) for score in draw] for draw in scores], axis=0)
    np.testing.assert_allclose(diverse_networks.measured(history, data, "lost units", 7)[2], expected)


def test_answers_of_units_to_a_disturbance(monkeypatch):
    x = RNG.uniform(size=(30, 64))
    monkeypatch.setattr(
        diverse_networks, "world", lambda seed: types.SimpleNamespace(part=lambda name: (x[None], None))
    )
    monkeypatch.setattr(diverse_networks, "trained", lambda *_: two_networks())
    h, darker = (1 / (1 + np.exp(-each[:, :2])) for each in (x, x / 2 + 0.25))
    expected = np.sum((darker - h) ** 2) / np.sum((h - h.mean(axis=0)) ** 2)
    found = diverse_networks.answers(0, [0.0, 1.0])["brightness"]
    np.testing.assert_allclose(found, [expected, expected], rtol=1e-5)
