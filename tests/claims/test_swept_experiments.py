"""A sweep takes the experiments of the claims on dropout in training, and the command that a notebook prints for it."""

import json
import shlex
from pathlib import Path

import pytest

from tests.test_cli import invoke
from workbench.claims.families import dropout_and_choices, dropout_in_training
from workbench.experiments.replacement_in_networks import gain_of_dropout
from workbench.sweep import SweepStopped, sweep
from workbench.sweep.space import read_space
from workbench.sweep.target import find_target

CLAIMS = {claim.id: claim for family in (dropout_in_training, dropout_and_choices) for claim in family.CLAIMS}
NOTEBOOK = Path(__file__).parents[2] / "notebooks/10-sparse-dropout-in-training.ipynb"


@pytest.mark.parametrize("id", CLAIMS)
def test_a_sweep_takes_the_settings_of_a_claim(id):
    run = CLAIMS[id].run
    target = find_target(f"{run.__module__}:{run.__name__}")
    for arguments in CLAIMS[id].settings.values():
        assert read_space(target.declared, {"seed": 3, **arguments}).fixed == {"seed": 3, **arguments}
        target.check_complete(arguments)


def printed():
    """Return the words of the command of a sweep in the notebook's saved outputs."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", [])]
    (text,) = [text for text in texts if "workbench sweep" in text]
    command, *_ = text[text.index("workbench sweep") :].replace("\\\n", " ").splitlines()
    return shlex.split(command)[1:]


def test_the_printed_sweep_runs_the_experiment_of_a_claim(monkeypatch, tmp_path):
    asked = {}

    def stop(target, space, objective, **settings):
        asked.update(target=target, space=space, objective=objective, sampler=settings["sampler"])
        raise SweepStopped("here")

    monkeypatch.setattr("workbench.sweep.sweep", stop)
    assert invoke(*printed())[0] == 1
    tiny = {name: values.split(",")[0] for name, values in asked.pop("space").items()}
    assert tiny == {"data": "digits", "train": "50", "seed": "0"}
    result = sweep(**asked, space=tiny, in_process=True, report=False, name="tiny", output=tmp_path)
    (trial,) = result.records()
    assert (trial.status, trial.metrics) == ("ok", {"gain": gain_of_dropout("digits", 50, 0)})
