"""The part "explore" of the bench: the time from moving a control to the new picture, for the notebooks' explorers."""

import contextlib
import io
import itertools
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workbench.bench.driver import Settings, WrongResult
from workbench.bench.in_browser import can_measure, explorers_in_jupyterlab
from workbench.bench.results import Measurement, Results, base_versions
from workbench.machines.timing import Timing

NOTEBOOKS = Path("notebooks")
PROCESSOR, WALL, BROWSER = 40, 60, 80  # milliseconds at most, medians; the browser needs time of its own
RATE = 12  # pictures a second at least, while a slider is dragged
PICTURES = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"  # how PNG and JPEG files start
MOVES, QUICK_MOVES = 20, 8
SHOWS = r"\b(explore|Playground|play)\("  # in a cell that shows an explorer
STOPS = 5  # values of a slider

Clock = Callable[[], float]


def bench(settings: Settings) -> Results:
    """Run the notebooks of the folder notebooks/, and move the controls of their explorers, one after the other.

    If `quick`, only the first notebook is run. Where chromium is installed, all of it is done once more in JupyterLab.

    Raises:
        WrongResult: a cell of a notebook fails, a frame is not a picture, or the pictures do not change.
    """
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))[: 1 if settings.quick else None]
    if not paths:
        settings.say(f"explore: there are no notebooks in {NOTEBOOKS}/ here, so there is nothing to measure")
    moves = QUICK_MOVES if settings.quick else MOVES
    measurements: list[Measurement] = []
    for path in paths:
        settings.say(f"running {path.name}, and moving its sliders")
        for name, explorer in shown_by(path).items():
            wall, processor = measure_moves(explorer, moves)
            of = f"{path.stem[:2]} {name}"
            measurements += [
                Measurement(f"{of}: processor time of a draft", 1e3 * processor.seconds, "ms", PROCESSOR),
                Measurement(f"{of}: from the moved value to the draft", 1e3 * wall.seconds, "ms", WALL),
            ]
    if not can_measure():
        settings.say("chromium, chromedriver or JupyterLab is not installed: nothing is measured in a browser")
    elif paths:
        settings.say("the same in JupyterLab, in chromium")
        for of, milliseconds, rate in explorers_in_jupyterlab(paths, moves):
            name = f"{of}, in a browser"
            settings.say(f"{name}: {milliseconds:.0f} ms, {rate or 0:.1f} pictures a second")
            measurements.append(Measurement(f"{name}: from the slider to the picture", milliseconds, "ms", BROWSER))
            if rate:
                between = 1e3 / rate
                measurements.append(Measurement(f"{name}: between pictures in a drag", between, "ms", 1e3 / RATE))
    return Results(measurements=tuple(measurements), versions=base_versions())


def shown_by(path: Path) -> dict[str, Any]:
    """Run a notebook's cells in this process, up to its last explorer, and return its explorers by name."""
    import nbformat
    from IPython.core.interactiveshell import InteractiveShell

    from workbench.explore.explorer import SHOWN

    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    SHOWN.clear()
    shell = InteractiveShell()
    with contextlib.chdir(path.parent), contextlib.redirect_stdout(io.StringIO()):
        while any(re.search(SHOWS, cell) for cell in cells):
            cell = cells.pop(0)
            if not shell.run_cell(cell).success:
                raise WrongResult(f"{path.name}: a cell fails: {cell.splitlines()[0]}")
    return dict(SHOWN)


def measure_moves(
    explorer: Any, moves: int, wall: Clock = time.perf_counter, processor: Clock = time.process_time
) -> tuple[Timing, Timing]:
    """Time `moves` moves of the controls, in turn, after an untimed one of each; return wall and processor times."""
    wanted = values_in_turn(explorer)
    controls = len(explorer.sliders)
    walls, processors, frames = [], [], set()
    for k in range(controls + moves):
        name, value = next(wanted)
        starts = processor(), wall()
        explorer.move(name, value)
        explorer.wait()
        ends = wall(), processor()
        if k >= controls:
            walls.append(ends[0] - starts[1])
            processors.append(ends[1] - starts[0])
        frame = bytes(explorer.frame)
        if not frame.startswith(PICTURES):
            raise WrongResult(f"{name}={value!r}: the frame is no picture: it starts with {frame[:8]!r}")
        frames.add(frame)
    if len(frames) < moves // 4:
        raise WrongResult(f"{moves} moves gave {len(frames)} different frames: the figure does not follow")
    return Timing.of(walls), Timing.of(processors)


def values_in_turn(explorer: Any) -> Iterator[tuple[str, Any]]:
    """Yield a control and a value of it, without end: the next value of each control in turn."""
    from workbench.explore.frames import stops

    values = {name: itertools.cycle(stops(explorer, name, STOPS)) for name in explorer.sliders}
    for name in itertools.cycle(values):
        value = next(values[name])
        yield name, next(values[name]) if value == explorer.values[name] else value
