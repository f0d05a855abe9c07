"""Draw in the background: the newest values only, quickly while they change, and once more when they rest."""

import threading
from collections.abc import Callable
from typing import Any

REST = 0.25  # seconds without a change after which the final picture is drawn


class Renderer:
    """Call `draw(values, final)` in its own thread, for the newest requested values only.

    Values that arrive during a drawing replace one another, so that no queue builds up; the last is drawn next. When
    none have arrived for REST seconds, the last are drawn again, with `final` true, and the thread ends.
    """

    def __init__(self, draw: Callable[[dict[str, Any], bool], None]) -> None:
        self._draw = draw
        self._changed = threading.Condition()
        self._wanted: dict[str, Any] | None = None
        self._busy = False
        self._final = True  # whether the newest picture is the final one
        self._thread: threading.Thread | None = None

    def request(self, values: dict[str, Any]) -> None:
        with self._changed:
            self._wanted = values
            if self._thread is None:
                # Not a daemon: Python would end it at exit in the middle of a drawing, and abort.
                self._thread = threading.Thread(target=self._work, name="workbench-explore")
                self._thread.start()
            self._changed.notify_all()

    def waits(self) -> bool:
        """Return whether newer values wait to be drawn."""
        return self._wanted is not None

    def wait(self, timeout: float | None = None, final: bool = False) -> bool:
        """Wait until the newest values are drawn, with `final` for good; return whether they are."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._wanted is None and not self._busy and (self._final or not final), timeout
            )

    def _work(self) -> None:
        values: dict[str, Any] = {}
        while True:
            with self._changed:
                if self._final and self._wanted is None:
                    self._thread = None
                    return
                self._changed.wait_for(lambda: self._wanted is not None, REST)
                self._final = self._wanted is None
                values, self._wanted = values if self._wanted is None else self._wanted, None
                self._busy = True
            try:
                self._draw(values, self._final)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
