"""The lines that show the progress of a batch of work."""

import io
import re

from rich.console import Console

from workbench.workers import progress
from workbench.workers.progress import display


def shown(terminal, every, updates, monkeypatch, clock=None):
    """Return what is printed of an event of each kind and some updates, each at a second of its own."""
    seconds, now = iter(clock or range(100)), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    file = io.StringIO()
    with display(Console(file=file, force_terminal=terminal, width=60), "the [title]", every) as show:
        show.event("n: started [b]", passing=True)
        show.event("n: ended [b]")
        for done, rows in updates:
            now[0] = float(next(seconds))
            show.update(done, 3, rows)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue())


def test_without_a_terminal_every_event_is_a_line_and_the_whole_is_one_now_and_then(monkeypatch):
    updates = [(done, [("best", f"[{done}]")]) for done in (0, 1, 2, 2, 3)]
    found = shown(False, 2.0, updates, monkeypatch, clock=[0, 1, 2, 3, 3.5])
    assert found.splitlines() == [
        "n: started [b]",
        "n: ended [b]",
        "done 0 of 3; best [0]",
        "done 2 of 3; best [2]",
        "done 3 of 3; best [3]",  # at the end in any case
    ]
    assert shown(False, None, updates, monkeypatch).splitlines() == ["n: started [b]", "n: ended [b]"]


def test_in_a_terminal_a_table_shows_the_whole_and_only_what_matters_is_printed_above_it(monkeypatch):
    found = shown(True, None, [(0, []), (3, [("last", "[red]")])], monkeypatch)
    assert "n: ended [b]" in found
    assert "started" not in found
    last = found[found.rindex("the [title]") :]
    assert re.search(r"done\W+3 of 3", last)
    assert re.search(r"last\W+\[red\]", last)


def test_without_a_console_nothing_is_shown(capsys):
    with display(None, "t", 1.0) as show:
        show.event("x")
        show.update(1, 1, [])
    assert capsys.readouterr() == ("", "")
