"""Train classifiers whose hidden units are pushed apart or together, and measure diversity, robustness and selectivity.

Each function takes a seed, which is one world, and returns numbers by name. The units are sigmoids: an activation from
0 to 1 cannot grow without end where equal units are rewarded, and it has the sign that a selectivity needs. Learning
rate and epochs are the same for all networks, since selectivity and rank change with both.
"""

from collections.abc import Sequence

import numpy as np
import scipy

from workbench.data.splits import Data
from workbench.experiments.arms import sgd
from workbench.experiments.dropout_in_networks import world
from workbench.measures import effective_rank
from workbench.training import network as networks
from workbench.training.fit import fit
from workbench.training.history import History
from workbench.training.layers import Decorrelation, Dense, Sigmoid

WIDTHS, STARTS = (16, 32, 64), 3  # 3 widths, 3 starts and 6 strengths: 54 networks
STRENGTHS = (-30.0, -10.0, 0.0, 30.0, 100.0, 300.0)
PUSHED = {"together": -30.0, "alone": 0.0, "apart": 30.0}
RATE, EPOCHS = 0.3, 60
SIDE = 8  # pixels of a digit
NOISE, COVERED, LEFT, LIFT, LOST = 0.3, 4, 0.5, 0.25, 0.5  # how strong the corruptions are
CORRUPTIONS = ("noise", "occlusion", "brightness", "lost units")
DRAWS = 5  # of each corruption that is random


def diversity_and_robustness(seed: int, corruption: str) -> dict[str, float]:
    """Train networks of several widths and penalties; correlate, by ranks, effective rank and robust accuracy.

    The partial correlation is that of networks of one width and one clean accuracy.
    """
    data, found = world(seed), []
    strengths = np.tile(STRENGTHS, STARTS)
    starts = seed + 10_000 * np.repeat(np.arange(STARTS), len(STRENGTHS))
    for width in WIDTHS:
        history = trained(width, strengths, data, starts)
        found.append([np.full(len(strengths), width), *measured(history, data, corruption, seed), strengths])
    width, rank, clean, robust, strengths = np.concatenate(found, axis=1)
    return {
        "partial rank correlation of effective rank and robust accuracy": partial_rank_correlation(
            rank, robust, [*(width == each for each in WIDTHS), scipy.stats.rankdata(clean)]
        ),
        "rank correlation with nothing given": float(scipy.stats.spearmanr(rank, robust).statistic),
        **{f"effective rank at {each:g}": float(rank[strengths == each].mean()) for each in STRENGTHS},
        **{f"clean accuracy at {each:g}": float(clean[strengths == each].mean()) for each in STRENGTHS},
        **{f"robust accuracy at {each:g}": float(robust[strengths == each].mean()) for each in STRENGTHS},
    }


def trained(width: int, strengths: np.ndarray, data: Data, seeds: np.ndarray, rate: float = RATE) -> History:
    """Return networks with `width` hidden units, one for each strength and seed, trained side by side in one world."""
    network = [Dense(width), Sigmoid(), Decorrelation(strengths), Dense(10)]
    data = data.take(np.zeros(len(seeds), int))
    return fit(network, data, sgd(rate), epochs=EPOCHS, evaluate_every=0, seed=seeds)


def hidden(history: History, x: np.ndarray) -> np.ndarray:
    """Return the hidden units (networks, examples, units) for digits x (examples, inputs)."""
    x = np.broadcast_to(x.astype(np.float32), (len(history.seeds), *x.shape))
    return networks.forward(history.network[:2], history.parameters[:2], x, training=False)[0]


def measured(history: History, data: Data, corruption: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each network its effective rank, and its accuracy on clean and on corrupted test digits."""
    x, rng = data.part("test")[0][0], np.random.default_rng(seed)
    h = hidden(history, x)
    if corruption == "lost units":
        several = [h * (rng.random(h.shape[-1]) >= LOST) / (1 - LOST) for _ in range(DRAWS)]
    else:
        draws = 1 if corruption == "brightness" else DRAWS
        several = [hidden(history, corrupted(x, corruption, rng)) for _ in range(draws)]
    clean, *robust = (_accuracy(history, each, data) for each in (h, *several))
    return np.array([effective_rank(each) for each in h]), clean, np.mean(robust, axis=0)


def _accuracy(history: History, h: np.ndarray, data: Data) -> np.ndarray:
    """Return the share of test digits that each network reads rightly, given hidden units (networks, digits, units)."""
    scores = networks.forward(history.network[3:], history.parameters[3:], h, training=False)[0]
    return 1 - networks.wrong(scores, data.part("test")[1], 10).mean(axis=1)


def answers(seed: int, strengths: Sequence[float] = STRENGTHS) -> dict[str, np.ndarray]:
    """Return by corruption how much hidden units change, over how much they differ between digits, (strengths,).

    Both are mean squares over digits and the 64 units of a network.
    """
    data = world(seed)
    x, rng = data.part("test")[0][0], np.random.default_rng(seed)
    history = trained(64, np.array(strengths), data, np.full(len(strengths), seed))
    h = hidden(history, x)
    return {
        corruption: np.mean((hidden(history, corrupted(x, corruption, rng)) - h) ** 2, axis=(1, 2))
        / h.var(axis=1).mean(axis=1)
        for corruption in CORRUPTIONS[:3]
    }


def corrupted(x: np.ndarray, corruption: str, rng: np.random.Generator) -> np.ndarray:
    """Return digits x (examples, 64) with noise, with a square covered, or with less contrast and more light."""
    if corruption == "noise":
        return x + rng.normal(scale=NOISE, size=x.shape)
    if corruption == "brightness":
        return LEFT * x + LIFT
    row, column = rng.integers(SIDE - COVERED + 1, size=(2, len(x), 1))
    rows, columns = np.divmod(np.arange(x.shape[1]), SIDE)
    covered = (rows >= row) & (rows < row + COVERED) & (columns >= column) & (columns < column + COVERED)
    return np.where(covered, 0, x)


def partial_rank_correlation(a: np.ndarray, b: np.ndarray, given: list[np.ndarray]) -> float:
    """Return the correlation of the ranks of a and b, after a regression of both on a constant and on what is given."""
    design = np.column_stack([np.ones(len(a)), *given])
    left = [ranks - design @ np.linalg.lstsq(design, ranks)[0] for ranks in map(scipy.stats.rankdata, (a, b))]
    return float(np.corrcoef(left)[0, 1])


def apart_or_together(seed: int, examples: int) -> dict[str, float]:
    """Compare networks whose units are pushed apart, left alone, and pushed together: rank, selectivity, test loss."""
    data = world(seed, examples)
    history = trained(64, np.array([*PUSHED.values()]), data, np.full(len(PUSHED), seed))
    x, y = (each[0] for each in data.part("test"))
    units = dict(zip(PUSHED, hidden(history, x), strict=True))
    rank = {name: effective_rank(h) for name, h in units.items()}
    selective = {name: class_selectivity(h, y) for name, h in units.items()}
    losses = history.loss(data.take(np.zeros(len(PUSHED), int))).tolist()
    return {
        "gain of effective rank with a decorrelation penalty": rank["apart"] / rank["alone"] - 1,
        "gain of selectivity with the opposite penalty": selective["together"] / selective["alone"] - 1,
        **{f"effective rank, {name}": value for name, value in rank.items()},
        **{f"selectivity, {name}": value for name, value in selective.items()},
        **{f"test loss, {name}": value for name, value in zip(PUSHED, losses, strict=True)},
    }


def class_selectivity(h: np.ndarray, y: np.ndarray) -> float:
    """Return the mean over units of (a - b) / (a + b).

    a is a unit's mean activation for its strongest class, and b that over the other classes (Morcos, Barrett,
    Rabinowitz and Botvinick, "On the importance of single directions for generalization", 2018). Units that are never
    active are left out.
    """
    means = np.array([h[y == each].mean(axis=0) for each in np.unique(y)])
    most = means.max(axis=0)
    others = (means.sum(axis=0) - most) / (len(means) - 1)
    active = most + others > 0
    return float(np.mean((most - others)[active] / (most + others)[active]))
