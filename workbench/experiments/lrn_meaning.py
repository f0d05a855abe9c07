"""Experiments on what local response normalization computes: its formula, its window, its signs.

Each function takes a seed and returns numbers by name.
"""

import numpy as np
import scipy

from workbench.data import tuning_data
from workbench.data.photographs import PHOTOGRAPHS, feature_maps, photograph
from workbench.experiments import tuning_studies
from workbench.experiments.tuning import lrn_on_digits
from workbench.lrn import conventions, local_response_norm, local_response_norm_gradient

SIZE, ALPHA, BETA, BIAS = 5, 0.5, 0.75, 2.0
SHAPE = (2, 12, 7, 6)  # images, channels, rows, columns
TRIALS = 60
STEP = 1e-6  # of a central difference


def formula(seed: int, framework: str) -> dict[str, float]:
    """Compare x / (bias + alpha * sum of squares)^beta with what a framework computes for the same four numbers."""
    x = _maps(seed)
    windows = {
        "Caffe2": conventions.caffe2(SIZE, ALPHA, BETA, BIAS),
        "ONNX": conventions.onnx(SIZE, ALPHA, BETA, BIAS),
        "PyTorch": conventions.pytorch(SIZE, ALPHA, BETA, BIAS),
        "TensorFlow": conventions.tensorflow(SIZE // 2, BIAS, ALPHA, BETA),
        "AlexNet": conventions.alexnet(SIZE, BIAS, ALPHA, BETA),
    }
    computed = conventions.local_response_norm(x, windows[framework])
    return {"relative difference": _difference(computed, x / (BIAS + ALPHA * _sums(x)) ** BETA)}


def neighbours(seed: int) -> dict[str, float]:
    """Move one pixel of one channel; return the shares of outputs that change in its channel and in others."""
    x = _maps(seed)
    moved = x.copy()
    moved[0, 5, 3, 2] += 1.0
    changed = (local_response_norm(moved, SIZE, ALPHA) != local_response_norm(x, SIZE, ALPHA))[0]
    own = np.delete(changed[5].ravel(), 3 * SHAPE[3] + 2)
    return {
        "share of other pixels of the channel that change": float(own.mean()),
        "share of other channels that change": float(np.delete(changed.any((1, 2)), 5).mean()),
    }


def inhibition(seed: int) -> dict[str, float]:
    """Return the largest derivative of an output with respect to another channel, and of a gain by its own energy."""
    x = np.abs(_maps(seed)[:1, :, :1, :1]) + 0.1
    slopes = np.array(
        [local_response_norm_gradient(row[None, :, None, None], x, SIZE, ALPHA)[0, :, 0, 0] for row in np.eye(SHAPE[1])]
    )
    near = np.abs(np.subtract.outer(np.arange(SHAPE[1]), np.arange(SHAPE[1]))) <= SIZE // 2
    energies = np.geomspace(1e-3, 1e3, 40)
    gains = [_gain(energy, ALPHA) for energy in energies]
    return {
        "largest derivative by a neighbour": float(slopes[near & ~np.eye(SHAPE[1], dtype=bool)].max()),
        "largest rise of the gain with energy": float(np.max(np.diff(gains))),
    }


def contrast(seed: int) -> dict[str, float]:
    """Return the contrast of a photograph's feature maps after normalization over that before, by two measures."""
    maps = feature_maps(photograph(PHOTOGRAPHS[seed % 2], height=60 + 20 * (seed // 2)))[None]
    y = local_response_norm(maps, SIZE, alpha=1.0)
    return {
        "variation, after over before": _variation(y) / _variation(maps),
        "strongest over second, after over before": _lead(y) / _lead(maps),
    }


def informative(seed: int) -> dict[str, float]:
    """Compare what LRN does to the channels of digits with what the channels tell of the class.

    A channel's gain is the ratio of its mean response after normalization to that before, in shares of all channels.
    """
    from sklearn.feature_selection import mutual_info_classif

    y = tuning_data.digits_targets()
    chosen = np.random.default_rng(seed).choice(len(y), 600, replace=False)
    # Channels of one strength would all get one gain, so each is made weaker or stronger by a factor of its own.
    factors = np.exp(np.random.default_rng(seed + 1).normal(size=tuning_data.CHANNELS))
    maps = tuning_data.digits_responses()[chosen] * factors[:, None, None].astype(np.float32)
    normalized = local_response_norm(maps, SIZE, alpha=1.0)
    shares = [each.mean((0, 2, 3)) / each.mean() for each in (maps, normalized)]
    told = [
        mutual_info_classif(maps[:, channel].mean((1, 2))[:, None], y[chosen], random_state=seed)[0]
        for channel in range(maps.shape[1])
    ]
    strongest = int(np.argmax(shares[0]))
    return {
        "share of the strongest channel, after over before": float(shares[1][strongest] / shares[0][strongest]),
        "rank correlation of gain and information": float(scipy.stats.spearmanr(shares[1] / shares[0], told).statistic),
    }


def explained(seed: int) -> dict[str, float]:
    """Return the share of the variance of the log loss that each argument of LRN explains, over sixty random trials."""
    rng = np.random.default_rng(seed)
    drawn = {
        "size": 2 * rng.integers(0, 8, TRIALS) + 1,
        "alpha": 10.0 ** rng.uniform(-3, 3, TRIALS),
        "beta": rng.uniform(0.0, 1.0, TRIALS),
    }
    trials = [dict(zip(drawn, map(float, values), strict=True)) for values in zip(*drawn.values(), strict=True)]
    losses = [
        np.log(np.mean(lrn_on_digits(int(each["size"]), each["alpha"], each["beta"], contrast=1.0, folds=3)["loss"]))
        for each in trials
    ]
    return {
        f"share explained by {name}": tuning_studies.explained(np.array(losses), _by_rank(values))
        for name, values in drawn.items()
    }


def _by_rank(values: np.ndarray, groups: int = 5) -> np.ndarray:
    """Return a group for each value: equally many of the smallest values in group 0, and so on."""
    group = np.empty(len(values), int)
    group[np.argsort(values)] = np.arange(len(values)) * groups // len(values)
    return group


def invariance(seed: int, alpha: float, beta: float) -> dict[str, float]:
    """Multiply the input by ten; return how much the output changes, in proportion."""
    x = _maps(seed)
    y = local_response_norm(x, SIZE, alpha, beta)
    return {"relative difference": _difference(local_response_norm(10 * x, SIZE, alpha, beta), y)}


def excitation(seed: int, alpha: float, energies: tuple[float, float]) -> dict[str, float]:
    """Return the share of energies, over a range, for which the gain is real and changes as the sign of alpha says."""

    def fits(energy: float) -> bool:
        try:
            rise = _gain(1.001 * energy, alpha) - _gain(energy, alpha)
        except ValueError:  # the base of the power is not positive
            return False
        return rise * alpha < 0

    return {"share of energies with the claimed sign": float(np.mean([*map(fits, np.geomspace(*energies, 30))]))}


def arguments(seed: int) -> dict[str, float]:
    """Return how much each argument changes the output when it alone is doubled, and alpha and bias together."""
    x, start = _maps(seed), {"alpha": ALPHA, "beta": BETA, "bias": BIAS}
    y = local_response_norm(x, SIZE, **start)
    changes = {name: local_response_norm(x, SIZE, **start | {name: 2 * value}) for name, value in start.items()}
    both = local_response_norm(x, SIZE, **start | {"alpha": 2 * ALPHA, "bias": 2 * BIAS})
    return {
        **{f"change by {name}": _difference(changed, y) for name, changed in changes.items()},
        "alpha and bias doubled, beside a factor": _difference(both * 2**BETA, y),
    }


def formula_without_beta(seed: int) -> dict[str, float]:
    x = _maps(seed)
    without = x / (BIAS + ALPHA / SIZE * _sums(x))
    return {
        f"relative difference at beta {beta}": _difference(local_response_norm(x, SIZE, ALPHA, beta, BIAS), without)
        for beta in (0.5, 0.75, 1.0)
    }


def recipe(seed: int) -> dict[str, float]:
    """Follow three readings of: divide by k + sum of squares, multiply by alpha, then by beta."""
    x = _maps(seed)
    sums = _sums(x)
    readings = (
        x / (BIAS + sums) * ALPHA * BETA,
        x / ((BIAS + sums) * ALPHA * BETA),
        np.sign(x) * np.abs(x / (BIAS + sums) * ALPHA) ** BETA,
    )
    y = local_response_norm(x, SIZE, ALPHA, BETA, BIAS)
    return {"smallest relative difference of three readings": min(_difference(each, y) for each in readings)}


def blocks(seed: int) -> dict[str, float]:
    """Compare windows that slide with disjoint blocks of channels."""
    x = _maps(seed)[:, :10]
    sums = np.repeat((x**2).reshape(2, 2, SIZE, *SHAPE[2:]).sum(2), SIZE, axis=1)
    y = local_response_norm(x, SIZE, ALPHA, BETA, BIAS)
    return {"relative difference": _difference(x / (BIAS + ALPHA / SIZE * sums) ** BETA, y)}


def silence(seed: int) -> dict[str, float]:
    """Normalize a window of zeros with a bias of zero, and with a small one."""
    x = _maps(seed)
    x[0] = 0.0
    try:
        local_response_norm(x, SIZE, ALPHA, BETA, bias=0.0)
        refused = 0.0
    except ValueError:
        refused = 1.0
    return {
        "a bias of zero is refused": refused,
        "outputs are finite with a bias of 1e-6": float(
            np.isfinite(local_response_norm(x, SIZE, ALPHA, BETA, bias=1e-6)).all()
        ),
    }


def orders(seed: int) -> dict[str, float]:
    """Compare both orders of the axes, forward and gradient, and the gradient with central differences."""
    x, dy = _maps(seed), np.random.default_rng(seed + 1).normal(size=SHAPE)
    last = (0, 2, 3, 1)
    options = {"size": SIZE, "alpha": ALPHA, "beta": BETA, "bias": BIAS}
    y, dx = local_response_norm(x, **options), local_response_norm_gradient(dy, x, **options)
    y_last = local_response_norm(x.transpose(last), **options, order="NHWC")
    dx_last = local_response_norm_gradient(dy.transpose(last), x.transpose(last), **options, order="NHWC")
    direction = np.random.default_rng(seed + 2).normal(size=SHAPE)
    up, down = (local_response_norm(x + sign * STEP * direction, **options) for sign in (1, -1))
    numerical = np.sum(dy * (up - down)) / (2 * STEP)
    return {
        "difference between the orders": max(
            _difference(y_last, y.transpose(last)), _difference(dx_last, dx.transpose(last))
        ),
        "gradient beside central differences": abs(float(np.sum(dx * direction)) / float(numerical) - 1),
    }


def _maps(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SHAPE)


def _sums(x: np.ndarray) -> np.ndarray:
    """Return the sum of squares over the window of each channel, term by term."""
    reach, channels = SIZE // 2, x.shape[1]
    windows = [range(max(0, c - reach), min(channels, c + reach + 1)) for c in range(channels)]
    return np.stack([sum(x[:, each] ** 2 for each in window) for window in windows], axis=1)


def _gain(energy: float, alpha: float) -> float:
    """Return y / x for a lone channel of this energy."""
    x = np.zeros((1, SIZE, 1, 1))
    x[0, SIZE // 2] = np.sqrt(energy)
    return float(local_response_norm(x, SIZE, alpha)[0, SIZE // 2, 0, 0] / np.sqrt(energy))


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))


def _variation(maps: np.ndarray) -> float:
    return float(maps.std() / maps.mean())


def _lead(maps: np.ndarray) -> float:
    """Return the median over pixels of the strongest channel over the second strongest."""
    ranked = np.sort(maps[0], axis=0)
    return float(np.median(ranked[-1] / np.maximum(ranked[-2], np.finfo(float).tiny)))
