"""Read the docstrings of the package, which are plain text, as reStructuredText.

Characters that mean something in reStructuredText and nothing in plain text are escaped, an indented block becomes a
block of code, and a name in backticks becomes a link where the name is documented.
"""

import itertools
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

CODE = re.compile(r"(`+[^`]+`+)")
EMPHASIS = re.compile(r"(?<!\S)(\*[^\s*][^*]*\*)(?![\w*])")
ITEM = re.compile(r"\s*([-*]|\d+\.) ")
SECTION = re.compile(r"\w[\w ]*:$")
COLUMNS = re.compile(r"\S {2,}\S")

RETURNS = {"Returns:": ":returns:", "Yields:": ":yields:"}  # Napoleon would read words before a colon as a type


def rewrite(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite the docstring in `lines` in place, before Napoleon reads its sections."""
    lines[:] = list(converted(lines))


def converted(lines: list[str]) -> Iterator[str]:
    """Yield the lines of a docstring as reStructuredText.

    A paragraph becomes a block of code if it is indented more than the one above, or if it is set in columns.
    """
    margin, in_block, in_item = 0, False, False  # how the paragraph above ended
    for blank, group in itertools.groupby(lines, lambda line: not line.strip()):
        paragraph = list(group)
        if blank:
            yield from paragraph
            continue
        indents = [len(line) - len(line.lstrip()) for line in paragraph]
        deeper = indents[0] > margin and not in_item
        if in_block and deeper:
            yield from paragraph
        elif deeper:
            yield from (" " * margin + "::", "", *paragraph)
            in_block = True
        elif paragraph[0] in RETURNS:
            yield RETURNS[paragraph[0]]
            yield from map(escaped, paragraph[1:])
            margin, in_block, in_item = indents[-1], False, False
        elif any(map(COLUMNS.search, paragraph)) and not SECTION.match(paragraph[0]):
            yield from (" " * indents[0] + "::", "", *("    " + line for line in paragraph))
            margin, in_block, in_item = indents[0], False, False
        else:
            yield from map(escaped, paragraph)
            margin, in_block, in_item = indents[-1], False, bool(ITEM.match(paragraph[-1]))


def escaped(line: str) -> str:
    """Escape what reStructuredText would read as markup, outside of code and emphasis."""
    item = ITEM.match(line)
    mark = item[0] if item else ""
    code = CODE.split(line.removeprefix(mark))
    for place in range(0, len(code), 2):
        words = EMPHASIS.split(code[place])
        words[::2] = (text.replace("*", r"\*") for text in words[::2])
        code[place] = re.sub(r"(?<=\w)_(?!\w)", r"\_", "".join(words).replace("|", r"\|"))
    return mark + "".join(code)


def set_dashes(app: Sphinx, doctree: nodes.document) -> None:
    """Write a dash between the name of a parameter and what it means; Napoleon puts two hyphens there."""
    for text in list(doctree.findall(nodes.Text)):
        if text.startswith(" -- ") and isinstance(text.parent, nodes.paragraph):
            text.parent.replace(text, nodes.Text(text.replace(" -- ", " – ", 1)))


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element) -> nodes.Element | None:
    """Link a Python name to where it is documented; leave names of other packages as text.

    A name below `workbench` that does not exist is left to Sphinx, which warns of it.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    known = env.get_domain("py").objects
    for name in found_names(target, node.get("py:module")):
        if name in known:
            place = known[name]
            return make_refnode(app.builder, node["refdoc"], place.docname, place.node_id, shown, name)
    exists = any(True for _ in found_names(target, None))
    return shown if exists or not target.startswith("workbench.") else None


def found_names(target: str, module: str | None) -> Iterator[str]:
    """Yield the names that the object called `target`, perhaps in `module`, may be documented under."""
    for name in (target, f"{module}.{target}" if module else None):
        parts = (name or "").split(".")
        if parts[0] != "workbench":
            continue
        try:
            found = lookup(parts)
        except (ImportError, AttributeError):
            continue
        home, inner = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
        if isinstance(home, str) and isinstance(inner, str):
            yield f"{home}.{inner}"
            yield f"workbench.{inner}"
        else:
            yield name


def lookup(parts: list[str]) -> Any:
    """Return the object with a dotted name, importing modules on the way."""
    found = import_module(parts[0])
    for count, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = import_module(".".join(parts[:count]))
    return found


def skip(app: Sphinx, what: str, name: str, found: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what only others describe: scikit-learn's methods for metadata, and the fields of a named tuple."""
    request = name.startswith("set_") and name.endswith("_request")
    return True if request or str(found.__doc__).startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", rewrite, priority=400)
    app.connect("doctree-read", set_dashes)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
