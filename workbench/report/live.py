"""Figures of a page whose controls move without a kernel, from the frames that explorers record in a report run."""

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from workbench.files import folder_name
from workbench.report.page import template

Recording = dict[str, Any]  # see `workbench.explore.frames`


def recordings(folder: Path) -> dict[str, Recording]:
    """Return the recordings in a folder by the name of their file; a file that cannot be read counts as none."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
    return found


def figure(recordings: dict[str, Recording], name: str, picture: Markup) -> str:
    """Return the markup of a figure: its controls, `picture` as its first frame, and its frames as JSON.

    It takes the recording away: it is that of the first figure with this name. Without one, it is an empty text.
    """
    recording = recordings.pop(folder_name(name, {}), None)
    if recording is None:
        return ""
    start = ",".join(str(control["start"]) for control in recording["controls"])
    return template("frames.html.j2").render(
        controls=recording["controls"],
        played=recording["played"],
        start=recording["frames"][start],
        picture=picture,
        data=Markup(json.dumps(recording).replace("<", "\\u003c")),
    )
