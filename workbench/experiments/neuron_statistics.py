"""Experiments on measures of neurons: correlation, entropy, weights and rewards. None of them trains a network.

Each function takes a seed and returns numbers by name.
"""

import warnings

import numpy as np
import scipy
from scipy.special import log_softmax, softmax

from workbench.data import tuning_data
from workbench.lrn import local_response_norm_gradient
from workbench.measures import effective_rank, entropy, similarity

UNITS, EXAMPLES = 8, 4000
CLASSES = 10
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # values of C
SHIFTS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (1, 1)]  # eight, in pixels
SIGNAL = np.array([2.0, 1.4, 1.0, 0.7, 0.5, 0.35, 0.25, 0.0])  # true weights of the features of `weights_and_worth`


def correlations(seed: int) -> dict[str, float]:
    """Measure what Pearson's and Spearman's correlation see of a line, a monotone curve and a parabola."""
    half = np.random.default_rng(seed).normal(size=EXAMPLES)
    x = np.concatenate([half, -half])
    curves = {"a line": 1 - 3 * x, "exp(2x)": np.exp(2 * x), "x squared": x**2}
    return {
        f"{kind.capitalize()} of {curve}": abs(float(similarity(np.stack([x, y], axis=1), kind)[0, 1]))
        for curve, y in curves.items()
        for kind in ("pearson", "spearman")
    }


def entropy_of_shares(seed: int) -> dict[str, float]:
    """Compare -sum p log2 p, written as a loop, with SciPy's entropy in bits, and at eight equal shares with 3."""
    p = np.random.default_rng(seed).dirichlet(np.ones(11))
    p[3] = 0.0
    p /= p.sum()
    return {
        "difference from SciPy": abs(_bits(p) - float(scipy.stats.entropy(p, base=2))),
        "bits of eight equal shares, less 3": _bits(np.full(8, 1 / 8)) - 3,
    }


def diversity(seed: int, measure: str) -> dict[str, float]:
    """Measure eight copies of a unit, eight units with correlation 1/2, and eight independent ones.

    The measure orders them right if it grows from each to the next by more than a hundredth.
    """
    values = [MEASURES[measure](y) for y in _three_populations(seed)]
    return {
        "orders them right": float(np.all(np.diff(values) > 0.01 * np.abs(values[:-1]))),
        **dict(zip(("copies", "correlated", "independent"), values, strict=True)),
        "orders them right by effective rank": float(
            np.all(np.diff([*map(effective_rank, _three_populations(seed))]) > 0)
        ),
    }


def _three_populations(seed: int) -> list[np.ndarray]:
    return [population(seed, correlation) for correlation in (1.0, 0.5, 0.0)]


def population(seed: int, correlation: float, copies: int = 1) -> np.ndarray:
    """Return activations of shape (EXAMPLES, UNITS): positive, with equal distributions in all units.

    They are absolute values of Gaussian units with a correlation, of which the first `copies` are the same.
    """
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(EXAMPLES, 1)), rng.normal(size=(EXAMPLES, UNITS))
    own[:, :copies] = own[:, :1]
    return np.abs(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


MEASURES = {
    "entropy of shares": entropy,
    "sum of entropies of units": lambda y: entropy(y, "marginal", np.linspace(0, 4, 11)),
    "joint entropy": lambda y: entropy(y, "joint"),
}


def policy_and_cross_entropy(seed: int, layer: str) -> dict[str, float]:
    """Compare the gradient of the expected reward of a softmax policy with a layer's own derivative.

    The reward is 1 for the right class y. The other side is -p_y times the gradient of cross-entropy for a softmax
    layer, and the derivative of output y, in the best multiple, for local response normalization.
    """
    rng = np.random.default_rng(seed)
    x, right = rng.normal(size=CLASSES), int(rng.integers(CLASSES))
    p = softmax(x)
    rewards = (np.arange(CLASSES) == right).astype(float)
    # The expectation over actions of reward * d log p_action / dx, which REINFORCE samples.
    expected = sum(p[a] * rewards[a] * (np.eye(CLASSES)[a] - p) for a in range(CLASSES))
    if layer == "softmax":
        other = -p[right] * _numerical_gradient(lambda z: -log_softmax(z)[right], x)
    else:
        slope = local_response_norm_gradient(rewards[None, :, None, None], x[None, :, None, None], 5, alpha=1.0)
        other = slope[0, :, 0, 0] * (expected @ slope[0, :, 0, 0]) / np.sum(slope**2)
    return {
        "relative difference of the gradients": float(np.linalg.norm(expected - other) / np.linalg.norm(expected)),
        "sum of the expected changes": float(abs(expected.sum())),
    }


def weights_and_worth(seed: int, world: str) -> dict[str, float]:
    """Correlate, by ranks, the weights of a logistic regression with what each feature tells.

    A feature's worth is its mutual information with the class, or the loss gained by its removal.
    """
    from sklearn.feature_selection import mutual_info_classif
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    rng = np.random.default_rng(seed)
    x = _features(rng, world, EXAMPLES)
    y = rng.random(EXAMPLES) < 1 / (1 + np.exp(-_logit(x, world)))
    fitted, new = slice(0, EXAMPLES // 2), slice(EXAMPLES // 2, EXAMPLES)

    def loss(columns: list[int]) -> float:
        model = LogisticRegression(C=1.0, max_iter=1000).fit(x[fitted][:, columns], y[fitted])
        return float(log_loss(y[new], model.predict_proba(x[new][:, columns])[:, 1]))

    everything = list(range(UNITS))
    with_all = loss(everything)
    size = np.abs(LogisticRegression(C=1.0, max_iter=1000).fit(x[fitted], y[fitted]).coef_[0])
    alone = mutual_info_classif(x[fitted], y[fitted], random_state=seed)
    lost = [loss([each for each in everything if each != gone]) - with_all for gone in everything]
    return {
        "rank correlation with information alone": float(scipy.stats.spearmanr(size, alone).statistic),
        "rank correlation with loss on removal": float(scipy.stats.spearmanr(size, lost).statistic),
    }


def diverse_filters(seed: int) -> dict[str, float]:
    """Compare features of digits from eight orientations with features from one orientation in eight places.

    Both have equally many features. Validation digits choose the classifier's C for each; new digits judge once.
    """
    y, maps = tuning_data.digits_targets(), tuning_data.digits_responses()
    parts = np.split(np.random.default_rng(seed).permutation(len(y)), [300, 600])
    one = maps[:, seed % maps.shape[1]]
    places = [np.roll(one, (row, column), (1, 2)) for row, column in SHIFTS]
    diverse, single = (
        _tuned_loss([features[part] for part in parts], [y[part] for part in parts])
        for features in (tuning_data.pooled(maps), tuning_data.pooled(np.stack(places, axis=1)))
    )
    return {"relative gain of diverse features": 1 - diverse / single}


def _tuned_loss(features: list[np.ndarray], targets: list[np.ndarray]) -> float:
    """Return the test loss of the classifier whose C is best on validation data, after division by one number."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    scale, classes = features[0].std(), np.arange(CLASSES)
    with warnings.catch_warnings():  # a fit that is stopped early is judged by validation data as any other
        warnings.simplefilter("ignore", ConvergenceWarning)
        models = [LogisticRegression(C=C, max_iter=500).fit(features[0] / scale, targets[0]) for C in STRENGTHS]
    losses = [
        [log_loss(y, model.predict_proba(x / scale), labels=classes) for model in models]
        for x, y in zip(features[1:], targets[1:], strict=True)
    ]
    return float(losses[1][int(np.argmin(losses[0]))])


def _features(rng: np.random.Generator, world: str, count: int) -> np.ndarray:
    x = rng.normal(size=(count, UNITS))
    if world == "correlated":
        x = np.sqrt(0.7) * rng.normal(size=(count, 1)) + np.sqrt(0.3) * x
    if world == "a suppressor":  # the last feature tells nothing alone; it removes noise from the first one
        x[:, 0] += 2 * x[:, -1]
    if world == "scaled by ten":
        x[:, ::2] *= 10
    return x


def _logit(x: np.ndarray, world: str) -> np.ndarray:
    if world == "a suppressor":
        return x @ SIGNAL - 2 * SIGNAL[0] * x[:, -1]
    return (x / np.where(np.arange(UNITS) % 2, 1, 10) if world == "scaled by ten" else x) @ SIGNAL


def _bits(shares: np.ndarray) -> float:
    return -sum(share * float(np.log2(share)) for share in shares if share > 0)


def _numerical_gradient(function, x: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Return the gradient by central differences of fourth order."""
    eye = step * np.eye(len(x))
    near = np.array([function(x + e) - function(x - e) for e in eye])
    far = np.array([function(x + 2 * e) - function(x - 2 * e) for e in eye])
    return (8 * near - far) / (12 * step)
