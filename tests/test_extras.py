"""Where a package of an extra is missing, the command line and the lazy packages name the extra to install."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from workbench.lazily import EXTRAS, MissingExtra, naming_the_extra

DECLARED = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
IMPORTED_AS = {"scikit-learn": "sklearn", "pillow": "PIL"}
COME_ALONG = {"nbformat", "IPython", "distributed"}  # with papermill, ipywidgets and dask[distributed]

WITHOUT = """
import sys
sys.modules[{missing!r}] = None  # importing it raises ModuleNotFoundError
sys.argv = {argv!r}
from workbench.cli import main
main()
"""


def run_without(missing, *argv):
    script = WITHOUT.format(missing=missing, argv=["workbench", *argv])
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_package_is_one_that_the_extra_declares(extra):
    declared = {re.split(r"[\[<>=]", each)[0] for each in DECLARED[extra]}
    names = {IMPORTED_AS.get(each, each) for each in declared}
    assert set(EXTRAS[extra].split()) - COME_ALONG <= names


@pytest.mark.parametrize(
    ("missing", "argv", "extra"),
    [
        ("papermill", ("run", "notebooks/01-lrn.ipynb"), "notebooks"),
        ("matplotlib", ("figures",), "notebooks"),
        ("optuna", ("sweep", "workbench.experiments.tuning:lrn_on_digits", "-p", "alpha=1,2"), "sweep"),
    ],
)
def test_a_command_names_the_extra_and_refuses(missing, argv, extra, tmp_path):
    finished = run_without(missing, *argv, *(("--output", str(tmp_path)) if argv[0] != "lab" else ()))
    assert finished.returncode == 2, finished.stderr
    assert f"{missing} is not installed; get it with: pip install 'operator-workbench[{extra}]'" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_what_no_extra_brings_is_raised_as_it_is():
    with pytest.raises(ModuleNotFoundError, match="no_such_module") as raised, naming_the_extra():
        import no_such_module  # noqa: F401
    assert not isinstance(raised.value, MissingExtra)
