import io
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from ipykernel.ipkernel import IPythonKernel
from nbformat.v4 import new_notebook, new_output
from processes import has_ended, wait_until, workbench
from rich.console import Console

from workbench import files
from workbench.files import Refused
from workbench.report import run_all, run_notebook, runs, save_all
from workbench.workers.progress import display

from .conftest import FOREVER, PARAMETERS, build


def metrics_of(output, name):
    return json.loads((output / name / "metrics.json").read_text())


def outputs(output, name):
    cells = nbformat.read(output / name / "notebook.ipynb", as_version=4).cells
    return [cell.outputs for cell in cells if cell.cell_type == "code"]


def test_a_run_leaves_notebook_metrics_figures_and_report(batch):
    output, results = batch
    assert sorted(str(path.relative_to(output / "good")) for path in (output / "good").rglob("*.*")) == [
        "figures/figure-2.png",
        "figures/pixels.png",
        "figures/pixels.svg",
        "manifest.json",
        "metrics.json",
        "notebook.ipynb",
        "report.html",
        "search.json",
    ]
    assert results["good"].ok
    written = metrics_of(output, "good")
    assert written["status"] == "ok"
    assert written["error"] is None
    assert written["parameters"] == {"alpha": 1e-4, "size": 5, "photo": "china.jpg", "count": 3, "quick": False}
    assert written["metrics"] == {"largest": 12.5, "not a number": "nan"}
    assert [figure["name"] for figure in written["figures"]] == ["pixels", "figure-2"]
    assert written["figures"][0]["alt"] == "A red & a blue <pixel>"
    assert 0 < written["duration_seconds"] < 600
    assert written["started"].endswith("+00:00")
    assert set(written["versions"]) == {"python", "workbench", "numpy", "numba", "matplotlib", "papermill"}


def test_a_notebook_runs_in_its_own_folder(batch):
    output, _ = batch
    printed = [o.text for o in outputs(output, "good")[-1] if o.output_type == "stream"]
    assert printed == [f"{output.parent}\n"]


def test_the_executed_notebook_carries_nothing_volatile(batch):
    output, _ = batch
    text = (output / "good" / "notebook.ipynb").read_text()
    notebook = nbformat.reads(text, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "workbench"}
    assert not any(word in text for word in ("papermill", "widget-view", "start_time", "iopub"))


def test_an_exception_is_reported_and_what_came_before_it_stays(batch):
    output, results = batch
    assert not results["bad"].ok
    written = metrics_of(output, "bad")
    assert written["error"]["kind"] == "exception"
    assert written["error"]["message"] == "RuntimeError: <script>alert(3)</script>"
    assert "Traceback" in written["error"]["traceback"]
    assert "\x1b" not in written["error"]["traceback"]
    assert written["metrics"] == {"<i>before</i>": 1}
    assert [len(cell) for cell in outputs(output, "bad")] == [1, 1, 1, 0]
    assert (output / "bad" / "report.html").is_file()


def test_a_dead_kernel_is_reported_and_what_came_before_it_stays(batch):
    output, _ = batch
    written = metrics_of(output, "dead")
    assert written["error"]["kind"] == "dead kernel"
    assert "exit status 3" in written["error"]["message"]
    assert "os._exit(3)" in written["error"]["traceback"]
    assert written["metrics"] == {"before": 1}


def test_an_exception_that_a_cell_is_tagged_to_raise_is_no_failure(batch):
    output, results = batch
    assert results["expected"].ok
    assert outputs(output, "expected")[1][0].text == "went on\n"


def test_nothing_hidden_is_left(batch):
    output, _ = batch
    assert sorted(path.name for path in output.iterdir()) == ["bad", "dead", "expected", "good", "index.html"]
    assert not list(output.rglob("worker.log"))


def test_a_time_out_interrupts_and_names_the_line(too_slow):
    output, results = too_slow
    error = results["slow"].error
    assert error["kind"] == "time-out"
    assert "6 seconds" in error["message"]
    assert "time.sleep(0.1)" in error["traceback"]
    assert metrics_of(output, "slow")["metrics"] == {"before": 1}


def test_code_that_ignores_the_interrupt_is_killed(too_slow):
    _, results = too_slow
    assert results["deaf"].error["kind"] == "time-out"
    assert results["deaf"].duration_seconds < 40


def test_parameters_reach_the_kernel_and_name_the_folder(tmp_path):
    shown = "import os\nprint(repr((alpha, size, photo, quick)))\nprint(os.environ['WORKBENCH_PARAMETERS'])"
    notebook = build(tmp_path / "n.ipynb", "# N", shown, parameters=PARAMETERS + 'data: str = ""\n')
    given = {"alpha": 0.01, "photo": "flower.jpg", "quick": True, "data": "my.csv"}
    result = run_notebook(notebook, given, output=tmp_path / "out")
    assert result.name == "n--alpha=0.01--photo=flower.jpg--quick=True--data=my.csv"
    assert result.parameters == given | {"size": 5, "count": 3}
    values, names = outputs(tmp_path / "out", result.name)[-1][0].text.splitlines()
    assert values == "(0.01, 5, 'flower.jpg', True)"
    assert names == "alpha = 0.01, photo = flower.jpg, quick = True"


@pytest.mark.usefixtures("no_process")
def test_refusals_start_nothing_and_write_nothing(tmp_path):
    notebook = build(tmp_path / "n.ipynb", "# N", parameters=PARAMETERS)
    twin = build(tmp_path / "deeper" / "N.ipynb", "x = 1")
    foreign = build(tmp_path / "r.ipynb", "x <- 1", kernelspec={"name": "ir", "display_name": "R", "language": "R"})
    text = tmp_path / "text.ipynb"
    text.write_text("no notebook")
    listing = tmp_path / "list.ipynb"
    listing.write_text("[1, 2]")
    out = tmp_path / "out"
    for message, call in {
        "no such parameter": lambda: run_notebook(notebook, {"beta": 1.0}, output=out),
        "from 0 to 10": lambda: run_notebook(notebook, {"count": "11"}, output=out, text=True),
        "does not exist": lambda: run_all([tmp_path / "absent.ipynb"], output=out),
        "is not a file": lambda: run_all([tmp_path], output=out),
        "is not a Jupyter notebook": lambda: run_all([notebook, text], output=out),
        "text.ipynb|list.ipynb": lambda: run_all([listing], output=out),
        "written in R": lambda: run_all([foreign], output=out),
        "both would write the folder": lambda: run_all([notebook, twin], output=out),
        "not begin with a dot": lambda: run_notebook(notebook, output=out, name="../up"),
        "seconds above 0": lambda: run_notebook(notebook, output=out, timeout=0),
        "no notebooks": lambda: run_all([], output=out),
    }.items():
        with pytest.raises(Refused, match=message):
            call()
        assert not out.exists()


@pytest.mark.usefixtures("no_process")
def test_a_folder_that_cannot_be_written_to_is_named_before_anything_starts(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(Refused, match=r"file/below.*--output"):
        run_all([build(tmp_path / "n.ipynb", "x = 1")], output=file / "below")


def test_without_a_terminal_a_notebook_is_one_line(executed, tmp_path):
    notebooks = [build(tmp_path / f"{name}.ipynb", "x = 1", "y = 2") for name in ("first", "second")]
    executed["second"] = [new_output("display_data", data={"image/png": "cut"})]
    said = io.StringIO()
    run_all(notebooks, output=tmp_path / "out", jobs=1, console=Console(file=said, width=40))
    first, second = said.getvalue().splitlines()
    assert first == "first: ok, 1.5 s"
    assert second.startswith("second: FAILED (bad output), 1.5 s: picture 1")


def test_a_message_of_several_lines_is_one_line_of_progress(tmp_path):
    said = io.StringIO()
    with display(Console(file=said), "t") as show:
        batch = runs.Batch([runs.Job(tmp_path / "n.ipynb", new_notebook(), {}, "n", None)], show)
        for message in ("first\nsecond", ""):
            batch.finish("n", 2.0, {"kind": "exception", "message": message, "traceback": "third"})
    assert said.getvalue() == "n: FAILED (exception), 2.0 s: first\nn: FAILED (exception), 2.0 s: \n"


def test_notebooks_start_longest_first(executed, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    past = {"figures": [], "status": "ok", "parameters": {}, "metrics": {}, "error": None, "started": ""}
    for name, seconds in (("a", 9.5), ("c", 70.0), ("d", None)):
        with files.partial(out, name) as folder:
            (folder / "metrics.json").write_text(json.dumps({**past, "duration_seconds": seconds}))
            files.publish(folder, out / name)
    notebooks = [build(tmp_path / f"{name}.ipynb", "x = 1") for name in "abc"]
    notebooks.append(build(tmp_path / "d.ipynb", "x = '{}'".format(1000 * "long")))
    said = io.StringIO()
    results = run_all(notebooks, output=out, jobs=1, console=Console(file=said))
    assert said.getvalue().splitlines() == [f"{name}: ok, 1.5 s" for name in "dbca"]
    assert [result.name for result in results] == ["a", "b", "c", "d"]


def test_two_runs_at_once_in_a_folder_of_any_name_are_both_in_the_index(tmp_path):
    place = tmp_path / os.fsdecode(b"not {utf-8} \xff")
    notebooks = [build(place / f"{name}.ipynb", "x = 1") for name in ("first", "second")]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda path: run_notebook(path, output=place / "out"), notebooks))
    assert [result.error for result in results] == [None, None]
    index = (place / "out" / "index.html").read_text()
    assert "first/report.html" in index
    assert "second/report.html" in index


@pytest.fixture
def interrupted(tmp_path):
    """Start a run over an earlier result and give its process while the kernel works, with the processes below it."""
    (tmp_path / "out").mkdir()
    with files.partial(tmp_path / "out", "slow") as earlier:
        (earlier / "kept").write_text("earlier")
        files.publish(earlier, tmp_path / "out" / "slow")
    pids = "import os\nopen('new', 'w').write(f'{os.getpid()} {os.getppid()}')\nos.rename('new', 'pids')"
    notebook = build(tmp_path / "slow.ipynb", pids, FOREVER)
    process = workbench("report", notebook, "--output", tmp_path / "out")
    wait_until(lambda: (tmp_path / "pids").exists())
    below = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    yield process, below
    process.kill()
    process.communicate()


def test_a_killed_run_leaves_nothing_that_looks_finished(interrupted, tmp_path):
    process, below = interrupted
    process.kill()
    process.wait()
    wait_until(lambda: all(map(has_ended, below)))
    visible = [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")]
    assert visible == ["slow"]
    assert sorted(path.name for path in (tmp_path / "out" / "slow").iterdir()) == ["kept", "manifest.json"]
    assert len(list((tmp_path / "out").iterdir())) == 2
    files.prepare(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["slow"]


def test_ctrl_c_ends_the_kernels_and_leaves_the_earlier_result(interrupted, tmp_path):
    process, below = interrupted
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert all(map(has_ended, below))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["slow"]
    assert sorted(path.name for path in (tmp_path / "out" / "slow").iterdir()) == ["kept", "manifest.json"]


def test_a_killed_worker_is_a_failure_of_its_notebook(tmp_path):
    notebook = build(tmp_path / "n.ipynb", "x = 1", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    result = run_notebook(notebook, output=tmp_path / "out")
    assert result.error["kind"] == "lost process"
    assert "SIGKILL" in result.error["message"]
    assert (tmp_path / "out" / "n" / "report.html").is_file()


def test_save_keeps_outputs_and_refuses_a_notebook_that_fails(tmp_path):
    slider = "import ipywidgets\ndisplay(ipywidgets.IntSlider(value=3))\nprint('shown')"
    good = build(tmp_path / "good.ipynb", "# Title", slider, workbench={"operator": "LRN"}, widgets={"old": 1})
    bad = build(tmp_path / "bad.ipynb", "print(1)", "1 / 0")
    before, ids = bad.read_bytes(), [cell.id for cell in nbformat.read(good, as_version=4).cells]
    errors = save_all([good, bad], jobs=2)
    assert errors[good] is None
    assert errors[bad]["message"] == "ZeroDivisionError: division by zero"
    assert bad.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.ipynb", "good.ipynb"]
    saved = nbformat.read(good, as_version=4)
    nbformat.validate(saved)
    assert [cell.id for cell in saved.cells] == ids
    assert saved.metadata == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": IPythonKernel.language_info,  # JupyterLab would write it, and mark the file as changed
        "workbench": {"operator": "LRN"},
    }
    assert [cell.metadata for cell in saved.cells] == [{}, {}]
    assert [list(o.get("data", o)) for o in saved.cells[1].outputs] == [["text/plain"], ["name", "output_type", "text"]]


# It prints while the process that reads the messages is stopped, which has the effect of a busy machine.
FLOOD = """\
import os, signal, subprocess
from workbench.explore.notebook import record
reader = os.getppid()
waker = subprocess.Popen(["sh", "-c", f"sleep 1; kill -CONT {reader}"])
os.kill(reader, signal.SIGSTOP)
for number in range(3000):
    if number == 1500:
        record("loss", 1.5)
    print(number, flush=True)
waker.wait()"""


def test_nothing_is_lost_of_a_cell_that_prints_faster_than_anybody_reads(tmp_path):
    result = run_notebook(build(tmp_path / "n.ipynb", FLOOD, "print('end')"), output=tmp_path / "out")
    assert (result.status, result.metrics) == ("ok", {"loss": 1.5})
    flood, end = outputs(tmp_path / "out", "n")
    printed = "".join(output.text for output in flood if output.output_type == "stream")
    assert printed.split() == [str(number) for number in range(3000)]
    assert end[0].text == "end\n"


def test_what_is_recorded_does_not_depend_on_what_is_displayed(tmp_path):
    cells = (
        "from IPython.display import clear_output\nfrom workbench.explore.notebook import record",
        "record('cleared', 1)\nrecord('folds', [1, 2.5])\nrecord('a \u03b1', float('nan'))\nclear_output()",
        "import os\nrecord('last', 1)\nrecord('last', 2)\nos._exit(3)",
    )
    result = run_notebook(build(tmp_path / "n.ipynb", *cells), output=tmp_path / "out")
    assert result.error["kind"] == "dead kernel"
    expected = {"cleared": 1, "folds": [1, 2.5], "a \u03b1": "nan", "last": 2}
    assert result.metrics == metrics_of(tmp_path / "out", "n")["metrics"] == expected
    names = sorted(path.name for path in (tmp_path / "out" / "n").iterdir())
    assert names == ["figures", "manifest.json", "metrics.json", "notebook.ipynb", "report.html", "search.json"]
