import base64
import io
import json

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from workbench.explore import animation, explore, notebook
from workbench.lrn import plots


@pytest.fixture
def displayed(monkeypatch):
    """Collect what is displayed as (data, metadata)."""
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, metadata=None, raw=False: shown.append((data, metadata))
    )
    assert not InteractiveShell.initialized()
    return shown


def test_show_displays_a_picture_with_its_alternative_text(displayed, monkeypatch):
    monkeypatch.delenv("WORKBENCH_FIGURES", raising=False)
    notebook.show(plots.response_curve(), "curve", "A curve.")
    data, metadata = displayed[0]
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).size == (1320, 840)  # for dense displays
    image = {"alt": "A curve.", "width": 660, "height": 420}
    assert metadata == {"image/png": image, "workbench": {"figure": "curve"}}


def test_a_text_of_a_run_with_parameters_names_them(displayed, monkeypatch):
    monkeypatch.setenv("WORKBENCH_PARAMETERS", "alpha = 0.1, size = 3")
    notebook.show(plots.response_curve(), "curve", "A curve.")
    animation.animate(lambda moment, ax: plots.response_curve(ax=ax), [0], "film", "A film.")
    texts = [metadata["image/png"]["alt"] for _, metadata in displayed]
    assert texts == [f"With alpha = 0.1, size = 3. At the defaults it shows: A {each}." for each in ("curve", "film")]
    moved = explore("LRN", plots.response_curve, alt="A curve.", size=3)
    assert moved.alt == moved.alt_at(moved.values) == explore("LRN", plots.response_curve, size=3).alt
    assert "size = 3" in moved.alt
    monkeypatch.setenv("WORKBENCH_PARAMETERS", "")
    assert explore("LRN", plots.response_curve, alt="A curve.", size=3).alt == "A curve."


def test_show_saves_files_in_a_report_run(displayed, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_FIGURES", str(tmp_path / "figures"))
    notebook.show(plots.response_curve(), "curve", "A curve.")
    assert Image.open(tmp_path / "figures" / "curve.png").size == (1320, 840)
    assert "<svg" in (tmp_path / "figures" / "curve.svg").read_text()


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (1 / 3, 0.333333),
        (np.float32(2.5), 2.5),
        (np.int64(7), 7),
        (True, True),
        (np.bool_(False), False),
        ("china.jpg", "china.jpg"),
        (float("nan"), "nan"),
    ],
)
def test_record_rounds_numbers_and_keeps_the_rest(displayed, value, recorded):
    notebook.record("found", value)
    data, _ = displayed[0]
    assert data[notebook.METRIC_TYPE] == {"name": "found", "value": recorded}
    assert type(data[notebook.METRIC_TYPE]["value"]) is type(recorded)
    assert data["text/plain"] == f"found = {recorded}"


@pytest.mark.parametrize("scores", [[0.5, 0.25, 1.0], np.array([0.5, 0.25, 1.0])])
def test_record_keeps_the_scores_of_folds(displayed, scores):
    notebook.record("found", scores)
    data, _ = displayed[0]
    assert data[notebook.METRIC_TYPE] == {"name": "found", "value": [0.5, 0.25, 1.0]}
    assert data["text/plain"] == "found = 0.583333 ± 0.38, 3 folds"


@pytest.mark.parametrize("value", [{"a": 1}, None, 1j])
def test_record_refuses_what_is_no_metric(value):
    with pytest.raises(TypeError, match=f"value of 'found' is a {type(value).__name__}"):
        notebook.record("found", value)


@pytest.mark.parametrize("value", [[], [1.0], [1.0, "a"], [1.0, float("nan")], [True, False]])
def test_record_refuses_scores_that_are_none(value):
    with pytest.raises(TypeError, match="must be two or more finite numbers"):
        notebook.record("found", value)


@pytest.mark.parametrize(
    ("prediction", "truth", "answer"),
    [
        (None, 3.16, "No prediction yet: write one instead of None, and run the cell again.\n"),
        (3.2, 3.16, "Right.\n"),
        (3.0, 3.16, "Not yet. Look again.\n"),
        (" Down", "down", "Right.\n"),
        ("up", "down", "Not yet. Look again.\n"),
        ("down.", "down", "Right.\n"),
        ("9/2", 4.5, "Right.\n"),
        ("1/0", 4.5, "'1/0' is not a number: write one, such as 0.25, and run the cell again.\n"),
        ("99.9%", 0.999, "'99.9%' is not a number: write one, such as 0.25, and run the cell again.\n"),
        ([1.0, 2.0], 1.0, "[1.0, 2.0] is not a number: write one, such as 0.25, and run the cell again.\n"),
    ],
)
def test_check(capsys, prediction, truth, answer):
    notebook.check(prediction, truth, hint="Look again.")
    assert capsys.readouterr().out == answer


def test_a_run_notes_predictions_and_truths(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_METRICS", str(tmp_path / "notes"))
    notebook.check(None, np.float64(0.5), tolerance=0.1)
    notebook.check("u" * 1000, "down")
    notes = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    assert notes == [
        {"check": 0, "prediction": None, "truth": 0.5, "tolerance": 0.1},
        {"check": 0, "prediction": "u" * 200, "truth": "down", "tolerance": 0.02},
    ]


def test_a_wrong_answer_is_an_error_for_nbgrader_alone(capsys, monkeypatch):
    notebook.check(1, 2, hint="Add.")
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    notebook.check(2, 2)
    for prediction, said in ((1, "Not yet."), (None, "No prediction yet"), ("x", "'x' is not a number")):
        with pytest.raises(AssertionError, match=said):
            notebook.check(prediction, 2)
    assert capsys.readouterr().out.splitlines()[:2] == ["Not yet. Add.", "Right."]
