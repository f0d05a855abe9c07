"""Experiments on tuning: compare samplers, estimate the true loss of the best of many trials, and measure pruning.

Sources: Bergstra and Bengio, Random search for hyper-parameter optimization, 2012, for grids and random trials;
Nadeau and Bengio, Inference for the generalization error, 2003, for the standard error of cross-validation.
"""

import dataclasses
import importlib.util
import itertools
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.sweep import sweep
from workbench.sweep.definition import Definition
from workbench.sweep.points import Points, collect
from workbench.sweep.records import Record

Space = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Run:
    """Records of a sweep that ran in a temporary folder."""

    records: tuple[Record, ...]
    definition: Definition

    @property
    def best(self) -> Record:
        """Return the successful trial with the smallest objective."""
        return min((record for record in self.records if record.values), key=lambda record: record.values[0])

    @property
    def folds(self) -> int:
        """Return how many folds were computed, including those of pruned trials."""
        return sum(len(record.intermediate) for record in self.records)


def run_sweep(
    function: Callable,
    space: Space,
    *,
    trials: int,
    sampler: str = "random",
    pruner: str = "none",
    seed: int = 0,
    objective: str | Sequence[str] = "loss",
) -> Run:
    """Run a sweep over a function in this process and return its trials; a grid has at most `trials` points.

    Raises:
        SweepError: as for `workbench.sweep.sweep`.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = sweep(
            function,
            gridded(space, trials) if sampler == "grid" else space,
            objective,
            sampler=sampler,
            trials=trials,
            seed=seed,
            pruner=pruner,
            name="run",
            output=folder,
            in_process=True,
            report=False,
        )
        return Run(tuple(result.records()), result.definition)


def compare_samplers(
    function: Callable, space: Space, samplers: Sequence[str], trials: int, repeats: int
) -> dict[str, list[Run]]:
    """Return sweeps with the same number of trials by sampler, one for each of the seeds 0 to repeats - 1."""
    return {
        sampler: [run_sweep(function, space, trials=trials, sampler=sampler, seed=seed) for seed in range(repeats)]
        for sampler in samplers
    }


def samplers(gp: bool) -> tuple[tuple[str, ...], str]:
    """Return the samplers to compare, and a sentence that says whether gp is among them."""
    names = ("grid", "random", "qmc", "tpe")
    if not gp:
        return names, "gp is left out: it needs torch; where torch is installed, give -p gp True"
    if importlib.util.find_spec("torch") is None:
        return names, "gp is left out: torch, which it needs, is not installed"
    return (*names, "gp"), "gp is in"


def gridded(space: Space, trials: int) -> dict[str, Any]:
    """Return the space with grid points, as many per dimension as `trials` allows; earlier dimensions get more.

    Points are the middles of equal parts of a range. With two or three points, its ends would be poor places.
    """
    sizes = {
        name: math.inf if _is_range(what) else len(what)
        for name, what in space.items()
        if _is_range(what) or isinstance(what, list | tuple)
    }
    counts = dict.fromkeys(sizes, 1)
    while growing := [name for name in sizes if counts[name] < sizes[name] and _fits(counts, name, trials)]:
        counts[min(growing, key=counts.__getitem__)] += 1
    return {name: _middles(what, counts[name]) if name in counts else what for name, what in space.items()}


def best_so_far(records: Iterable[Record]) -> np.ndarray:
    """Return the smallest objective up to each trial, infinity before the first successful trial."""
    return np.minimum.accumulate([record.values[0] if record.values else math.inf for record in records])


def curves(runs: Sequence[Run]) -> np.ndarray:
    """Return `best_so_far` for several sweeps, shape (sweeps, trials)."""
    return np.array([best_so_far(run.records) for run in runs])


def pool(runs: Iterable[Run]) -> Points:
    """Return the successful trials of several sweeps over the same space together."""
    runs = list(runs)
    return collect(itertools.chain.from_iterable(run.records for run in runs), runs[0].definition)


def fold_scores(records: Iterable[Record]) -> np.ndarray:
    """Return the losses of the successful trials, shape (trials, folds)."""
    return np.array([record.metrics["loss"] for record in records if record.status == "ok"])


def main_effects(points: Points, parts: int = 5) -> dict[str, float]:
    """Return the share of the variance of the log loss that each hyperparameter explains, by name.

    The trials are grouped by `parts` equal parts of the hyperparameter's range. The share that groups explain by chance
    is subtracted: the result is epsilon squared (Kelley, An unbiased correlation ratio measure, 1935), or 0 if that is
    negative.
    """
    loss = np.log(points.values[:, 0])
    return {name: explained(loss, _part(points, name, parts)) for name in points.parameters}


def paired_difference(scores: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of scores - others over the folds (the last axis), and its standard error.

    Folds share most of their training examples, so their scores are not independent. Following Nadeau and Bengio, the
    variance of the mean of k folds is (1/k + 1/(k - 1)) times that of one fold; 1/(k - 1) is the ratio of left-out to
    training examples.
    """
    differences = np.asarray(scores) - others
    k = differences.shape[-1]
    return differences.mean(axis=-1), differences.std(axis=-1, ddof=1) * math.sqrt(1 / k + 1 / (k - 1))


def worse(scores: np.ndarray, level: float = 0.05) -> np.ndarray:
    """Return which trials are worse than the best one by Wilcoxon's signed-rank test; scores are (trials, folds).

    The test is one-sided, on the differences fold by fold. It uses ranks because a model that is sure of one wrong
    answer has a huge loss in that fold. For a level of 0.05, four folds are too few; of five folds, all must be worse.
    """
    from scipy.stats import wilcoxon

    differences = scores - scores[scores.mean(axis=1).argmin()]
    # One trial at a time: if some differences are zero, as for the best trial, SciPy goes through all signs for each.
    return np.array([each.any() and wilcoxon(each, alternative="greater").pvalue < level for each in differences])


def winners_curse(scores: np.ndarray, trials: int, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Return the loss of the best of some trials on the folds that chose it, and on folds that did not.

    Half of the folds choose the best of `trials` random trials, and the other half judges it. The results are means
    over many draws. The halves also swap roles, so that neither is easier.

    Args:
        scores: shape (trials in all, folds), with an even number of folds.
    """
    rng = np.random.default_rng(seed)
    count, folds = scores.shape
    seeming, true = [], []
    for _ in range(draws):
        chosen = scores[rng.permutation(count)[:trials]]
        order = rng.permutation(folds)
        halves = [chosen[:, part].mean(axis=1) for part in np.split(order, 2)]
        for choosing, judging in (halves, halves[::-1]):
            winner = choosing.argmin()
            seeming.append(choosing[winner])
            true.append(judging[winner])
    return float(np.mean(seeming)), float(np.mean(true))


def _part(points: Points, name: str, parts: int) -> np.ndarray:
    axis = points.axis(name)
    places = np.log(axis.places) if axis.log else axis.places
    edges = np.linspace(places.min(), places.max(), parts + 1)[1:-1]
    return np.searchsorted(edges, places, side="right")


def explained(values: np.ndarray, group: np.ndarray) -> float:
    """Return the share of the variance of values that groups explain, less what they explain by chance; at least 0."""
    groups = [values[group == each] for each in np.unique(group)]
    within = sum(((each - each.mean()) ** 2).sum() for each in groups) / (len(values) - len(groups))
    return max(0.0, float(1 - within / values.var(ddof=1)))


def _is_range(what: Any) -> bool:
    return isinstance(what, str) and ".." in what


def _fits(counts: Mapping[str, int], grown: str, trials: int) -> bool:
    return math.prod(count + (name == grown) for name, count in counts.items()) <= trials


def _middles(what: Any, count: int) -> list:
    shares = (np.arange(count) + 0.5) / count
    if not _is_range(what):
        return [what[int(share * len(what))] for share in shares]
    limits, *options = what.split(":")
    low, high = map(float, limits.split(".."))
    if "log" in options:
        return (low * (high / low) ** shares).tolist()
    return (low + (high - low) * shares).tolist()
