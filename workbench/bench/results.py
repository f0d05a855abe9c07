"""Records of the results of a bench: rows, ratios with targets, single figures; and writing them as JSON."""

import dataclasses
import json
import platform
from importlib import metadata
from pathlib import Path

from workbench import __version__
from workbench.files import write_whole
from workbench.machines.this_machine import processor
from workbench.parallel import available_threads

MISSED = "✗"  # beside a figure that misses its target
PREDICTION = "predicted / measured"  # name of the ratio in rows that have a prediction


@dataclasses.dataclass(frozen=True)
class Ratio:
    """One time over another; it should be at most `target`, or at least if `at_least` (None: no target)."""

    name: str
    value: float
    target: float | None = None
    at_least: bool = False

    @property
    def missed(self) -> bool:
        if self.target is None:
            return False
        return not (self.value >= self.target if self.at_least else self.value <= self.target)

    def __str__(self) -> str:
        target = "" if self.target is None else f" ({'≥' if self.at_least else '≤'} {self.target:g})"
        return f"{self.name} {self.value:.2f}{target}" + f" {MISSED}" * self.missed


@dataclasses.dataclass(frozen=True)
class Row:
    """One timed configuration. Times in seconds, medians.

    `arguments` are arguments of the operator that vary, and others that distinguish configurations of one shape.
    `copy_seconds` is the time of a plain loop over the same bytes with the same threads. `limit_seconds` is the longer
    of that and the time of the arithmetic that the operator needs. `peers` maps names to times. `predicted_seconds` is
    the prediction of `workbench.machines.prediction`, and `bound` names the part of it that takes longest; both are
    None without a prediction.
    """

    operator: str
    direction: str
    shape: tuple[int, ...]
    layout: str
    threads: int
    arguments: dict[str, float | str]
    seconds: float
    iqr_seconds: float
    copy_seconds: float
    limit_seconds: float
    peers: dict[str, float]
    versions: dict[str, str]
    ratios: tuple[Ratio, ...] = ()
    predicted_seconds: float | None = None
    bound: str | None = None

    @property
    def case(self) -> str:
        return f"{self.direction} {describe(self.arguments)}"

    @property
    def label(self) -> str:
        return f"{self.case}, {dimensions(self.shape)} {self.layout}, {threads_of(self.threads)}"

    def as_json(self) -> dict:
        """Return the fields as a dict, with each argument as a field."""
        content = dataclasses.asdict(self)
        arguments = content.pop("arguments")
        return {**content, **arguments}


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A single figure; it should be at most `target` (None: no target)."""

    name: str
    value: float
    unit: str
    target: float | None = None

    @property
    def missed(self) -> bool:
        return self.target is not None and not self.value <= self.target

    def __str__(self) -> str:
        target = "" if self.target is None else f" (≤ {self.target:.3g})"
        return f"{self.value:.3g} {self.unit}".rstrip() + target + f" {MISSED}" * self.missed


@dataclasses.dataclass(frozen=True)
class Results:
    """The results of one or several parts of the bench; `legends` explain how to read their tables."""

    rows: tuple[Row, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    legends: tuple[str, ...] = ()

    def __add__(self, other: "Results") -> "Results":
        return Results(
            self.rows + other.rows,
            self.measurements + other.measurements,
            {**self.versions, **other.versions},
            self.legends + other.legends,
        )


def describe(arguments: dict[str, float | str]) -> str:
    """Return arguments as text: the value if there is only one, else names and values, without False ones."""
    if len(arguments) == 1:
        return shown(*arguments.values())
    given = {name: value for name, value in arguments.items() if value is not False}
    return ", ".join(name if value is True else f"{name} {shown(value)}" for name, value in given.items())


def shown(value: float | str) -> str:
    """Return an argument's value as tables show it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else value


def dimensions(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def threads_of(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def machine() -> dict[str, str | int]:
    """Describe the processor and the system."""
    return {
        "cpu": processor(),
        "threads": available_threads(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
    }


def base_versions() -> dict[str, str]:
    """Return the versions of the packages that our own times depend on, and of Python."""
    versions = {"workbench": __version__, "python": platform.python_version()}
    return versions | {name: metadata.version(name) for name in ("numpy", "numba", "llvmlite")}


def write_json(results: Results, file: Path) -> None:
    """Write {"machine", "versions", "rows", "measurements"} to `file`, whole or not at all."""
    content = {
        "machine": machine(),
        "rows": [row.as_json() for row in results.rows],
        "measurements": [dataclasses.asdict(each) for each in results.measurements],
        "versions": results.versions,
    }
    write_whole(file, lambda to: to.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8"))
