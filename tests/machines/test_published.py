"""Published machines: peaks from their clocks, cores and lanes, and predictions for them."""

import math

import pytest

from workbench.architectures.networks import one_convolution
from workbench.machines.limits import rate_at
from workbench.machines.prediction import BOUNDS, predict
from workbench.machines.published import H200_TENSOR_FLOPS, KNOWN, SMALL_CORE, known_machine, processor_with_one_core


@pytest.mark.parametrize(
    ("name", "threads", "single", "double", "memory"),
    [
        # 4 cores at 2.8 GHz, each 16 multiply-adds a cycle: 4 * 2.8e9 * 32. Two channels of 8 bytes at 3200 MT/s.
        ("laptop", 4, 358.4e9, 179.2e9, 51.2e9),
        # 96 cores at 2.4 GHz: 96 * 2.4e9 * 32. Twelve channels of 8 bytes at 4800 MT/s.
        ("server", 96, 7372.8e9, 3686.4e9, 460.8e9),
        # 10^12 operations a second, in float64 an eighth of these.
        ("example-gpu", 1, 1e12, 125e9, 192.4e9),
        # 512 cores at 1.544 GHz, a multiply-add a cycle each: 1581.056e9; in float64 an eighth.
        ("gtx-580", 1, 1581.056e9, 197.632e9, 192.4e9),
        ("a100", 1, 19.5e12, 9.7e12, 1555e9),
        ("h200", 1, 67e12, 34e12, 4.8e12),
    ],
)
def test_peaks(name, threads, single, double, memory):
    machine = known_machine(name)
    assert machine.threads == threads
    limits = machine.with_threads(threads)
    assert limits.flops["float32"] == pytest.approx(single, rel=1e-12)
    assert limits.flops["float64"] == pytest.approx(double, rel=1e-12)
    for curve in (limits.copy, limits.read, limits.update, limits.rows):
        assert rate_at(curve, 1e12) == pytest.approx(memory, rel=1e-12)


def test_a_laptop_by_hand():
    # Second-level caches: 4 cores at 2.8 GHz, 32 bytes a cycle, for 4 * 1280 KiB. Multiply-adds: 179.2e9 a second, of
    # which a division takes as long as four, a root as eight, a power as 26 and a random word as 24.
    machine = known_machine("laptop")
    limits = machine.with_threads(4)
    assert machine.caches == (49152, 1310720, 12582912)
    assert rate_at(limits.copy, 1e5) == pytest.approx(358.4e9, rel=1e-12)
    assert limits.copy[0][0] == 5242880
    assert limits.functions["divisions"]["float32"] == pytest.approx(44.8e9)
    assert limits.functions["square_roots"]["float64"] == pytest.approx(11.2e9)
    assert limits.functions["powers"]["float32"] == pytest.approx(179.2e9 / 26)
    assert limits.functions["random_words"]["float32"] == pytest.approx(179.2e9 / 24)
    assert (limits.launch_seconds(1e9), limits.run_seconds(1)) == (pytest.approx(1e-6), pytest.approx(1e-5))


def test_one_core_of_a_laptop_by_hand():
    # A fourth of the arithmetic and of the second-level caches, and at most 20 GB/s from memory.
    machine = processor_with_one_core("laptop")
    alone, together = machine.with_threads(1), machine.with_threads(4)
    assert alone.flops["float32"] == pytest.approx(89.6e9)
    assert alone.functions["divisions"]["float32"] == pytest.approx(11.2e9)
    assert rate_at(alone.copy, 1e5) == pytest.approx(89.6e9)
    assert rate_at(alone.copy, 1e12) == pytest.approx(20e9)
    assert together == known_machine("laptop").with_threads(4)
    with pytest.raises(ValueError, match=r"^processor='a100': must be one of 'laptop', 'server'$"):
        processor_with_one_core("a100")


def test_a_small_core_by_hand():
    # Two multiply-adds of four float32 a cycle at 2.4 GHz; 32 bytes a cycle from 512 KiB, and 4267 MT/s of 4 bytes.
    limits = SMALL_CORE.with_threads(1)
    assert limits.flops == {"float32": 2.4e9 * 2 * 4 * 2, "float64": 2.4e9 * 2 * 2 * 2}
    assert rate_at(limits.read, 1e5) == pytest.approx(76.8e9, rel=1e-12)
    assert rate_at(limits.read, 1e9) == pytest.approx(4267e6 * 4, rel=0.005)
    assert SMALL_CORE.caches == (65536, 524288, 2097152)


def test_a_gpu_by_hand():
    # 16 units a multiprocessor with 4 functions a clock each: 16 * 4 * 1.544e9 a second; a power is a logarithm and an
    # exponential. A word is five products, each as long as four multiply-adds, of which there are half of 10^12.
    limits = known_machine("example-gpu").with_threads(1)
    assert limits.functions["divisions"]["float32"] == pytest.approx(98.816e9)
    assert limits.functions["powers"]["float32"] == pytest.approx(49.408e9)
    assert limits.functions["exponentials"]["float64"] == pytest.approx(12.352e9)  # an eighth
    assert limits.functions["random_words"]["float64"] == pytest.approx(25e9)
    assert limits.overlap == {
        **dict.fromkeys(("divisions", "square_roots", "exponentials", "logarithms", "powers"), 0.0),
        "random_words": 1.0,
    }
    # 108 multiprocessors at 1.41 GHz with 16 functions a clock each.
    functions = known_machine("a100").with_threads(1).functions
    assert functions["square_roots"]["float32"] == pytest.approx(2436.48e9)
    # 132 multiprocessors at 1.98 GHz with 16 functions a clock each.
    functions = known_machine("h200").with_threads(1).functions
    assert functions["square_roots"]["float32"] == pytest.approx(4181.76e9)
    assert functions["powers"]["float32"] == pytest.approx(2090.88e9)
    assert functions["random_words"]["float32"] == pytest.approx(0.8375e12)  # integers at half of 33.5e12, 20 a word


def test_the_peak_of_an_h200_is_that_of_its_lanes():
    # 132 multiprocessors with 128 lanes at 1.98 GHz, a multiply-add a clock each: 66.9e12, which the maker calls 67.
    assert known_machine("h200").with_threads(1).flops["float32"] == pytest.approx(132 * 128 * 2 * 1.98e9, rel=0.002)
    assert H200_TENSOR_FLOPS["BF16"] / H200_TENSOR_FLOPS["TF32"] == pytest.approx(2, rel=1e-3)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_machine_expects_something_of_every_layer(name, precision):
    machine = known_machine(name)
    for row in one_convolution().trace(batch=3):
        for cost in (row.forward, row.gradient):
            prediction = predict(cost, machine, threads=machine.threads, precision=precision)
            assert 0 < prediction.seconds < math.inf
            assert prediction.bound in BOUNDS


@pytest.mark.parametrize("name", KNOWN)
def test_machines_say_where_their_figures_come_from(name):
    machine = known_machine(name)
    assert len(machine.source) > 20
    assert machine.source != "measured"
    assert machine.fits == {}


def test_a_machine_that_is_not_there_is_refused_with_the_list():
    with pytest.raises(ValueError, match=r"^machine='gpu': must be one of 'laptop', 'server', .*'a100', 'h200'$"):
        known_machine("gpu")
