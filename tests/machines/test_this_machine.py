"""Limits by size, the file that keeps them, and the times at which a machine is measured."""

import dataclasses
import functools
import json
import math
import multiprocessing
import time
import warnings

import pytest

from workbench.cost import Cost
from workbench.machines import this_machine as module
from workbench.machines.limits import CURVES, Machine, limit_rows, rate_at
from workbench.machines.prediction import predict
from workbench.machines.published import KNOWN
from workbench.machines.this_machine import MachineError, load, save, this_machine

from .machines import FITS, MACHINE, limits

# Against sizes of 10^2, 10^4 and 10^8 bytes.
CURVE = ((1e2, 1e9), (1e4, 1e7), (1e8, 1e11))


@pytest.mark.parametrize(
    ("size", "rate"),
    [
        (1e2, 1e9),
        (1e4, 1e7),
        (1e8, 1e11),
        (1e3, 1e8),  # halfway, in logarithms
        (1e6, 1e9),
        (1e5, 1e8),  # a quarter of the way
        (99, 1e9),  # the nearest end beyond
        (1, 1e9),
        (0, 1e9),
        (1e12, 1e11),
    ],
)
def test_rates_between_and_beyond_the_sizes(size, rate):
    assert rate_at(CURVE, size) == pytest.approx(rate, rel=1e-12)


def test_a_curve_of_one_size_is_the_same_everywhere():
    assert rate_at(((1.0, 5e9),), 1e6) == pytest.approx(5e9, rel=1e-12)
    assert rate_at(((1.0, math.inf),), 1e6) == math.inf  # what takes no time


def test_limits_are_found_by_threads():
    assert MACHINE.threads == 2
    assert MACHINE.with_threads(1) is MACHINE.limits[1]
    with pytest.raises(ValueError, match=r"^threads=3: the limits of made up are known only for 1, 2$"):
        MACHINE.with_threads(3)


@pytest.mark.parametrize("rate", [0, -1.0, math.nan, True, "1e9", None])
def test_rates_that_are_none_are_refused_by_name(rate):
    with pytest.raises(ValueError, match=r"^flops\['float64'\]=.*: must be a number above 0, a rate per second$"):
        limits(flops={"float32": 1e9, "float64": rate})
    with pytest.raises(ValueError, match=r"^powers\['float32'\]=.*: must be a number above 0"):
        limits(functions={"powers": {"float32": rate}})
    for name in CURVES:
        with pytest.raises(ValueError, match=f"^{name} at 2048 bytes=.*: must be a number above 0"):
            limits(**{name: ((1024.0, 1e9), (2048.0, rate))})


@pytest.mark.parametrize("name", ["wake_seconds", "misprediction_seconds"])
@pytest.mark.parametrize("seconds", [-1e-9, math.nan, math.inf, True, "1"])
def test_seconds_that_are_none_are_refused_by_name(name, seconds):
    with pytest.raises(ValueError, match=f"^{name}=.*: must be a finite number of seconds, at least 0$"):
        limits(**{name: seconds})


@pytest.mark.parametrize("machine", [MACHINE, *KNOWN.values()], ids=lambda machine: machine.name)
def test_what_is_saved_is_loaded(machine, tmp_path):
    file = tmp_path / "machine.json"
    save(machine, file)
    assert load(file) == machine
    assert load(file).limits[machine.threads] == machine.limits[machine.threads]
    assert list(load(file).limits) == list(machine.limits)
    assert load(file, machine.fits) == machine
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def kept(tmp_path):
    """Return a machine's file and a function that changes what is in it."""
    file = tmp_path / "machine.json"
    save(MACHINE, file)

    def change(change):
        content = json.loads(file.read_text())
        content = change(content) or content
        file.write_text(json.dumps(content))
        return file

    return change


CORRUPT = {
    "a list": lambda content: [1],
    "a number": lambda content: 7,
    "no limits": lambda content: content.pop("limits") and None,
    "no caches": lambda content: content.pop("caches") and None,
    "another key": lambda content: content.update(speed=3),
    "no threads": lambda content: content["limits"][0].pop("threads") and None,
    "another limit": lambda content: content["limits"][1].update(speed=3),
    "no copy": lambda content: content["limits"][1].pop("copy") and None,
    "a curve of numbers": lambda content: content["limits"][0].update(copy=[1, 2]),
    "no rate": lambda content: content["limits"][0].update(rows=[[1e4]]),
    "limits that are none": lambda content: content.update(limits=[3]),
    "flops that are none": lambda content: content["limits"][0].update(flops=3),
    "a rate of zero": lambda content: content["limits"][0]["flops"].update(float32=0),
    "not a number": lambda content: content["limits"][0]["functions"]["powers"].update(float64=math.nan),
    "negative seconds": lambda content: content["limits"][0].update(wake_seconds=-1.0),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_file_that_is_no_machines_is_refused(name, kept):
    with pytest.raises(MachineError, match=r"machine\.json: holds no machine's limits \(.*\); delete it and measure"):
        load(kept(CORRUPT[name]))


SENSELESS = ([], {}, "x", None, True, -1, 0.5, 10**400, 1e999, math.nan, [1, "x"], {"x": []})


def places(content, path=()):
    """Yield the path to every value in JSON."""
    yield path
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inside:
        yield from places(value, (*path, key))


def put(content, path, value):
    if not path:
        return value
    holder = functools.reduce(lambda inside, key: inside[key], path[:-1], content)
    holder[path[-1]] = value
    return content


@pytest.mark.parametrize("value", SENSELESS, ids=lambda value: repr(value)[:9])
def test_a_senseless_value_anywhere_is_refused_or_does_no_harm(value, kept):
    file = kept(lambda content: None)
    text, cost = file.read_text(), Cost(bytes_read=1 << 20, bytes_allocated=1 << 20, multiply_adds=7, powers=5, runs=1)
    refused = 0
    for path in places(json.loads(text)):
        if path[:2] == ("limits", 1):  # like the first
            continue
        file.write_text(json.dumps(put(json.loads(text), path, value)))
        try:
            machine = load(file)
        except MachineError:
            refused += 1
            continue
        assert machine.threads >= 1
        assert all(isinstance(number, float) for _, _, row in limit_rows(machine) for number in row.values())
        assert predict(cost, machine, threads=machine.threads).seconds >= 0
    assert refused > 10


@pytest.mark.parametrize("threads", [1, 2])
def test_a_file_without_limits_for_one_or_all_threads_is_refused(threads, kept):
    file = kept(lambda content: content["limits"].pop(threads - 1) and None)
    with pytest.raises(MachineError, match="has no limits for 1 and 2 threads"):
        load(file, FITS)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"not JSON", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused(content, tmp_path):
    file = tmp_path / "machine.json"
    file.write_bytes(content)
    with pytest.raises(MachineError, match="holds no machine's limits"):
        load(file)


@pytest.mark.parametrize("name", FITS)
def test_a_file_that_was_measured_otherwise_is_refused_by_name(name, kept):
    file = kept(lambda content: content["fits"].update({name: "other"}))
    with pytest.raises(MachineError, match=rf"was measured with {name} other, here it is {FITS[name]}; measure again$"):
        load(file, FITS)
    assert load(file).name == "made up"  # whatever it was measured with
    file = kept(lambda content: content["fits"].pop(name) and None)
    with pytest.raises(MachineError, match=f"was measured with {name} None"):
        load(file, FITS)


def test_a_file_that_is_not_there_is_no_corrupt_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.json")


def test_conditions_tell_what_a_measurement_depends_on(monkeypatch):
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "3")
    here = module.conditions()
    assert set(here) == set(FITS)
    assert here["threads"] == 3
    assert here["processor"] == module.processor()
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "2")
    assert module.conditions() == {**here, "threads": 2}
    assert module._usual_file(here) != module._usual_file(module.conditions())
    assert module._usual_file(here) == module._usual_file(dict(here))
    assert json.loads(json.dumps(here)) == here  # a file can hold it


@pytest.fixture
def measured(monkeypatch):
    """Count measurements, each of which gives a machine with another name."""
    made = []

    def measure(here):
        made.append(here)
        return dataclasses.replace(MACHINE, name=f"measured {len(made)}", fits=here)

    monkeypatch.setattr(module, "conditions", lambda: dict(FITS))
    monkeypatch.setattr(module, "_measured", measure)
    return made


def test_a_machine_is_measured_once_and_then_known(measured, tmp_path):
    file = tmp_path / "new" / "machine.json"
    first, second = this_machine(file), this_machine(file)
    assert first == second
    assert len(measured) == 1
    assert measured[0] == FITS
    assert {each.name for each in file.parent.iterdir()} == {"machine.json", "machine.lock"}
    assert load(file, FITS) == first


def test_without_a_file_limits_are_kept_in_the_users_folder(measured, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert this_machine() == this_machine()
    assert len(measured) == 1
    (file,) = tmp_path.glob("operator-workbench/machine-*.json")
    monkeypatch.setattr(module, "conditions", lambda: {**FITS, "threads": 7})
    this_machine()
    assert len(measured) == 2
    assert len(list(tmp_path.glob("operator-workbench/machine-*.json"))) == 2  # beside the other
    assert load(file, FITS).name == "measured 1"


def test_it_is_measured_again_where_asked_for(measured, tmp_path):
    file = tmp_path / "machine.json"
    this_machine(file)
    assert this_machine(file, again=True).name == "measured 2"
    assert this_machine(file).name == "measured 2"


@pytest.mark.parametrize("content", ["notes", "{", "[]", '{"name": "notes"}'])
def test_a_file_that_is_not_ours_is_refused_and_kept_with_its_neighbours(content, measured, tmp_path):
    file, neighbour = tmp_path / "poetry.json", tmp_path / "poetry.lock"
    file.write_text(content)
    neighbour.write_text("locked")
    for again in (False, True):
        with pytest.raises(MachineError, match=r"poetry\.json: was not written by the workbench and is not replaced"):
            this_machine(file, again=again)
    assert (file.read_text(), neighbour.read_text(), measured) == (content, "locked", [])
    file.unlink()
    assert this_machine(file).name == "measured 1"
    assert neighbour.read_text() == "locked"


@pytest.mark.parametrize("content", ["", '{\n "name": "made', '{\n "name": []}', None])
def test_a_file_that_does_not_fit_or_is_corrupt_is_replaced(content, measured, tmp_path):
    file = tmp_path / "machine.json"
    if content is None:
        save(dataclasses.replace(MACHINE, fits={**FITS, "numba": "0"}), file)
    else:
        file.write_text(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert this_machine(file).name == "measured 1"
        assert this_machine(file).name == "measured 1"
    assert len(measured) == 1
    assert load(file, FITS).name == "measured 1"


def test_a_folder_that_cannot_be_written_to_costs_a_warning(measured, tmp_path):
    (tmp_path / "no folder").write_text("a file")
    for count in (1, 2):
        with pytest.warns(UserWarning, match=r"the machine's limits cannot be kept in .*no folder: ") as warned:
            assert this_machine(tmp_path / "no folder" / "machine.json").name == f"measured {count}"
        assert warned[0].filename == __file__
        assert len(warned) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["no folder"]


def test_a_disk_that_is_full_costs_a_warning(measured, monkeypatch, tmp_path):
    def full(file, write):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_whole", full)
    with pytest.warns(UserWarning, match="cannot be kept in .*: No space left on device") as warned:
        assert this_machine(tmp_path / "machine.json").name == "measured 1"
    assert warned[0].filename == __file__
    assert len(measured) == 1
    assert not (tmp_path / "machine.json").exists()


@pytest.mark.parametrize(("cpu_share", "kept"), [(0.9, True), (1.0, True), (0.89, False), (0.0, False)])
def test_a_measurement_that_was_disturbed_is_used_and_not_kept(cpu_share, kept, monkeypatch, tmp_path):
    disturbed = dataclasses.replace(MACHINE, cpu_share=cpu_share)
    monkeypatch.setattr(module, "_measured", lambda here: disturbed)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert this_machine(tmp_path / "machine.json") is disturbed
    assert (tmp_path / "machine.json").exists() == kept
    if kept:
        assert warned == []
    else:
        (warning,) = warned
        assert f"other processes took {100 - 100 * cpu_share:.0f}% of the processors' time" in str(warning.message)
        assert warning.filename == __file__


def test_what_is_measured_says_where_and_how(monkeypatch):
    measure = pytest.importorskip("workbench.machines.measuring")
    monkeypatch.setattr(measure, "measure", lambda threads: ({1: limits(), threads: limits(threads)}, 0.75))
    monkeypatch.setattr(module, "data_caches", lambda: (1 << 15, 1 << 21))
    assert module._measured(FITS) == Machine(
        "made up", {1: limits(), 2: limits(2)}, (1 << 15, 1 << 21), "measured", FITS, 0.75
    )


def _ask(file, log, gate):
    def measure(here):
        with open(log, "a") as handle:
            handle.write("measured\n")
        time.sleep(0.3)
        return dataclasses.replace(MACHINE, fits=here)

    module.conditions, module._measured = lambda: dict(FITS), measure
    gate.wait(60)
    this_machine(file)


def test_processes_that_ask_at_once_measure_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(2)
    log = tmp_path / "log"
    asking = [context.Process(target=_ask, args=(tmp_path / "machine.json", log, gate)) for _ in range(2)]
    for process in asking:
        process.start()
    for process in asking:
        process.join(60)
    assert [process.exitcode for process in asking] == [0, 0]
    assert log.read_text() == "measured\n"
    assert {each.name for each in tmp_path.iterdir()} == {"log", "machine.json", "machine.lock"}


def test_caches_are_the_nearest_first():
    caches = module.data_caches()
    assert list(caches) == sorted(caches)
    assert all(1 << 10 <= size <= 1 << 32 for size in caches)


@pytest.mark.parametrize(
    "curve", [(), ((0.0, 1e9),), ((-4.0, 1e9), (8.0, 1e9)), ((8.0, 1e9), (8.0, 2e9)), ((8.0, 1e9), (4.0, 2e9))]
)
def test_a_curve_must_rise_from_above_zero(curve):
    with pytest.raises(ValueError, match=r"read=.*: must hold at least one \(bytes, rate\), with rising bytes above 0"):
        limits(read=curve)
