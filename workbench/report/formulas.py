"""Convert LaTeX to MathML, which browsers draw without a script."""

import contextlib
import html
import re
import unicodedata

from latex2mathml.converter import convert

# Patterns in LaTeX that latex2mathml does not know, and what is written instead.
LATEX = (
    (r"\\(begin|end)\{(equation|displaymath|math)\*?\}", ""),
    (r"\\(begin|end)\{(align|aligned|gather|gathered|split)\*?\}", r"\\\1{align*}"),
    (r"\\label\{[^}]*\}|\\(nonumber|notag)(?![a-zA-Z])", ""),
    (r"\\operatorname\*", r"\\operatorname"),
    (r"\\operatorname\{arg *(?:\\,)? *(max|min)\}", r"\\arg\\\1"),
    (r"\\arg(?![a-zA-Z])", r"\\operatorname{arg}"),
)
# Patterns in its MathML that browsers draw wrongly, and what is written instead.
MATHML = (
    # As operators, infinity and the bars of a norm or an absolute value would be spaced like one; bars may stretch.
    (r'<mo(?: fence="false")?(?: stretchy="false")?>(&#x0007C;|&#x02016;|&#x0221E;)</mo>', r"<mi>\1</mi>"),
    (r"(?<=</mo>)(?<![)\]!]</mo>)(?<!&#x00029;</mo>)<mo>(?=&#x02212;)", '<mo form="prefix">'),  # a sign
    (r'<mo>([a-z]+)</mo>(?=<mo stretchy="false">&#x00028;|(<msub>)?<mo>[a-z])', r'<mo rspace="0">\1</mo>'),
    (
        r'<(m[a-z]+) mathvariant="(?!normal|italic)([a-z-]+)">([^<]+)',
        lambda found: _in_style(found[1], found[2], found[3]),
    ),
)


def mathml(latex: str, display: str) -> str:
    """Convert LaTeX to MathML; `display` is "inline" or "block". LaTeX that cannot be converted is shown as it is."""
    known = latex
    for pattern, known_form in LATEX:
        known = re.sub(pattern, known_form, known)
    try:
        made = convert(known.strip(), display=display)
    except Exception:  # latex2mathml raises many kinds of error on LaTeX that it does not know
        made = ">\\"
    if ">\\" in made:  # it copies a command that it does not know
        return f'<code class="latex">{html.escape(latex)}</code>'
    for pattern, drawn in MATHML:
        made = re.sub(pattern, drawn, made)
    return made


def _in_style(element: str, style: str, text: str) -> str:
    """Return the start of an element whose letters are of a style; browsers ignore `mathvariant`."""
    style = style.replace("bold-italic", "bold italic").upper()
    return f"<{element}>" + "".join(_letter(style, each) for each in html.unescape(text))


def _letter(style: str, letter: str) -> str:
    plain = re.sub("LATIN |GREEK |LETTER ", "", unicodedata.name(letter, ""))
    for name in (f"MATHEMATICAL {style} {plain}", f"{style} {plain}", f"BLACK-LETTER {plain}"):
        with contextlib.suppress(KeyError):
            return unicodedata.lookup(name)
    return letter
