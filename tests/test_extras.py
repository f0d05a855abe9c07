"""Where a package of an extra is missing, the command line and the lazy packages name the extra to install."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from workbench.lazily import EXTRAS, MissingExtra, naming_the_extra

DECLARED = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
IMPORTED_AS = {"scikit-learn": "sklearn", "pillow": "PIL"}
COME_ALONG = {"nbformat", "IPython", "distributed"}  # with papermill, ipywidgets and dask[distributed]

COMMANDS = {  # by the missing package
    "papermill": ["run", "notebooks/01-lrn.ipynb"],
    "matplotlib": ["figures"],
    "optuna": ["sweep", "workbench.experiments.tuning:lrn_on_digits", "-p", "alpha=1,2"],
}
WITHOUT = f"""
import sys
from workbench.cli import main
for missing, words in {COMMANDS}.items():
    for name in [name for name in sys.modules if name.split(".")[0] == missing]:  # another command has imported it
        del sys.modules[name]
    sys.modules[missing] = None  # importing it raises ModuleNotFoundError
    sys.argv = ["workbench", *words, "--output", sys.argv[-1]]
    try:
        main()
    except SystemExit as end:
        print(missing, end.code, flush=True)
    del sys.modules[missing]
"""


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    """Run each command without the package that it needs, all in one process."""
    output = str(tmp_path_factory.mktemp("output"))
    return subprocess.run([sys.executable, "-c", WITHOUT, output], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_package_is_one_that_the_extra_declares(extra):
    declared = {re.split(r"[\[<>=]", each)[0] for each in DECLARED[extra]}
    names = {IMPORTED_AS.get(each, each) for each in declared}
    assert set(EXTRAS[extra].split()) - COME_ALONG <= names


@pytest.mark.parametrize(
    ("missing", "extra"), [("papermill", "notebooks"), ("matplotlib", "notebooks"), ("optuna", "sweep")]
)
def test_a_command_names_the_extra_and_refuses(missing, extra, without):
    assert f"{missing} 2\n" in without.stdout, without.stderr
    assert f"{missing} is not installed; get it with: pip install 'operator-workbench[{extra}]'" in without.stderr
    assert "Traceback" not in without.stderr


def test_without_pytorch_its_package_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("workbench.torch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"^torch is not installed.*pip install 'operator-workbench\[torch\]'$"):
        import_module("workbench.torch")


def test_what_no_extra_brings_is_raised_as_it_is():
    with pytest.raises(ModuleNotFoundError, match="no_such_module") as raised, naming_the_extra():
        import no_such_module  # noqa: F401
    assert not isinstance(raised.value, MissingExtra)
