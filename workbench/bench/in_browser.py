"""Time the explorers of notebooks in JupyterLab in a real browser: from the moved control to the new picture."""

import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from workbench.bench.browser import Browser, is_installed, jupyterlab, run_all
from workbench.bench.driver import WrongResult

DRAG = 1600  # milliseconds for which each slider is dragged
COUNT = "return document.querySelectorAll('.workbench-explorer').length"
# A control is moved, and the time until the next picture is on the screen is taken; then each slider is dragged to and
# fro between its ends. A move that changes nothing, such as one of a slider with one stop, is left out.
MOVES = """
const [which, moves, drag] = arguments, explorer = document.querySelectorAll(".workbench-explorer")[which];
const controls = [...explorer.querySelectorAll("[role=slider], .widget-toggle-buttons, input[type=checkbox]")];
const sliders = controls.filter(each => each.getAttribute("role") === "slider");
const img = explorer.querySelector(".widget-image"), wait = ms => new Promise(done => setTimeout(done, ms));
let shown = 0;
img.addEventListener("load", () => { shown += 1; });
const frame = () => new Promise(requestAnimationFrame);
const place = slider => slider.parentElement.style.transform;
const press = (slider, key) => slider.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const ways = new Map(sliders.map(each => [each, "ArrowRight"]));
const move = control => {
  if (!ways.has(control)) return (control.querySelector("button:not(.mod-active)") ?? control).click();
  const before = place(control);
  press(control, ways.get(control));
  if (place(control) !== before) return;
  ways.set(control, ways.get(control) === "ArrowRight" ? "ArrowLeft" : "ArrowRight");
  press(control, ways.get(control));
};
explorer.scrollIntoView();
const times = [], rates = [];
for (const control of controls)
  for (let k = -1; k < moves / controls.length; k++) {
    const before = shown, start = performance.now();
    move(control);
    while (shown === before && performance.now() - start < 2000) await frame();
    if (shown > before && k >= 0) times.push(performance.now() - start);
    await wait(40);
  }
for (const slider of sliders) {
  await wait(1000);
  const before = shown, start = performance.now();
  while (performance.now() - start < drag) { move(slider); await wait(16); }
  if (shown > before) rates.push((shown - before) / (performance.now() - start) * 1000);
}
await wait(600);
return [explorer.querySelector("a[download]").download.replace(/[.]png$/, ""), times, rates];
"""


def can_measure() -> bool:
    """Return whether chromium, chromedriver and JupyterLab are installed."""
    return is_installed() and find_spec("jupyterlab") is not None


def explorers_in_jupyterlab(paths: Sequence[Path], moves: int) -> Iterator[tuple[str, float, float | None]]:
    """Yield, for each explorer, its name, the median milliseconds of a move, and pictures a second in a drag.

    The rate is the median over sliders; None without a slider that changes the picture.

    Raises:
        WrongResult: an explorer's picture does not follow its controls, or the console shows an error.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for path in paths:
            shutil.copy(path, folder)
        with jupyterlab(Path(folder), Path(folder, "own")) as (page, address):
            for path in paths:
                run_all(page, address, path.name)
                for which in range(page.run(COUNT)):
                    yield _measured(page, path, which, moves)
                if problems := page.errors():
                    raise WrongResult(f"{path.name}: the browser's console shows {problems[0]}")


def _measured(page: Browser, path: Path, which: int, moves: int) -> tuple[str, float, float | None]:
    name, times, rates = page.run(MOVES, which, moves, DRAG)
    if len(times) < moves // 4:
        raise WrongResult(f"{path.name}, {name}: {moves} moves gave {len(times)} new pictures")
    return f"{path.stem[:2]} {name}", statistics.median(times), statistics.median(rates) if rates else None
