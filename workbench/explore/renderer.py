"""Draw in the background: always the newest values, never a queue of old ones."""

import threading
from collections.abc import Callable
from typing import Any


class Renderer:
    """Call `draw(values)` for the newest requested values in a thread of its own.

    Values that arrive while a drawing is under way replace one another; the last of them is drawn next. So slow work
    keeps the last frame, and then catches up.
    """

    def __init__(self, draw: Callable[[dict[str, Any]], None]) -> None:
        self._draw = draw
        self._changed = threading.Condition()
        self._wanted: dict[str, Any] | None = None
        self._busy = False
        self._thread: threading.Thread | None = None

    def request(self, values: dict[str, Any]) -> None:
        with self._changed:
            self._wanted = values
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="workbench-explore", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the newest values are drawn; return whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self._wanted is None and not self._busy, timeout)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted is not None)
                values, self._wanted = self._wanted, None
                self._busy = True
            try:
                self._draw(values)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
