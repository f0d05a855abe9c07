"""Experiments on what the sparse Lp penalty, its threshold and its proximal operator do.

Each function takes a seed and returns numbers by name. None of them trains a network.
"""

import numpy as np
import scipy

from workbench.architectures import networks
from workbench.architectures.overhead import overhead
from workbench.data import real_data
from workbench.machines.published import KNOWN
from workbench.operator import OPERATORS
from workbench.solvers.paths import lambda_max
from workbench.solvers.penalties import Lp, l1_ball_projection
from workbench.solvers.solve import SOLVERS, solve
from workbench.sparse_dropout.cost import cost as dropout_cost
from workbench.sparse_inference.cost import stored_at, stored_bytes
from workbench.sparse_lp import lp_prox, sparse_lp, sparse_lp_regularizer
from workbench.sparse_lp.cost import gradient_cost, penalty_cost, rows_cost

EXAMPLES, FEATURES, RELEVANT, NOISE = 80, 120, 6, 0.5
THRESHOLDS = 20
LAYERS = ((512, 784), (512, 512), (10, 512))  # weights of a network from 784 inputs to 10 classes
CONVEX_SOLVERS = [
    name for name in SOLVERS if name not in ("thresholded gradient descent", "iterative hard thresholding")
]


def doubled(seed: int, p: float) -> dict[str, float]:
    w = np.random.default_rng(seed).normal(size=50)
    return {"loss of 2w over loss of w": sparse_lp(2 * w, 1.0, p)[0] / sparse_lp(w, 1.0, p)[0]}


def exponents(seed: int) -> dict[str, float]:
    """Try exponents that are no positive integers, and the triangle inequality below one."""
    refused = 0
    for p in (0.0, 0.5, 2 / 3, 1.5, np.inf):
        try:
            sparse_lp(np.ones(3), 1.0, p)
        except (TypeError, ValueError):
            refused += 1
    a, b = np.random.default_rng(seed).normal(size=(2, 100_000, 5))
    sizes = [(np.abs(each) ** 0.5).sum(1) ** 2 for each in (a, b, a + b)]
    return {
        "share of other exponents that are refused": refused / 5,
        "share of pairs that break the triangle inequality at p = 1/2": float(np.mean(sizes[2] > sizes[0] + sizes[1])),
    }


def mask_added(seed: int) -> dict[str, float]:
    w = np.random.default_rng(seed).normal(size=50)
    kept = w.copy()
    mask = sparse_lp(kept, 1.0, 1.0, 0.5)[1]
    return {
        "difference from weights plus mask": float(np.max(np.abs(kept - (w + mask)))),
        "difference from weights times mask": float(np.max(np.abs(kept - w * mask))),
    }


def loss_and_mask(seed: int, operator: str) -> dict[str, float]:
    """Ask whether an operator computes alpha sum |w|^p and multiplies by |w| > t, weight by weight."""
    declared = OPERATORS[operator]
    if not {"loss", "mask"} <= set(declared.outputs):
        return {"computes loss and mask": 0.0}
    w = np.random.default_rng(seed).normal(size=40)
    w[7] = 0.5  # at the threshold
    kept = w.copy()
    loss, mask = sparse_lp(kept, 0.1, 1.5, 0.5)
    by_hand = [(0.1 * abs(each) ** 1.5, abs(each) > 0.5) for each in w.tolist()]
    right = abs(loss - sum(part for part, _ in by_hand)) < 1e-9 and mask.tolist() == [each for _, each in by_hand]
    return {"computes loss and mask": float(right and np.array_equal(kept, np.where(mask, w, 0.0)))}


def inplace_rule(seed: int) -> dict[str, float]:
    """Try what enforcing an in-place output may refuse: another output, and rows that are named twice."""
    table, rows = np.ones((4, 3)), np.array([1, 1])
    return {
        "another output is refused": _refuses(
            lambda: OPERATORS["SparseLpRegularizer"].run(
                table, rows, p=2.0, reg_lambda=0.1, outputs={"param": np.ones((4, 3))}
            )
        ),
        "a row named twice is refused": _refuses(lambda: sparse_lp_regularizer(table.copy(), rows, 2.0, 0.1)),
    }


def gradient_asked(seed: int) -> dict[str, float]:
    return {"a gradient is returned": 1 - _refuses(OPERATORS["SparseLpRegularizer"].gradient_operator)}


def hyperparameters(seed: int, operator: str) -> dict[str, float]:
    """Return 1 if an operator's arguments are a strength and a threshold, and nothing else."""
    names = {arg.name for arg in OPERATORS[operator].args}
    return {"arguments are alpha and threshold": float(names == {"alpha", "sparsity_threshold"})}


def zeros_by_cause(seed: int, solver: str) -> dict[str, float]:
    """Count zeros with the corner of p = 1 and no threshold, and with a threshold and no corner (p = 2)."""
    X, y = _world(seed)
    corner = solve(X, y, Lp(0.1, 1.0), solver=solver, max_iterations=300).weights
    smooth = solve(X, y, Lp(0.1, 2.0), solver=solver, max_iterations=300).weights
    thresholded = smooth.copy()
    sparse_lp(thresholded, 0.1, 2.0, float(np.median(np.abs(smooth))))
    return {
        "zeros without a threshold": float(np.sum(corner == 0) + np.sum(smooth == 0)),
        "zeros with a threshold": float(np.sum(thresholded == 0)),
    }


def zeros_by_exponent(seed: int, truth: str) -> dict[str, float]:
    """Return the share of zeros for p = 1/2, 1 and 2, each at the strength that is best on validation data."""
    zeros = {p: _validated(seed, truth, p) for p in (0.5, 1.0, 2.0)}
    return {
        "zeros at p = 1 less zeros at p = 2": zeros[1.0] - zeros[2.0],
        "zeros at p = 1/2 less zeros at p = 1": zeros[0.5] - zeros[1.0],
        "zeros at p = 2": zeros[2.0],
    }


def zeros_near_the_kink(seed: int, p: float) -> dict[str, float]:
    """Return the zeros of the minimum with an exponent just above one, over those with p = 1, at the same strength."""
    X, y = _world(seed)
    alpha = 0.3 * lambda_max(X, y, Lp(1.0))
    zeros = [np.sum(solve(X, y, Lp(alpha, each), tolerance=1e-6).weights == 0) for each in (p, 1.0)]
    return {"zeros over zeros at p = 1": float(zeros[0] / zeros[1])}


def by_threshold(seed: int) -> dict[str, float]:
    """Raise the threshold over twenty values; return Kendall's tau with the zeros, and with the training loss."""
    X, y = _world(seed, FEATURES // 4)
    w = solve(X, y, Lp(0.01, 2.0)).weights
    thresholds = np.quantile(np.abs(w), np.linspace(0, 1, THRESHOLDS))
    zeros, losses = [], []
    for threshold in thresholds:
        kept = w.copy()
        sparse_lp(kept, 0.01, 2.0, float(threshold))
        zeros.append(np.sum(kept == 0))
        losses.append(float(np.mean((y - X @ kept) ** 2)))
    return {
        "Kendall's tau of threshold and zeros": float(scipy.stats.kendalltau(thresholds, zeros).statistic),
        "Kendall's tau of threshold and training loss": float(scipy.stats.kendalltau(thresholds, losses).statistic),
        "share of zeros at the smallest threshold": float(zeros[0] / len(w)),
        "share of zeros at the largest threshold": float(zeros[-1] / len(w)),
    }


def ball_and_prox(seed: int) -> dict[str, float]:
    """Compare the proximal step of strength one with the projection on the L1 ball of radius one."""
    x = np.random.default_rng(seed).normal(size=(1000, 20))
    projected = np.array([l1_ball_projection(row, 1.0) for row in x])
    return {
        "share of vectors with equal results": float(np.mean(np.abs(lp_prox(x, 1.0, 1.0) - projected).max(1) < 1e-9)),
        "largest L1 size after the proximal step": float(np.abs(lp_prox(x, 1.0, 1.0)).sum(1).max()),
    }


def with_and_without_prox(seed: int) -> dict[str, float]:
    """Count zeros after fifty steps of gradient descent with the proximal operator, and with a subgradient."""
    X, y = _world(seed)
    zeros = [
        np.sum(solve(X, y, Lp(0.1), solver=name, max_iterations=50).weights == 0)
        for name in ("proximal gradient", "subgradient descent")
    ]
    return {"zeros with the proximal operator": float(zeros[0]), "zeros without it": float(zeros[1])}


def iterations(seed: int, name: str) -> dict[str, float]:
    """Return how many passes over the data solvers take to a small duality gap on a convex problem, in ratios."""
    data = real_data.load(name)
    rows = np.random.default_rng(seed).permutation(len(data.y))[:200]
    X, y = data.X[rows], data.y[rows]
    alpha = 0.1 * lambda_max(X, y, Lp(1.0), data.loss)
    counts = {
        each: solve(X, y, Lp(alpha), loss=data.loss, solver=each, tolerance=1e-6, max_iterations=2000).passes
        for each in CONVEX_SOLVERS
    }
    others = [count for each, count in counts.items() if each != "subgradient descent"]
    return {
        "slowest over fastest": max(counts.values()) / min(counts.values()),
        "subgradient descent over the fastest other": counts["subgradient descent"] / min(others),
    }


def supports(seed: int, p: float, when: str) -> dict[str, float]:
    """Return 1 if solvers end with different sets of non-zero weights: at a small gap, or after few iterations.

    Subgradient descent is among them after few iterations only, since it does not reach a small gap.
    """
    X, y = _world(seed)
    solvers = CONVEX_SOLVERS if when == "after 20 steps" else CONVEX_SOLVERS[1:]
    limits = {
        "at the minimum": {"tolerance": 1e-10, "max_iterations": 50_000},
        "after 20 steps": {"max_iterations": 20},
    }
    found = {tuple(np.flatnonzero(solve(X, y, Lp(0.15, p), solver=each, **limits[when]).weights)) for each in solvers}
    return {"supports differ": float(len(found) > 1)}


def starts(seed: int, alpha: float) -> dict[str, float]:
    """Minimize with p = 1/2 by coordinate descent from twenty starts."""
    X, y = _world(seed)
    rng = np.random.default_rng(seed)
    results = [solve(X, y, Lp(alpha, 0.5), start=rng.normal(size=FEATURES)) for _ in range(20)]
    objectives = [each.objective[-1] for each in results]
    return {
        "share of starts that end at a stationary point": float(np.mean([each.converged for each in results])),
        "relative spread of the objectives": float(np.ptp(objectives) / min(objectives)),
    }


def scaled_units(seed: int) -> dict[str, float]:
    """Return the strength at which all weights become zero, the largest over three units of the features."""
    X, y = _world(seed)
    return {"largest useful alpha": max(lambda_max(unit * X, y, Lp(1.0)) for unit in (1e-3, 1.0, 1e3))}


def grid_values(seed: int) -> dict[str, float]:
    """Return the fewest values that an axis gets on the largest grid of at most sixteen trials, for d axes."""
    from workbench.experiments.tuning_studies import gridded

    grids = {d: gridded({f"axis {each}": "0..1" for each in range(d)}, 16) for d in (2, 4, 8)}
    return {f"values of an axis, d = {d}": float(min(map(len, grid.values()))) for d, grid in grids.items()}


def step_share(seed: int, batch: int) -> dict[str, float]:
    """Return what penalty, slope and threshold add to a training step of AlexNet, as a share of its predicted time."""
    added = overhead(
        networks.alexnet(), "SparseLp", KNOWN["example-gpu"], batch=batch, arguments={"alpha": 1e-4, "p": 1.0}
    )
    whole = added.forward.seconds_without + added.gradient.seconds_without
    return {"added over the rest of the step": added.seconds_added / whole}


def cheaper(seed: int, batch: int) -> dict[str, float]:
    """Count the bytes of the penalty p = 1 in a network of three layers, over those of p = 2 and of dropout."""
    lp = {p: sum(penalty_cost(shape, p).bytes + gradient_cost(shape, p).bytes for shape in LAYERS) for p in (1.0, 2.0)}
    dropout = sum(
        dropout_cost(way, (batch, shape[0])).bytes for shape in LAYERS[:-1] for way in ("forward", "gradient")
    )
    return {"bytes over those of p = 2": lp[1.0] / lp[2.0], "bytes over those of dropout": lp[1.0] / dropout}


def rows_of_a_table(seed: int, part: str) -> dict[str, float]:
    """Count the bytes of shrinking what a step takes of a table, over those of the whole: 5000 of a million rows."""
    rows = 5000 if part == "named rows" else 1_000_000
    taken, whole = (rows_cost(count, 64, 1.0).bytes for count in (rows, 1_000_000))
    return {"cost of the named rows over the whole table": taken / whole}


def sparse_storage(seed: int, zeros: float) -> dict[str, float]:
    """Return the bytes that a product with a matrix of float32 must read, stored as CSR over dense."""
    shape = (1000, 1000)
    csr, dense = (stored_bytes(form, shape, stored_at(form, shape, zeros)) for form in ("CSR, int32", "dense"))
    return {"bytes read as CSR over dense": csr / dense}


def _refuses(call) -> float:
    try:
        call()
    except (TypeError, ValueError):
        return 1.0
    return 0.0


def _world(seed: int, features: int = FEATURES) -> tuple[np.ndarray, np.ndarray]:
    """Return a linear problem in which six features matter."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(EXAMPLES, features))
    return X, X[:, :RELEVANT].sum(1) / np.sqrt(RELEVANT) + NOISE * rng.normal(size=EXAMPLES)


def _validated(seed: int, truth: str, p: float) -> float:
    """Return the share of zeros at the strength with the least squared error on validation data."""
    rng = np.random.default_rng(seed)
    count = RELEVANT if truth == "few features matter" else FEATURES
    true = np.where(np.arange(FEATURES) < count, rng.choice([-1.0, 1.0], FEATURES), 0.0) / np.sqrt(count)
    X = rng.normal(size=(EXAMPLES + 400, FEATURES))
    y = X @ true + NOISE * rng.normal(size=len(X))
    train, validate = slice(EXAMPLES), slice(EXAMPLES, None)
    weights = np.zeros(FEATURES)
    best = (np.inf, 0.0)
    for alpha in np.geomspace(1.0, 3e-3, 10):
        weights = solve(X[train], y[train], Lp(alpha, p), start=weights, tolerance=1e-4).weights
        error = float(np.mean((y[validate] - X[validate] @ weights) ** 2))
        best = min(best, (error, float(np.mean(weights == 0))))
    return best[1]
