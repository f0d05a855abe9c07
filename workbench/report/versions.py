"""The versions that a result was made with."""

import functools
import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = {"workbench": "operator-workbench", **{name: name for name in ("numpy", "numba", "matplotlib", "papermill")}}


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for name, distribution in PACKAGES.items():
        try:
            found[name] = version(distribution)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
