"""The loops that measure a machine compute what they claim."""

import math
import types

import numpy as np
import pytest

from workbench import parallel, philox
from workbench.machines import measuring, probes
from workbench.machines.limits import CURVES, OPERATIONS, PRECISIONS, UNITS, WORDS, Limits

TYPES = [np.float32, np.float64]
TILE = probes.TILE


def tile(kind, low=1.1, high=1.9):
    return np.linspace(low, high, TILE).astype(kind)


def applied(name, x, a=0.625, b=0.001, passes=1):
    """Return the result of a function on a tile after so many passes."""
    x, y = x.copy(), np.full_like(x, np.nan)
    probes.function(probes.FUNCTIONS[x.dtype.name][name], x, y, x.dtype.type(a), x.dtype.type(b), 0, passes)
    return y


# Relative errors reached over these ranges: 1.8e-7, 1.4e-7, 2.0e-7; 3.0e-13, 1.2e-12, 3.2e-13. In float64 the series
# end early: they take the time of a function, without being right to its last digits.
EXACT = {
    "exponentials": (np.exp2, (-20, 20), {np.float32: 2.5e-7, np.float64: 3.5e-13}),
    "logarithms": (np.log2, (1e-3, 1e3), {np.float32: 2.5e-7, np.float64: 1.5e-12}),
    "powers": (None, (1e-3, 1e3), {np.float32: 3e-7, np.float64: 4e-13}),
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", EXACT)
def test_functions_against_numpy_in_more_digits(name, kind):
    meant, (low, high), tolerance = EXACT[name]
    x = (np.linspace if low < 0 else np.geomspace)(low, high, TILE).astype(kind)
    wide = x.astype(np.longdouble)
    # The exponent of a power is in two parts, of which the first has few digits and the second is small.
    exponent = np.longdouble(kind(0.625)) + np.longdouble(kind(0.001))
    expected = wide**exponent if name == "powers" else meant(wide)
    found = applied(name, x)
    assert found.dtype == kind
    assert np.all(np.abs(found - expected) <= tolerance[kind] * np.abs(expected))


@pytest.mark.parametrize("kind", TYPES)
def test_functions_of_powers_of_two_are_exact(kind):
    whole = np.resize(np.arange(-30, 31), TILE).astype(kind)
    np.testing.assert_array_equal(applied("exponentials", whole), 2.0 ** whole.astype(float))
    np.testing.assert_array_equal(applied("logarithms", 2**whole), whole)


@pytest.mark.parametrize("kind", TYPES)
def test_division_and_root_are_exact(kind):
    x = tile(kind)
    np.testing.assert_array_equal(applied("divisions", x), x / kind(0.625))
    np.testing.assert_array_equal(applied("square_roots", x), np.sqrt(x))


@pytest.mark.parametrize("kind", TYPES)
def test_a_pass_depends_on_the_one_before(kind):
    # The first element becomes the second's result: x0 / 2 = 0.5 after one pass, then x1 / 2 / 2.
    x = np.full(TILE, 3, kind)
    x[0] = 1
    once, twice = (applied("divisions", x, a=2, passes=passes) for passes in (1, 2))
    assert (once[0], once[1]) == (0.5, 1.5)
    assert (twice[0], twice[1]) == (0.75, 1.5)
    np.testing.assert_array_equal(applied("divisions", x, passes=0), np.nan)


@pytest.mark.parametrize("kind", TYPES)
def test_fused_is_two_polynomials(kind):
    # a (1 + x + ... + x^16) + b (...) at x = 1/2: the sum is 2 - 2^-16. At x = 1 it is 17.
    x, y = np.full(TILE, 0.5, kind), np.empty(TILE, kind)
    x[2] = 1
    probes.fused(x, y, kind(0.25), kind(0.125), 0, 1)
    assert y[0] == y[1] == y[-1] == 0.375 * (2 - 2**-16)
    assert y[2] == 0.375 * 17
    assert x[0] == y[1]
    assert probes.FUSED == 32  # multiply-adds: sixteen for each of the two


@pytest.mark.parametrize("kind", TYPES)
def test_mixed_is_a_polynomial_and_a_division_or_a_root(kind):
    # At x = 1/4: b (1 + ... + x^15) + a x^16, where the sum is (1 - 4^-16) / (3 / 4).
    x = np.full(TILE, 0.25, kind)
    polynomial = 0.375 * (1 - 4.0**-16) / 0.75 + 0.5 * 4.0**-16
    for name, value in (("divisions", 0.25 / 0.5), ("square_roots", 0.5)):
        y = np.empty(TILE, kind)
        probes.mixed(probes.FUNCTIONS[x.dtype.name][name], x.copy(), y, kind(0.5), kind(0.375), 0, 1)
        np.testing.assert_allclose(y, polynomial + value, rtol=2 * np.finfo(kind).eps)


@pytest.mark.parametrize("seed", [0, 1, 2**40 + 7])
@pytest.mark.parametrize("job", [0, 3])
def test_words_are_those_of_the_stream(job, seed):
    out = np.zeros((4, TILE), np.uint32)
    key0, key1 = philox.key_of(seed)
    probes.words(out, np.uint64(key0), np.uint64(key1), 0, job + 1)
    np.testing.assert_array_equal(out.T.ravel(), philox.words(seed, 4 * TILE, start=4 * TILE * job))


# Of 1000 elements in jobs of 300, the last of 100: jobs, and the elements that these are.
JOBS = [((0, 4), slice(0, 1000)), ((1, 3), slice(300, 900)), ((3, 4), slice(900, 1000)), ((2, 2), slice(0, 0))]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(("jobs", "part"), JOBS)
def test_copy_update_and_read_do_their_jobs_and_no_others(jobs, part, times, kind):
    x = np.arange(1000).astype(kind)
    y = np.full(1000, -1, kind)
    probes.copy(x, y, 300, times, *jobs)
    expected = np.full(1000, -1, kind)
    expected[part] = np.arange(1000)[part]
    np.testing.assert_array_equal(y, expected)

    totals = np.full(4, -1, kind)
    probes.read(x, totals, 300, times, *jobs)
    # 0 + ... + 299, 300 + ... + 599, 600 + ... + 899, 900 + ... + 999
    sums = np.array([44850, 134850, 224850, 94950])
    done = np.isin(np.arange(4), np.arange(*jobs))
    np.testing.assert_array_equal(totals, np.where(done, sums, -1))

    probes.update(x, kind(2), 300, times, *jobs)
    expected = np.arange(1000)
    expected[part] *= 2**times
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("kind", TYPES)
def test_rows_are_multiplied_as_often_as_they_are_named(kind):
    table = np.arange(7 * 5).reshape(7, 5).astype(kind)
    numbers = np.array([6, 2, 2, 0, 3], np.int32)
    probes.rows(table, numbers, kind(3), 1, 4)  # of these 2, 2 and 0
    expected = np.arange(7 * 5).reshape(7, 5)
    expected[2] *= 9
    expected[0] *= 3
    np.testing.assert_array_equal(table, expected)


def test_stretches_are_copied_at_steps_of_seven():
    # Stretches 74 to 76 begin at 518 - 512 = 6, 525 - 512 = 13 and 20, and have 3, 0 and 1 elements.
    x, y = np.arange(TILE, dtype=np.float32), np.full(TILE, -1, np.float32)
    lengths = np.zeros(80, np.int32)
    lengths[73:78] = 5, 3, 0, 1, 5
    probes.stretches(x, y, lengths, 74, 77)
    expected = np.full(TILE, -1)
    expected[[6, 7, 8, 20]] = 6, 7, 8, 20
    np.testing.assert_array_equal(y, expected)


def test_touch_writes_one_byte_a_page():
    memory = np.zeros(5 * 100, np.uint8)
    probes.touch(memory, 100, 1, 4)
    assert np.flatnonzero(memory).tolist() == [100, 200, 300]


def test_nothing_is_done():
    x, y = np.ones(3, np.float32), np.zeros(5, np.float32)
    assert probes.nothing(x, y, (np.float32(1), np.float32(2)), 0, 1) is None
    assert (x.tolist(), y.tolist()) == ([1, 1, 1], [0, 0, 0, 0, 0])


# -- a whole measurement, which uses what the tests above have compiled ------------------------------------------------


@pytest.fixture(scope="module")
def measurement():
    """Measure little, and little of it, with 1 and 2 threads; return also the threads that were to be used."""
    seen = []
    right = measuring._flops

    def flops(kind, threads):
        seen.append((threads, parallel._limit.get()))
        return right(kind, threads)

    slow = types.SimpleNamespace(examples=lambda rng: [((10**4,), {})], run=lambda n: sum(range(n)))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "TRIES": 1,
            "SHORT": 1e-5,
            "SIZES": (1 << 14, 1 << 16, 1 << 18, 1 << 20),
            "PASSED": 1 << 18,
            "NEW_MEMORY": (1 << 16, 1 << 18),
            "TABLES": (1 << 15, 1 << 18, 1 << 20),
            "SETTLED": 1 << 17,
            "SHARED": 1 << 19,
            "ROUNDS": 1,
            "PASSES": 1,
            "BUSY": 2,
            "STRETCHES": 1 << 10,
            "CALLS": 3,
            "USED": (1 << 12, 1 << 15),
            "WORK": 1e-5,
        }.items():
            patch.setattr(measuring, name, value)
        patch.setattr(measuring, "OPERATORS", {"Slow": slow})
        patch.setattr(measuring, "_flops", flops)
        return *measuring.measure(2), seen


def positive(rate):
    return isinstance(rate, float) and 0 < rate < math.inf


@pytest.mark.parametrize("threads", [1, 2])
def test_a_measurement_is_whole(threads, measurement):
    measured, cpu_share, seen = measurement
    assert list(measured) == [1, 2]
    assert 0 < cpu_share <= 1
    assert seen == [(1, 1), (1, 1), (2, 2), (2, 2)]
    limits = measured[threads]
    assert isinstance(limits, Limits)
    assert set(limits.flops) == set(PRECISIONS)
    assert all(map(positive, limits.flops.values()))
    assert set(limits.functions) == {*OPERATIONS, WORDS}
    for rates in limits.functions.values():
        assert set(rates) == set(PRECISIONS)
        assert all(map(positive, rates.values()))
    for name in CURVES:
        assert all(positive(size) and positive(rate) for size, rate in getattr(limits, name)), name
        sizes = [size for size, _ in getattr(limits, name)]
        assert sizes == sorted(set(sizes))
    once = [1 << 14, 1 << 16, 1 << 18, 1 << 20] if threads == 1 else [1 << 14, 1 << 16, 1 << 20]
    assert [size for size, _ in limits.copy] == [size for size, _ in limits.update] == once
    assert [size for size, _ in limits.copy_again] == [1 << 14, 1 << 16, 1 << 18, 1 << 20]
    assert [size for size, _ in limits.allocation_bandwidth] == [1 << 16, 1 << 18]
    assert [size for size, _ in limits.rows] == ([1 << 15, 1 << 18, 1 << 20] if threads == 1 else [1 << 15, 1 << 20])
    assert [size for size, _ in limits.launch_rate] == [size for size, _ in limits.call_rate] == [1 << 12, 1 << 15]
    assert limits.misprediction_seconds >= 0
    assert limits.wake_seconds == 0 if threads == 1 else limits.wake_seconds >= 0
    assert set(limits.overlap) == {"divisions", "square_roots", "exponentials", "logarithms", "powers", WORDS}
    assert all(0 <= share <= 1 for share in limits.overlap.values())
    assert {name for name, share in limits.overlap.items() if share == 1} >= set(limits.overlap) - set(UNITS)
    assert limits.functions[WORDS]["float32"] == limits.functions[WORDS]["float64"]  # one rate serves both
