"""Figures of a page whose controls move without a kernel, from the frames that explorers record in a report run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from workbench.report.page import template

Recording = dict[str, Any]  # see `workbench.explore.frames`


def recordings(folder: Path) -> dict[str, Recording]:
    """Return the recordings in a folder by the name of their figure; a file that cannot be read counts as none."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
    return found


def figure(recordings: Mapping[str, Recording], name: str, picture: Markup) -> str:
    """Return the markup of a figure: its controls, `picture` as its first frame, and its frames as JSON.

    It is an empty text if there is no recording of this name.
    """
    if name not in recordings:
        return ""
    recording = recordings[name]
    start = ",".join(str(control["start"]) for control in recording["controls"])
    return template("frames.html.j2").render(
        controls=recording["controls"],
        played=recording["played"],
        start=recording["frames"][start],
        picture=picture,
        data=Markup(json.dumps(recording).replace("<", "\\u003c")),
    )
