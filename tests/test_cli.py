import functools
import io
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from typer.testing import CliRunner

import workbench
import workbench.report
from workbench.cli import app, main
from workbench.files import write_text
from workbench.machines.published import KNOWN
from workbench.report import Result
from workbench.workers.progress import SafeConsole

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, ESCAPES.sub("", result.output)


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Give a notebook with parameters, in the folder notebooks/ of the current directory."""
    monkeypatch.chdir(tmp_path)
    cell = new_code_cell("alpha: float = 0.5  # strength [-1 .. 1]\nname: str = 'a'", metadata={"tags": ["parameters"]})
    path = tmp_path / "notebooks" / "one.ipynb"
    path.parent.mkdir()
    nbformat.write(new_notebook(cells=[cell, new_code_cell("print(alpha)")]), path)
    return path


@pytest.fixture
def calls(monkeypatch):
    """Record what the commands hand on, in place of running it; every second notebook fails."""
    recorded = []

    def result(name, status):
        error = None if status == "ok" else {"kind": "exception", "message": "it broke", "traceback": "line [1]"}
        return Result(name, f"{name}.ipynb", status, {}, {}, [], 1.0, "2030-01-01T00:00:00+00:00", {}, error)

    def run_notebook(path, given, **settings):
        recorded.append((path, given, settings))
        return result("one", "ok")

    def run_all(paths, **settings):
        recorded.append((paths, settings))
        return [result(path.stem, ("ok", "failed")[i % 2]) for i, path in enumerate(paths)]

    monkeypatch.setattr(workbench.report, "run_notebook", run_notebook)
    monkeypatch.setattr(workbench.report, "run_all", run_all)
    return recorded


@pytest.mark.parametrize("words", ["run one.ipynb", "report", "save", "sweep m:f", "lab", "bench lrn", "figures"])
def test_a_working_folder_that_has_been_removed_is_refused(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    message = "refused: the working folder has been removed; change to one that exists\n"
    assert invoke(*words.split()) == (2, message)
    for harmless in ("machine a100", "operators", "--version", "--help"):
        assert invoke(*harmless.split())[0] == 0


def test_help_shows_the_commands_and_imports_nothing_heavy():
    code = (
        "import sys\nfrom workbench.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = ('papermill', 'nbconvert', 'nbformat', 'numba', 'matplotlib', 'IPython')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith("[]")
    commands = ("run", "report", "save", "handout", "grade", "cite", "lab", "bench", "machine", "figures", "operators")
    for command in commands:
        assert re.search(rf"^\W*{command}\s", shown, re.MULTILINE)


def test_the_version_is_the_one_that_is_installed():
    declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["version"]
    assert invoke("--version") == (0, f"workbench {declared}\n")
    assert workbench.__version__ == declared


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_shell_gets_the_script_that_completes(shell, monkeypatch, capsys):
    monkeypatch.setenv("_WORKBENCH_COMPLETE", f"source_{shell}")
    with pytest.raises(SystemExit):
        app(prog_name="workbench")
    assert f"_WORKBENCH_COMPLETE=complete_{shell}" in capsys.readouterr().out
    assert {"--show-completion", "--install-completion"} <= set(invoke("--help")[1].split())


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("workbench o", ["operators"]),
        ("workbench run ", ["notebooks/one.ipynb"]),
        ("workbench run notebooks/o", ["notebooks/one.ipynb"]),
        ("workbench run elsewhere/", []),  # the shell completes files by itself
        ("workbench run notebooks/one.ipynb -p ", []),
        ("workbench report notebooks/one.ipynb n", ["notebooks/one.ipynb"]),
        ("workbench sweep not", ["notebooks/one.ipynb"]),
        ("workbench machine g", ["gtx-580"]),
    ],
)
def test_words_are_completed(line, completions, notebook, monkeypatch, capsys):
    monkeypatch.setenv("_WORKBENCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    with pytest.raises(SystemExit):
        app(prog_name="workbench")
    assert capsys.readouterr() == ("\n".join(completions) + "\n", "")


def test_parameters_take_two_words_and_repeat(notebook, calls, tmp_path):
    status, _ = invoke(
        "run", "-p", "alpha", "-0.25", notebook, "--parameter", "name", "--name", "--name", "x", "--output", tmp_path
    )
    assert status == 0
    assert re.search(r"-p\s+NAME VALUE", invoke("run", "--help")[1])
    (path, given, settings), = calls  # fmt: skip
    assert path == notebook
    assert given == {"alpha": "-0.25", "name": "--name"}
    assert settings["name"] == "x"
    assert settings["output"] == tmp_path
    assert settings["text"] is True
    invoke("run", notebook, "-p", "alpha=-0.25", "-pname=a=b", "--parameter=other=")  # the same in one word
    assert calls[1][1] == {"alpha": "-0.25", "name": "a=b", "other": ""}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", "alpha"], "-p alpha: give a name and a value, as in -p alpha=0.01 or -p alpha 0.01"),
        (["-p", "-p", "alpha", "1"], "-p -p: give a name and a value"),
        (["-p", "alpha=1", "-p", "alpha", "2"], "given twice"),
        (["-p", "alpha", "1", "-p", "alpha", "2"], "given twice"),
        (["-p", "alpah", "1"], "alpah: there is no such parameter"),
        (["-p", "alpha", "much"], "alpha='much': must be a number from -1.0 to 1.0"),
        (["-p", "alpha", "2"], "alpha=2.0: must be a number from -1.0 to 1.0"),
        (["--name", "a/b"], "name 'a/b'"),
        (["--timeout", "-1"], "timeout=-1.0"),
        (["--output", "notebooks/one.ipynb/below"], "notebooks/one.ipynb/below"),
    ],
)
def test_refusals_have_status_2_and_write_nothing(notebook, tmp_path, words, message):
    status, shown = invoke("run", notebook, *words)
    assert status == 2
    assert message in shown
    assert [path.name for path in tmp_path.iterdir()] == ["notebooks"]


def test_a_refused_parameter_shows_the_table_of_those_that_exist(notebook):
    _, shown = invoke("run", notebook, "-p", "beta", "1")
    assert re.search(r"alpha\W+float\W+0\.5\W+a number from -1\.0 to 1\.0\W+strength", shown)
    assert re.search(r"name\W+str\W+a\W+any text", shown)


def test_report_finds_the_notebooks_and_fails_if_one_does(notebook, calls):
    nbformat.write(new_notebook(), notebook.with_name("two.ipynb"))
    status, shown = invoke("report", "--jobs", "3", "--timeout", "7.5")
    assert status == 1
    assert "two.ipynb failed: it broke" in shown
    assert "line [1]" in shown
    assert "one.ipynb failed" not in shown
    (paths, settings), = calls  # fmt: skip
    assert [str(path) for path in paths] == ["notebooks/one.ipynb", "notebooks/two.ipynb"]
    assert (settings["jobs"], settings["timeout"], str(settings["output"])) == (3, 7.5, "reports")


def test_an_error_cannot_control_the_terminal(notebook, monkeypatch):
    hostile = {"kind": "exception", "message": "a\x1b[2Jb", "traceback": "c\x1b]0;d\x07"}
    monkeypatch.setattr("workbench.cli.Console", functools.partial(SafeConsole, force_terminal=True, color_system=None))

    def run_all(paths, **settings):
        return [Result("n", "n.ipynb", "failed", {}, {}, [], 1.0, "", {}, hostile)]

    monkeypatch.setattr(workbench.report, "run_all", run_all)
    status, shown = invoke("report")
    assert status == 1
    assert r"n.ipynb failed: a\x1b[2Jb" in shown
    assert r"c\x1b]0;d\x07" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("name", ["\u03b1", "\udcff"])
def test_a_stream_that_cannot_encode_a_name_gets_its_escape_sequence(name, notebook, calls, monkeypatch):
    streams = {each: io.TextIOWrapper(io.BytesIO(), encoding="ascii") for each in ("stdout", "stderr")}
    for each, stream in streams.items():
        monkeypatch.setattr(sys, each, stream)
    monkeypatch.setattr(sys, "argv", ["workbench", "report", f"{name}.ipynb", "2.ipynb", "--output", name])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    for stream in streams.values():
        stream.flush()
    assert streams["stdout"].buffer.getvalue() == ascii(f"{name}/index.html\n")[1:-3].encode() + b"\n"
    assert b"2.ipynb failed: it broke" in streams["stderr"].buffer.getvalue()


def test_run_ends_with_the_address_of_the_report(notebook):
    status, shown = invoke("run", notebook, "-p", "alpha", "0.25")
    assert status == 0
    assert shown.splitlines()[-1] == "reports/one--alpha=0.25/report.html"
    executed = nbformat.read("reports/one--alpha=0.25/notebook.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text == "0.25\n"
    assert "one--alpha%3D0.25/report.html" in notebook.parent.with_name("reports").joinpath("index.html").read_text()


def test_bench_and_figures_hand_on_their_arguments(tmp_path, monkeypatch):
    recorded = []

    def run_bench(*arguments):
        recorded.append(arguments)
        return 3

    def draw_all(folder):
        return [folder / "a.png", folder / "b.png"]

    monkeypatch.setitem(sys.modules, "workbench.bench", types.SimpleNamespace(run_bench=run_bench))
    monkeypatch.setitem(sys.modules, "workbench.experiments.readme_figures", types.SimpleNamespace(draw_all=draw_all))
    assert invoke("bench")[0] == 3
    assert invoke("bench", "lrn", "--json", tmp_path / "rows.json", "--quick", "--figure", tmp_path / "f.png")[0] == 3
    assert recorded == [("all", None, False, None), ("lrn", tmp_path / "rows.json", True, tmp_path / "f.png")]
    assert invoke("figures", "--output", "some") == (0, "some/a.png\nsome/b.png\n")


def test_figures_refuses_a_folder_that_cannot_be_made(notebook):
    status, shown = invoke("figures", "--output", notebook)
    assert status == 2
    assert re.search(r"refused: output folder '.*one.ipynb': cannot be written to \(File exists\)", shown)


def test_lab_passes_words_on_and_needs_the_folder(notebook, monkeypatch):
    executed = []
    monkeypatch.setattr("workbench.cli.os.execv", lambda *arguments: executed.append(arguments))
    assert invoke("lab", "--no-browser", "--port", "9999")[0] == 0
    words = [sys.executable, "-m", "jupyterlab", "notebooks", "--no-browser", "--port", "9999"]
    assert executed == [(sys.executable, words)]
    monkeypatch.chdir("/")
    assert invoke("lab")[0] == 2  # without the folder notebooks/
    status, shown = invoke("report")
    assert (status, "notebooks/*.ipynb" in shown) == (2, True)


def test_operators_lists_arguments_ranges_and_gradients():
    status, shown = invoke("operators")
    assert status == 0
    assert "LRN(x) -> y" in shown
    assert "gradient: LRNGradient" in shown
    assert re.search(r"size\W+int\W+5\W+an odd whole number of at least 1\W+channels", shown)


def test_a_published_machine_is_shown_without_measuring_and_this_one_again_where_asked_for(monkeypatch):
    asked = []
    measured = lambda again: asked.append(again) or KNOWN["laptop"]  # noqa: E731
    monkeypatch.setattr("workbench.machines.this_machine.this_machine", measured)
    status, shown = invoke("machine", "a100")
    assert (status, asked) == (0, [])
    assert re.search(r"multiply-adds, float32\W+1\.95e\+04 GFLOP/s", shown)
    assert invoke("machine")[0] == invoke("machine", "--again")[0] == 0
    assert asked == [False, True]


def test_an_unknown_machine_is_refused():
    status, shown = invoke("machine", "toaster")
    assert status == 2
    assert "machine='toaster': must be one of 'laptop'" in shown


def test_a_file_that_cannot_be_written_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("workbench.bench.run_bench", lambda *_: write_text(tmp_path / "absent" / "rows.json", "{}"))
    monkeypatch.setattr(sys, "argv", ["workbench", "bench"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    message = "failed: '.*rows.json': cannot be written \\(No such file or directory\\); make room there"
    assert re.match(message, capsys.readouterr().err)
