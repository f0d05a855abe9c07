import numpy as np
import pytest

from workbench.experiments import training_lessons as lessons
from workbench.training import network as networks
from workbench.training.initializers import he_normal
from workbench.training.layers import Dense, ReLU
from workbench.training.optimizers import SGD
from workbench.training.random import WorldRandom, world_seeds


def test_signals_are_those_of_one_example_at_a_time():
    activations, gradients = lessons.signals(he_normal, ReLU(), depth=3, worlds=[4, 7])
    assert activations.shape == gradients.shape == (2, 4)
    seeds = world_seeds([4, 7])
    weights = networks.initial([Dense(lessons.WIDTH, he_normal), ReLU()] * 3, (lessons.WIDTH,), seeds, np.float64)[::2]
    drawn = WorldRandom(seeds).normal(size=(2, 2, lessons.EXAMPLES, lessons.WIDTH))[1]
    forward, backward = np.zeros((2, lessons.EXAMPLES, 4))
    for example, (x, dy) in enumerate(zip(*drawn, strict=True)):
        positive = []
        for layer, weight in enumerate(weights):
            forward[example, layer] = x @ x
            z = weight["weight"][1] @ x
            x = np.array([max(each, 0.0) for each in z])
            positive.append(z > 0)
        forward[example, 3], backward[example, 3] = x @ x, dy @ dy
        for layer in (2, 1, 0):
            dy = np.where(positive[layer], dy, 0) @ weights[layer]["weight"][1]
            backward[example, layer] = dy @ dy
    assert activations[1] == pytest.approx(forward.sum(0) / forward.sum(0)[0])
    assert gradients[1] == pytest.approx(backward.sum(0) / backward.sum(0)[3])


def test_gradient_descent_in_the_valley_multiplies_each_direction():
    path = lessons.descent(SGD(0.05), steps=3)
    assert path[:, 0] == pytest.approx([-1.5, -1.5 * 0.95, -1.5 * 0.95**2, -1.5 * 0.95**3])
    assert path[:, 1] == pytest.approx([0.6, -0.3, 0.15, -0.075])
    assert lessons.valley(path[1]) == pytest.approx((1.425**2 + 30 * 0.3**2) / 2)


def test_a_path_that_leaves_the_valley_is_drawn_up_to_there():
    paths, heights = lessons.plot_descents({"far": lessons.descent(SGD(0.1)), "near": lessons.descent(SGD(0.05))})
    far, near = paths.lines
    assert far.get_ydata() == pytest.approx([0.6, -1.2])
    assert len(near.get_ydata()) == len(heights.lines[0].get_ydata()) == 41


def test_distinct_units():
    weight = np.array([[[1.0, 2], [1, 2], [3, 4]], [[0, 0], [0, 1e-12], [0, 0]]])
    assert lessons.distinct_units(weight).tolist() == [2, 1]
