"""Write the table of floors for the page on the design, from the order that tests/test_house.py checks."""

import ast
from importlib import import_module
from pathlib import Path

from declared import cell, row
from reference import summary
from sphinx.application import Sphinx

HOUSE = Path(__file__).resolve().parents[2] / "tests" / "test_house.py"


def write_floors(app: Sphinx) -> None:
    """Write docs/reference/floors.inc: a row for each module or folder that exists, from the roof down."""
    lines = [row("module", "what belongs there"), row("---", "---")]
    for floor in floors():
        for name in floor:
            try:
                module = import_module(f"workbench.{name}".removesuffix(".__init__"))
            except ModuleNotFoundError:  # a floor may be planned before it is built
                continue
            lines.append(row(f"[`{module.__name__}`](reference/{module.__name__}.rst)", cell(summary(module))))
    (Path(app.srcdir) / "reference" / "floors.inc").write_text("\n".join(lines) + "\n", encoding="utf-8")


def floors() -> tuple[tuple[str, ...], ...]:
    """Return the names on each floor, as the test has them."""
    tree = ast.parse(HOUSE.read_text(encoding="utf-8"))
    found = next(node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "FLOORS")
    return tuple(tuple(name for name in floor if name != "__main__") for floor in ast.literal_eval(found))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_floors, priority=600)  # after the reference is written
    return {"parallel_read_safe": True, "parallel_write_safe": True}
