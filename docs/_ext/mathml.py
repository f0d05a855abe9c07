"""Write formulas as MathML, which every browser draws without a script."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from workbench.report.formulas import mathml

LOG = logging.getLogger(__name__)


def write_inline(writer: HTML5Translator, node: nodes.math) -> None:
    write(writer, node, "inline")


def write_block(writer: HTML5Translator, node: nodes.math_block) -> None:
    writer.body.append('<div class="formula">')
    write(writer, node, "block")
    writer.body.append("</div>")


def write(writer: HTML5Translator, node: nodes.Element, display: str) -> None:
    """Write one formula; warn about one that cannot be turned into MathML, so that the build fails."""
    markup = mathml(node.astext(), display)
    if not markup.startswith("<math"):
        LOG.warning("formula cannot be turned into MathML: %s", node.astext(), location=node)
    writer.body.append(markup)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", inline_renderers=(write_inline, None), block_renderers=(write_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
