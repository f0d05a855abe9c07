"""First weights with dropout: which of them stay equal, where that is known by hand."""

from workbench.experiments import dropout_and_choices as experiments


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
