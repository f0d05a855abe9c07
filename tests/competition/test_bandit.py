import numpy as np
import pytest

from workbench.competition import bandit

REWARDS = np.array([0.3, -0.5, 1.2, 0.0])


def test_the_advantage_is_the_gradient_of_the_mean_reward():
    preferences, step = np.array([0.5, -0.2, 0.1, 0.9]), 1e-5

    def mean_reward(h):
        return np.exp(h) @ REWARDS / np.exp(h).sum()

    gradient = [(mean_reward(preferences + e) - mean_reward(preferences - e)) / (2 * step) for e in step * np.eye(4)]
    found = bandit.advantage(bandit.policy(preferences), REWARDS)
    assert found == pytest.approx(gradient, abs=1e-9)
    assert found.sum() == pytest.approx(0, abs=1e-15)
    assert bandit.ascend(REWARDS, 0.4, 1)[1] == pytest.approx(
        bandit.policy(0.1 * (REWARDS - 0.25))  # a fourth of each reward above the mean, times 0.4
    )


def test_the_replicator_equation_has_the_same_right_side():
    fine = 1e-4
    chances = bandit.replicate(REWARDS, fine, 20_000)
    assert chances.sum(axis=1) == pytest.approx(np.ones(20_001))
    assert chances[-1] == pytest.approx(np.exp(2 * REWARDS) / np.exp(2 * REWARDS).sum())
    slope = (chances[10_001] - chances[9_999]) / (2 * fine)
    assert slope == pytest.approx(bandit.advantage(chances[10_000], REWARDS), abs=1e-7)


@pytest.mark.parametrize("baseline", bandit.BASELINES)
def test_a_run_pulled_by_hand(baseline):
    plays = bandit.play(REWARDS, 0.5, 6, baseline=baseline, noise=0.7, runs=3, seed=9)
    assert plays.chances.shape == (3, 7, 4)
    for run in range(3):
        h, before = [0.0] * 4, []
        for step in range(6):
            p = np.exp(h) / np.sum(np.exp(h))
            assert plays.chances[run, step] == pytest.approx(p)
            arm, reward = plays.chosen[run, step], plays.rewards[run, step]
            base = 0.0 if baseline == "none" else np.mean(before) if before else reward
            before.append(reward)
            h = [h[i] + 0.5 * (reward - base) * ((i == arm) - p[i]) for i in range(4)]
        assert plays.chances[run, 6] == pytest.approx(np.exp(h) / np.sum(np.exp(h)))


def test_arms_are_pulled_by_their_chances_and_pay_their_mean():
    plays = bandit.play(REWARDS, 0.0, 50, noise=0.5, runs=400)
    counts = np.bincount(plays.chosen.ravel(), minlength=4)
    assert counts == pytest.approx(np.full(4, 5000), rel=0.06)
    assert plays.rewards[plays.chosen == 2].mean() == pytest.approx(1.2, abs=0.05)
    assert plays.rewards[plays.chosen == 2].std() == pytest.approx(0.5, rel=0.05)


def test_on_average_reinforce_follows_the_gradient_with_and_without_a_baseline():
    expected = bandit.advantage(np.full(4, 0.25), REWARDS)
    for baseline, steps in (("none", 1), ("mean", 2)):  # the first reward is its own baseline, and changes nothing
        plays = bandit.play(REWARDS, 0.01, steps, baseline=baseline, noise=1.0, runs=60_000, seed=1)
        h = np.log(plays.chances[:, -1])
        change = (h - h.mean(axis=1, keepdims=True)).mean(axis=0) / 0.01
        assert change == pytest.approx(expected, abs=0.02)


def test_rewards_of_arms():
    assert bandit.rewards_of_arms(3, 4.0) - bandit.rewards_of_arms(3) == pytest.approx(np.full(10, 4.0))
    with pytest.raises(ValueError, match="baseline='median': must be one of 'none', 'mean'"):
        bandit.play(REWARDS, baseline="median")


def test_what_a_player_gets_does_not_depend_on_later_pulls():
    few, many = bandit.payments([3, 0, 3], 5), bandit.payments([3, 0, 3, 9, 3], 5)
    assert np.array_equal(few, many[:3])
    assert few[0] != few[2]
    assert bandit.payments([3] * 4000, 5).mean() == pytest.approx(bandit.rewards_of_arms(5)[3], abs=0.06)
    assert np.array_equal(bandit.payments([9, 4], 5, noise=0.0), bandit.rewards_of_arms(5)[[9, 4]])


def test_the_best_arm_is_found_by_most_agents():
    found = bandit.best_chosen(2, "mean", 4.0, rate=0.1, steps=300, runs=50)
    assert found.shape == (300,)
    assert found[:20].mean() < 0.4
    assert found[-20:].mean() > 0.6


@pytest.mark.parametrize("pull", [-1, bandit.ARMS, 1.5, None, "1"])
def test_what_is_no_arm_pays_nothing(pull):
    with pytest.raises(ValueError, match=rf"pulls: {pull!r} is no arm; must be whole numbers from 0 to 9"):
        bandit.payments([0, pull], 3)
