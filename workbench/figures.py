"""The pictures that the README shows."""

from pathlib import Path

from workbench import drawing
from workbench.learn import photographs
from workbench.lrn import plots


def draw_all(folder: Path) -> list[Path]:
    """Draw every picture of the README into `folder`, and return the files."""
    maps = photographs.feature_maps(photographs.photograph())
    pictures = {
        "lrn-response-curve": plots.response_curve(),
        "lrn-feature-maps": plots.normalized_maps(maps),
        "lrn-inhibition-excitation": plots.inhibition_and_excitation(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, axes in pictures.items():
        files.append(folder / f"{name}.png")
        with drawing.styled():
            drawing.figure_of(axes).savefig(files[-1], dpi=150, metadata={"Software": None})
    return files
