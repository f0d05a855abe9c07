"""Show an animation as one PNG file, which every browser plays without a script."""

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import Blend

from workbench import drawing
from workbench.explore.notebook import described

COLOURS = 48  # one palette for all frames
SECONDS = 5.0  # what moves by itself for longer needs a button to stop it (WCAG 2.2.2)


def animate(
    draw: Callable, moments: Sequence, name: str, alt: str, *, seconds: float = SECONDS, plays: int = 1
) -> None:
    """Show a figure that changes: `draw(moment, ax=ax)` for each of `moments`, over `seconds`.

    `draw` is a plot function (`workbench.drawing.plot`) whose first argument is the moment. The last frame is also what
    programs show that cannot play, so it should teach the point; `alt` describes what happens. In a report run, the
    last frame is kept as NAME.png and NAME.svg, as by `show`.

    Raises ValueError if it would move for longer than 5 seconds.
    """
    from IPython.display import display

    if seconds * plays > SECONDS:
        raise ValueError(f"seconds={seconds}, plays={plays}: must move for at most {SECONDS:g} seconds in all")
    axes = draw(moments[-1], ax=None)
    figure, frames = drawing.figure_of(axes), []
    drawing.encode(figure)
    figure.set_layout_engine("none")  # all frames keep the places of the last one
    for moment in moments:
        draw(moment, ax=axes)
        frames.append(drawing.encode(figure))
    drawing.keep(figure, name)
    picture = base64.b64encode(film(frames, seconds, plays)).decode()
    size = {"width": round(figure.bbox.width), "height": round(figure.bbox.height)}
    display(
        {"image/png": picture, "text/plain": f"[animation: {name}]"},
        metadata={"image/png": {"alt": described(alt), **size}, "workbench": {"figure": name, "frames": len(frames)}},
        raw=True,
    )


def film(frames: Sequence[bytes], seconds: float, plays: int = 1) -> bytes:
    """Return an animated PNG of pictures, each a PNG file; the last one is the picture for those who cannot play it."""
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    width, height = pictures[0].size
    column = Image.new("RGB", (width, height * len(pictures)))
    for number, picture in enumerate(pictures):
        column.paste(picture, (0, number * height))
    column = column.quantize(COLOURS)
    palette = column.getpalette() or []
    unchanged = len(palette) // 3  # one more colour, transparent: the pixel of the frame before stays
    whole = np.asarray(column).reshape(-1, height, width)
    changes = whole.copy()
    changes[1:][whole[1:] == whole[:-1]] = unchanged
    last, *moving = (_with_palette(pixels, [*palette, 0, 0, 0], unchanged) for pixels in (whole[-1], *changes))
    options: dict[str, Any] = {"duration": round(1000 * seconds / len(frames)), "loop": plays, "optimize": True}
    file = io.BytesIO()
    last.save(file, "png", save_all=True, default_image=True, append_images=moving, blend=Blend.OP_OVER, **options)
    return file.getvalue()


def _with_palette(pixels: np.ndarray, palette: Sequence[int], transparent: int) -> Image.Image:
    picture = Image.fromarray(pixels)
    picture.putpalette(palette)
    picture.info["transparency"] = transparent
    return picture


def still(png: bytes) -> bytes:
    """Return the picture of an animated PNG for those who cannot play it, as a plain PNG."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).save(file, "png", optimize=True)
    return file.getvalue()
