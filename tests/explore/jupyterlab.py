"""JupyterLab in a browser, where notebooks are run and their explorers moved by keys."""

import contextlib
import os
import re
import subprocess
import sys
import time

from tests.browser import browser

RIGHT, ENTER, SPACE, ALL = "\ue014", "\ue007", " ", "\ue009a\ue000"  # the last is Ctrl+A
IDLE = """
const context = window.jupyterapp?.shell?.currentWidget?.context;
return context?.path === arguments[0] && context.sessionContext?.session?.kernel?.status === "idle";
"""
PICTURE = """
const drawn = document.createElement("canvas");
const img = document.querySelectorAll(".workbench-explorer img")[arguments[0]];
if (!img?.naturalWidth || getComputedStyle(img).visibility == "hidden") return null;
[drawn.width, drawn.height] = [300, 200];
drawn.getContext("2d").drawImage(img, 0, 0, 300, 200);
return drawn.toDataURL();
"""


@contextlib.contextmanager
def jupyterlab(folder, own):
    """Yield a browser and the address of JupyterLab on a folder; its settings and files are in the folder `own`."""
    with browser() as page:
        places = {f"JUPYTER_{each}_DIR": str(own / each) for each in ("CONFIG", "DATA", "RUNTIME")}
        tracker = own / "CONFIG/lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
        tracker.parent.mkdir(parents=True)
        tracker.write_text('{"windowingMode": "none"}')  # cells out of sight stay on the page
        options = ("--no-browser", "--port=0", "--ip=127.0.0.1", "--allow-root", "--expose-app-in-browser")
        with subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                *options,
                "--IdentityProvider.token=",
                f"--ServerApp.root_dir={folder}",
            ],
            env=os.environ | places,
            stderr=subprocess.PIPE,
            text=True,
        ) as server:
            try:
                found = (re.search(r"http://127\.0\.0\.1:\d+/", line) for line in server.stderr)
                yield page, next(each[0] for each in found if each)
            finally:
                server.terminate()
                server.communicate()


def run_all(page, address, name):
    """Open a notebook, run its cells, and wait for the first explorer's picture."""
    page.load(f"{address}lab/tree/{name}?reset")  # without the notebooks that were open before
    until(lambda: page.run(IDLE, name))
    page.run("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    until(lambda: page.run(PICTURE, 0))


def picture(page, which=0):
    """Return the pixels that an explorer shows once they rest, or None if it hides its picture."""
    shown = page.run(PICTURE, which)
    while True:
        time.sleep(0.4)
        before, shown = shown, page.run(PICTURE, which)
        if before == shown:
            return shown


def until(condition, seconds=60):
    """Wait until a function returns something true, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"still {found!r} after {seconds} seconds"
        time.sleep(0.05)
    return found
