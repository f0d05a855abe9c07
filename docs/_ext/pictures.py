"""Make each picture a link to its file, so that a reader can see it in full size."""

import re
from typing import Any

from sphinx.application import Sphinx

PICTURE = re.compile(r'<img [^>]*src="([^"]*_images/[^"]*)"[^>]*>')


def link_pictures(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if "body" in context:
        context["body"] = PICTURE.sub(r'<a class="picture" href="\1">\g<0></a>', context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", link_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
