"""The overhead of an operator in a network, against numbers worked out by hand."""

import pytest

from tests.machines.flat import flat_machine
from workbench.architectures.network import Convolution, Dense, Network, OperatorLayer, ReLU
from workbench.architectures.networks import alexnet
from workbench.architectures.overhead import overhead

TINY = Network(
    "tiny",
    (3, 4, 5),
    (
        Convolution(2, 3, padding=1),
        ReLU(),
        OperatorLayer("LRN", {"size": 3, "beta": 1.0}),
        Dense(7),
    ),
)
# Bytes: input 240, each of the three maps of 2 x 4 x 5 160, output 28, parameters 4 * (56 + 287) = 1372.


def test_operations_and_bytes():
    # Convolution: 40 outputs of 27 multiply-adds and a bias, 2200 FLOPs; reads 240 + 224, writes 160.
    # ReLU: reads and writes 160. Dense: 280 multiply-adds and 7, 567 FLOPs; reads 160 + 1120 + 28, writes 28.
    # LRN: 40 windows of both channels: 40 products, 40 multiply-adds, 40 for the scale, 40 divisions.
    part = overhead(TINY, "LRN").forward
    assert part.without.flops == 2200 + 567
    assert part.without.bytes == (464 + 160) + 320 + (1308 + 28)
    assert part.added.flops == 40 + 2 * 80 + 40
    assert part.added.bytes == 320
    assert part.shares["flops"] == pytest.approx(240 / 2767)
    assert part.shares["bytes"] == pytest.approx(320 / 2280)


def test_memory_at_the_peak():
    # Forward, the convolution's 240 + 160 is most, with LRN or without.
    # Backward at ReLU: kept 240 + 160 + 160, and a gradient on either side, 160 each. At LRN 160 more is kept.
    found = overhead(TINY, "LRN")
    assert (found.forward.memory_without, found.forward.memory_added) == (400 + 1372, 0)
    assert (found.gradient.memory_without, found.gradient.memory_added) == (560 + 320 + 2744, 160)
    assert found.gradient.shares["memory"] == pytest.approx(160 / 3624)


def test_seconds_on_a_machine():
    # A billion of anything a second, a microsecond a launch. LRN forward is bound by its 320 bytes.
    # Without it: convolution 1120 multiply-adds and additions as two each, 2240 ns; ReLU 320 bytes; dense 1336 bytes.
    found = overhead(TINY, "LRN", flat_machine(), threads=1)
    assert found.forward.seconds_added == pytest.approx(1e-6 + 320e-9)
    assert found.forward.seconds_without == pytest.approx(3e-6 + 2240e-9 + 320e-9 + 1336e-9)
    assert found.seconds_added == pytest.approx(found.forward.seconds_added + found.gradient.seconds_added)
    # Backward it reads dy and x and writes dx, 480 bytes. Instructions an element: scale 3, powers 2, terms 5, sums 1;
    # 440 take 880 ns, since a multiply-add is two FLOPs.
    assert found.gradient.seconds_added == pytest.approx(1e-6 + 880e-9)
    assert overhead(TINY, "LRN", flat_machine()).forward.seconds_added == pytest.approx(1e-6 + 160e-9)  # both threads


def test_without_a_machine_there_are_no_seconds():
    found = overhead(TINY, "LRN")
    assert found.seconds_added is None
    assert "seconds" not in found.forward.shares
    assert "seconds" not in str(found)


def test_a_batch_scales_all_but_the_parameters():
    one, three = overhead(TINY, "LRN").forward, overhead(TINY, "LRN", batch=3).forward
    assert three.added.flops == 3 * one.added.flops
    assert three.without.flops == 3 * one.without.flops
    assert three.memory_without + three.memory_added == 3 * 400 + 1372


def test_an_operator_on_the_weights():
    # 343 parameters, p = 1: an addition each; read 1372, written 1372 and 343 of the mask, which is new.
    found = overhead(TINY, "SparseLp", flat_machine(), threads=1, arguments={"alpha": 0.5, "p": 1.0})
    assert found.forward.added.flops == 343
    assert found.forward.added.bytes == 1372 + 1372 + 343
    assert found.forward.memory_added == 343
    assert found.forward.without == overhead(TINY, "LRN").forward.without + overhead(TINY, "LRN").forward.added
    # A launch, a run that takes a nanosecond, and 3087 bytes and 1372 from the cache.
    assert found.forward.seconds_added == pytest.approx(1e-6 + 1e-9 + 4459e-9)


def test_the_table_shows_every_quantity():
    shown = str(overhead(alexnet(), "LRN", flat_machine()))
    assert shown.splitlines()[0] == "LRN in AlexNet, batch 1, flat"
    for quantity in ("flops", "bytes", "seconds", "memory"):
        assert shown.count(quantity) == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: overhead(TINY, "LRN", batch=0), "batch=0: must be at least 1"),
        (lambda: overhead("AlexNet", "LRN"), "network='AlexNet': must be a Network"),
        (lambda: overhead(TINY, "lrn"), "operator='lrn': must be one of 'LRN'"),
        (lambda: overhead(TINY, "LpGradient"), "is neither a layer nor applied to weights; choose one of LRN"),
        (lambda: overhead(TINY, "DropoutWithReplacement"), "is not in the network 'tiny'"),
        (lambda: overhead(TINY, "LRN", arguments={"size": 3}), "LRN is a layer; give them in the network"),
        (lambda: overhead(TINY, "SparseLp", arguments={"q": 3}), "SparseLp has no argument 'q'"),
        (lambda: overhead(TINY, "LRN", flat_machine(), threads=5), "threads=5: the limits of flat are known only"),
    ],
)
def test_refusals(wrong, message):
    with pytest.raises((TypeError, ValueError), match=message):
        wrong()
