"""A real browser for tests of pages: Debian's chromium, driven by the W3C WebDriver protocol through chromedriver."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request

import pytest

OPTIONS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync", "window-size=1200,900"),
    *("disable-background-networking", "disable-component-update"),
)
OPENED_AND_CHECKED = """;
document.querySelectorAll("details").forEach(each => { each.open = true; });
return axe.run().then(found => found.violations.filter(each => ["serious", "critical"].includes(each.impact)))
  .then(bad => bad.map(each => [each.id, each.help, each.nodes.map(node => node.html.slice(0, 200))]));
"""
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's identifier, fixed by the standard


class Browser:
    """One browser session: load a page, run JavaScript in it, and press keys."""

    def __init__(self, address, session):
        self.address = f"{address}/session/{session}"

    def load(self, url):
        _post(f"{self.address}/url", {"url": url})

    def run(self, script, *arguments):
        """Return what a JavaScript function body returns."""
        return _post(f"{self.address}/execute/sync", {"script": script, "args": arguments})

    def errors(self):
        """Return what the console has shown as an error since the last call."""
        logged = _post(f"{self.address}/se/log", {"type": "browser"})
        return [each["message"] for each in logged if each["level"] == "SEVERE"]

    def names(self):
        """Return the names that a screen reader says of what is on the page."""
        tree = self._command("Accessibility.getFullAXTree", {})["nodes"]
        return {node["name"]["value"] for node in tree if node.get("name") and not node["ignored"]}

    def serious(self):
        """Return what axe-core calls serious or critical, with all that is folded opened: rule, words, elements."""
        from axe_core_python.base import AXE_SCRIPT

        return self.run(AXE_SCRIPT + OPENED_AND_CHECKED)

    def press(self, selector, keys):
        """Press keys in the element that a CSS selector finds; Tab is "\\ue004", Enter is "\\ue007"."""
        found = _post(f"{self.address}/element", {"using": "css selector", "value": selector})
        _post(f"{self.address}/element/{found[ELEMENT]}/value", {"text": keys})

    def screen(self, width, height, *, dark):
        """Show pages as on a phone or a desk, in light or dark colours, from now on."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        for command, parameters in (("DeviceMetricsOverride", metrics), ("EmulatedMedia", {"features": scheme})):
            self._command(f"Emulation.set{command}", parameters)

    def print(self):
        """Print the page into a PDF that nobody reads."""
        self._command("Page.printToPDF", {})

    def _command(self, name, parameters):
        return _post(f"{self.address}/goog/cdp/execute", {"cmd": name, "params": parameters})


@contextlib.contextmanager
def browser():
    """Yield a browser; without chromium and chromedriver skip the test, or let it fail in `make test-browser`."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if not (driver and chromium):
        (pytest.fail if "WORKBENCH_BROWSER_ALL" in os.environ else pytest.skip)("install chromium and chromedriver")
    process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        with tempfile.TemporaryDirectory() as profile:
            line = next(line for line in process.stdout if "started successfully on port" in line)
            address = f"http://127.0.0.1:{line.split()[-1].rstrip('.')}"
            arguments = [*(f"--{option}" for option in OPTIONS), f"--user-data-dir={profile}"]
            wanted = {"goog:chromeOptions": {"binary": chromium, "args": arguments}}
            wanted["timeouts"] = {"script": 100_000}  # milliseconds
            wanted["goog:loggingPrefs"] = {"browser": "SEVERE"}
            session = _post(f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            try:
                yield Browser(address, session)
            finally:
                _request("DELETE", f"{address}/session/{session}")
    finally:
        process.terminate()
        process.wait()


def _post(url, body):
    return _request("POST", url, json.dumps(body).encode())


def _request(method, url, body=None):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["value"]
