"""Convert notebooks to HTML that loads nothing: mathematics becomes MathML, pictures are inlined, scripts removed."""

import base64
import functools
import html
import re
import secrets
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jinja2 import pass_context
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode, from_dict
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from workbench.explore.animation import still
from workbench.report.formulas import mathml
from workbench.report.sanitize import scrub
from workbench.report.source import ERROR_MARKER, WIDGET_VIEW, tags

SHOWN = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain")
DELIMITERS = (("$$", "$$", "block"), ("$", "$", "inline"), (r"\[", r"\]", "block"), (r"\(", r"\)", "inline"))
MOVING = '<div class="moving"><img class="plays" {about} src="{film}"><img class="still" {about} src="{still}"></div>'
NOTEBOOK_LINK = re.compile(r'href="([^":/#]+)\.ipynb(#[^"]*)?"')
NO_KERNEL = '<p class="note">An interactive control: open the notebook in JupyterLab to use it.</p>'


class MathRenderer(IPythonRenderer):
    """Render Markdown as nbconvert does, but with mathematics as MathML, which needs no script."""

    def inline_math(self, body: str) -> str:
        return mathml(body, "inline")

    def block_math(self, body: str) -> str:
        return mathml(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", "block")


class BodyExporter(HTMLExporter):
    """Export the cells of a notebook, without a page around them."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Render Markdown; pictures that are attached to the cell are inlined."""
        renderer = MathRenderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            exclude_anchor_links=True,
        )
        return MarkdownWithMath(renderer=renderer).render(source)


def body(
    notebook: NotebookNode,
    path: Path,
    figure: Callable[[str, Markup], str] | None = None,
    pages: Collection[str] = (),
    page: str = "../{}/report.html",
) -> str:
    """Return the cells of an executed notebook as HTML.

    `path` is the file of the source notebook. If `figure` is given, it turns the name and the picture of a figure into
    what is shown for it, or returns an empty text to leave the figure as it is. Links to other notebooks lead to their
    pages, if those are among `pages`; `page` is the address of a page, with braces for its name.
    """
    shown = from_dict(notebook)
    mark, figures = secrets.token_hex(8), []
    _drop_title(shown)
    shown.cells = [cell for cell in shown.cells if ERROR_MARKER not in tags(cell)]
    for cell in shown.cells:
        if cell.cell_type == "code":
            cell.outputs = [_showable(output) for output in cell.outputs if _can_show(output)]
            for output in cell.outputs:
                name = _figure_name(output)
                shape = figure(name, _picture(output)) if figure and name else ""
                if shape:
                    figures.append(shape)
                    output.data = {"text/html": f"<p>{mark}-{len(figures) - 1};</p>"}
    converted, _ = _exporter().from_notebook_node(shown)
    cleaned = NOTEBOOK_LINK.sub(lambda found: _page_link(found, pages, page), scrub(converted, path.parent))
    return re.sub(rf"<p>{mark}-(\d+);</p>", lambda found: figures[int(found[1])], cleaned)


def _page_link(found: re.Match[str], pages: Collection[str], page: str) -> str:
    name, anchor = found[1], found[2] or ""
    return f'href="{page.format(name)}{anchor}"' if unquote(name) in pages else found[0]


@functools.cache
def _exporter() -> BodyExporter:
    """Return this process's exporter; one is shared, since compiling its templates takes longer than an export."""
    return BodyExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        config=Config(
            {
                "NbConvertBase": {"display_data_priority": list(SHOWN)},
                "CoalesceStreamsPreprocessor": {"enabled": True},  # what was printed in several parts is one text
            }
        ),
    )


def inline(markdown: str) -> str:
    """Return a line of Markdown as HTML without a paragraph around it."""
    rendered = MarkdownWithMath(renderer=MathRenderer(escape=True)).render(markdown).strip()
    return scrub(rendered.removeprefix("<p>").removesuffix("</p>"))


@functools.cache
def code_style() -> str:
    """Return the style sheet of highlighted code; every colour has a contrast of 4.5 to 1 or more."""
    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("xcode", "github-dark"))
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _drop_title(notebook: NotebookNode) -> None:
    """Remove the notebook's title; the page shows it at the top."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search(r"^# ", cell.source, re.MULTILINE):
            cell.source = re.sub(r"^# .*\n?", "", cell.source, count=1, flags=re.MULTILINE)
            return


def _showable(output: NotebookNode) -> NotebookNode:
    """Return an output with mathematics as MathML, and with a note if only a live session can show it."""
    data = output.get("data", {})
    if "text/latex" in data and "text/html" not in data:
        data["text/html"] = _latex_output("".join(data["text/latex"]).strip())
    if _moves(output):
        data["text/html"] = _moving("".join(data["image/png"].split()), output.metadata["image/png"])
    if WIDGET_VIEW in data and not any(kind in data for kind in SHOWN if kind != "text/plain"):
        data["text/html"] = NO_KERNEL
    return output


def _figure_name(output: NotebookNode) -> str:
    about = output.get("metadata", {}).get("workbench")
    return str(about.get("figure")) if isinstance(about, dict) and "image/png" in output.data else ""


def _picture(output: NotebookNode) -> Markup:
    """Return the stored picture of a figure as an element, with its alt text and its size in dots."""
    about = output.metadata.get("image/png", {})
    source = "data:image/png;base64," + "".join(output.data["image/png"].split())
    return Markup('<img src="{}" alt="{}" width="{}">').format(source, about.get("alt", ""), about.get("width", ""))


def is_animated(notebook: NotebookNode) -> bool:
    """Return whether an output of a notebook is an animation."""
    return any(_moves(output) for cell in notebook.cells for output in cell.get("outputs", []))


def _moves(output: NotebookNode) -> bool:
    """Return whether an output is an animation that `workbench.explore.animate` has shown."""
    about = output.get("metadata", {}).get("workbench")
    return isinstance(about, dict) and "frames" in about and "image/png" in output.get("data", {})


def _moving(film: str, metadata: Any) -> str:
    """Return an animation beside its last picture; the page shows that one to readers who want less motion."""
    about = " ".join(
        f'{name}="{html.escape(str(metadata[name]))}"' for name in ("alt", "width", "height") if name in metadata
    )
    last = base64.b64encode(still(base64.b64decode(film))).decode()
    return MOVING.format(about=about, film=f"data:image/png;base64,{film}", still=f"data:image/png;base64,{last}")


def _can_show(output: NotebookNode) -> bool:
    kinds = output.get("data", {}).keys()
    return "data" not in output or not kinds.isdisjoint({*SHOWN, "text/latex", WIDGET_VIEW})


def _latex_output(latex: str) -> str:
    for opening, closing, display in DELIMITERS:
        if latex.startswith(opening) and latex.endswith(closing):
            return mathml(latex[len(opening) : -len(closing)].removeprefix(r"\displaystyle"), display)
    return mathml(latex, "block")
