"""The growth of costs with size, against sums by hand, on a machine that does a billion of anything a second."""

import pytest

from tests.machines.flat import flat_limits
from workbench.architectures.network import Network, ReLU
from workbench.architectures.scaling import images_at_rate, table_step
from workbench.machines.limits import Machine

FLAT = Machine("flat", {1: flat_limits()})
ONE_LAYER = Network("one layer", (3, 4, 5), (ReLU(),), input_gradient=True)


def test_machines_for_a_rate():
    # Two images, 120 elements: forward 960 bytes, backward 1440, a microsecond each to start: 4.4 µs for both.
    # Half a million such batches a second take 2.2 machines.
    fleet = images_at_rate(ONE_LAYER, FLAT, 1e6, batch=2)
    assert fleet.machines == 3
    assert fleet.bytes == pytest.approx(2400 * 5e5)
    assert fleet.flops == 0
    assert images_at_rate(ONE_LAYER, FLAT, 1.0, batch=2).machines == 1


def test_a_step_on_a_table():
    # 1000 parameters, and as many numbers of the optimizer: 8000 bytes on 4 machines of 2000. Each has 250 parameters
    # and 5 of the 20 rows of 10: it reads 5 int64 numbers and 200 bytes and writes 200; shrinks 50 elements, 8 bytes
    # each; or all 250.
    step = table_step(1000, 10, 20, FLAT, 2000)
    assert step.machines == 4
    assert step.look_up == pytest.approx(1e-6 + 440e-9)
    assert step.named == pytest.approx(1e-6 + 400e-9)
    assert step.every == pytest.approx(1e-6 + 2000e-9)
    assert table_step(1000, 10, 20, FLAT, 2000, optimizer_numbers=0).machines == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: images_at_rate(ONE_LAYER, FLAT, 0), "images_per_second=0: must be above 0"),
        (lambda: images_at_rate(ONE_LAYER, FLAT, float("nan")), "images_per_second=nan: must be above 0"),
        (lambda: images_at_rate(ONE_LAYER, FLAT, 1.0, batch=0), "batch=0: must be at least 1"),
        (lambda: table_step(1000, 10, 101, FLAT, 2000), "named=101: must be at most 100, the rows of the table"),
        (lambda: table_step(1000, 0, 1, FLAT, 2000), "length=0: must be at least 1"),
        (lambda: table_step(1e12, 64, 1, FLAT, 2000), r"parameters=1000000000000\.0: must be an int"),
    ],
)
def test_refusals(wrong, message):
    with pytest.raises((TypeError, ValueError), match=message):
        wrong()
