"""Experiments on the relatives of dropout: pruned weights, dropped connections, and noise that each weight learns.

Each function takes a seed, which is one world, and returns numbers by name. Arms that are compared have the same number
of trials.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.baselines.variational_dropout import log_alpha
from workbench.data.splits import Data
from workbench.experiments.arms import RATES, Build, Built, Tuned, gain, sgd, tune
from workbench.experiments.dropout_in_networks import world
from workbench.training.layers import Dense, DropConnect, Dropout, Layer, ReLU, VariationalDropout
from workbench.training.optimizers import Adam
from workbench.training.penalties import MagnitudePruning, Network, Rate, State, VariationalKL

HIDDEN = 64

PRUNED_RATES = RATES[2:5]
SPARSITIES = (0.2, 0.4, 0.6, 0.8)
DECAYS = (1e-4, 3e-4, 1e-3, 3e-3)
AT_THE_END = {"epochs": 40, "evaluate_every": 40}  # pruned networks are judged when pruning is over, as all others are
STEP = 1 / 400  # of the training: an epoch has ten steps
SCHEDULES: Mapping[str, Mapping[str, Any]] = {
    "one shot": {"gradual": False, "begin": 1 - 1.5 * STEP, "end": 1 - 0.5 * STEP},  # after the last step
    "one shot and fine-tuned": {"gradual": False, "begin": 0.5},
    "gradual": {"begin": 0.25, "end": 0.75},
}

USUAL = {100: RATES[2:5], 300: RATES[3:6]}  # by the number of training examples
RATIOS = (0.1, 0.3, 0.5)
SHARES, DRAWS = np.arange(10) / 10, 3  # of the weights that are lost, and choices of them

UNITS, RELEVANT, INPUTS, EXAMPLES = 16, 20, 100, (300, 300, 2000)
FIXED = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
STRENGTHS = tuple((np.geomspace(0.1, 3, 8) / EXAMPLES[0]).tolist())  # 1 / examples gives the evidence lower bound
START, ADAM_RATE = -6.0, 0.003  # log sigma^2 before training


class RandomPruning(MagnitudePruning):
    """Remove as many weights as `MagnitudePruning` does, chosen at random: it prunes random numbers instead."""

    def start(self, parameters: Network) -> State:
        rng = np.random.default_rng(0)
        return super().start(parameters) | {"ranks": [{"weight": rng.random(w.shape)} for w in self.chosen(parameters)]}

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        super().after_step(state["ranks"], learning_rate, progress, state)
        for w, ranks in zip(self.chosen(parameters), self.chosen(state["ranks"]), strict=True):
            np.copyto(w, 0, where=ranks == 0)


def pruning(seed: int, schedule: str) -> dict[str, float]:
    """Compare pruned networks with dense ones that have the best L2 penalty, all after the last epoch."""
    data, dense = world(seed), _with_l2(seed)

    def best(penalty: type[MagnitudePruning], *sparsities: float) -> Tuned:
        def build(rate: np.ndarray, sparsity: np.ndarray) -> Built:
            return perceptron(), sgd(rate), {"penalties": [penalty(sparsity, **SCHEDULES[schedule])]}

        return tune(build, {"rate": PRUNED_RATES, "sparsity": sparsities}, data, seed, **AT_THE_END)

    return {
        "relative gain over tuned L2": gain(best(MagnitudePruning, *SPARSITIES), dense),
        "relative gain with 80 % removed": gain(best(MagnitudePruning, 0.8), dense),
        "relative gain with 80 % removed at random": gain(best(RandomPruning, 0.8), dense),
    }


@functools.cache
def _with_l2(seed: int) -> Tuned:
    return tune(_decayed, {"rate": PRUNED_RATES, "decay": DECAYS}, world(seed), seed, **AT_THE_END)


def _decayed(rate: np.ndarray, decay: np.ndarray) -> Built:
    return perceptron(), sgd(rate, weight_decay=decay), {}


def dropconnect(seed: int, train: int) -> dict[str, float]:
    """Compare DropConnect in both layers with no dropout, dropout of the hidden units, and L2.

    Robustness is the accuracy without a share of the weights, over that of the whole network, as a mean over shares.
    """

    def connections(rate: np.ndarray, ratio: np.ndarray) -> Built:
        return [DropConnect(Dense(HIDDEN), ratio), ReLU(), DropConnect(Dense(10), ratio)], sgd(rate), {}

    def units(rate: np.ndarray, ratio: np.ndarray) -> Built:
        return perceptron(Dropout(ratio)), sgd(rate), {}

    data, rates, epochs = world(seed, train), USUAL[train], 12000 // train
    arms: Mapping[str, tuple[Build, Mapping[str, Sequence[float]]]] = {
        "DropConnect": (connections, {"rate": rates, "ratio": RATIOS}),
        "none": (_decayed, {"rate": np.geomspace(rates[0], rates[-1], 9), "decay": (0.0,)}),
        "dropout": (units, {"rate": rates, "ratio": RATIOS}),
        "L2": (_decayed, {"rate": RATES[3:6], "decay": DECAYS[1:]}),
    }
    options = {"epochs": epochs, "evaluate_every": epochs // 20}
    treated, *others = (tune(build, grid, data, seed, **options) for build, grid in arms.values())
    kept = (_accuracy_kept(each, data, seed) for each in (treated, *others[:2]))
    return {
        **{f"relative gain over {name}": gain(treated, each) for name, each in zip([*arms][1:], others, strict=True)},
        **{f"accuracy kept without some weights, {name}": share for name, share in zip(arms, kept, strict=False)},
    }


def _accuracy_kept(tuned: Tuned, data: Data, seed: int) -> float:
    """Return the mean accuracy without a share of the weights, the rest scaled up, over the accuracy with all."""
    rng, history, accuracies = np.random.default_rng(seed), tuned.history, []
    for share in np.repeat(SHARES, DRAWS):
        parameters = [dict(layer) for layer in history.parameters]
        for layer in parameters:
            if "weight" in layer:
                left = rng.random(layer["weight"].shape) >= share
                layer["weight"] = layer["weight"] * left.astype(np.float32) / np.float32(1 - share)
        accuracies.append(1 - dataclasses.replace(history, parameters=parameters).error(data)[0])
    return float(np.mean(accuracies) / accuracies[0])


def learned_noise(seed: int) -> dict[str, float]:
    """Learn the noise of each weight where 80 of 100 inputs are noise; compare with the best of eight fixed ratios.

    An input's noise is the smallest log alpha of its weights, since one weight is enough to use it. The divergence is
    annealed over the first half. All inputs that matter matter alike.
    """
    from sklearn.metrics import roc_auc_score

    def learned(rate: np.ndarray, strength: np.ndarray) -> Built:
        network = [VariationalDropout(Dense(UNITS), START), ReLU(), VariationalDropout(Dense(2), START)]
        return network, Adam(rate), {"penalties": [VariationalKL(strength)]}

    def fixed(rate: np.ndarray, ratio: np.ndarray) -> Built:
        return [Dropout(ratio), Dense(UNITS), ReLU(), Dropout(ratio), Dense(2)], Adam(rate), {}

    data = relevant_and_noise(seed)
    noisy = tune(learned, {"rate": (ADAM_RATE,), "strength": STRENGTHS}, data, seed, **AT_THE_END)
    control = tune(fixed, {"rate": (ADAM_RATE,), "ratio": FIXED}, data, seed, **AT_THE_END)
    first = noisy.history.parameters[0]
    alphas = log_alpha(first["weight"][0], first["log_sigma2"][0])
    return {
        "area under the curve for noise inputs": roc_auc_score(np.arange(INPUTS) >= RELEVANT, alphas.min(axis=0)),
        "relative gain over the best fixed ratio": gain(noisy, control),
        "best fixed ratio": control.chosen["ratio"],
    }


def relevant_and_noise(seed: int, relevant: int = RELEVANT) -> Data:
    """Return 100 normal inputs, the first `relevant` of which decide the class, by the sign of a noisy sum."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((sum(EXAMPLES), INPUTS))
    score = x[:, :relevant] @ rng.choice([-1, 1], relevant) / np.sqrt(relevant)
    y = (score + 0.3 * rng.standard_normal(len(x)) > 0).astype(int)
    rows = np.split(np.arange(len(x))[None], np.cumsum(EXAMPLES)[:-1], axis=1)
    return Data(x.astype(np.float32), y, *rows, None, None, 2)


def perceptron(*after: Layer) -> list[Layer]:
    """Return a network of one hidden layer, with the layers `after` behind its units."""
    return [Dense(HIDDEN), ReLU(), *after, Dense(10)]
