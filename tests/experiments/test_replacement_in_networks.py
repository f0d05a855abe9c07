"""Experiments on dropout with replacement in networks: their data and formulas, against counts by hand."""

import types
import zlib

import numpy as np
import pytest

from workbench.experiments import replacement_in_networks as experiments
from workbench.sparse_dropout import dropout_with_replacement


def test_ids_become_columns_and_padding_none():
    ids = np.array([[2, 0, -1], [-1, -1, -1], [4, 2, 1], [3, -1, -1]])
    expected = [[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 1, 0, 1], [0, 0, 0, 1, 0]]
    np.testing.assert_array_equal(experiments.multi_hot(ids), expected)


@pytest.mark.parametrize(("drawn", "expected"), [(0.3, True), (0.1, False)])
def test_the_mean_over_masks_is_the_closed_form_unless_masks_are_drawn_wrongly(drawn, expected, monkeypatch):
    def draw(x, ratio, *, seed):
        return dropout_with_replacement(x, drawn, seed=seed, engine="reference")

    monkeypatch.setattr(experiments, "dropout_with_replacement", draw)
    assert all(abs(experiments.mean_over_masks(seed) - 1) < 0.02 for seed in range(3)) == expected


@pytest.mark.parametrize("density", [0.05, 1.0])
def test_planted_features_have_a_density_and_a_variance_of_a_quarter(density):
    world = experiments.planted(density, seed=3)
    assert (world.train.shape, world.validation.shape, world.test.shape) == ((1, 240), (1, 300), (1, 600))
    assert (world.x != 0).mean() == pytest.approx(density, rel=0.05)
    assert world.x.var(axis=0).mean() == pytest.approx(0.25, rel=0.05)


def test_the_chosen_of_a_table_of_losses(monkeypatch):
    """The default ratio and the best one, chosen by validation losses and judged by test losses, by hand."""
    ratios, values, trials = len(experiments.RATIOS), len(experiments.VALUES), 3
    losses = np.full((2, ratios, values, trials), 1.0) + np.linspace(0, 0.5, trials)
    losses[:, experiments.RATIOS.index(0.5), 0, 1] = 0.9, 0.8  # the default's best trial
    losses[:, 2, 0, 2] = 0.7, 0.5  # the best ratio with the replacement 0
    losses[:, 4, 3, 0] = 0.6, 0.4  # the best of all
    monkeypatch.setattr(experiments, "_losses_on_id_lists", lambda seed: losses)
    name = "loss at the default over the tuned loss, less 1"
    assert experiments.loss_at_defaults(0, "ratio")[name] == pytest.approx(0.8 / 0.5 - 1)
    assert experiments.loss_at_defaults(0, "replacement")[name] == pytest.approx(0.5 / 0.4 - 1)


def test_the_correlation_is_that_of_the_ranks(monkeypatch):
    monkeypatch.setattr(experiments, "gain_of_dropout", lambda data, train, seed: -1 / train)
    assert experiments.gain_along(0, "examples")["rank correlation of the gain"] == pytest.approx(1)
    by_hand = {50: 3, 100: 4, 300: 1, 800: 2}
    monkeypatch.setattr(experiments, "gain_of_dropout", lambda data, train, seed: by_hand[train])
    assert experiments.gain_along(0, "examples")["rank correlation of the gain"] == pytest.approx(-0.6)  # 1 - 96 / 60


def test_missing_ids_are_counted_as_ids_are_by_the_root_of_their_number():
    counts = np.array([[4.0, 0, 9, 1], [1, 1, 0, 0], [0, 0, 0, 0]])
    x = np.sqrt(counts)[None]
    layer = experiments.MissingId(0.5)
    y, _ = layer.forward({}, x, training=True, seed=np.array([7]))
    _, dropped = dropout_with_replacement(x[0], 0.5, seed=7, engine="reference")
    assert 0 < dropped.sum() < dropped.size
    np.testing.assert_array_equal(y[0, :, :4], np.where(dropped, 0, x[0]))
    missing = [
        sum(count for count, gone in zip(*row, strict=True) if gone) for row in zip(counts, dropped, strict=True)
    ]
    np.testing.assert_allclose(y[0, :, 4] ** 2, missing)
    y, _ = layer.forward({}, x, training=False)
    np.testing.assert_array_equal(y, np.concatenate([x, np.zeros((1, 3, 1))], axis=-1))
    assert layer.output((4,)) == (5,)


def test_the_values_that_replace():
    x = np.array([[0.0, 2, 0], [3, 0, 0], [7, 0, 0], [99, 99, 99]])
    data = types.SimpleNamespace(x=x, train=np.array([[0, 1, 2]]))
    assert experiments._value("zero", data) == 0
    assert experiments._value("mean of each feature", data).tolist() == pytest.approx([10 / 3, 2 / 3, 0])
    assert (experiments._value("mean of non-zeros", data), experiments._value("median of non-zeros", data)) == (4, 3)
    assert experiments._value("trained for each feature", data) == "trained"


def losses_by_chance(world, seed, kind, hidden, grid):
    """Return an arm whose losses are the same in the mean for every kind, and differ by 5 %."""
    noise = np.random.default_rng([seed, zlib.crc32(kind.encode())]).normal(1, 0.05)
    return types.SimpleNamespace(validation_loss=noise, test_loss=noise)


def test_chance_alone_gives_no_gain_of_the_best_replacement_over_the_worst(monkeypatch):
    monkeypatch.setattr(experiments, "examples", lambda name, seed: None)
    monkeypatch.setattr(experiments, "best_and_worst", experiments.best_and_worst.__wrapped__)
    monkeypatch.setattr(experiments, "_tuned", losses_by_chance)
    gains = [next(iter(experiments.effect_of_value(seed, "digits", "tuned").values())) for seed in range(200)]
    assert abs(np.mean(gains)) < 0.02  # the best of the world itself would gain 0.11


def test_other_worlds_choose_the_best_and_the_worst_by_their_mean_losses(monkeypatch):
    table = {
        "zero": (3, 3),
        "mean of each feature": (1, 6),
        "mean of non-zeros": (2, 2.5),
        "median of non-zeros": (4, 4),
    }

    def tuned(world, seed, kind, hidden, grid):
        assert (world, grid) == (f"digits {seed}", experiments.ONE_RATIO)
        return types.SimpleNamespace(test_loss=table.get(kind, (3.5, 3.4))[seed])

    monkeypatch.setattr(experiments, "PILOT", range(2))
    monkeypatch.setattr(experiments, "examples", lambda name, seed: f"{name} {seed}")
    monkeypatch.setattr(experiments, "_tuned", tuned)
    best_and_worst = experiments.best_and_worst.__wrapped__
    assert best_and_worst("digits", "fixed") == ("mean of non-zeros", "median of non-zeros")
