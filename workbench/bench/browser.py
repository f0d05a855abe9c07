"""A real browser, for measurements and tests: chromium, driven by the W3C WebDriver protocol, and JupyterLab in it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

OPTIONS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync", "window-size=1200,900"),
    *("disable-background-networking", "disable-component-update"),
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's identifier, fixed by the standard
PATIENCE = 300.0  # seconds for an answer of the browser, or for what a page is to show, on a machine with other work
TRIES = 5  # starts of chromedriver
LONGEST = 1200.0  # seconds in which a notebook must have run
LAB = ("--no-browser", "--port=0", "--ip=127.0.0.1", "--allow-root", "--expose-app-in-browser")
TRACKER = "CONFIG/lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
IDLE = """
const context = window.jupyterapp?.shell?.currentWidget?.context;
return context?.path === arguments[0] && context.sessionContext?.session?.kernel?.status === "idle";
"""
RUN = """
window.workbenchRan = false;
window.jupyterapp.commands.execute("notebook:run-all-cells").then(() => { window.workbenchRan = true; });
"""


class Browser:
    """One browser session: load a page, run JavaScript in it, and press keys."""

    def __init__(self, address: str, session: str) -> None:
        self.address = f"{address}/session/{session}"

    def load(self, url: str) -> None:
        _post(f"{self.address}/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a JavaScript function body returns; a promise is awaited."""
        return _post(f"{self.address}/execute/sync", {"script": script, "args": arguments})

    def errors(self) -> list[str]:
        """Return what the console has shown as an error since the last call."""
        logged = _post(f"{self.address}/se/log", {"type": "browser"})
        return [each["message"] for each in logged if each["level"] == "SEVERE"]

    def names(self) -> set[str]:
        """Return the names that a screen reader says of what is on the page."""
        tree = self._command("Accessibility.getFullAXTree", {})["nodes"]
        return {node["name"]["value"] for node in tree if node.get("name") and not node["ignored"]}

    def press(self, selector: str, keys: str) -> None:
        """Press keys in the element that a CSS selector finds; Tab is "\\ue004", Enter is "\\ue007"."""
        found = _post(f"{self.address}/element", {"using": "css selector", "value": selector})
        _post(f"{self.address}/element/{found[ELEMENT]}/value", {"text": keys})

    def focus(self) -> None:
        """Let pages have the focus, without which JupyterLab has no current notebook; a headless browser may not."""
        self._command("Emulation.setFocusEmulationEnabled", {"enabled": True})

    def screen(self, width: int, height: int, *, dark: bool) -> None:
        """Show pages as on a phone or a desk, in light or dark colours, from now on."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._command("Emulation.setDeviceMetricsOverride", metrics)
        self._command("Emulation.setEmulatedMedia", {"features": scheme})

    def print(self) -> None:
        """Print the page into a PDF that nobody reads."""
        self._command("Page.printToPDF", {})

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        return _post(f"{self.address}/goog/cdp/execute", {"cmd": name, "params": parameters})


def is_installed() -> bool:
    """Return whether chromium and chromedriver are there."""
    return bool(shutil.which("chromedriver") and shutil.which("chromium"))


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Yield a browser; chromium and chromedriver must be installed."""
    process, address = _driver()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            arguments = [*(f"--{option}" for option in OPTIONS), f"--user-data-dir={profile}"]
            chosen = {"binary": shutil.which("chromium"), "args": arguments}
            timeouts = {"script": 1000 * PATIENCE, "pageLoad": 1000 * PATIENCE}
            wanted = {"goog:chromeOptions": chosen, "goog:loggingPrefs": {"browser": "SEVERE"}, "timeouts": timeouts}
            session = _post(f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            try:
                page = Browser(address, session)
                page.focus()
                yield page
            finally:
                _request("DELETE", f"{address}/session/{session}")
    finally:
        process.terminate()
        process.wait()


def _driver() -> tuple[subprocess.Popen, str]:
    """Start chromedriver, and return its process and address. It ends if another takes the port that it has chosen."""
    for _ in range(TRIES):
        process = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        for line in process.stdout or ():
            if "started successfully on port" in line:
                return process, f"http://127.0.0.1:{line.split()[-1].rstrip('.')}"
        process.wait()
    raise RuntimeError(f"chromedriver ended {TRIES} times before it listened")


@contextlib.contextmanager
def jupyterlab(folder: Path, own: Path) -> Iterator[tuple[Browser, str]]:
    """Yield a browser and the address of JupyterLab on a folder; its settings and files are in the folder `own`."""
    with browser() as page:
        places = {f"JUPYTER_{each}_DIR": str(own / each) for each in ("CONFIG", "DATA", "RUNTIME")}
        tracker = own / TRACKER
        tracker.parent.mkdir(parents=True)
        tracker.write_text('{"windowingMode": "contentVisibility"}')  # cells out of sight stay on the page
        options = "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"
        command = [sys.executable, "-m", "jupyterlab", *LAB, *options]
        log = own / "log"  # a pipe that nobody reads would fill, and stop the server
        with log.open("w") as written, subprocess.Popen(command, env=os.environ | places, stderr=written) as server:
            try:
                yield page, until(lambda: re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()))[0]
            finally:
                server.terminate()


def run_all(page: Browser, address: str, name: str) -> None:
    """Open a notebook in JupyterLab, and run all of its cells."""
    page.load("about:blank")
    page.errors()  # a notebook that is not saved asks whether to leave it, which a headless browser calls an error
    page.load(f"{address}lab/tree/{name}?reset")  # without the notebooks that were open before
    until(lambda: page.run(IDLE, name))
    page.run(RUN)
    until(lambda: page.run("return window.workbenchRan"), LONGEST)


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until a function returns something true, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"still {found!r} after {seconds:g} seconds")
        time.sleep(0.05)
    return found


def _post(url: str, body: dict[str, Any]) -> Any:
    return _request("POST", url, json.dumps(body).encode())


def _request(method: str, url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)["value"]
