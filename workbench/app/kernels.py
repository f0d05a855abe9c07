"""Kernels that have run a notebook and answer questions about its explorers; started when needed, ended when idle."""

import asyncio
import contextlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from workbench.workers.notebook import LocalKernelManager

ASK = "from workbench.app import inside"
PATIENCE = 60.0  # seconds for an answer; the first picture of a kind may have to be compiled
STOPPED = "The kernel has stopped."
LONGEST = 600.0  # seconds in which a notebook must have run
MOST = 8  # kernels at once
ANSWERS = 256  # answers that are kept, of all notebooks


class Gone(Exception):
    """The kernel has stopped, or it did not answer in time."""


class Silent(NotebookClient):
    """Run cells and keep no output: pages show those that are saved, and a cell may print without end."""

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> None:
        """Read messages only to see when the cell has ended."""
        if msg["msg_type"] == "status":
            super().process_message(msg, cell, cell_index)


class Kernel:
    """One kernel that runs a notebook and then answers one question after another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.used = self._started = time.monotonic()
        self.waiting = 0
        self._client: Any = None
        self._folder = tempfile.TemporaryDirectory(prefix="kernel-", ignore_cleanup_errors=True)
        self._lock = asyncio.Lock()
        self.ready = asyncio.ensure_future(self._start())

    async def _start(self) -> None:
        """Run the notebook; a cell that fails does not keep the cells after it from running."""
        notebook = nbformat.read(self.path, as_version=4)
        self._client = Silent(notebook, allow_errors=True, resources={"metadata": {"path": str(self.path.parent)}})
        self._client.km = LocalKernelManager()
        self._client.km.keep_in(Path(self._folder.name))
        await self._client.async_start_new_kernel()
        await self._client.async_start_new_kernel_client()
        for number, cell in enumerate(notebook.cells):
            await self._client.async_execute_cell(cell, number)
        # Nobody reads outputs from here on; a kernel waits once a thousand of its messages are unread.
        self._client.kc.iopub_channel.stop()
        await self._answer(f"[exec({ASK!r}), inside.explorers()][1]")

    async def ask(self, question: str) -> dict[str, Any]:
        """Return the answer to a call of a function of `inside`.

        Raises Gone if the kernel has stopped, and ValueError if it refuses the question.
        """
        self.waiting += 1
        try:
            await self._run()
            async with self._lock:
                self.used = time.monotonic()
                return await self._answer(question)
        finally:
            self.waiting -= 1

    async def _run(self) -> None:
        """Wait until the notebook has run; raise Gone if it could not, or takes too long."""
        await asyncio.wait([self.ready], timeout=max(self._started + LONGEST - time.monotonic(), 0))
        if not self.ready.done():
            raise Gone(f"The notebook has not run to its end within {LONGEST:g} seconds.")
        if self.ready.cancelled():
            raise Gone(STOPPED)
        problem = self.ready.exception()  # many kinds of error end a kernel that starts
        if problem:
            raise Gone(f"The notebook could not be run: {type(problem).__name__}: {problem}") from problem

    async def _answer(self, question: str) -> dict[str, Any]:
        client, alive = self._client.kc, self._client.km.is_alive
        if not await alive():
            raise Gone(STOPPED)
        asked = client.execute("", silent=True, store_history=False, user_expressions={"answer": question})
        end = time.monotonic() + PATIENCE
        while True:
            try:
                reply = await client.get_shell_msg(timeout=1.0)
            except Exception as problem:  # the client raises the queue module's Empty
                if not await alive():
                    raise Gone(STOPPED) from problem
                if time.monotonic() > end:
                    raise Gone(f"The kernel did not answer within {PATIENCE:g} seconds.") from problem
                continue
            if reply["parent_header"].get("msg_id") == asked:
                answer = reply["content"]["user_expressions"]["answer"]
                if answer["status"] != "ok":
                    raise ValueError(f"{answer['ename']}: {answer['evalue']}")
                return answer["data"]["application/json"]

    async def end(self) -> None:
        """End the kernel, also one that still runs the notebook."""
        self.ready.cancel()
        await asyncio.wait([self.ready])
        if self._client is not None and self._client.km is not None:
            with contextlib.suppress(Exception):  # it may have ended by itself
                await self._client.km.shutdown_kernel(now=True)
            if self._client.kc is not None:
                self._client.kc.stop_channels()
        self._folder.cleanup()


class Kernels:
    """The kernels of all notebooks: `each` for a notebook while it is in demand, at most `most` in all."""

    def __init__(self, each: int = 2, most: int = MOST, idle: float = 900.0) -> None:
        self._each, self._most, self._idle = each, most, idle
        self._kernels: dict[Path, list[Kernel]] = {}
        self._ending: asyncio.Future | None = None
        self._answers: dict[tuple[Path, str], dict[str, Any]] = {}

    def start(self, path: Path) -> None:
        """Start a kernel for a notebook, unless it has one."""
        if not self._kernels.get(path):
            self._add(path)

    async def explorers(self, path: Path) -> dict[str, Any]:
        """Return the controls of a notebook's explorers, once a kernel has run it."""
        return await self._ask(path, "inside.explorers()")

    async def frame(self, path: Path, request: dict[str, Any]) -> dict[str, Any]:
        """Return the picture of a figure, see `inside.frame`; the same question is asked once."""
        return await self._ask(path, f"inside.frame({json.dumps(request)!r})")

    async def check(self, path: Path, source: str, answer: str) -> dict[str, Any]:
        """Return what an exercise's cell prints for an answer, see `inside.check`."""
        return await self._ask(path, f"inside.check({source!r}, {answer!r})")

    async def tidy(self) -> None:
        """End kernels that have been idle for long."""
        ending = []  # others may start and end kernels while these end, so all of them are taken out first
        for path, kernels in list(self._kernels.items()):
            for kernel in kernels[:]:
                if not kernel.waiting and time.monotonic() - kernel.used > self._idle:
                    kernels.remove(kernel)
                    ending.append(kernel)
            if not kernels:
                self._kernels.pop(path)
        await asyncio.gather(*(kernel.end() for kernel in ending))

    async def end(self) -> None:
        """End all kernels."""
        kernels = [kernel for found in self._kernels.values() for kernel in found]
        self._kernels.clear()
        await asyncio.gather(self._ending or asyncio.sleep(0), *(kernel.end() for kernel in kernels))

    async def _ask(self, path: Path, question: str) -> dict[str, Any]:
        known = self._answers.get((path, question))
        if known is not None:
            return known
        kernel = self._choose(path)
        try:
            answer = await kernel.ask(question)
        except Gone:
            if kernel in self._kernels.get(path, []):
                self._kernels[path].remove(kernel)
                await kernel.end()
            raise
        while len(self._answers) >= ANSWERS:
            self._answers.pop(next(iter(self._answers)))
        self._answers[path, question] = answer
        return answer

    def _choose(self, path: Path) -> Kernel:
        """Return the kernel with the fewest questions waiting; start another if all have some."""
        kernels = self._kernels.get(path) or [self._add(path)]
        best = min(kernels, key=lambda kernel: (not kernel.ready.done(), kernel.waiting))
        if best.waiting > 1 and best.ready.done() and len(kernels) < self._each:
            self._add(path)
        return best

    def _add(self, path: Path) -> Kernel:
        everywhere = [(place, kernel) for place, found in self._kernels.items() for kernel in found]
        if len(everywhere) >= self._most:  # if possible, one for whose answer nobody waits
            place, oldest = min(everywhere, key=lambda each: (each[1].waiting > 0, each[1].used))
            self._kernels[place].remove(oldest)
            self._ending = asyncio.ensure_future(asyncio.gather(self._ending or asyncio.sleep(0), oldest.end()))
        kernel = Kernel(path)
        self._kernels.setdefault(path, []).append(kernel)
        return kernel
