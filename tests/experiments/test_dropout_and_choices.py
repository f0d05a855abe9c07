"""First weights with dropout: what they are, and which of them stay equal, where that is known by hand."""

import numpy as np

from workbench.experiments import dropout_and_choices as experiments
from workbench.training import network as networks


def test_initial_weights_are_those_that_the_names_say():
    kinds = np.tile(np.arange(len(experiments.INITIAL)), 2)
    network = experiments._deep(2, kinds, np.zeros(len(kinds)))
    parameters = networks.initial(network, (64,), np.arange(len(kinds), dtype=np.uint64), np.float64)
    first, second, last = (parameters[place]["weight"] for place in (0, 3, 6))
    assert (first.shape[1:], second.shape[1:], last.shape[1:]) == ((32, 64), (32, 32), (10, 32))
    place = experiments.INITIAL.index
    stds = {"Glorot": np.sqrt(2 / 96), "He": np.sqrt(2 / 64), "N(0, 0.01)": 0.01, "N(0, 1)": 1}
    for name, std in stds.items():
        np.testing.assert_allclose(first[place(name)].std(), std, rtol=0.05)
    assert (first[place("constant")] == 1 / 64).all()
    assert (last[place("constant")] == 1 / 32).all()
    assert not first[place("zeros")].any()
    assert np.array_equal(experiments.INITIAL[: experiments.RANDOM], [*stds])


def test_masks_and_random_weights_break_the_symmetry():
    """From zeros, units of tanh get a gradient only if something is sent on; those of ReLU have none at 0."""
    expected = {"zero": (1, 1, 32), "constant": (1, 32, 32), "random": (32, 32, 32)}
    found = experiments.symmetry(2, "tanh")
    for start, counts in expected.items():
        names = [f"distinct rows from {start} weights{dropped}" for dropped in experiments.DROPPED]
        assert tuple(found[name] for name in names) == counts
    assert found["right answers from zero weights, dropout to 0"] < 0.2
    assert found["right answers from zero weights, dropout to 1"] > 0.8
    assert experiments.symmetry(2, "ReLU")["distinct rows from zero weights, dropout to 1"] == 1
