"""A bandit with ten arms: an agent pulls one arm at a time, gets a reward, and learns which arm to pull.

The policy is a softmax of preferences h, with the chances p. An arm's *advantage* is p_i (r_i - sum_j p_j r_j). It is

- the gradient of the mean reward by the preferences, which REINFORCE follows on average, with or without a baseline,
- the change of the chances themselves in the replicator equation of evolution.

R. J. Williams, *Simple statistical gradient-following algorithms for connectionist reinforcement learning*, Machine
Learning 8, 1992. R. S. Sutton, A. G. Barto, *Reinforcement learning: an introduction*, second edition, 2018, section
2.8. P. D. Taylor, L. B. Jonker, *Evolutionary stable strategies and game dynamics*, Mathematical Biosciences 40, 1978.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax

ARMS = 10
BASELINES = ("none", "mean")


class Plays(NamedTuple):
    """What happened in runs that were played side by side."""

    chances: np.ndarray  # (runs, steps + 1, arms): the policy before each step, and at the end
    chosen: np.ndarray  # (runs, steps): the arm that was pulled
    rewards: np.ndarray  # (runs, steps): what it gave


def policy(preferences: np.ndarray) -> np.ndarray:
    return softmax(preferences, axis=-1)


def rewards_of_arms(seed: int, offset: float = 0.0, arms: int = ARMS) -> np.ndarray:
    """Return each arm's mean reward, drawn from a normal distribution around `offset`."""
    return offset + np.random.default_rng(seed).normal(size=arms)


def advantage(chances: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Return p_i (r_i - sum_j p_j r_j): reward above the mean counts for an arm, reward below it counts against it."""
    return chances * (rewards - np.sum(chances * rewards, axis=-1, keepdims=True))


def ascend(rewards: np.ndarray, rate: float, steps: int) -> np.ndarray:
    """Follow the expected gradient from equal preferences; return the chances, shape (steps + 1, arms)."""
    preferences = np.zeros((steps + 1, len(rewards)))
    for step in range(steps):
        preferences[step + 1] = preferences[step] + rate * advantage(policy(preferences[step]), rewards)
    return policy(preferences)


def replicate(rewards: np.ndarray, rate: float, steps: int) -> np.ndarray:
    """Solve the replicator equation from equal chances; return the chances at times rate * step, (steps + 1, arms).

    The solution is p_i(t) = p_i(0) exp(r_i t) / sum_j p_j(0) exp(r_j t).
    """
    return policy(rate * np.arange(steps + 1)[:, None] * rewards)


def play(
    rewards: np.ndarray,
    rate: float = 0.1,
    steps: int = 300,
    *,
    baseline: str = "mean",
    noise: float = 1.0,
    runs: int = 1,
    seed: int = 0,
) -> Plays:
    """Learn by pulling arms: after each reward R, add rate (R - baseline) (1[i = chosen] - p_i) to the preferences.

    This is REINFORCE. With baseline "mean", the mean of the rewards before this one, it is the gradient bandit of
    Sutton and Barto, and the first reward changes nothing; with "none" it is 0. `noise` is the standard deviation of
    a reward around its arm's mean.

    Raises ValueError for another baseline.
    """
    if baseline not in BASELINES:
        raise ValueError(f"baseline={baseline!r}: must be one of {', '.join(map(repr, BASELINES))}")
    rng, arms, each = np.random.default_rng(seed), len(rewards), np.arange(runs)
    preferences, mean = np.zeros((runs, arms)), np.zeros(runs)
    chances = np.empty((runs, steps + 1, arms))
    chosen, earned = np.empty((runs, steps), int), np.empty((runs, steps))
    chances[:, 0] = policy(preferences)
    for step in range(steps):
        p = chances[:, step]
        arm = np.minimum((np.cumsum(p, axis=1) < rng.random((runs, 1))).sum(axis=1), arms - 1)
        reward = rewards[arm] + noise * rng.normal(size=runs)
        beyond = reward - (mean if step or baseline == "none" else reward)
        direction = -p
        direction[each, arm] += 1.0
        preferences += rate * beyond[:, None] * direction
        if baseline == "mean":
            mean += (reward - mean) / (step + 1)
        chances[:, step + 1] = policy(preferences)
        chosen[:, step], earned[:, step] = arm, reward
    return Plays(chances, chosen, earned)


def payments(pulls: Sequence[int], seed: int, noise: float = 1.0) -> np.ndarray:
    """Return what each of a player's pulls pays, (pulls,); it does not change if more pulls are added at the end.

    Raises ValueError if a pull is no whole number from 0 to ARMS - 1.
    """
    for pull in pulls:
        if pull not in range(ARMS):
            raise ValueError(f"pulls: {pull!r} is no arm; must be whole numbers from 0 to {ARMS - 1}")
    chances = np.random.default_rng((seed, 1)).normal(size=(len(pulls), ARMS))
    return rewards_of_arms(seed)[list(pulls)] + noise * chances[np.arange(len(pulls)), pulls]


def best_chosen(seed: int, baseline: str, offset: float, **options: Any) -> np.ndarray:
    """Return the share of runs that pull the best arm, by step; `seed` draws the arms, and `options` go to `play`."""
    rewards = rewards_of_arms(seed, offset)
    return np.mean(play(rewards, baseline=baseline, seed=seed, **options).chosen == np.argmax(rewards), axis=0)
