"""Claims on tuned linear models: numbers against scikit-learn and counts by hand, and breaks that change verdicts."""

import numpy as np
import pytest

from workbench.claims.ledger import CLAIMS
from workbench.experiments import linear_tasks, lp_models, sparse_truths
from workbench.solvers.penalties import ElasticNet, Lp


def verdict(id, setting="", seeds=2):
    """Return the verdict of a claim in one of its settings, as the code is now."""
    claim = CLAIMS[id]
    numbers = [claim.run(seed, **claim.settings[setting]) for seed in range(seeds)]
    return claim.judge({setting: numbers}).settings[setting]


def test_weights_decay_as_with_l2_if_every_optimizer_is_plain_gradient_descent(monkeypatch):
    assert verdict("P35", "Adam") == "fails"
    monkeypatch.setitem(lp_models.OPTIMIZERS, "Adam", lp_models.OPTIMIZERS["SGD"])
    assert verdict("P35", "Adam") == "holds"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SGD", [2.0, -1.0]),
        ("momentum", [2.0, 0.9 * 2.0 - 1.0]),
        # Means 0.2 and 0.08 over 0.1 and 0.19, squares 0.004 and 0.004996 over 0.001 and 0.001999.
        ("Adam", [1.0, 0.08 / 0.19 / np.sqrt(0.004996 / 0.001999)]),
    ],
)
def test_optimizers_take_the_steps_of_their_definitions(name, expected):
    step = lp_models.OPTIMIZERS[name]()
    steps = [float(np.array(step(np.full(10, gradient)))[3]) for gradient in (2.0, -1.0)]
    assert steps == pytest.approx(expected, rel=1e-6)


def test_operations_are_those_counted_by_hand():
    zeros = np.random.default_rng(0).random((100, 100)) < 0.9
    found = lp_models.sparse_counts(0, "penalty")["operations dense over sparse at 90 % zeros"]
    assert found == pytest.approx(10_000 / (10_000 - zeros.sum()))
    # Each of 10,000 weights: one addition and two comparisons, slope seven; storing compares each once more.
    found = lp_models.sparse_counts(0, "training step")["operations dense over sparse at 90 % zeros"]
    assert found == pytest.approx(10 / 11)


def test_zeros_that_survived_the_step_would_change_the_verdict(monkeypatch):
    assert verdict("P44", "training step", 1) == "fails"
    monkeypatch.setattr(lp_models, "csr_array", lambda w: type("Stored", (), {"nnz": w.size // 10}))
    assert verdict("P44", "training step", 1) == "holds"


def test_a_solver_without_a_corner_makes_one_p_best_everywhere(monkeypatch):
    assert verdict("P32", seeds=5) == "holds"
    solve = sparse_truths.solve
    monkeypatch.setattr(sparse_truths, "solve", lambda X, y, penalty, **how: solve(X, y, Lp(penalty.alpha, 2.0), **how))
    assert verdict("P32", seeds=5) == "fails"


def test_a_threshold_that_removes_nothing_is_as_good_as_any_other(monkeypatch):
    monkeypatch.setattr(linear_tasks, "sparse_lp", lambda *arguments: None)
    numbers = lp_models.threshold_by_folds(0)
    assert numbers["loss of the chosen threshold over the best, less 1"] == 0
    assert numbers["loss of the chosen threshold over none, less 1"] == 0


@pytest.mark.parametrize("count", [5, 10])
def test_folds_leave_out_each_example_once(count):
    folds = lp_models._folds(np.zeros(23), count, seed=3)
    assert sorted(np.concatenate([out for _, out in folds])) == list(range(23))
    assert all(set(train) == set(range(23)) - set(out) for train, out in folds)
    assert {len(out) for _, out in folds} == {23 // count, 23 // count + 1}


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_groups_have_the_correlation_and_the_signal_that_are_said(correlation):
    parts = lp_models._grouped(2, correlation).parts
    X, y = (np.concatenate([each[i] for each in parts]) for i in (0, 1))
    found = np.corrcoef(X[:, :7].T)
    assert found[0, 1:6] == pytest.approx([correlation] * 5, abs=0.1)
    assert found[0, 6] == pytest.approx(0, abs=0.1)
    noise = y - X[:, :6].sum(1) / np.sqrt(6 + 30 * correlation)
    assert noise.std() == pytest.approx(0.5, rel=0.1)
    assert (y - noise).std() == pytest.approx(1, rel=0.1)
    assert [len(each[1]) for each in parts] == [80, 400, 2000]


def test_the_elastic_net_is_scikit_learns():
    from sklearn.linear_model import ElasticNet as Rival

    task = lp_models._grouped(1, 0.5)
    rival = Rival(alpha=0.1, l1_ratio=0.3, fit_intercept=False, tol=1e-8).fit(*task.parts.train)
    errors = [float(np.mean((y - X @ rival.coef_) ** 2)) for X, y in task.parts[1:]]
    found = linear_tasks.tuned(task, [ElasticNet(0.1, 0.3)])
    assert (found.validation, found.test) == pytest.approx(errors, rel=0.01)


def test_random_features_have_no_peak_with_a_tuned_ridge():
    peak = "logarithm of the error at 80 features over that at 2000"
    free, tuned = (lp_models.random_features(3, each)[peak] for each in ("no penalty", "ridge tuned"))
    assert free > 1
    assert abs(tuned) < 0.5
