"""Run a notebook with a visitor's file, one after another, and keep the pages for those who know their names."""

import asyncio
import contextlib
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from workbench.data.own import MEGABYTES
from workbench.files import Refused, folder_name

LARGEST = MEGABYTES * 10**6  # bytes of a file
LONGEST = 600  # seconds in which a notebook must have run
WAITING = 8  # runs that have not ended
KEPT = 40  # runs whose pages are kept; a page has at most six megabytes


class Uploads:
    """Runs of notebooks with files of visitors. Each has a name that nobody can guess."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="uploads-", ignore_cleanup_errors=True)
        self._runs: dict[str, asyncio.Task[str]] = {}
        self._one = asyncio.Lock()

    def start(self, notebook: Path, name: str, content: bytes) -> str:
        """Run a notebook whose parameter `data` is a file with this name and content; return the run's name.

        Raises Refused if the file is too large, or too many runs wait.
        """
        if len(content) > LARGEST:
            raise Refused(f"{name}: has more than {MEGABYTES} MB; take a part of it")
        if sum(not run.done() for run in self._runs.values()) >= WAITING:
            raise Refused("many files are waiting to be run; try again in some minutes")
        ended = [run for run, task in self._runs.items() if task.done()]
        for oldest in ended[: max(len(self._runs) + 1 - KEPT, 0)]:
            del self._runs[oldest]
            shutil.rmtree(self._place(oldest), ignore_errors=True)
        run = secrets.token_hex(8)
        self._runs[run] = asyncio.ensure_future(self._run(notebook, run, _safe(name), content))
        return run

    def page(self, run: str) -> Path | None:
        """Return the folder of a run's page, or None while it is made.

        Raises KeyError if there is no such run, and Refused if it could not be made.
        """
        task = self._runs[run]
        if not task.done():
            return None
        folder = self._place(run) / "page"
        if not (folder / "report.html").is_file():
            raise Refused("".join(task.result().partition("refused:")[2:]).strip() or "the notebook could not be run")
        return folder

    async def end(self) -> None:
        """End the run, forget those that wait, and remove all pages."""
        for task in self._runs.values():
            task.cancel()
        await asyncio.gather(*self._runs.values(), return_exceptions=True)
        self._folder.cleanup()

    def _place(self, run: str) -> Path:
        return Path(self._folder.name, run)

    async def _run(self, notebook: Path, run: str, name: str, content: bytes) -> str:
        """Run the command in a folder of its own, where the file is, and return what it says."""
        place = self._place(run)
        place.mkdir()
        (place / name).write_bytes(content)
        words = ["run", str(notebook), "-p", "data", name, "--output", str(place), "--name", "page"]
        async with self._one:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "workbench", *words, "--timeout", str(LONGEST)),
                cwd=place,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                said = (await process.communicate())[1].decode(errors="replace")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()
                (place / name).unlink(missing_ok=True)
        return " ".join(said.split())


def _safe(name: str) -> str:
    """Return a file's name without folders and special characters, with its ending."""
    last = Path(name.replace("\\", "/"))
    return folder_name(last.stem, {}) + last.suffix.lower()[:9]
