"""The sections of a page: an anchor for each heading, and the text that a search looks through."""

import dataclasses
import html
import re

HEADING = re.compile(r"<h([2-4])>(.*?)</h\1>", re.DOTALL)
UNREAD = re.compile(r"<(style|script|figure|math)\b.*?</\1>", re.DOTALL)
LONGEST = 20_000  # characters of a section's text that a search looks through


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading of level 2 to 4, its anchor, and the text below it up to the next heading."""

    level: int
    anchor: str
    heading: str
    text: str


def with_anchors(body: str) -> tuple[str, list[Section]]:
    """Return the markup with an anchor and a link at each heading, and its sections in order.

    An anchor is the heading with hyphens for spaces, as in JupyterLab; one that repeats gets a number.
    """
    parts = HEADING.split(body)  # text before the first heading, then level, heading and text of each section
    made, sections, taken = [parts[0]], [], set()
    for level, markup, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        heading = plain(markup)
        anchor = base = re.sub(r"\s+", "-", heading) or "section"
        number = 1
        while anchor in taken:
            number += 1
            anchor = f"{base}-{number}"
        taken.add(anchor)
        quoted = html.escape(anchor)
        link = f'<a class="anchor" href="#{quoted}" aria-label="Link to this section">#</a>'
        made.append(f'<h{level} id="{quoted}">{markup} {link}</h{level}>{text}')
        sections.append(Section(int(level), anchor, heading, plain(text)[:LONGEST]))
    return "".join(made), sections


def written(markdown: str) -> list[Section]:
    """Return the sections of Markdown text, without rendering it; an anchor is as above where a heading is plain."""
    parts = re.split(r"^(#{2,4}) +(.+?) *#*$", markdown, flags=re.MULTILINE)
    found = []
    for marks, heading, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        words = re.sub(r"[*_`]", "", heading)
        found.append(Section(len(marks), re.sub(r"\s+", "-", words), words, " ".join(text.split())[:LONGEST]))
    return found


def plain(markup: str) -> str:
    """Return the words of markup, without styles, scripts and what figures say of themselves."""
    words = re.sub(r"<[^>]*>", " ", UNREAD.sub(" ", markup))
    return re.sub(r"\s+([,.;:?!])", r"\1", " ".join(html.unescape(words).split()))
