"""What the experiments on choices of training choose and count, on courses made up by hand."""

import types

import numpy as np
import pytest

from workbench.experiments import training_choices
from workbench.training.fit import fit
from workbench.training.optimizers import SGD
from workbench.training.stopping import EarlyStopping

NAN = float("nan")


def stopped_by_hand(losses, patience, smoothing):
    """Return the watched epoch with the lowest loss before training stops, counted from 0."""
    best, at, smooth = float("inf"), -1, losses[0]
    for epoch, loss in enumerate(losses):
        smooth = smoothing * smooth + (1 - smoothing) * loss
        if smooth < best:
            best, at = smooth, epoch
        elif epoch - at == patience:
            break
    return at


@pytest.mark.parametrize("patience", [1, 2, 4])
@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_each_trial_is_stopped_and_the_best_one_chosen(patience, smoothing):
    validation = np.random.default_rng(3).uniform(1, 2, (5, 11))
    places = [stopped_by_hand(losses, patience, smoothing) for losses in validation]
    trial = min(range(5), key=lambda t: validation[t, places[t]])
    rule = EarlyStopping(patience, smoothing)
    assert training_choices._stopped(validation, rule) == (trial, places[trial])


def test_a_trial_and_an_evaluation_are_chosen_by_validation_alone():
    course = {"validation": np.array([[3.0, 2.0, 4.0], [2.5, 5.0, 1.0]]), "loss": np.arange(6.0).reshape(2, 3)}
    assert [training_choices._chosen(course, first) for first in (1, 2, None)] == [3.0, 1.0, 5.0]


def test_a_course_is_what_fit_measures_on_the_other_parts():
    data = training_choices._examples(7, 40)
    network, optimizer = training_choices._network(0.5), SGD([0.01, 0.1, 1e9])
    course = training_choices._course(network, data, optimizer, 7, every=2, epochs=4, batch=16)
    history = fit(network, data, optimizer, epochs=4, batch=16, evaluate_every=2, seed=[7, 7, 7])
    np.testing.assert_allclose(course["loss"][:2, -1], history.loss(data.take([0] * 3))[:2], rtol=1e-12)
    np.testing.assert_allclose(course["error"][:2, -1], history.error(data.take([0] * 3))[:2], rtol=1e-12)
    np.testing.assert_array_equal(course["validation"][:2], history.validation_loss[:2])
    assert course["validation"][2, -1] > 1e6


@pytest.fixture
def made_up(monkeypatch):
    """Let an experiment see courses that are given, one after another."""

    def give(*courses):
        left = list(courses)
        monkeypatch.setattr(training_choices, "_course", lambda *arguments, **options: left.pop(0))

    return give


@pytest.mark.parametrize(("ends", "right"), [([4.0, np.inf], 1.0), ([3.9, np.inf], 0.0), ([4.0, 3.9], 0.0)])
def test_both_ends_must_lose_twice_the_minimum(made_up, ends, right):
    test = np.full((4, 11), 3.0)
    test[:, [0, -1]], test[:, 6] = [8.0, 9.0], 2.0
    test[2, [0, -1]] = ends
    made_up({"validation": np.where(test == 2, 0.5, test).reshape(44, 1), "loss": test.reshape(44, 1)})
    numbers = training_choices.learning_rates(0)
    assert numbers.pop("both ends lose at least twice the minimum") == right
    assert numbers.pop("loss at the lowest rate over the minimum") == ends[0] / 2
    assert {f"best rate at ratio {ratio}": 0.1 for ratio in (0.0, 0.3, 0.5, 0.7)} == pytest.approx(numbers)


def test_a_gain_compares_arms_that_are_tuned_each_by_itself(made_up):
    training_choices._short_and_long.cache_clear()
    validation, test = np.full((2, 14, 4), 9.0), np.full((2, 14, 4), 7.0)
    places = [(0, 3, 0), (0, 4, 2), (1, 6, 0), (1, 5, 3)]  # the arm, the rate, the evaluation; without dropout
    for place, lower, loss in zip(places, (2, 1, 2, 1), (6.0, 5.0, 3.0, 4.0), strict=True):
        validation[place], test[place] = lower, loss
    made_up(*({"validation": v, "loss": t} for v, t in zip(validation, test, strict=True)))
    numbers = training_choices.augmentation(0, "shift", "digits", 300, 0.0)
    assert numbers == {"relative gain over none": 1 - 4 / 5, "relative gain after a short run": 1 - 3 / 6}
    assert training_choices.augmentation(0, "shift", "digits", 300, 0.5)["relative gain over none"] == 0.0
    training_choices._short_and_long.cache_clear()


def test_stopping_is_compared_with_the_end_the_oracle_and_its_own_rate(made_up):
    validation = np.full((7, 100), 9.0)
    validation[2, :10], validation[2, 7], validation[4, -1] = 3.0, 1.0, 2.0
    test = np.full((7, 100), 9.0)
    test[2, 7], test[2, -1], test[4, -1], test[2, 1] = 5.0, 8.0, 6.0, 4.0
    made_up({"validation": validation, "loss": test, "error": test / 10})
    numbers = training_choices.early_stopping(0, "none")
    assert numbers["loss at the end over the loss when stopped, less 1"] == pytest.approx(6 / 9 - 1)
    assert numbers["patience 20: loss over the oracle's, less 1"] == pytest.approx(5 / 4 - 1)
    assert numbers["the same at the rate of stopping"] == pytest.approx(8 / 9 - 1)


def test_epochs_are_counted_in_one_world_at_the_rate_of_the_other(monkeypatch):
    losses = np.ones((14, 20))
    losses[3, 5:], losses[4, 2:], losses[7 + 4, 8:], losses[7 + 3, 1:] = 0.01, 0.05, 0.04, 0.0
    monkeypatch.setattr(training_choices, "fit", lambda *a, **options: types.SimpleNamespace(train_loss=losses))
    training_choices._epochs_to_target.cache_clear()
    assert training_choices._epochs_to_target(0, 8) == (9, pytest.approx(0.81))
    training_choices._epochs_to_target.cache_clear()


def test_memory_grows_with_the_batch_unless_it_grows_with_its_square(monkeypatch):
    assert training_choices.memory_of_batches() == pytest.approx(1, abs=0.05)
    right = training_choices.cross_entropy
    monkeypatch.setattr(training_choices, "cross_entropy", lambda o, y: (np.zeros((y.size, y.size)), right(o, y))[1])
    assert training_choices.memory_of_batches() > 1.5
