"""Measure this machine's limits once, and keep them in a file.

Call `this_machine()`. A measurement holds for one processor, number of threads, set of library versions and file
format. If the file was made under other conditions, the machine is measured again.
"""

import contextlib
import dataclasses
import hashlib
import json
import platform
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from workbench.files import write_whole
from workbench.machines.limits import CURVES, Limits, Machine, limit_rows
from workbench.parallel import available_threads

FORMAT = 4  # version of the file format; raise it when a limit is added, or measured in another way
BEGINNING = b'{\n "name": '  # of every file that `save` writes
QUIET = 0.9  # a measurement that got a smaller share of the processors' time is not kept


class MachineError(ValueError):
    """A machine's file cannot be used."""


def processor() -> str:
    """Return the processor's model as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"


def data_caches() -> tuple[int, ...]:
    """Return the bytes of the first processor's data caches, nearest first; () if the system does not report them."""
    sizes = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            kind, level, size = ((folder / name).read_text().strip() for name in ("type", "level", "size"))
        except OSError:
            continue
        if kind != "Instruction" and size.endswith("K"):
            sizes[int(level)] = int(size[:-1]) * 1024
    return tuple(sizes[level] for level in sorted(sizes))


def conditions() -> dict[str, Any]:
    """Return the conditions that a measurement here holds for: processor, threads, versions and file format."""
    return {
        "processor": processor(),
        "threads": available_threads(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "numba", "llvmlite")},
        "format": FORMAT,
    }


def this_machine(file: Path | None = None, *, again: bool = False) -> Machine:
    """Return this machine's limits, from their file if it can be used; measuring them takes about half a minute.

    Args:
        file: file that keeps the limits; by default one in the user's cache folder.
        again: measure even if the file can be used.

    A file that is damaged or does not fit this machine is replaced. If the folder cannot be written to, or other
    processes take the processors' time, the limits are not kept: a warning is given, and the next process measures.

    Raises:
        MachineError: the given file exists and was not written by the workbench.
    """
    import fcntl

    here = conditions()
    if file is not None:
        _check_ours(file)
    file = file or _usual_file(here)
    machine = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file.with_suffix(".lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # others wait: two measurements at once would disturb each other
            if not again:
                with contextlib.suppress(MachineError, OSError):
                    return load(file, here)
            machine = _measured(here)
            if machine.cpu_share >= QUIET:
                save(machine, file)
            else:
                warnings.warn(
                    f"other processes took {1 - machine.cpu_share:.0%} of the processors' time while the limits of "
                    "this machine were measured; they are not kept. Measure again when nothing else runs",
                    stacklevel=2,
                )
    except OSError as problem:
        kept = f"the machine's limits cannot be kept in {file.parent}: {problem.strerror}"
        warnings.warn(kept, stacklevel=2)
    return machine or _measured(here)


def save(machine: Machine, file: Path) -> None:
    """Write a machine to a file, whole or not at all."""
    content = {**dataclasses.asdict(machine), "limits": [], "fits": dict(machine.fits)}
    for threads, limits in machine.limits.items():
        content["limits"].append({"threads": threads, **dataclasses.asdict(limits)})
    write_whole(file, lambda to: to.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8"))


def load(file: Path, fits: Mapping[str, Any] | None = None) -> Machine:
    """Read a machine from a file.

    Args:
        fits: conditions that it must have been measured under, such as `conditions()`; None accepts any.

    Raises:
        MachineError: the file does not hold a machine, or was measured under other conditions; the message says which.
        OSError: the file cannot be read.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        limits = {}
        for each in content.pop("limits"):
            curves = {name: tuple((float(size), float(rate)) for size, rate in each[name]) for name in CURVES}
            threads = each.pop("threads")
            limits[threads] = Limits(**{**each, **curves})
        machine = Machine(limits=limits, **{**content, "caches": tuple(content["caches"])})
        limit_rows(machine)  # fails if a limit is missing
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as problem:
        raise MachineError(f"{file}: holds no machine's limits ({problem}); delete it and measure again") from None
    if fits and not {1, fits["threads"]} <= machine.limits.keys():
        raise MachineError(f"{file}: has no limits for 1 and {fits['threads']} threads; delete it and measure again")
    for name, wanted in (fits or {}).items():
        found = machine.fits.get(name)
        if found != wanted:
            raise MachineError(f"{file}: was measured with {name} {found}, here it is {wanted}; measure again")
    return machine


def _check_ours(file: Path) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        begin = file.read_bytes()[: len(BEGINNING)]
        if begin and begin != BEGINNING:
            raise MachineError(f"{file}: was not written by the workbench and is not replaced; give another file")


def _measured(here: dict[str, Any]) -> Machine:
    from workbench.machines.measuring import measure

    limits, cpu_share = measure(here["threads"])
    return Machine(here["processor"], limits, data_caches(), fits=here, cpu_share=cpu_share)


def _usual_file(here: dict[str, Any]) -> Path:
    import platformdirs

    digest = hashlib.sha256(json.dumps(here, sort_keys=True).encode()).hexdigest()[:16]
    return platformdirs.user_cache_path("operator-workbench") / f"machine-{digest}.json"
