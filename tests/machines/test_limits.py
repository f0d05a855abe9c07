"""A machine's limits as rows to print."""

import pytest

from tests.machines.flat import flat_limits, flat_machine
from workbench.machines.limits import Machine, limit_rows
from workbench.machines.published import KNOWN


def shown(machine):
    return {name: (unit, values) for name, unit, values in limit_rows(machine)}


def test_rates_are_giga_and_calls_nanoseconds_for_every_number_of_threads():
    rows = shown(flat_machine())
    assert rows["multiply-adds, float64"] == ("GFLOP/s", {1: pytest.approx(1.0), 2: pytest.approx(2.0)})
    assert rows["square root, float32"] == ("ns", {1: pytest.approx(1.0), 2: pytest.approx(0.5)})
    assert rows["Philox word"][1][2] == pytest.approx(0.5)
    assert rows["starting a loop, small data"] == ("µs", {1: pytest.approx(1.0), 2: pytest.approx(1.0)})
    assert rows["running an operator, large data"][1][1] == pytest.approx(1e-3)


def test_starting_takes_longer_with_large_arrays():
    # The rates of the smallest size, and of a GB: a launch takes 1 or 4 us, a run of 100 calls 2 or 5 us.
    rates = {"launch_rate": ((1024.0, 1e6), (2.0**20, 2.5e5)), "call_rate": ((1024.0, 5e7), (2.0**20, 2e7))}
    rows = shown(Machine("m", {1: flat_limits(**rates)}))
    for what, small, large in (("starting a loop", 1, 4), ("running an operator", 2, 5)):
        assert rows[f"{what}, small data"][1][1] == pytest.approx(small)
        assert rows[f"{what}, large data"][1][1] == pytest.approx(large)


def test_each_cache_has_its_own_bandwidth():
    # Half of each cache, and four times the last; logarithmic between 1 KiB at 8e9 and 1 MiB at 1e9: at 32 KiB, which
    # is half way, the root of 8, at 128 KiB 8^(1 - 0.7).
    curve = ((1024.0, 8e9), (2.0**20, 1e9))
    machine = Machine("m", {1: flat_limits(copy_again=curve)}, caches=(1 << 16, 1 << 18))
    rows = shown(machine)
    assert rows["copy, L1 (64 KiB)"][1][1] == pytest.approx(8**0.5)
    assert rows["copy, L2 (256 KiB)"][1][1] == pytest.approx(8**0.3)
    assert rows["copy, memory"][1][1] == pytest.approx(1.0)
    assert rows["read, L2 (256 KiB)"][1][1] == pytest.approx(1.0)


@pytest.mark.parametrize("name", list(KNOWN))
def test_published_machines_can_be_shown(name):
    rows = shown(KNOWN[name])
    assert rows["multiply-adds, float32"][0] == "GFLOP/s"
    assert "copy, memory" in rows
