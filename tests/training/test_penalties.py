"""Penalties: each world gets what the public operators and baselines do to it alone, and zeros are exact."""

import dataclasses

import numpy as np
import pytest

import workbench
from workbench.baselines.pruning import gradual_sparsity, prune_global
from workbench.baselines.variational_dropout import variational_dropout_kl, variational_dropout_kl_gradient
from workbench.data.splits import Data
from workbench.training import fit as fitting
from workbench.training import trees
from workbench.training.fit import fit
from workbench.training.layers import Dense, Dropout
from workbench.training.optimizers import SGD
from workbench.training.penalties import (
    ElasticNetProx,
    GroupProx,
    L1Ball,
    LpGradient,
    LpProx,
    MagnitudePruning,
    RowRegularizer,
    SparseLpThreshold,
    VariationalKL,
)

WEIGHTS = np.array([0.3, 0.0, 0.05, 0.3])
EVERY = [
    LpGradient(WEIGHTS, 0.5),
    LpProx(WEIGHTS, 1.5),
    LpProx(WEIGHTS),
    ElasticNetProx(WEIGHTS, np.array([0.9, 0.2, 0.5, 1.0])),
    GroupProx(WEIGHTS, 1),
    L1Ball(10 * WEIGHTS),
    SparseLpThreshold(WEIGHTS, 2.0, WEIGHTS, keep_mask=True),
    RowRegularizer(np.array([0.3, 0.1, 0.05, 0.3])),
    MagnitudePruning(WEIGHTS),
    VariationalKL(WEIGHTS),
]


def network(dtype=np.float64):
    """Return the parameters of three layers in four worlds; the second layer has none."""
    rng = np.random.default_rng(8)
    return [
        {"weight": rng.normal(size=(4, 5, 3)).astype(dtype), "bias": rng.normal(size=(4, 5)).astype(dtype)},
        {},
        {"weight": rng.normal(size=(4, 2, 5)).astype(dtype), "log_sigma2": rng.normal(size=(4, 2, 5)).astype(dtype)},
    ]


def gradients_of(penalty, parameters, progress=0.5):
    """Return what the penalty adds to gradients of zero."""
    gradients = trees.changed(parameters, np.zeros_like)
    penalty.add_gradient(parameters, gradients, progress, penalty.start(parameters))
    return gradients


def in_the_loss(penalty, parameters):
    """Return what the penalty adds to the loss of each world when a fifth of the training is done."""
    weights = [layer["weight"] for layer in parameters if layer]
    if isinstance(penalty, LpGradient):
        return WEIGHTS * [sum((np.abs(each[w]) ** penalty.p).sum() for each in weights) for w in range(4)]
    if isinstance(penalty, VariationalKL):
        divergences = [variational_dropout_kl(weights[1][w], parameters[2]["log_sigma2"][w]) for w in range(4)]
        return 0.2 / 0.5 * WEIGHTS * divergences
    return np.zeros(4)


@pytest.mark.parametrize("penalty", EVERY, ids=lambda each: type(each).__name__)
def test_gradients_are_finite_differences_of_what_is_in_the_loss(penalty):
    parameters = network()
    found = trees.flat(gradients_of(penalty, parameters, 0.2))
    for path, array in trees.flat(parameters).items():
        for place in [(slice(None), *np.unravel_index(i, array.shape[1:])) for i in range(0, array[0].size, 4)]:
            kept, values = array[place].copy(), []
            for step in (1e-6, -1e-6):
                array[place] = kept + step
                values.append(in_the_loss(penalty, parameters))
            array[place] = kept
            slope = (values[0] - values[1]) / 2e-6
            np.testing.assert_allclose(found[path][place], slope, rtol=1e-5, atol=1e-7, err_msg=path)


@pytest.mark.parametrize("penalty", EVERY, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_world_alone_is_as_among_others_to_the_last_bit(penalty, dtype):
    def trained(worlds):
        own = {
            field.name: getattr(penalty, field.name)[worlds]
            for field in dataclasses.fields(penalty)
            if isinstance(getattr(penalty, field.name), np.ndarray)
        }
        one = dataclasses.replace(penalty, **own)
        parameters = trees.changed(network(dtype), lambda array: array[worlds].copy())
        state = one.start(parameters)
        gradients = trees.changed(parameters, np.cos)
        for progress in (0.1, 0.5, 0.8):
            one.add_gradient(parameters, gradients, progress, state)
            one.after_step(parameters, 0.5, progress, state)
        return trees.flat([parameters, gradients, state])

    together = trained(slice(None))
    for world in range(4):
        alone = trained(slice(world, world + 1))
        for path, array in together.items():
            np.testing.assert_array_equal(alone[path], array[world : world + 1], err_msg=path)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_the_gradient_is_the_operators(p):
    parameters = network()
    parameters[0]["weight"][:, 1] = 0
    penalty = LpGradient(WEIGHTS, p, names=("weight", "bias"), layers=[0])
    gradients = gradients_of(penalty, parameters)
    for w, weight in enumerate(WEIGHTS):
        for name in ("weight", "bias"):
            wanted = workbench.lp_gradient(parameters[0][name][w], weight, p, engine="reference")
            np.testing.assert_allclose(gradients[0][name][w], wanted, rtol=1e-14)
    assert not gradients[2]["weight"].any()


@pytest.mark.parametrize("p", [1.0, 0.5])
def test_the_prox_is_the_operator_with_the_rate_times_the_weight(p):
    parameters, rates = network(), np.array([0.5, 1.0, 2.0, 0.9])
    before = trees.changed(parameters, np.copy)
    penalty = LpProx(WEIGHTS, p)
    penalty.after_step(parameters, rates, 0.5, penalty.start(parameters))
    for w in range(4):
        for i in (0, 2):
            wanted = workbench.lp_prox(before[i]["weight"][w], rates[w] * WEIGHTS[w], p)
            np.testing.assert_array_equal(parameters[i]["weight"][w], wanted)
    zeros = (parameters[0]["weight"] == 0).mean(axis=(1, 2))
    assert zeros[0] > 0
    assert zeros[1] == 0
    np.testing.assert_array_equal(parameters[0]["bias"], before[0]["bias"])


def test_a_prox_that_iterates_does_not_see_the_worlds_beside():
    sizes = 10.0 ** np.resize(np.arange(-3, 3), (60, 1))  # numbers of other sizes need other numbers of steps
    w = np.random.default_rng(1).normal(size=(60, 15)) * sizes
    together, penalty = w.copy(), LpProx(0.3, 1.1)
    penalty.after_step([{"weight": together}], 1.0, 0.5, penalty.start([{"weight": together}]))
    for world in range(60):
        alone = w[world : world + 1].copy()
        penalty.after_step([{"weight": alone}], 1.0, 0.5, penalty.start([{"weight": alone}]))
        np.testing.assert_array_equal(alone[0], together[world])


def least(function, at, half, points=20001):
    """Return the place in [at - half, at + half] where a function is lowest, on a fine grid."""
    places = np.linspace(at - half, at + half, points)
    return places[np.argmin(function(places))]


def test_the_elastic_nets_prox_minimizes_its_objective():
    parameters, rates, ratios = network(), np.array([0.5, 1.0, 2.0, 0.9]), np.array([0.9, 0.2, 0.5, 1.0])
    before, penalty = trees.changed(parameters, np.copy), ElasticNetProx(WEIGHTS, ratios)
    penalty.after_step(parameters, rates, 0.5, penalty.start(parameters))
    for place in [(0, 1, 2), (1, 4, 0), (2, 0, 1), (3, 3, 1)]:
        old, world = before[0]["weight"][place], place[0]
        strength, ratio = rates[world] * WEIGHTS[world], ratios[world]

        def objective(z, old=old, strength=strength, ratio=ratio):
            return (z - old) ** 2 / 2 + strength * (ratio * np.abs(z) + (1 - ratio) / 2 * z**2)

        np.testing.assert_allclose(parameters[0]["weight"][place], least(objective, old, 1.0), atol=2e-4)
    small = np.abs(before[0]["weight"][0]) <= 0.5 * 0.3 * 0.9
    np.testing.assert_array_equal(parameters[0]["weight"][0] == 0, small)
    assert 0 < small.sum() < small.size


def test_the_nearest_point_of_the_ball_takes_the_same_from_all_weights_of_a_world():
    from scipy.optimize import brentq

    parameters, radii = network(), np.array([3.0, 0.0, 1e3, 8.0])
    before, penalty = trees.changed(parameters, np.copy), L1Ball(radii, names=("weight", "bias"))
    penalty.after_step(parameters, 0.1, 0.5, penalty.start(parameters))
    for world, radius in enumerate(radii):
        old, new = (
            np.concatenate([array[world].ravel() for path, array in trees.flat(each).items() if "log" not in path])
            for each in (before, parameters)
        )
        taken = 0.0
        if radius < np.abs(old).sum():
            taken = brentq(lambda t, old=old, radius=radius: np.maximum(np.abs(old) - t, 0).sum() - radius, 0, 10)
        np.testing.assert_allclose(new, np.sign(old) * np.maximum(np.abs(old) - taken, 0), atol=1e-9)
    assert (parameters[2]["log_sigma2"] == before[2]["log_sigma2"]).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_group_is_shortened_by_the_root_of_its_size_or_becomes_zero(axis):
    """With L2 norms, the minimum lies on the line from 0 to the group, so that only its length is to be found."""
    rng = np.random.default_rng(2)
    w = rng.normal(size=(3, 4, 5, 2, 2)) * np.array([0.01, 1, 1, 1]).reshape(4, *(1,) * 3)
    w[:, :, 3] *= 0.01
    before, rates, weights = w.copy(), np.array([0.5, 2.0, 1.0]), np.array([0.4, 0.2, 0.0])
    penalty = GroupProx(weights, axis)
    penalty.after_step([{"weight": w}], rates, 0.5, penalty.start([{"weight": w}]))
    for world in range(3):
        for group in range(w.shape[1 + axis]):
            old, new = (each[world].take(group, axis).ravel() for each in (before, w))
            long, most = np.sqrt(old @ old), rates[world] * weights[world] * len(old) ** 0.5

            def objective(length, long=long, most=most):
                return (length - long) ** 2 / 2 + most * np.abs(length)

            np.testing.assert_allclose(new, old / long * least(objective, long, long + 1e-3), atol=1e-3)
    assert not w[0].take((0, 3)[axis], axis).any()
    np.testing.assert_array_equal(w[2], before[2])


@pytest.mark.parametrize("keep_mask", [True, False])
def test_the_threshold_is_the_operators_and_its_mask_is_kept_or_not(keep_mask):
    parameters, thresholds = network(np.float32), np.array([0.5, 0.0, 1.0, 0.2])
    before = trees.changed(parameters, np.copy)
    penalty = SparseLpThreshold(1.0, 1.0, thresholds, keep_mask)
    state = penalty.start(parameters)
    penalty.after_step(parameters, 0.1, 0.5, state)
    weight, masks = parameters[2]["weight"], []
    for w in range(4):
        masks.append(workbench.sparse_lp(before[2]["weight"][w], 1.0, 1.0, thresholds[w])[1])
        np.testing.assert_array_equal(weight[w], before[2]["weight"][w])
    assert 0 < np.mean(masks) < 1
    weight += 3
    penalty.after_step(parameters, 0.1, 0.6, state)
    np.testing.assert_array_equal(weight != 0, masks if keep_mask else np.ones_like(masks))


def test_rows_are_shrunk_where_the_gradient_is():
    parameters, strengths = network(), np.array([0.3, 0.1, 0.05, 0.3])
    before, penalty = parameters[0]["weight"].copy(), RowRegularizer(strengths, 1.0, layers=[0])
    state, gradients = penalty.start(parameters), trees.changed(parameters, np.zeros_like)
    gradients[0]["weight"][[0, 0, 2, 3], [1, 4, 0, 2], 1] = 1
    penalty.add_gradient(parameters, gradients, 0.5, state)
    penalty.after_step(parameters, 0.5, 0.5, state)
    for w, rows in enumerate([[1, 4], [], [0], [2]]):
        workbench.sparse_lp_regularizer(before[w], np.array(rows, int), 1.0, strengths[w], engine="reference")
        np.testing.assert_array_equal(parameters[0]["weight"][w], before[w])


def test_pruning_is_global_in_each_world_and_follows_the_schedule():
    parameters, sparsity = network(), np.array([0.9, 0.5, 0.0, 0.7])
    parameters[0]["weight"][:, :2] = 0.25  # equal sizes: the first go first
    alone = [[parameters[i]["weight"][w].copy() for i in (0, 2)] for w in range(4)]
    penalty = MagnitudePruning(sparsity, 0.2, 0.8)
    state = penalty.start(parameters)
    for progress in (0.1, 0.2, 0.37, 0.5, 0.99):
        penalty.after_step(parameters, 0.1, progress, state)
        share = gradual_sparsity(np.floor(20 * progress) / 20, 0.2, 0.8, 0.0, 1.0)
        for w in range(4):
            prune_global(alone[w], share * sparsity[w])
            np.testing.assert_array_equal(parameters[0]["weight"][w], alone[w][0])
            np.testing.assert_array_equal(parameters[2]["weight"][w], alone[w][1])
    zeros = sum((parameters[i]["weight"] == 0).sum(axis=(1, 2)) for i in (0, 2))
    np.testing.assert_array_equal(zeros, [22, 12, 0, 18])  # of 25 weights, rounded as Python does


@pytest.mark.parametrize("keep_mask", [True, False])
def test_pruning_in_one_shot(keep_mask):
    parameters = network()
    penalty = MagnitudePruning(0.6, 0.3, gradual=False, keep_mask=keep_mask)
    state = penalty.start(parameters)
    for progress, zeros in ((0.29, 0), (0.3, 15), (0.31, 15 if keep_mask else 0)):
        for i in (0, 2):
            parameters[i]["weight"] += 0.01
        penalty.after_step(parameters, 0.1, progress, state)
        found = sum((parameters[i]["weight"] == 0).sum(axis=(1, 2)) for i in (0, 2))
        np.testing.assert_array_equal(found, zeros)


def test_the_divergence_is_the_baselines_and_warms_up():
    parameters, penalty = network(), VariationalKL(WEIGHTS, 0.4)
    pairs = [(parameters[2]["weight"][w], parameters[2]["log_sigma2"][w]) for w in range(4)]
    wanted = np.stack(
        [weight * variational_dropout_kl_gradient(*pair)[0] for weight, pair in zip(WEIGHTS, pairs, strict=True)]
    )
    for progress, factor in ((0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (0.9, 1.0)):
        found = gradients_of(penalty, parameters, progress)
        np.testing.assert_allclose(found[2]["weight"], factor * wanted, rtol=1e-12)
        assert not found[0]["weight"].any()


@pytest.mark.parametrize(
    ("penalty", "words"),
    [
        (LpProx(-1.0), "weight=-1.0: must be"),
        (LpGradient([0.1, 0.2]), "weight has 2 numbers"),
        (LpProx(0.1, names=("gamma",)), "the network has no such parameters"),
        (VariationalKL(1.0), "the network has no such parameters"),
        (MagnitudePruning(1.2), "sparsity=1.2"),
        (MagnitudePruning(0.5, 0.8, 0.2), "begin=0.8, end=0.2"),
        (ElasticNetProx(1.0, 1.5), "l1_ratio=1.5"),
        (GroupProx(1.0, 2), "axis=2"),
        (GroupProx(1.0, 1, names=("bias",)), "axis=1, and a chosen parameter has 1 axes"),
        (SparseLpThreshold(1.0, sparsity_threshold=np.nan), "sparsity_threshold=nan"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_refusals(penalty, words):
    with pytest.raises(ValueError, match=words):
        penalty.start(network()[:2])


def test_fit_finds_the_minimum_with_a_penalty_in_each_world():
    rng, weights = np.random.default_rng(5), np.array([0.04, 0.6])
    x = rng.normal(size=(40, 6))
    y = x @ np.array([1.0, -0.5, 0, 0, 0.2, 0]) + 0.3 * rng.normal(size=40)
    rows = np.stack([rng.permutation(40) for _ in weights])
    data = Data(x, y, rows[:, :30], rows[:, :0], rows[:, 30:], None, None, 0)
    options = {"epochs": 200, "batch": 30, "evaluate_every": 0, "seed": range(2)}
    lasso, ridge = (
        fit([Dense(1, bias=False)], data, SGD(0.3), penalties=[each], **options).parameters[0]["weight"][:, 0]
        for each in (LpProx(weights), LpGradient(weights, 2.0))
    )
    for w, weight in enumerate(weights):
        inputs, targets = x[rows[w, :30]], y[rows[w, :30]]
        slope = 2 / 30 * inputs.T @ (inputs @ lasso[w] - targets)
        zero = lasso[w] == 0
        assert 0 < zero.sum() < 6
        assert (np.abs(slope[zero]) <= weight).all()
        np.testing.assert_allclose(slope[~zero], -weight * np.sign(lasso[w][~zero]), atol=1e-9)
        exact = np.linalg.solve(inputs.T @ inputs / 30 + weight * np.eye(6), inputs.T @ targets / 30)
        np.testing.assert_allclose(ridge[w], exact, rtol=1e-9)


def test_a_world_with_its_own_ratio_and_strengths_trains_as_alone(monkeypatch):
    monkeypatch.setattr(fitting, "GROUP_BYTES", 1)
    rng = np.random.default_rng(5)
    rows = np.stack([rng.permutation(40) for _ in range(3)])
    data = Data(rng.normal(size=(40, 6)), np.arange(40) % 3, rows[:, :30], rows[:, :0], rows[:, 30:], None, None, 3)
    ratios, strengths = np.array([0.5, 0.1, 0.5]), np.array([0.02, 0.1, 0.3])

    def trained(worlds):
        network = [Dense(7), Dropout(ratios[worlds]), Dense(3)]
        chosen = [LpProx(strengths[worlds], layers=[0]), MagnitudePruning(strengths[worlds], layers=[2])]
        options = {"epochs": 4, "batch": 8, "seed": [4, 1, 9][worlds], "dtype": np.float32, "evaluate_every": 0}
        return fit(network, data.take(range(3)[worlds]), SGD(0.3), penalties=chosen, **options).parameters

    together = trained(slice(None))
    assert (together[2]["weight"] == 0).sum(axis=(1, 2)).tolist() == [0, 2, 6]  # shares of 21
    for world in range(3):
        for path, array in trees.flat(trained(slice(world, world + 1))).items():
            np.testing.assert_array_equal(array, trees.flat(together)[path][world : world + 1], err_msg=path)
