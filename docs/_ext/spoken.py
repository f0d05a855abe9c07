"""Mend markup of Sphinx that a screen reader gets wrong: headings without a level, lists that are layout alone."""

from typing import Any

from sphinx.application import Sphinx

MENDED = {
    ' role="heading">': ' role="heading" aria-level="2">',  # captions of lists of pages
    "<dl>\n<dd>": '<dl role="presentation">\n<dd>',  # the parameters of a long signature
}


def mend(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    for part in context.keys() & {"body", "furo_navigation_tree"}:
        for wrong, right in MENDED.items():
            context[part] = str(context[part]).replace(wrong, right)  # Markup would escape what it is given


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", mend, priority=900)  # after the theme has made its list of pages
    return {"parallel_read_safe": True, "parallel_write_safe": True}
