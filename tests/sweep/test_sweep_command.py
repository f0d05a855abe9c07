"""`workbench sweep`: its words, its exit status, and ctrl-C."""

import re
import signal

import pytest
from processes import below, has_ended, wait_until, workbench
from report.conftest import build
from test_cli import invoke

from workbench.sweep import SweepStopped

from .conftest import FUNCTIONS, journal, table

BOWL = f"{FUNCTIONS}:bowl"


@pytest.fixture
def asked(monkeypatch):
    """Record what the command asks for, in place of doing it."""
    found = []

    def sweep(target, space, objective, **settings):
        found.append((target, space, objective, settings))
        raise SweepStopped("the disk [is] full")

    monkeypatch.setattr("workbench.sweep.sweep", sweep)
    return found


def test_words_become_what_sweep_is_asked_for(asked, tmp_path):
    words = "-p alpha=1e-5..1:log:12 --parameter size 3,5 -p name=a=b -plow=-1 --parameter=high=7 -p text a=b"
    words += " --objective a:max --objective b --sampler qmc"
    words += " --trials 7 --jobs 2 --seed 5 --name s --pruner median --timeout 1.5 --scheduler tcp://h:1 --storage u"
    status, shown = invoke("sweep", "n.ipynb", *words.split(), "--output", tmp_path)
    assert (status, "stopped: the disk [is] full" in shown) == (1, True)
    (target, space, objective, settings), = asked  # fmt: skip
    assert target == "n.ipynb"
    assert space == {"alpha": "1e-5..1:log:12", "size": "3,5", "name": "a=b", "low": "-1", "high": "7", "text": "a=b"}
    assert objective == ["a:max", "b"]
    console = settings.pop("console")
    assert console is not None
    assert settings == {
        "sampler": "qmc", "trials": 7, "jobs": 2, "seed": 5, "name": "s", "output": tmp_path, "pruner": "median",
        "timeout": 1.5, "scheduler": "tcp://h:1", "storage": "u",
    }  # fmt: skip


def test_without_words_the_defaults_are_asked_for(asked):
    invoke("sweep", "m:f")
    (target, space, objective, settings), = asked  # fmt: skip
    assert (target, space, objective) == ("m:f", {}, "loss")
    assert {name: settings[name] for name in ("sampler", "trials", "jobs", "seed", "pruner", "timeout")} == {
        "sampler": "tpe", "trials": None, "jobs": None, "seed": 0, "pruner": "none", "timeout": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", "x"], "-p x: give a name and a value, as in -p alpha=0.01 or -p alpha 0.01"),
        (["-p", "x", "-p", "y=1"], "-p x: give a name and a value, as in -p alpha=0.01 or -p alpha 0.01"),
        (["-p", "=3"], "-p =3: give a name and a value, as in -p alpha=0.01 or -p alpha 0.01"),
        (["-p"], "-p : give a name and a value"),
        (["-p", "x="], "x='': must be a number from -5.0 to 5.0, not empty"),
        (["-p", "x=1", "-p", "x=2"], "x: is given twice, as '1' and '2'; give it once"),
        (["-p", "x=0..1", "--sampler", "grid"], "x=0.0..1.0: a grid needs the number of points of this range"),
        (["--trials", "many"], "Invalid value for '--trials'"),
        (["--name", "a/b"], "name 'a/b'"),
    ],
)
def test_refusals_have_status_2_and_write_nothing(words, message, tmp_path):
    status, shown = invoke("sweep", BOWL, *words)
    assert status == 2
    assert message in re.sub(r"\s*\W?\n\W?\s*", " ", shown)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_whose_trials_are_good_has_status_0_and_names_its_page(tmp_path):
    words = ["-p", "x=0,1", "-p", "y=-2", "--sampler", "grid", "--jobs", 1, "--objective", "loss:min"]
    status, shown = invoke("sweep", BOWL, *words)
    assert status == 0
    assert shown.splitlines()[-1] == "sweeps/bowl/report.html"
    assert "done 2 of 2; failed 0" in shown
    assert re.search(r"best so far loss 0 in trial \d \(x=1\)", shown)
    assert sorted(row["metrics_loss"] for row in table(tmp_path / "sweeps" / "bowl")) == ["0", "1"]


def test_a_sweep_of_which_a_trial_failed_has_status_1_and_says_so(tmp_path):
    (tmp_path / "half.py").write_text("def half(x: int = 0):\n    return 1 / x\n")
    status, shown = invoke("sweep", "half.py:half", "-p", "x=0..1", "--sampler", "grid", "--jobs", 1)
    assert status == 1
    assert "1 trials failed; the page shows their errors" in shown
    assert "ZeroDivisionError: division by zero" in shown
    assert (tmp_path / "sweeps" / "half" / "report.html").is_file()


def test_a_file_that_has_changed_is_read_again(tmp_path):
    for value in (1, 2):
        (tmp_path / "changing.py").write_text(f"def f(x: float = 0.0):\n    return {value}\n")
        words = ["-p", "x=1", "--sampler", "grid", "--jobs", 1, "--name", f"s{value}"]
        assert invoke("sweep", "changing.py:f", *words)[0] == 0
    assert [table(tmp_path / "sweeps" / name)[0]["metrics_loss"] for name in ("s1", "s2")] == ["1", "2"]
    status, shown = invoke("sweep", "changing.py:f", "-p", "x=1", "--sampler", "grid", "--name", "s1")
    assert (status, "digest: " in shown) == (2, True)


def test_ctrl_c_keeps_what_is_finished_ends_the_processes_and_says_how_to_go_on(tmp_path):
    words = ["-p", "x=0..1", "--sampler", "random", "--trials", 400, "--jobs", 1, "--name", "s"]
    process = workbench("sweep", f"{FUNCTIONS}:slow", *words)
    folder = tmp_path / "sweeps" / "s"
    wait_until(lambda: len(journal(folder)) >= 2 or process.poll() is not None)
    started = below(process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted: finished trials are kept; run the same command to continue" in said
    assert "Traceback" not in said
    assert started
    assert all(map(has_ended, started))
    assert 2 <= len(journal(folder)) < 20


def test_a_notebook_registers_the_function_that_its_sweeps_run(tmp_path):
    (tmp_path / "quick.py").write_text("def quick(x: float, seed: int):\n    return {'loss': x * 2, 'given': seed}\n")
    cell = "x: float = 0.25  # [0 .. 1]\nother: int = 3\nseed: int = 7"
    build(tmp_path / "n.ipynb", "# N", parameters=cell, workbench={"function": "quick.py:quick"})
    status, shown = invoke("sweep", "n.ipynb", "-p", "x=0..2", "--jobs", 1)
    assert (status, "x=2.0: must be a number from 0.0 to 1.0" in shown) == (2, True)
    assert invoke("sweep", "n.ipynb", "-p", "other=4")[0] == 2  # the function does not know it
    assert invoke("sweep", "n.ipynb", "--sampler", "grid", "--jobs", 1)[0] == 0
    (row,) = table(tmp_path / "sweeps" / "n")
    assert (row["params_x"], row["metrics_loss"]) == ("0.25", "0.5")  # the notebook's default
    assert row["metrics_given"] == row["seed"] != "7"
    assert "workbench run n.ipynb -p x 0.25 -p seed " in (tmp_path / "sweeps" / "n" / "report.html").read_text()
