"""The part "explore" of the bench: the time from a slider's event to the encoded frame."""

import time
from collections.abc import Callable

import numpy as np

from workbench.bench.driver import Settings, WrongResult
from workbench.bench.results import Measurement, Results, base_versions
from workbench.machines.timing import Timing
from workbench.operator import OPERATORS, Arg

TARGET = 0.060  # seconds
PNG = b"\x89PNG\r\n\x1a\n"
STEPS = 11  # values tried along a slider's range
CHANGES, QUICK_CHANGES = 40, 8
STRIDE = 4  # steps from one value to the next; coprime to STEPS, so that every value comes up


def bench(settings: Settings) -> Results:
    """Change the sliders of LRN's response curve one after the other, and wait for each frame.

    Raises:
        WrongResult: a frame is not a picture, or the pictures do not change with the sliders.
    """
    from workbench.explore import explore
    from workbench.lrn import plots

    changes = QUICK_CHANGES if settings.quick else CHANGES
    settings.say(f"changing sliders {changes} times")
    explorer = explore("LRN", plots.response_curve)
    timing = measure_changes(explorer, OPERATORS["LRN"].args, changes)
    measurements = (
        Measurement("slider event to encoded frame, median", timing.seconds, "s", TARGET),
        Measurement("slider event to encoded frame, interquartile range", timing.iqr_seconds, "s"),
    )
    return Results(measurements=measurements, versions=base_versions())


def measure_changes(
    explorer, args: tuple[Arg, ...], changes: int, clock: Callable[[], float] = time.perf_counter
) -> Timing:
    """Time `changes` slider changes, after one untimed change of each slider."""
    moved = [arg for arg in args if arg.slider is not None and arg.name in explorer.sliders]
    if not moved:
        raise WrongResult(f"there is no slider to move: {sorted(explorer.sliders)}")
    times, frames = [], set()
    for k in range(len(moved) + changes):
        arg = moved[k % len(moved)]
        value = slider_value(arg, (k // len(moved) * STRIDE + 2) % STEPS)
        start = clock()
        explorer.sliders[arg.name].value = value
        explorer.wait()
        times.append(clock() - start)
        frame = bytes(explorer.frame)
        if not frame.startswith(PNG):
            raise WrongResult(f"{arg.name}={value!r}: the frame is no PNG picture: it starts with {frame[:8]!r}")
        frames.add(frame)
    if len(frames) < changes // 2:
        raise WrongResult(f"{changes} slider changes gave {len(frames)} different frames: the figure does not follow")
    return Timing.of(times[len(moved) :])


def slider_value(arg: Arg, step: int) -> float | int:
    """Return the allowed value nearest to step 0..STEPS-1 along a slider's range, on its scale."""
    values = (np.geomspace if arg.scale == "log" else np.linspace)(*arg.slider, STEPS)
    if arg.type is not int:
        return float(values[step])
    low, unit = arg.slider[0], arg.step or 1
    return int(low + round((values[step] - low) / unit) * unit)
