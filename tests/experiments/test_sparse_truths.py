"""The experiment on sparse and dense truths, at tiny sizes, against ridge regression in plain NumPy."""

import numpy as np
import pytest

from workbench.experiments import sparse_truths
from workbench.experiments.sparse_truths import TRUTHS, measure

ALPHAS = (0.02, 1.5, 0.3)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Make every size small, and each another."""
    for name, value in {"TRAINING": 13, "VALIDATION": 23, "TEST": 31, "FEATURES": 17, "RELEVANT": 3}.items():
        monkeypatch.setattr(sparse_truths, name, value)


@pytest.fixture
def data(monkeypatch):
    """Return a list that gathers features, targets and true weights: of each seed for training, validation, test."""
    made, make = [], sparse_truths._examples

    def watched(rng, count, true):
        made.append((*make(rng, count, true), true))
        return made[-1][:2]

    monkeypatch.setattr(sparse_truths, "_examples", watched)
    return made


@pytest.mark.parametrize("truth", TRUTHS)
def test_ridge_in_plain_numpy(truth, data):
    errors = measure(truth, 2.0, ALPHAS, (4, 9))
    assert errors.validation.shape == errors.nonzeros.shape == (2, 3)
    assert errors.test.shape == errors.chosen.shape == (2,)
    assert (errors.nonzeros == 17).all()
    for seed in (0, 1):
        (features, targets, _), validation, test = data[3 * seed : 3 * seed + 3]
        expected = []
        for alpha in ALPHAS:
            # Minimize |y - X w|^2 / (2 n) + alpha |w|^2: its gradient is 0.
            normal = features.T @ features / 13 + 2 * alpha * np.eye(17)
            weights = np.linalg.solve(normal, features.T @ targets / 13)
            expected.append([mean_square(examples, weights) for examples in (validation, test)])
        best = min(range(3), key=lambda k: expected[k][0])
        assert errors.validation[seed] == pytest.approx([each for each, _ in expected], rel=0.02)  # a gap of 1e-4
        assert errors.chosen[seed] == best
        assert errors.test[seed] == pytest.approx(expected[best][1], rel=0.02)


def mean_square(examples, weights):
    features, targets, _ = examples
    return sum((targets[i] - features[i] @ weights) ** 2 for i in range(len(targets))) / len(targets)


def test_test_data_do_not_choose(monkeypatch):
    before = measure(TRUTHS[0], 1.0, ALPHAS, (3, 5))
    monkeypatch.setattr(sparse_truths, "TEST", 2)
    after = measure(TRUTHS[0], 1.0, ALPHAS, (3, 5))
    assert np.array_equal(before.chosen, after.chosen)
    assert not np.array_equal(before.test, after.test)


def test_values_at_the_chosen_strength_and_beside_it():
    validation = np.array([[4.0, 2.0, 3.0], [1.0, 5.0, 6.0]])
    errors = sparse_truths.Errors(*[validation] * 4, chosen=np.array([1, 0]), test=np.zeros(2))
    assert errors.at_chosen(validation).tolist() == [2, 1]
    assert errors.rise(1).tolist() == [[1, 0], [0.5, 4]]


@pytest.mark.parametrize(("truth", "relevant"), [(TRUTHS[0], 3), (TRUTHS[1], 17)])
def test_data_hold_the_truth(truth, relevant, data, monkeypatch):
    monkeypatch.setattr(sparse_truths, "NOISE", 0.0)
    measure(truth, 2.0, (1.0,), (6,))
    assert [features.shape for features, _, _ in data] == [(13, 17), (23, 17), (31, 17)]
    true = data[0][2]
    assert np.count_nonzero(true) == relevant
    assert np.abs(true[true != 0]) == pytest.approx([relevant**-0.5] * relevant)  # their squares add up to 1
    for features, targets, same in data:
        assert np.array_equal(true, same)
        np.testing.assert_allclose(targets, features @ true, rtol=1e-12, atol=1e-14)


def test_noise_has_the_size_that_is_said(monkeypatch, data):
    monkeypatch.setattr(sparse_truths, "TEST", 4000)
    measure(TRUTHS[0], 2.0, (1.0,), (2,))
    features, targets, true = data[2]
    noise = targets - features @ true
    # The variance of n squares of normal numbers is 2 sigma^4 / n; six sigma.
    assert np.mean(noise**2) == pytest.approx(sparse_truths.NOISE**2, rel=6 * np.sqrt(2 / 4000))


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_results_land_where_their_alpha_stands(p):
    order = [2, 0, 1]
    straight = measure(TRUTHS[0], p, ALPHAS, (3, 5))
    turned = measure(TRUTHS[0], p, [ALPHAS[k] for k in order], (3, 5))
    assert np.array_equal(turned.validation, straight.validation[:, order])
    assert np.array_equal(turned.nonzeros, straight.nonzeros[:, order])
    assert np.array_equal(turned.test, straight.test)
    assert len({*straight.validation[0]}) == 3


def test_the_strongest_is_fitted_first_and_the_next_starts_there(monkeypatch):
    starts, results, solve = [], [], sparse_truths.solve

    def watched(features, targets, penalty, *, start, tolerance):
        starts.append((penalty.alpha, start.copy()))
        results.append(solve(features, targets, penalty, start=start, tolerance=tolerance))
        return results[-1]

    monkeypatch.setattr(sparse_truths, "solve", watched)
    measure(TRUTHS[0], 1.0, ALPHAS, (3,))
    assert [alpha for alpha, _ in starts] == [1.5, 0.3, 0.02]
    assert not starts[0][1].any()
    for k in (1, 2):
        assert np.array_equal(starts[k][1], results[k - 1].weights)


@pytest.mark.parametrize("p", [0.5, 1.0])
def test_a_strength_that_leaves_nothing_has_the_error_of_no_model(p, data):
    errors = measure(TRUTHS[0], p, (100.0,), (7,))
    assert errors.nonzeros.tolist() == [[0]]
    new_targets = data[2][1]
    assert errors.test[0] == pytest.approx(sum(float(each) ** 2 for each in new_targets) / 31, rel=1e-12)


def test_each_seed_is_a_data_set_of_its_own():
    together = measure(TRUTHS[1], 1.0, ALPHAS, (3, 8))
    alone = measure(TRUTHS[1], 1.0, ALPHAS, (8,))
    assert np.array_equal(together.test[1:], alone.test)
    assert not np.array_equal(together.test[0], together.test[1])


def test_an_unknown_truth_is_refused():
    with pytest.raises(ValueError, match="truth='some': must be one of 'few features matter', 'all features matter'"):
        measure("some", 1.0, ALPHAS, (0,))
