"""Record the pictures of an explorer, so that its controls also move in a report, where no kernel runs.

Every control moves over its range while the others stay where they start; the two controls of a `grid` move together.
In a report run, WORKBENCH_FRAMES names a folder, and each explorer that is shown leaves NAME.json there:
`controls` has name, meaning, values and start of each control; `frames` has, by the places of all controls in their
values such as "3,0,1", the number of an image, alt text, lines to copy, and a message in place of an image if there
is one. Equal images are stored once.
"""

import base64
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from PIL import Image

from workbench import files
from workbench.drawing import COLOURS
from workbench.explore.controls import rounded

if TYPE_CHECKING:
    from workbench.explore.explorer import Explorer

SECONDS = 0.5  # of processor time for an explorer; a slider gets more stops while there is time
STOPS = (3, 5, 9)  # stops of a slider, in rounds that keep those of the round before
GRID, PLAYED = 5, 16  # stops of a slider of a grid, and of the one that a button plays
DENSITY = 1.25  # pixels along each side of a figure's dot
ENOUGH = 300_000  # bytes of an explorer's images after which no slider gets more stops: a page has six megabytes
LARGE = 50_000  # bytes of an image with a palette; photographs have more, and are stored with loss

Places = tuple[int, ...]


def keep(explorer: "Explorer") -> None:
    """Save the recording of an explorer in the folder WORKBENCH_FRAMES, if set, as in report runs.

    Of explorers with one name, the first that is shown is recorded.
    """
    folder = os.environ.get("WORKBENCH_FRAMES", "")
    file = Path(folder, f"{files.folder_name(explorer.name, {})}.json")
    if folder and explorer.frame and not file.exists():
        files.write_text(file, json.dumps(record(explorer)))


def record(explorer: "Explorer", seconds: float = SECONDS) -> dict[str, Any]:
    """Return the recording of an explorer, see above.

    After `seconds` of processor time, or ENOUGH bytes, no slider gets more stops.
    """
    end = time.process_time() + seconds
    fixed = dict.fromkeys(explorer.grid, GRID) | ({explorer.played: PLAYED} if explorer.played else {})
    values = {name: stops(explorer, name, fixed.get(name, STOPS[0])) for name in explorer.sliders}
    images: dict[bytes, int] = {}
    drawn: dict[tuple[Any, ...], dict[str, Any]] = {}
    _draw(explorer, values, drawn, images)
    for count in STOPS[1:]:
        for name in explorer.sliders:
            if name not in fixed and time.process_time() < end and sum(map(len, images)) < ENOUGH:
                values[name] = stops(explorer, name, count)
                _draw(explorer, values, drawn, images)
    return {
        "controls": [
            {
                "name": name,
                "meaning": str(control.tooltip).removeprefix(f"{name}: "),
                "values": values[name],
                "start": values[name].index(explorer.values[name]),
                "range": name in explorer.fields,
            }
            for name, control in explorer.sliders.items()
        ],
        "grid": [name in explorer.grid for name in explorer.sliders],
        "played": list(explorer.sliders).index(explorer.played) if explorer.played else None,
        "frames": {_places(values, at): drawn[tuple(at.values())] for at in _settings(explorer, values)},
        "images": [f"data:image/webp;base64,{base64.b64encode(image).decode()}" for image in images],
    }


def _draw(
    explorer: "Explorer",
    values: dict[str, list[Any]],
    drawn: dict[tuple[Any, ...], dict[str, Any]],
    images: dict[bytes, int],
) -> None:
    """Draw the frames that are not `drawn` yet, and add them there."""
    for at in _settings(explorer, values):
        if tuple(at.values()) not in drawn:
            drawn[tuple(at.values())] = _frame(explorer, at, images)


def stops(explorer: "Explorer", name: str, count: int) -> list[Any]:
    """Return at most `count` values of a control, evenly spaced on its slider, and the one where it is, in order.

    A choice or a box returns all of its values.
    """
    control, value = explorer.sliders[name], explorer.values[name]
    if isinstance(control, widgets.Checkbox):
        return [False, True]
    if isinstance(control, widgets.ToggleButtons):
        return list(control.options)
    steps = round((control.max - control.min) / control.step)
    spaced = {round(step * steps / (count - 1)) for step in range(count)}
    places = [control.min + control.step * step for step in sorted(spaced)]
    if isinstance(control, widgets.FloatLogSlider):
        places = [control.base**place for place in places]
    return sorted({value, *map(rounded, places)})


def _settings(explorer: "Explorer", values: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Yield the settings of all frames: one control moved from where they all are, or the two of the grid."""
    start = explorer.values
    yield start
    for name in values:
        if name not in explorer.grid:
            yield from (start | {name: value} for value in values[name] if value != start[name])
    if explorer.grid:
        one, other = explorer.grid
        yield from (start | {one: a, other: b} for a in values[one] for b in values[other])


def _places(values: dict[str, list[Any]], at: dict[str, Any]) -> str:
    return ",".join(str(values[name].index(value)) for name, value in at.items())


def _frame(explorer: "Explorer", at: dict[str, Any], images: dict[bytes, int]) -> dict[str, Any]:
    try:
        image = encode(explorer.frame_at(at, DENSITY))
    except Exception as problem:  # the explorer shows its message in place of the picture, and so does the report
        return {"message": str(problem) or type(problem).__name__}
    number = images.setdefault(image, len(images))
    return {"image": number, "alt": explorer.alt_at(at), "lines": explorer.lines_at(at)}


def encode(picture: Image.Image) -> bytes:
    """Return a picture as a small WebP file: with a palette, or with loss if it has too many colours for one."""
    small = io.BytesIO()
    few = picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.convert("RGB").save(small, "webp", lossless=True, method=1, quality=40)
    if small.tell() > LARGE:
        small = io.BytesIO()
        picture.save(small, "webp", quality=60, method=2)
    return small.getvalue()
