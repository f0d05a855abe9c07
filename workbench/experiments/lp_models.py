"""Experiments on linear models with sparse Lp: which penalty, strength, threshold and number of weights predict best.

Each function takes a seed and returns numbers by name. The seed makes the data and the splits. Validation data or
folds choose, and test data judge what was chosen.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import scipy
from scipy.sparse import csr_array

from workbench.data import real_data
from workbench.data.id_lists import make_id_lists, multi_hot
from workbench.data.photographs import photograph
from workbench.experiments import sparse_truths
from workbench.experiments.linear_tasks import (
    TRIALS,
    Examples,
    Parts,
    Task,
    best_of,
    cut,
    error,
    in_parts,
    largest,
    linear_task,
    path,
    tuned,
)
from workbench.operator import checked_choice
from workbench.solvers.paths import lambda_max
from workbench.solvers.penalties import ElasticNet, Lp
from workbench.solvers.solve import solve
from workbench.sparse_lp import lp_gradient
from workbench.sparse_lp.cost import gradient_cost, penalty_cost

RATIOS = (0.1, 0.3, 0.5, 0.7, 0.9)  # shares of the L1 norm in an elastic net
EXPONENTS = (0.5, 1.0, 2.0)
WIDTHS = (10, 20, 40, 60, 80, 100, 150, 200, 400, 800, 2000)
INPUTS = 20  # of the random features
IN_FOLDS = 300  # examples for cross-validation; the others are kept apart
SPLITS = 10  # how often the same examples are split anew
STEPS = 100  # of an optimizer


def elastic_net(seed: int, correlation: float) -> dict[str, float]:
    """Compare the elastic net with Lasso and ridge, with equally many trials each.

    Features come in groups of six, which share the correlation. The first group matters, with equal weights. Strengths
    lie in the two powers of ten below the one that makes all weights zero; for ridge, in three around it.
    """
    task = _grouped(seed, correlation)
    strongest = largest(task)
    many, few = (np.geomspace(1, 1e-2, count) for count in (TRIALS, TRIALS // len(RATIOS)))
    lasso = tuned(task, [Lp(strongest * share, 1.0) for share in many])
    ridge = tuned(task, [Lp(10 * strongest * share, 2.0) for share in many**1.5])
    both = tuned(task, [ElasticNet(strongest / ratio * share, ratio) for ratio in RATIOS for share in few])
    better = best_of([lasso, ridge])
    return {
        "relative gain of the elastic net over the better of Lasso and ridge": 1 - both.test / better.test,
        "relative gain of the elastic net over Lasso": 1 - both.test / lasso.test,
        "relative gain of the elastic net over ridge": 1 - both.test / ridge.test,
    }


def _grouped(seed: int, correlation: float) -> Task:
    rng = np.random.default_rng(seed)
    size = sparse_truths.RELEVANT
    rows = 80 + 400 + 2000
    own, shared = rng.normal(size=(rows, 20, size)), rng.normal(size=(rows, 20, 1))
    X = (np.sqrt(1 - correlation) * own + np.sqrt(correlation) * shared).reshape(rows, -1)
    spread = np.sqrt(size + size * (size - 1) * correlation)  # of the sum of one group
    y = X[:, :size].sum(1) / spread + sparse_truths.NOISE * rng.normal(size=rows)
    return Task(in_parts(X, y, 80, 400), "least squares")


def best_exponent(seed: int) -> dict[str, float]:
    """Find the best p for a sparse and for a dense truth, and what each loses with the best p of the other.

    Validation data choose the strength for each p, and p.
    """
    alphas = np.geomspace(1e-3, 3, 20)
    best, tests, kept = {}, {}, []
    for truth in sparse_truths.TRUTHS:
        fits = [sparse_truths.measure(truth, p, alphas, (seed,)) for p in EXPONENTS]
        best[truth] = int(np.argmin([fit.validation.min() for fit in fits]))
        tests[truth] = [float(fit.test[0]) for fit in fits]
        kept.append(np.diff([float(fit.at_chosen(fit.nonzeros)[0]) for fit in fits]))
    sparse, dense = sparse_truths.TRUTHS
    found = {
        f"loss with the other's best p over that of the best, less 1, {truth}": tests[truth][best[other]]
        / tests[truth][best[truth]]
        - 1
        for truth, other in ((sparse, dense), (dense, sparse))
    }
    return found | {"smallest change of the number of weights from p to the next larger p": float(np.min(kept))}


def along_the_path(seed: int, data: str) -> dict[str, float]:
    """Follow the path of p = 1 from one weight to many; compare both ends with the best number of weights.

    Validation data choose the best.
    """
    parts, loss = linear_task(seed, data)
    strongest = lambda_max(*parts.train, Lp(1.0), loss)
    found = path(*parts.train, _lasso(strongest * np.geomspace(1, 1e-3, TRIALS)), loss)
    found = [each for each in found if each.any()]
    best = min(found, key=lambda each: error(parts.validate, each, loss))
    sparsest, chosen, densest = (error(parts.test, each, loss) for each in (found[0], best, found[-1]))
    return {
        "loss of the densest over the best, less 1": densest / chosen - 1,
        "loss of the sparsest over the best, less 1": sparsest / chosen - 1,
        "share of weights at the best": float(np.mean(best != 0)),
    }


def random_features(seed: int, penalty: str) -> dict[str, float]:
    """Rank the test errors of `errors_by_width` by width, and compare the width of the examples with the widest."""
    errors = errors_by_width(seed, penalty)
    at_examples, widest = errors[WIDTHS.index(80)], errors[-1]
    return {
        "rank correlation of width and test error": float(scipy.stats.spearmanr(WIDTHS, errors).statistic),
        "logarithm of the error at 80 features over that at 2000": float(np.log10(at_examples / widest)),
    }


def errors_by_width(seed: int, penalty: str) -> np.ndarray:
    """Fit linear models on more and more random ReLU features of 80 examples; return test errors, shape (WIDTHS,).

    With "no penalty", the weights are the smallest that fit best. With "ridge tuned", validation data choose the
    strength of a ridge.
    """
    checked_choice("penalty", penalty, ("no penalty", "ridge tuned"))
    ridges = (0.0,) if penalty == "no penalty" else np.geomspace(1e-4, 1e2, 25)
    errors = []
    for parts, u, s, v in by_width(seed):
        fits = [v.T @ (s / (s**2 + ridge) * (u.T @ parts.train[1])) for ridge in ridges]
        errors.append(error(parts.test, min(fits, key=lambda each: error(parts.validate, each))))
    return np.array(errors)


def by_width(seed: int) -> Iterable[tuple[Parts, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield 80 examples with more and more random ReLU features, in parts, and U, S, V of the training examples."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80 + 400 + 1000, INPUTS))
    y = x @ rng.normal(size=INPUTS) / np.sqrt(INPUTS) + sparse_truths.NOISE * rng.normal(size=len(x))
    for width in WIDTHS:
        features = np.maximum(x @ rng.normal(size=(INPUTS, width)), 0) / np.sqrt(width)
        parts = in_parts(features, y, 80, 400)
        yield parts, *np.linalg.svd(parts.train[0], full_matrices=False)


def threshold_by_folds(seed: int) -> dict[str, float]:
    """Choose strength and threshold by five folds of breast cancer; compare with the best threshold for other data."""
    X, y, rows = _cancer(seed)
    chosen, apart = rows[:IN_FOLDS], rows[IN_FOLDS:]
    folds = _folds(y[chosen], 5, seed)
    alphas = lambda_max(X[chosen], y[chosen], Lp(1.0), "logistic") * np.geomspace(0.3, 1e-3, 10)
    thresholds = (0.0, *np.geomspace(0.01, 1, 9))
    losses = np.zeros((len(alphas), len(thresholds)))
    for train, left_out in ((chosen[t], chosen[v]) for t, v in folds):
        for i, weights in enumerate(path(X[train], y[train], _lasso(alphas))):
            losses[i] += [error((X[left_out], y[left_out]), cut(weights, each), "logistic") for each in thresholds]
    i, j = np.unravel_index(losses.argmin(), losses.shape)
    weights = path(X[chosen], y[chosen], _lasso(alphas))[i]
    new = [error((X[apart], y[apart]), cut(weights, each), "logistic") for each in thresholds]
    return {
        "loss of the chosen threshold over the best, less 1": new[j] / min(new) - 1,
        "loss of the chosen threshold over none, less 1": new[j] / new[0] - 1,
        "chosen threshold": thresholds[j],
    }


def _lasso(alphas: Iterable[float]) -> list[Lp]:
    return [Lp(float(alpha)) for alpha in alphas]


def _cancer(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = real_data.load("breast cancer")
    return data.X, data.y, np.random.default_rng(seed).permutation(len(data.y))


def _folds(y: np.ndarray, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the places of training and left-out examples for each fold."""
    parts = np.array_split(np.random.default_rng(seed).permutation(len(y)), count)
    return [(np.setdiff1d(np.arange(len(y)), part), part) for part in parts]


def holdout_and_folds(seed: int) -> dict[str, float]:
    """Estimate a loss by holding out a fifth, by five and by ten folds, each for ten splits of the same examples."""
    X, y, rows = _cancer(seed)
    X, y, apart = X[rows[:IN_FOLDS]], y[rows[:IN_FOLDS]], (X[rows[IN_FOLDS:]], y[rows[IN_FOLDS:]])
    penalty = Lp(0.01)

    def loss(train: np.ndarray, examples: Examples) -> float:
        return error(examples, solve(X[train], y[train], penalty, loss="logistic", tolerance=1e-4).weights, "logistic")

    estimates: dict[str, list[float]] = {"hold-out": [], "five folds": [], "ten folds": []}
    for split in range(SPLITS):
        five, ten = (
            [loss(train, (X[out], y[out])) for train, out in _folds(y, count, SPLITS * seed + split)]
            for count in (5, 10)
        )
        for name, values in (("hold-out", five[:1]), ("five folds", five), ("ten folds", ten)):
            estimates[name].append(float(np.mean(values)))
    deviation = {name: float(np.std(each, ddof=1)) for name, each in estimates.items()}
    new = loss(np.arange(len(y)), apart)
    return {
        "deviation of hold-out over that of five folds": deviation["hold-out"] / deviation["five folds"],
        "deviation of ten folds over that of five": deviation["ten folds"] / deviation["five folds"],
    } | {f"estimate by {name} less loss on new data": float(np.mean(each)) - new for name, each in estimates.items()}


def best_alphas(seed: int) -> dict[str, float]:
    """Choose alpha for p = 1 by five folds on five data sets; return how far the choices lie apart.

    Once as they are, and once as shares of the strength that makes all weights zero.
    """
    chosen, shares = [], np.geomspace(1, 1e-3, 16)
    at = []
    for X, y, loss in _five_data_sets(seed):
        strongest = lambda_max(X, y, Lp(1.0), loss)
        losses = np.zeros(len(shares))
        for train, out in _folds(y, 5, seed):
            solutions = path(X[train], y[train], _lasso(strongest * shares), loss)
            losses += [error((X[out], y[out]), weights, loss) for weights in solutions]
        at.append(shares[losses.argmin()])
        chosen.append(strongest * at[-1])
    return {
        "powers of ten between the smallest and the largest best alpha": float(np.ptp(np.log10(chosen))),
        "powers of ten between the shares of the strongest alpha": float(np.ptp(np.log10(at))),
    }


def _five_data_sets(seed: int) -> Iterable[tuple[np.ndarray, np.ndarray, str]]:
    rng = np.random.default_rng(seed)
    for name in real_data.NAMES:
        data = real_data.load(name)
        rows = rng.permutation(len(data.y))[:IN_FOLDS]
        yield data.X[rows], data.y[rows], data.loss
    parts, loss = linear_task(seed, sparse_truths.TRUTHS[0])
    yield *parts.train, loss
    lists = make_id_lists(IN_FOLDS, 100, seed=seed)
    ids = multi_hot(lists.values, lists.lengths, IN_FOLDS, lists.ids).toarray().astype(float)
    yield ids, 2.0 * lists.labels - 1, "logistic"


def dictionary(seed: int) -> dict[str, float]:
    """Learn a dictionary of patches of a photograph; return the shares of exact zeros in it and in the codes."""
    from sklearn.decomposition import DictionaryLearning

    rng, picture = np.random.default_rng(seed), photograph()
    places = zip(*(rng.integers(0, length - 8, 200) for length in picture.shape), strict=True)
    patches = np.array([picture[i : i + 8, j : j + 8].ravel() for i, j in places])
    patches -= patches.mean(1, keepdims=True)
    patches /= patches.std()
    learner = DictionaryLearning(16, alpha=1.0, max_iter=10, random_state=seed)
    codes = learner.fit_transform(patches)
    return {
        "share of zeros in the dictionary": float(np.mean(learner.components_ == 0)),
        "share of zeros in the codes": float(np.mean(codes == 0)),
    }


def l2_and_decay(seed: int, optimizer: str) -> dict[str, float]:
    """Train a linear model with an L2 term in the gradient and with weight decay, from the same start.

    Decay shrinks the weights beside the optimizer's step. Return the relative difference of the weights for the rate of
    decay, of many around that of the L2 term, that makes it smallest.
    """
    rng = np.random.default_rng(seed)
    X, y, rate = rng.normal(size=(50, 10)), rng.normal(size=50), 0.1
    batches = [rng.integers(0, 50, 10) for _ in range(STEPS)]

    def trained(l2: float, decay: float) -> np.ndarray:
        w, step = np.ones(10), OPTIMIZERS[optimizer]()
        for rows in batches:
            gradient = X[rows].T @ (X[rows] @ w - y[rows]) / len(rows) + l2 * w
            w = w - 0.01 * decay * w - 0.01 * step(gradient)
        return w

    with_l2 = trained(rate, 0.0)
    rates = rate * np.concatenate([[1.0], np.geomspace(0.01, 100, 81)])
    away = [float(np.linalg.norm(trained(0.0, each) - with_l2) / np.linalg.norm(with_l2)) for each in rates]
    return {"relative difference of the weights": min(away), "relative difference at the same rate": away[0]}


def _sgd() -> Callable[[np.ndarray], np.ndarray]:
    return lambda gradient: gradient


def _momentum() -> Callable[[np.ndarray], np.ndarray]:
    velocity = np.zeros(10)

    def step(gradient: np.ndarray) -> np.ndarray:
        velocity[:] = 0.9 * velocity + gradient
        return velocity

    return step


def _adam() -> Callable[[np.ndarray], np.ndarray]:
    mean, square, count = np.zeros(10), np.zeros(10), 0

    def step(gradient: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        mean[:] = 0.9 * mean + 0.1 * gradient
        square[:] = 0.999 * square + 0.001 * gradient**2
        return mean / (1 - 0.9**count) / (np.sqrt(square / (1 - 0.999**count)) + 1e-8)

    return step


OPTIMIZERS = {"SGD": _sgd, "momentum": _momentum, "Adam": _adam}


def sparse_counts(seed: int, part: str) -> dict[str, float]:
    """Count the operations of p = 1 on weights of which 90 % are zeros, dense over stored as CSR.

    "penalty": the penalty and the mask of weights that are stored already. "training step": penalty, mask and slope
    after a step along the gradient of the loss; the weights must then be compared with zero and stored again.
    """
    rng = np.random.default_rng(seed)
    w = np.where(rng.random((100, 100)) < 0.9, 0.0, rng.normal(size=(100, 100)))
    parts: Sequence[Callable] = (penalty_cost,)
    conversion = 0
    if part == "training step":
        x, target = rng.normal(size=(64, 100)), rng.normal(size=(64, 100))
        w = w - 0.01 * ((x @ w.T - target).T @ x / 64 + lp_gradient(w, 1e-3, 1.0))
        parts, conversion = (penalty_cost, gradient_cost), w.size
    stored = csr_array(w).nnz
    dense, sparse = (sum(_operations(cost((count,), 1.0)) for cost in parts) for count in (w.size, stored))
    return {"operations dense over sparse at 90 % zeros": dense / (sparse + conversion)}


def _operations(cost) -> int:
    return cost.flops + cost.comparisons
