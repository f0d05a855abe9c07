"""Write the table of floors for the page on the design, from the order that tests/test_house.py checks."""

import runpy
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from declared import cell, row
from reference import summary
from sphinx.application import Sphinx

HOUSE = Path(__file__).resolve().parents[2] / "tests" / "test_house.py"


def write_floors(app: Sphinx) -> None:
    """Write docs/reference/floors.inc: a row for each module or folder that exists, from the roof down."""
    names = [name for floor in runpy.run_path(str(HOUSE))["FLOORS"] for name in floor if name != "__main__"]
    modules = [f"workbench.{name}".removesuffix(".__init__") for name in names]
    lines = [row("module", "what belongs there"), row("---", "---")]
    for module in map(import_module, filter(find_spec, modules)):  # a floor may be planned before it is built
        lines.append(row(f"[`{module.__name__}`](reference/{module.__name__}.rst)", cell(summary(module))))
    (Path(app.srcdir) / "reference" / "floors.inc").write_text("\n".join(lines) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_floors, priority=600)  # after the reference is written
    return {"parallel_read_safe": True, "parallel_write_safe": True}
