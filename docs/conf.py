"""Build the documentation: run `make docs`, then open docs/_build/html/index.html.

Nothing is fetched while building, and no page loads anything from the network. The extensions in _ext copy the
notebooks, write the reference from the package, turn formulas into MathML and check every link.
"""

import sys
from pathlib import Path

import workbench

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Operator workbench"
author = "The operator workbench developers"
copyright = author
version = release = workbench.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "docstrings",
    "reference",
    "floors",
    "tutorials",
    "ledger",
    "mathml",
    "pictures",
    "spoken",
    "links",
]
exclude_patterns = ["_build"]
nitpicky = True
smartquotes = False  # `--option` stays what one types
default_role = "py:obj"  # a name in `backticks` is a link where the name is documented

html_theme = "furo"
html_title = "Operator workbench"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
pygments_dark_style = "a11y-dark"  # the theme's own underlines modules, as if they were links

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_update_mathjax = False
nb_execution_mode = "off"  # notebooks are shown with the outputs they are saved with; the tests check those
nb_ipywidgets_js = {}  # MyST-NB would load the widgets' script from the network
nb_mime_priority_overrides = [("*", "text/markdown", 0)]  # pictures, with the text that describes them
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 90
