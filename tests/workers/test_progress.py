"""The lines that show the progress of a batch of work."""

import io
import re

from rich.console import Console
from rich.table import Table
from rich.text import Text

from workbench.workers import progress
from workbench.workers.progress import SafeConsole, display


def shown(terminal, every, updates, monkeypatch, clock=None):
    """Return what is printed of an event and some updates, each at a second of its own."""
    seconds, now = iter(clock or range(100)), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    file = io.StringIO()
    with display(Console(file=file, force_terminal=terminal, width=60), "the [title]", every) as show:
        show.event("n: ended [b]")
        for done, rows in updates:
            now[0] = float(next(seconds))
            show.update(done, 3, rows)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue())


def test_without_a_terminal_every_event_is_a_line_and_the_whole_is_one_now_and_then(monkeypatch):
    updates = [(done, [("best", f"[{done}]")]) for done in (0, 1, 2, 2, 3)]
    found = shown(False, 2.0, updates, monkeypatch, clock=[0, 1, 2, 3, 3.5])
    assert found.splitlines() == [
        "n: ended [b]",
        "done 0 of 3; best [0]",
        "done 2 of 3; best [2]",
        "done 3 of 3; best [3]",  # at the end in any case
    ]
    assert shown(False, None, updates, monkeypatch).splitlines() == ["n: ended [b]"]


def test_in_a_terminal_a_table_shows_the_whole_and_events_are_printed_above_it(monkeypatch):
    found = shown(True, None, [(0, []), (3, [("last", "[red]")])], monkeypatch)
    assert "n: ended [b]" in found
    last = found[found.rindex("the [title]") :]
    assert re.search(r"done\W+3 of 3", last)
    assert re.search(r"last\W+\[red\]", last)


def test_without_a_console_nothing_is_shown(capsys):
    with display(None, "t", 1.0) as show:
        show.event("x")
        show.update(1, 1, [])
    assert capsys.readouterr() == ("", "")


def test_no_text_controls_the_terminal():
    file = io.StringIO()
    console = SafeConsole(file=file, force_terminal=True, color_system=None, width=60)
    hostile = "a\x1b]0;title\x07b\x1b[2Jc\x9b31md\re\bf\x7fg\u202eh\n\ti"
    table = Table(title=hostile)
    table.add_column("x")
    table.add_row(hostile)
    with display(console, hostile) as show:
        show.event(hostile)
        show.update(1, 1, [(hostile, hostile)])
    console.print(table, hostile, Text("kept"))
    shown = re.sub(r"\x1b\[(\?25[lh]|1A|2K)", "", file.getvalue())  # what moves the table
    assert not re.search(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    escaped = r"a\x1b]0;title\x07b\x1b[2Jc\x9b31md\re\x08f\x7fg\u202eh"
    assert shown.count(escaped) >= 6
