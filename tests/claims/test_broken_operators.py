"""A deliberate break of what a claim is about changes its verdict: one claim of each family that runs experiments."""

import functools
import importlib
import pkgutil
import types

import numpy as np
import pytest

from workbench.claims import families, running
from workbench.experiments import (
    competition,
    dropout_and_choices,
    dropout_meaning,
    dropout_relatives,
    lp_meaning,
    lp_models,
    lp_optimizers,
    lp_sensitivity,
    lrn_meaning,
    neuron_statistics,
    replacement_in_networks,
    training_choices,
    worked_example,
)
from workbench.training.layers import Dropout
from workbench.training.optimizers import SGD
from workbench.training.penalties import LpGradient


def sharper_softmax(x):
    return SOFTMAX(100 * x)


def shares(x):
    return np.abs(x) / np.abs(x).sum()


def lrn_of_one_exponent(x, size, alpha, beta):
    return LRN(x, size, alpha, 0.75)


def dropout_to_zero(x, ratio, replacement, **more):
    return DROPOUT(x, ratio, 0.0, **more)


def mask_added(w, *arguments):
    loss, mask = SPARSE_LP(w.copy(), *arguments)
    w += mask
    return loss, mask


def quadratic_cost(direction, shape, size, **more):
    return types.SimpleNamespace(flops=shape[1] * size**2)


def dear_penalty(shape, p, **more):
    """Count as if zeros were not skipped: as many operations for few weights as for many."""
    return PENALTY_COST((1000, 1000), p, **more)


def dropout_that_ignores_its_replacement(ratio, value, **more):
    return Dropout(ratio)


def one_noise(theta, log_sigma2):
    return np.zeros_like(theta)


def one_rate(rates):
    return SGD(np.full(len(rates), 0.1))


def next_to_nothing(X, y, penalties, loss):
    """Leave a millionth of each weight, as if every strength were far too large."""
    return [1e-6 * weights for weights in PATH(X, y, penalties, loss)]


def slope_alone(alpha, share):
    return LpGradient(alpha)


SOFTMAX, LRN = competition.softmax, functools.partial(lrn_meaning.local_response_norm, engine="reference")
PENALTY_COST, PATH = lp_models.penalty_cost, lp_sensitivity.path
DROPOUT, SPARSE_LP = dropout_meaning.dropout_with_replacement, lp_meaning.sparse_lp
BREAKS = {
    "competition": ("L15", competition, "softmax", sharper_softmax, "depends", "holds"),
    "neurons": ("L23", neuron_statistics, "softmax", shares, "depends", "fails"),
    "lrn_meaning": ("L07", lrn_meaning, "local_response_norm", lrn_of_one_exponent, "depends", "fails"),
    "dropout_in_training: replacement": (
        "D11",
        replacement_in_networks,
        "DropoutWithReplacement",
        dropout_that_ignores_its_replacement,
        "open",
        "fails",
    ),
    "dropout_and_choices: rates": ("D25", training_choices, "SGD", one_rate, "open", "fails"),
    "dropout_in_training: relatives": ("D16", dropout_relatives, "log_alpha", one_noise, "open", "fails"),
    "dropout_and_choices: normalization": (
        "D21",
        dropout_and_choices,
        "WeightNorm",
        lambda layer: layer,
        "open",
        "fails",
    ),
    "dropout_meaning": ("D03", dropout_meaning, "dropout_with_replacement", dropout_to_zero, "fails", "holds"),
    "lp_meaning": ("P03", lp_meaning, "sparse_lp", mask_added, "fails", "holds"),
    "lp_models": ("P44", lp_models, "penalty_cost", dear_penalty, "depends", "fails"),
    "lp_in_linear_models": ("P33", lp_sensitivity, "path", next_to_nothing, "open", "fails"),
    "lp_in_training": ("P45", lp_optimizers, "ElasticNetProx", slope_alone, "open", "fails"),
    "arithmetic": ("L34", worked_example, "lrn_cost", quadratic_cost, "fails", "holds"),
}


@pytest.fixture(autouse=True)
def reference_engine(monkeypatch):
    """Compile nothing."""
    gradient = functools.partial(neuron_statistics.local_response_norm_gradient, engine="reference")
    monkeypatch.setattr(neuron_statistics, "local_response_norm_gradient", gradient)
    monkeypatch.setattr(lrn_meaning, "local_response_norm", LRN)


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    """Train for an epoch, with two learning rates and a single ratio; let two worlds choose what is compared.

    Search a small grid of strengths and thresholds; train linear models for twenty epochs.
    """
    monkeypatch.setattr(lp_optimizers, "EPOCHS", {"linear model": 20, "network": 1})
    monkeypatch.setattr(lp_sensitivity, "GRID", 10)
    few = {"ratio": (0.1,), "rate": (0.02, 0.1), "decay": (0.0,)}
    for grid in ("GRID", "ONE_RATIO"):
        monkeypatch.setattr(replacement_in_networks, grid, few)
    monkeypatch.setattr(replacement_in_networks, "TRAINING", {"epochs": 1, "batch": 30})
    monkeypatch.setattr(replacement_in_networks, "PILOT", range(100, 102))
    monkeypatch.setattr(replacement_in_networks, "best_and_worst", replacement_in_networks.best_and_worst.__wrapped__)


@pytest.mark.parametrize("family", BREAKS)
def test_a_broken_operator_changes_the_verdict(family, monkeypatch):
    id, module, name, broken, before, after = BREAKS[family]
    assert running.run(id, seeds=2).verdict == before
    monkeypatch.setattr(module, name, broken)
    assert running.run(id, seeds=2).verdict == after


def family(name):
    """Return the module of a break's name, such as "dropout_in_training: relatives"."""
    return name.partition(":")[0]


def test_every_family_that_runs_experiments_has_a_break():
    names = [each.name for each in pkgutil.iter_modules(families.__path__)]
    declared = {name: importlib.import_module(f"{families.__name__}.{name}").CLAIMS for name in names}
    running_families = {name for name, claims in declared.items() if any(claim.run for claim in claims)}
    assert {family(name) for name in BREAKS} == running_families
    assert all(id in {claim.id for claim in declared[family(name)]} for name, (id, *_) in BREAKS.items())
