"""The browser of `workbench bench`, for tests of pages; without chromium they are skipped."""

import contextlib

import pytest

from workbench.bench import browser as bench


@contextlib.contextmanager
def browser():
    """Yield a browser; skip the test if chromium or chromedriver is not installed."""
    _need()
    with bench.browser() as page:
        yield page


@contextlib.contextmanager
def jupyterlab(folder, own):
    """Yield a browser and the address of JupyterLab on a folder, or skip the test, as `browser` does."""
    _need()
    with bench.jupyterlab(folder, own) as found:
        yield found


def _need():
    if not bench.is_installed():
        pytest.skip("chromium and chromedriver are not installed")
