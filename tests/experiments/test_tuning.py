"""The functions that tune by cross-validation against scikit-learn's own, on features worked out here."""

import math

import numpy as np
import optuna
import pytest
from scipy.signal import convolve2d
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workbench.data import tuning_data
from workbench.data.photographs import oriented_filters
from workbench.experiments import tuning
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve
from workbench.sweep.target import find_target
from workbench.sweep.trial import Trial


class CommonScale(TransformerMixin, BaseEstimator):
    """Center each feature, and divide all by one number."""

    def fit(self, X, y=None):
        self.center_ = X.mean(axis=0)
        self.scale_ = math.sqrt(((X - X.mean()) ** 2).mean())
        return self

    def transform(self, X):
        return (X - self.center_) / self.scale_


def digit_features(places, size, alpha, beta, bias, contrast):
    """Work out the features of some digits by plain formulas, (images, channels * 16)."""
    filters, images = oriented_filters(8, 1.0), load_digits().images
    maps = np.array([[np.abs(convolve2d(image, each, mode="same")) for each in filters] for image in images])
    maps /= maps[tuning_data.digits_parts().folds].mean()
    z = np.random.default_rng(0).standard_normal(1797, dtype=np.float32)
    maps = np.array([maps[i] * math.exp(contrast * z[i]) for i in places])
    normed = np.empty_like(maps)
    for c in range(8):
        window = maps[:, max(0, c - size // 2) : c + size // 2 + 1]
        normed[:, c] = maps[:, c] / (bias + alpha / size * (window**2).sum(axis=1)) ** beta
    corners = [normed[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return (sum(corners) / 4).reshape(len(places), -1)


def digits_classifier(C):
    return make_pipeline(CommonScale(), LogisticRegression(C=C, tol=1e-3, max_iter=500))


LRN = {"size": 3, "alpha": 2.0, "beta": 0.6, "bias": 1.5, "contrast": 0.7}


def test_lrn_as_scikit_learn_cross_validates_it():
    places = tuning_data.digits_parts().folds
    X, y = digit_features(places, **LRN), load_digits().target[places]
    cv = StratifiedKFold(4, shuffle=True, random_state=0)
    found = tuning.lrn_on_digits(**LRN, C=0.3, folds=4)
    losses = -cross_val_score(digits_classifier(0.3), X, y, cv=cv, scoring="neg_log_loss")
    errors = 1 - cross_val_score(digits_classifier(0.3), X, y, cv=cv)
    np.testing.assert_allclose(found["loss"], losses, rtol=1e-3)
    np.testing.assert_allclose(found["error"], errors, atol=1e-12)
    assert all(type(each) is float for each in found["loss"] + found["error"])


def test_lrn_on_what_is_kept_apart():
    parts, targets = tuning_data.digits_parts(), load_digits().target
    model = digits_classifier(0.3).fit(digit_features(parts.folds, **LRN), targets[parts.folds])
    shares = model.predict_proba(digit_features(parts.apart, **LRN))
    losses = [-math.log(share[right]) for share, right in zip(shares, targets[parts.apart], strict=True)]
    found = tuning.lrn_on_digits_apart(**LRN, C=0.3, folds=4, reports="fold")
    assert found.shape == (1497,)
    np.testing.assert_allclose(found.mean(), np.mean(losses), rtol=1e-3)
    np.testing.assert_allclose(found, losses, rtol=0.05, atol=0.01)


def test_without_an_exponent_there_is_no_normalization():
    without = tuning.lrn_on_digits(beta=0.0)
    assert without == tuning.lrn_on_digits(beta=0.0, size=9, alpha=40.0)
    assert without["loss"] != tuning.lrn_on_digits(beta=0.1)["loss"]


def test_of_alpha_and_bias_only_the_ratio_matters():
    once, tenfold = (tuning.lrn_on_digits(alpha=2 * k, bias=k, contrast=1.0)["loss"] for k in (1.0, 10.0))
    np.testing.assert_allclose(once, tenfold, rtol=1e-3)


def cancer(part):
    data, places = load_breast_cancer(), getattr(tuning_data.cancer_parts(), part)
    return data.data[places], data.target[places]


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_sparse_lp_as_scikit_learn_cross_validates_it(p):
    X, y = cancer("folds")
    alpha, learned_from = 0.01, 300 - 300 // 8
    kind = {"solver": "liblinear", "l1_ratio": 1.0} if p == 1 else {"solver": "lbfgs"}
    C = 1 / (alpha * learned_from) / p  # scikit-learn has |w|^2 / 2
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=C, fit_intercept=False, tol=1e-8, max_iter=10**5, **kind)
    )
    losses = -cross_val_score(model, X, y, cv=StratifiedKFold(8, shuffle=True, random_state=0), scoring="neg_log_loss")
    found = tuning.sparse_lp_on_breast_cancer(alpha=alpha, p=p, folds=8)
    np.testing.assert_allclose(found["loss"], losses, rtol=0.01)
    assert np.ptp(losses) > 0.05  # folds differ, so that their order is seen


def test_sparse_lp_on_what_is_kept_apart_and_its_threshold():
    (X, y), (X_apart, y_apart) = cancer("folds"), cancer("apart")
    scaler = StandardScaler().fit(X)
    model = LogisticRegression(C=1 / (0.01 * 300) / 2, fit_intercept=False, tol=1e-8).fit(scaler.transform(X), y)
    for threshold in (0.0, 0.25):
        weights = np.where(np.abs(model.coef_[0]) > threshold, model.coef_[0], 0)
        losses = np.log1p(np.exp(-(2 * y_apart - 1) * (scaler.transform(X_apart) @ weights)))
        found = tuning.sparse_lp_on_breast_cancer_apart(0.01, 2.0, threshold, folds=3)
        np.testing.assert_allclose(found, losses, rtol=0.05, atol=0.002)
    assert 0 < np.count_nonzero(weights) < 30


def test_sparse_lp_counts_weights_and_wrong_answers():
    nothing = tuning.sparse_lp_on_breast_cancer(alpha=10.0, folds=3)
    assert nothing["nonzeros"] == [0.0] * 3
    np.testing.assert_allclose(nothing["loss"], math.log(2))
    all_of_them = tuning.sparse_lp_on_breast_cancer(p=2.0, folds=3)
    assert all_of_them["nonzeros"] == [30.0] * 3
    fewer = tuning.sparse_lp_on_breast_cancer(p=2.0, sparsity_threshold=0.2, folds=3)
    assert max(fewer["nonzeros"]) < 30
    X, y = cancer("folds")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / 0.02 / 200, fit_intercept=False))
    right = cross_val_score(model, X, y, cv=StratifiedKFold(3, shuffle=True, random_state=0))
    np.testing.assert_allclose(all_of_them["error"], 1 - right, atol=0.01)


def test_below_one_the_solution_starts_from_the_lassos():
    def loss_from_zero(fold):
        weights = solve(fold.X, fold.y, Lp(0.01, 0.5), loss="logistic", tolerance=1e-4).weights
        return np.log1p(np.exp(-fold.y_left_out * (fold.X_left_out @ weights))).mean()

    found = tuning.sparse_lp_on_breast_cancer(alpha=0.01, p=0.5, folds=10)
    assert np.mean(found["loss"]) < np.mean([loss_from_zero(fold) for fold in tuning_data.cancer_folds(10)]) - 0.02


@pytest.mark.parametrize(
    ("parts", "targets", "apart"),
    [
        (tuning_data.digits_parts, load_digits().target, 1497),
        (tuning_data.cancer_parts, load_breast_cancer().target, 269),
    ],
)
def test_what_is_kept_apart_is_in_no_fold(parts, targets, apart):
    both = parts()
    assert len(both.folds) == 300
    assert len(both.apart) == apart
    assert sorted([*both.folds, *both.apart]) == list(range(len(targets)))
    for kind in np.unique(targets):  # the same shares of each class
        assert np.mean(targets[both.folds] == kind) == pytest.approx(np.mean(targets == kind), abs=0.005)


def test_folds_learn_their_standard_from_what_they_learn_from():
    for fold in tuning_data.cancer_folds(3):
        np.testing.assert_allclose(fold.X.mean(axis=0), 0, atol=1e-10)
        np.testing.assert_allclose(fold.X.std(axis=0), 1)
        assert len(fold.X) + len(fold.X_left_out) == 300
        assert np.abs(fold.X_left_out.mean(axis=0)).max() > 0.01


class Stops(Trial):
    """A trial that is to stop when it has been told of `after` folds; it counts how often it was asked."""

    def __init__(self, after):
        super().__init__(0, 0)
        self.after, self.asked = after, 0

    def should_prune(self):
        self.asked += 1
        return len(self.intermediate) >= self.after


FUNCTIONS = [tuning.lrn_on_digits, tuning.sparse_lp_on_breast_cancer]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_trial_is_told_of_each_fold_and_stops_when_it_says_so(function):
    scores = function(folds=5)["loss"]
    trial = Stops(after=3)
    with pytest.raises(optuna.TrialPruned):
        function(folds=5, trial=trial, reports="fold")
    assert trial.intermediate == dict(enumerate(scores[:3]))
    trial = Stops(after=5)  # too late to save anything
    assert function(folds=5, trial=trial)["loss"] == scores
    assert trial.asked == 4
    means = [sum(scores[: k + 1]) / (k + 1) for k in range(5)]
    assert list(trial.intermediate.values()) == pytest.approx(means)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_refuses_another_kind_of_report(function):
    with pytest.raises(ValueError, match="reports='median': must be one of 'mean', 'fold'"):
        function(reports="median")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_sweeps_read_the_limits_of_every_parameter(function):
    declared = find_target(function).declared
    assert all(each.meaning and each.arg is not None for each in declared.values())
    assert "trial" not in declared
    assert declared["reports"].arg.choices == ("mean", "fold")
    for name, each in declared.items():
        if name != "reports":
            assert each.arg.low is not None, name
            assert each.arg.high is not None, name
