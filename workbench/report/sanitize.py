"""Clean the markup that a page is given: only the elements, attributes and styles named here stay.

What stays shows something; it runs nothing and loads nothing. Bleach parses the markup as browsers do.
"""

import base64
import contextlib
import html
import mimetypes
import re
import secrets
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

from bleach.sanitizer import Cleaner
from bs4 import BeautifulSoup, NavigableString, Tag

# Elements that are removed with what they hold. Any other element that is not allowed leaves its content.
HIDDEN = """
    applet audio canvas embed iframe noembed noframes noscript object script select template textarea title video
    xmp
"""
HTML = """
    a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details
    dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img input ins kbd label li main
    mark meter nav ol p pre progress q rp rt ruby s samp section small span strike strong sub summary sup table
    tbody td tfoot th thead time tr tt u ul var wbr
"""
SVG = """
    circle clipPath defs desc ellipse feBlend feColorMatrix feComposite feFlood feGaussianBlur feMerge feMergeNode
    feOffset filter g image line linearGradient marker mask path pattern polygon polyline radialGradient rect stop
    svg switch symbol text textPath tspan use
"""
MATHML = """
    math menclose merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace
    msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none
"""
NAMES = f"{HTML} {SVG} {MATHML}"
ELEMENTS = {*NAMES.split(), *NAMES.lower().split()}  # Bleach also asks for SVG's names in small letters
HTML_ATTRIBUTES = """
    abbr align alt bgcolor border cellpadding cellspacing checked class color colspan datetime dir disabled face
    for headers height hidden high id lang low max min name nowrap open optimum reversed role rowspan scope size
    span start style tabindex title type valign value width
"""
SVG_ATTRIBUTES = """
    clip-path clip-rule clipPathUnits color-interpolation-filters cx cy d dominant-baseline dx dy fill
    fill-opacity fill-rule filter filterUnits flood-color flood-opacity font-family font-size font-style
    font-variant font-weight fr fx fy gradientTransform gradientUnits in in2 k1 k2 k3 k4 letter-spacing marker-end
    marker-mid marker-start markerHeight markerUnits markerWidth mask maskContentUnits maskUnits mode offset
    opacity operator orient overflow paint-order pathLength patternContentUnits patternTransform patternUnits
    points preserveAspectRatio primitiveUnits r refX refY result rotate rx ry shape-rendering spreadMethod
    startOffset stdDeviation stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap
    stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-anchor text-decoration text-rendering
    textLength transform transform-origin values vector-effect version viewBox visibility word-spacing x x1 x2
    xmlns y y1 y2
"""
MATHML_ATTRIBUTES = """
    accent accentunder columnalign columnlines columnspacing columnspan depth display displaystyle fence form
    frame framespacing largeop linethickness lspace mathbackground mathcolor mathsize mathvariant maxsize minsize
    movablelimits notation rowalign rowlines rowspacing rspace scriptlevel separator stretchy symmetric voffset
"""
ATTRIBUTES = {*HTML_ATTRIBUTES.split(), *SVG_ATTRIBUTES.split(), *MATHML_ATTRIBUTES.split()}
PROTOCOLS = {"http", "https", "mailto", "ftp", "file", "tel", "data"}  # `data` only where _allows says so
LONG = 1000  # characters of a text that Bleach does not get: its time would grow with their number squared
LOADS = re.compile(
    r"""[<\\] | @(?!media|supports|keyframes) | \b(src|image|image-set|cross-fade|element|expression)\s*\(
    | \burl\s*\(\s*["']?(?!["'#]|data:image/)""",  # a backslash could spell any of these
    re.IGNORECASE | re.VERBOSE,
)


def scrub(markup: str, folder: Path | None = None) -> str:
    """Return HTML without anything that runs or loads something; picture files in `folder` are inlined first."""
    soup = BeautifulSoup(markup, "html.parser")
    for tag in soup(HIDDEN.split()):
        tag.decompose()
    sheets = [tag.extract().get_text() for tag in soup("style")]
    for picture in soup("img"):
        if folder and picture.get("src"):
            _inline(picture, folder)
        if not picture.get("src", "").startswith("data:image/"):
            picture.replace_with(f"[{picture.get('alt') or 'picture'}: not part of this notebook]")
    harmless = "".join(f"<style>{sheet}</style>" for sheet in sheets if not LOADS.search(sheet))
    styles = SimpleNamespace(sanitize_css=lambda style: "" if LOADS.search(style) else style)
    cleaner = Cleaner(ELEMENTS, _allows, PROTOCOLS, strip=True, css_sanitizer=styles)
    cleaner.serializer.use_best_quote_char = False  # within single quotes, Bleach would escape & twice
    mark = secrets.token_hex(8)
    texts = [text for text in soup.find_all(string=True) if type(text) is NavigableString and len(text) > LONG]
    for number, text in enumerate(texts):
        text.replace_with(f"{mark}-{number};")
    cleaned = harmless + cleaner.clean(str(soup))
    return re.sub(rf"{mark}-(\d+);", lambda found: html.escape(texts[int(found[1])]), cleaned)


def _inline(picture: Tag, folder: Path) -> None:
    kind, _ = mimetypes.guess_type(picture["src"])
    if ":" in picture["src"] or not (kind or "").startswith("image/"):
        return
    with contextlib.suppress(OSError, ValueError):  # no such file: the picture is replaced by its text
        content = (folder / unquote(picture["src"])).read_bytes()
        picture["src"] = f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _allows(tag: str, name: str, value: str) -> bool:
    """Return whether an element may have this attribute; Bleach then checks the protocol of an address."""
    if name == "src" or (name == "href" and tag == "image"):
        return tag in ("img", "image") and value.startswith("data:image/")
    if name == "href":
        return value.startswith("#") or (tag == "a" and not value.lstrip().lower().startswith("data:"))
    return name in ATTRIBUTES or name.startswith("aria-")
