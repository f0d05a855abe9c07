"""Kernels of the application that are asked much, take long, are ended while somebody waits, or leave something."""

import asyncio
import os
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.processes import has_ended, wait_until
from workbench.app import kernels
from workbench.app.kernels import Gone, Kernel, Kernels

LOUD = """
import subprocess
child = subprocess.Popen(["sleep", "1000"])
for number in range(3000):
    print(number, flush=True)
1 / 0
"""
ENDLESS = "import time\nwhile True:\n    print(time.sleep(0.01))"


def write(folder, *cells):
    nbformat.write(new_notebook(cells=list(map(new_code_cell, cells))), folder / "n.ipynb")
    return folder / "n.ipynb"


def opened():
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0


def test_a_kernel_answers_more_questions_than_sockets_hold_and_leaves_nothing(tmp_path):
    async def visit():
        kernel = Kernel(write(tmp_path, "", LOUD, "after = 5"))
        try:
            numbers = "sum(bool(print(n, flush=True)) + 1 for n in range(3000))"
            for _ in range(2):
                said = await kernel.ask(f"inside.Answer(sum={numbers}, after=after, child=child.pid)")
            assert (said["sum"], said["after"]) == (3000, 5)
            assert [cell.outputs for cell in kernel._client.nb.cells] == [[], [], []]
            assert not has_ended(said["child"])
        finally:
            await kernel.end()
        with pytest.raises(Gone, match="has stopped"):
            await kernel.ask("inside.explorers()")
        return said["child"], opened()

    before = opened()
    child, after = asyncio.run(visit())
    wait_until(lambda: has_ended(child))
    assert after <= before + 6  # what the event loop itself has opened; a kernel's sockets are 14


def test_a_visitor_who_waits_hears_when_the_kernel_is_ended(tmp_path):
    async def visit(seconds):
        pool = Kernels(most=1)
        asked = asyncio.ensure_future(pool.explorers(write(tmp_path, ENDLESS)))
        await asyncio.sleep(seconds)
        await pool.end()
        with pytest.raises(Gone):
            await asyncio.wait_for(asked, 10)

    for seconds in (0, 0.01, 1.5):  # before it starts, while it starts, and while it runs
        asyncio.run(visit(seconds))


def test_a_notebook_has_limited_time_to_run(tmp_path, monkeypatch):
    async def visit():
        pool = Kernels()
        with pytest.raises(Gone, match=r"within 0\.3 seconds"):
            await asyncio.wait_for(pool.explorers(write(tmp_path, ENDLESS)), 10)
        assert pool._kernels == {tmp_path / "n.ipynb": []}

    monkeypatch.setattr(kernels, "LONGEST", 0.3)
    asyncio.run(visit())


class Idle:
    """A kernel that has run, and takes a moment to end."""

    def __init__(self, path):
        self.path, self.waiting, self.used, self.ended = path, 0, 0.0, False
        self.ready = asyncio.ensure_future(asyncio.sleep(0))

    async def end(self):
        await asyncio.sleep(0.05)
        self.ended = True


def test_a_kernel_for_which_a_visitor_waits_is_the_last_to_make_room(monkeypatch):
    async def visit():
        pool = Kernels(most=2)
        asked, idle = pool._add("asked"), pool._add("idle")
        asked.waiting, idle.used = 1, 9.0
        pool.start("new")
        await pool._ending
        assert [asked.ended, idle.ended] == [False, True]
        pool._kernels["new"][0].waiting = 1
        pool.start("newest")  # everybody waits: the oldest goes
        await pool._ending
        assert asked.ended

    monkeypatch.setattr(kernels, "Kernel", Idle)
    asyncio.run(visit())


def test_idle_kernels_end_while_others_start(monkeypatch):
    async def visit():
        pool = Kernels(most=2, idle=0.0)
        both = [pool._add("n"), pool._add("n")]
        tidied = asyncio.ensure_future(pool.tidy())
        await asyncio.sleep(0.01)  # the first of them is ending
        for path in ("new", "newer"):
            pool.start(path)
        await tidied
        assert [kernel.ended for kernel in both] == [True, True]
        assert list(pool._kernels) == ["new", "newer"]

    monkeypatch.setattr(kernels, "Kernel", Idle)
    asyncio.run(visit())
