"""Seconds worked out by hand, of costs of round numbers on a machine of round numbers.

One thread: 2e9 FLOP/s in float32 and 1e9 in float64, 1e8 functions of each kind a second in float32 and 5e7 in float64,
8e9 bytes a second up to 2^20 bytes, 2e9 from 2^24 bytes on, and 4e9 halfway between, at 2^22; 4e9 bytes of new memory.
Up to 2^20 bytes a launch takes 1 us and a run 0.1 us, from 2^24 bytes on 4 us and 0.25 us. Two threads are twice as
fast, and waking the second takes 20 us.
"""

import math

import pytest

from workbench import parallel
from workbench.cost import Cost
from workbench.machines.limits import Machine
from workbench.machines.prediction import BOUNDS, Prediction, predict

from .machines import MACHINE, limits


@pytest.fixture(autouse=True)
def waking_is_worth_200_us(monkeypatch, waking_costs_nothing):
    monkeypatch.setattr(parallel, "WORTH_WAKING", 2e-4)


def exactly(arithmetic=0.0, special=0.0, memory=0.0, launch=0.0, caches=0.0):
    return pytest.approx((arithmetic, special, caches, memory, launch), rel=1e-12, abs=1e-20)


def parts(prediction):
    return tuple(vars(prediction).values())


def machine(**changes):
    return Machine("changed", {1: limits(**changes), 2: limits(2)})


@pytest.mark.parametrize(
    ("cost", "instructions"),
    [
        (Cost(multiply_adds=1000), 1000),
        (Cost(other_flops=700), 700),
        (Cost(comparisons=300), 300),
        (Cost(integer_operations=200), 200),
    ],
)
def test_an_instruction_takes_as_long_as_a_multiply_add(cost, instructions):
    # Half of 2e9 a second, or of 1e9.
    assert parts(predict(cost, MACHINE)) == exactly(arithmetic=instructions * 1e-9)
    assert parts(predict(cost, MACHINE, precision="float64")) == exactly(arithmetic=instructions * 2e-9)


@pytest.mark.parametrize("name", ["exponentials", "logarithms", "powers", "random_words"])
def test_functions_made_of_arithmetic_take_its_place(name):
    cost = Cost(**{name: 1000}, multiply_adds=500)
    assert parts(predict(cost, MACHINE)) == exactly(arithmetic=0.5e-6 + 10e-6, special=10e-6)
    assert parts(predict(cost, MACHINE, precision="float64")) == exactly(arithmetic=1e-6 + 20e-6, special=20e-6)


def test_units_of_their_own_take_a_part_of_its_place():
    # 1000 divisions take 10 us, and multiply-adds wait for half of that; of roots for a quarter.
    assert parts(predict(Cost(divisions=1000, other_flops=500), MACHINE)) == exactly(0.5e-6 + 5e-6, 10e-6)
    assert parts(predict(Cost(square_roots=1000, other_flops=500), MACHINE)) == exactly(0.5e-6 + 2.5e-6, 10e-6)
    both = predict(Cost(divisions=1000, square_roots=2000, powers=100, multiply_adds=9000), MACHINE)
    assert parts(both) == exactly(9e-6 + 5e-6 + 5e-6 + 1e-6, 10e-6 + 20e-6 + 1e-6)


def test_a_function_that_is_not_called_needs_no_rate():
    bare = machine(functions={"powers": {"float32": 1e6}})
    assert parts(predict(Cost(powers=3), bare)) == exactly(arithmetic=3e-6, special=3e-6)
    with pytest.raises(ValueError, match=r"^'divisions': the machine has no throughput for it, only for 'powers'$"):
        predict(Cost(divisions=1), bare)
    with pytest.raises(ValueError, match=r"^'float64': the machine has no throughput of powers for it, only for 'fl"):
        predict(Cost(powers=1), bare, precision="float64")
    with pytest.raises(ValueError, match=r"^'float64': the machine has no FLOP/s for it, only for 'float32'$"):
        predict(Cost(), machine(flops={"float32": 1e9}), precision="float64")


@pytest.mark.parametrize(
    ("read", "written", "seconds"),
    [
        (4000, 4000, 8000 / 8e9),
        (1 << 19, 1 << 19, 2**20 / 8e9),
        (1 << 21, 1 << 21, 2**22 / 4e9),
        (1 << 24, 1 << 24, 2**25 / 2e9),
        (0, 4000, 4000 / 8e9),
    ],
)
def test_memory_by_the_size_of_all_arrays(read, written, seconds):
    assert parts(predict(Cost(bytes_read=read, bytes_written=written), MACHINE)) == exactly(memory=seconds)


def test_a_working_set_decides_where_arrays_lie():
    # 8000 bytes of arrays of 2^22 bytes together; of 2^24.
    cost = Cost(bytes_read=4000, bytes_written=4000)
    assert parts(predict(cost, MACHINE, working_set=1 << 22)) == exactly(memory=8000 / 4e9)
    assert parts(predict(cost, MACHINE, working_set=1 << 24)) == exactly(memory=8000 / 2e9)


def test_small_arrays_are_no_faster_than_a_cache_of_second_level():
    quick = machine(copy=((1e3, 16e9), (2.0**18, 4e9)))
    assert parts(predict(Cost(bytes_read=500, bytes_written=500), quick)) == exactly(memory=1000 / 4e9)


FIVE = {name: ((1.0, rate),) for name, rate in (("copy", 5e9), ("read", 1e9), ("update", 4e9), ("rows", 2e9))}


@pytest.mark.parametrize(("access", "rate"), [("copy", 5e9), ("update", 4e9), ("rows", 2e9)])
def test_as_much_as_is_written_is_copied_updated_or_rows_and_the_rest_is_read(access, rate):
    # 5000 bytes read and 2000 written: 4000 as the access says, 3000 read at 1e9.
    cost = Cost(bytes_read=5000, bytes_written=2000)
    assert parts(predict(cost, machine(**FIVE), access=access)) == exactly(memory=4000 / rate + 3e-6)
    # 2000 read and 5000 written: all as the access says.
    cost = Cost(bytes_read=2000, bytes_written=5000)
    assert parts(predict(cost, machine(**FIVE), access=access)) == exactly(memory=7000 / rate)


def test_what_stays_near_takes_as_long_as_a_cache_of_second_level():
    # A copy of 2^18 bytes in all: 4e9 a second, so 38000 near take 9.5 us, and with 2000 far away 10 us.
    copy = ((1e3, 5e8), (2.0**18, 4e9))
    cost = Cost(bytes_read=1000, bytes_written=1000, bytes_cached=38_000, multiply_adds=1000)
    prediction = predict(cost, machine(copy=copy), working_set=1000)
    assert parts(prediction) == exactly(arithmetic=1e-6, caches=9.5e-6, memory=10e-6)
    assert prediction.seconds == pytest.approx(10.5e-6)  # one after the other, and meanwhile what is far is fetched


def test_starting_adds_up():
    # 3 launches of 1 us, 40 runs of 0.1 us, 500 wrong guesses of 4 ns, and 10^5 new bytes at 4e9 a second.
    cost = Cost(launches=3, runs=40, mispredictions=500, bytes_allocated=100_000)
    assert parts(predict(cost, MACHINE)) == exactly(launch=3e-6 + 4e-6 + 2e-6 + 25e-6)
    # Two threads: a wrong guess takes half, new memory is twice as fast, and the other thread is woken.
    assert parts(predict(cost, MACHINE, threads=2)) == exactly(launch=3e-6 + 4e-6 + 1e-6 + 12.5e-6 + 20e-6)
    assert parts(predict(Cost(runs=40), MACHINE, threads=2)) == exactly(launch=4e-6)  # nobody is woken for these
    # A run of 100 calls takes 0.1 us, so one of 250 takes 0.25 us.
    assert parts(predict(Cost(runs=40), MACHINE, calls=250)) == exactly(launch=10e-6)


def test_large_arrays_push_python_out_of_the_caches():
    # 2 launches and 3 runs, of 100 calls and then of 500: at 2^24 bytes, and half way to it.
    cost = Cost(launches=2, runs=3)
    assert parts(predict(cost, MACHINE, working_set=1 << 24)) == exactly(launch=8e-6 + 0.75e-6)
    assert parts(predict(cost, MACHINE, working_set=1 << 24, calls=500)) == exactly(launch=8e-6 + 3.75e-6)
    assert parts(predict(cost, MACHINE, working_set=1 << 22)) == exactly(launch=4e-6 + 3 * 1e-7 * 2.5**0.5)
    large = Cost(launches=2, bytes_read=1 << 23, bytes_written=1 << 23)  # without a working set, their bytes decide
    assert predict(large, MACHINE).launch == pytest.approx(8e-6, rel=1e-12)


def test_new_memory_that_takes_no_time():
    free = machine(allocation_bandwidth=((1.0, math.inf),))
    assert parts(predict(Cost(bytes_allocated=100_000), free)) == exactly()


def test_nothing_takes_no_time():
    assert parts(predict(Cost(), MACHINE)) == exactly()
    assert predict(Cost(), MACHINE).seconds == 0


@pytest.mark.parametrize(
    ("given", "seconds", "bound"),
    [
        ((4.0, 2.0, 1.0, 3.0, 1.0), 6.0, "arithmetic"),
        ((2.0, 4.0, 1.0, 3.0, 1.0), 5.0, "special functions"),
        ((2.0, 4.0, 3.0, 3.0, 1.0), 6.0, "special functions"),
        ((2.0, 1.0, 4.0, 5.0, 1.0), 7.0, "memory"),
        ((2.0, 1.0, 5.0, 4.0, 1.0), 8.0, "caches"),
        ((2.0, 1.0, 1.0, 4.0, 6.0), 10.0, "launch"),
        ((2.0, 2.0, 0.0, 2.0, 2.0), 4.0, "arithmetic"),  # the first of several
    ],
)
def test_near_bytes_add_to_arithmetic_and_all_else_goes_on_at_once(given, seconds, bound):
    prediction = Prediction(*given)
    assert (prediction.seconds, prediction.working, prediction.bound) == (seconds, seconds - given[-1], bound)
    assert bound in BOUNDS


def test_a_whole_call():
    # 10^5 multiply-adds take 100 us; 2000 divisions 20 us, half of it in turn; 6 * 10^6 bytes of 2^24 3 ms; 4 us.
    cost = Cost(multiply_adds=100_000, divisions=2000, bytes_read=3_000_000, bytes_written=3_000_000, launches=1)
    prediction = predict(cost, MACHINE, working_set=1 << 24)
    assert parts(prediction) == exactly(110e-6, 20e-6, 3e-3, 4e-6)
    assert prediction.seconds == pytest.approx(3.004e-3)
    assert prediction.bound == "memory"


# 10^6 multiply-adds: one thread takes 1 ms, two take half.
LONG = Cost(multiply_adds=1_000_000, launches=1)


def test_without_elements_every_thread_has_its_share():
    assert parts(predict(LONG, MACHINE, threads=2)) == exactly(arithmetic=0.5e-3, launch=21e-6)


def test_small_work_stays_with_one_thread():
    alone = exactly(arithmetic=1e-3, launch=1e-6)
    assert parts(predict(LONG, MACHINE, threads=2, elements=parallel.SMALL - 1)) == alone
    assert parts(predict(LONG, MACHINE, threads=2, elements=1 << 20, jobs=1)) == alone
    # 200 us in 8 ranges: after the first 175 us are left, less than 200 us.
    short = Cost(multiply_adds=200_000, launches=1)
    assert parts(predict(short, MACHINE, threads=2, elements=1 << 19)) == exactly(arithmetic=0.2e-3, launch=1e-6)
    assert parts(predict(short, MACHINE, threads=2, elements=1 << 20)) == exactly(arithmetic=0.1e-3, launch=21e-6)


def test_large_work_is_shared_as_evenly_as_its_jobs_are():
    # Many jobs: 4 of 8 ranges each. Three jobs: two of three, for which two threads take 0.5 ms * 2 * 2 / 3.
    assert parts(predict(LONG, MACHINE, threads=2, elements=1 << 20)) == exactly(arithmetic=0.5e-3, launch=21e-6)
    assert parts(predict(LONG, MACHINE, threads=2, elements=1 << 20, jobs=3)) == exactly(2 / 3 * 1e-3, launch=21e-6)


def test_between_them_one_thread_begins_alone():
    # 8 ranges: the first takes 1 / 8 ms alone; of the other 7 the busiest thread does 4, each 1 / 8 ms.
    mixed = predict(LONG, MACHINE, threads=2, elements=1 << 19)
    assert parts(mixed) == exactly(arithmetic=5 / 8 * 1e-3, launch=21e-6)
    # Two jobs: one and then the other, by turns.
    assert parts(predict(LONG, MACHINE, threads=2, elements=1 << 19, jobs=2)) == exactly(1e-3, launch=21e-6)


def test_what_decides_is_how_long_one_thread_takes():
    # 300 us of memory, beside which 100 us of arithmetic go unnoticed: 7 / 8 of 300 us are worth waking a thread.
    cost = Cost(multiply_adds=100_000, bytes_read=300_000, bytes_written=300_000, launches=1)
    prediction = predict(cost, MACHINE, threads=2, elements=1 << 19, working_set=1 << 24)
    assert parts(prediction) == exactly(5 / 8 * 100e-6, memory=5 / 8 * 300e-6, launch=24e-6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cost": 3}, TypeError, "^cost=3: must be a Cost, as an estimator returns it$"),
        ({"cost": {"multiply_adds": 1}}, TypeError, "^cost=.*: must be a Cost"),
        ({"precision": "float16"}, ValueError, r"^precision='float16': must be one of 'float32', 'float64'$"),
        ({"access": "stream"}, ValueError, r"^access='stream': must be one of 'copy', 'update', 'rows'$"),
        ({"threads": 3}, ValueError, r"^threads=3: the limits of made up are known only for 1, 2$"),
        ({"threads": 0}, ValueError, "^threads=0: the limits of made up are known only for 1, 2"),
    ],
)
def test_what_is_not_known_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        predict(**{"cost": Cost(), "machine": MACHINE, **options})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"machine": "a100"}, "machine='a100': must be a Machine, as `this_machine` and `known_machine` return it"),
        ({"working_set": -5}, "working_set=-5: must be at least 0"),
        ({"working_set": 2.5}, r"working_set=2\.5: must be an int"),
    ],
)
def test_what_is_no_machine_or_no_size_is_refused(given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        predict(**{"cost": Cost(bytes_read=8), "machine": MACHINE, **given})
