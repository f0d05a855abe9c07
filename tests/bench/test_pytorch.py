"""The part "torch" of the bench: what it builds, verifies and times."""

import dataclasses

import pytest

from workbench.architectures import networks
from workbench.architectures.network import Convolution, Dense, Dropout, MaxPool, Network, OperatorLayer, ReLU, Softmax
from workbench.bench import pytorch
from workbench.bench.driver import Settings, WrongResult

SMALL = Network(
    "small",
    (3, 11, 9),
    (
        Convolution(8, 3, padding=1, groups=1),
        ReLU(),
        OperatorLayer("LRN", {"size": 3, "alpha": 0.1, "bias": 2.0}),
        MaxPool(3, 2, ceil=True),
        *(Dropout(0.5), Dense(4), Softmax()),
    ),
)


def test_without_pytorch_nothing_is_timed_and_this_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(pytorch.util, "find_spec", lambda name: None)
    assert pytorch.bench(Settings(True, 3, said.append)).measurements == ()
    assert "PyTorch is not installed" in said[0]


def test_torch_builds_the_networks_that_are_counted():
    torch = pytest.importorskip("torch")
    from workbench.bench.pytorch_networks import built

    with torch.device("meta"):
        for network in (networks.alexnet(), networks.googlenet()):
            model = built(network)
            assert sum(parameter.numel() for parameter in model.parameters()) == network.parameters
            norms = [each for each in model.modules() if isinstance(each, torch.nn.LocalResponseNorm)]
            assert len(norms) == 2
    assert (norms[0].size, norms[0].alpha, norms[0].k) == (5, 1e-4, 1.0)


def test_torch_networks_are_verified_and_a_wrong_one_is_refused(monkeypatch):
    pytest.importorskip("torch")
    from workbench.bench.pytorch_networks import batch_of, built

    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "1")
    quiet = Settings(True, 1, lambda line: None)
    found = pytorch._measured(SMALL, 3, quiet)
    assert [each.name for each in found] == [
        "small, 1 LRN replaced, forward, 1 thread, after / before",
        "small, 1 LRN replaced, forward and backward, 1 thread, after / before",
    ]
    wrong = OperatorLayer("LRN", {"size": 5, "alpha": 0.1, "bias": 2.0})
    other = dataclasses.replace(SMALL, layers=(*SMALL.layers[:2], wrong, *SMALL.layers[3:]))
    with pytest.raises(WrongResult, match="small: with the LRN replaced, the output differs by"):
        pytorch.check("small", built(SMALL), built(other), batch_of(SMALL, 3))
