"""What a bench found: rows, ratios against targets, single figures; and how it is written as JSON."""

import dataclasses
import json
import os
import platform
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from workbench import __version__
from workbench.parallel import available_threads

MISSED = "✗"  # beside a figure that is above its target


@dataclasses.dataclass(frozen=True)
class Ratio:
    """One time over another, and what it should be at most."""

    name: str
    value: float
    target: float

    @property
    def missed(self) -> bool:
        return not self.value <= self.target

    def __str__(self) -> str:
        return f"{self.name} {self.value:.2f} (≤ {self.target:g})" + f" {MISSED}" * self.missed


@dataclasses.dataclass(frozen=True)
class Row:
    """One timed configuration. Times in seconds, medians.

    `copy_seconds` is a plain loop over the same bytes with the same threads; `limit_seconds` is that or the
    arithmetic that the operator cannot do without, whichever is longer. `peers` maps a name to its time.
    """

    operator: str
    direction: str
    shape: tuple[int, ...]
    layout: str
    threads: int
    beta: float
    seconds: float
    iqr_seconds: float
    copy_seconds: float
    limit_seconds: float
    peers: dict[str, float]
    versions: dict[str, str]
    ratios: tuple[Ratio, ...] = ()

    @property
    def label(self) -> str:
        shape = "×".join(map(str, self.shape))
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.direction} {self.beta:g}, {shape} {self.layout}, {threads}"


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A single figure, and what it should be at most (None: no target)."""

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
    """Everything that one or several parts of the bench found."""

    rows: tuple[Row, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    def __add__(self, other: "Results") -> "Results":
        return Results(
            self.rows + other.rows, self.measurements + other.measurements, {**self.versions, **other.versions}
        )


def machine() -> dict[str, str | int]:
    """Describe the processor and the system."""
    return {
        "cpu": _cpu_model(),
        "threads": available_threads(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
    }


def base_versions() -> dict[str, str]:
    """Return the versions of what our own times depend on."""
    versions = {"workbench": __version__, "python": platform.python_version()}
    return versions | {name: metadata.version(name) for name in ("numpy", "numba", "llvmlite")}


def write_json(results: Results, file: Path) -> None:
    """Write {"machine", "versions", "rows", "measurements"} to `file`, whole or not at all."""
    content = {"machine": machine(), **dataclasses.asdict(results)}
    write_whole(file, lambda to: to.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8"))


def write_whole(file: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `file`, then put it in its place."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-", suffix=file.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"
