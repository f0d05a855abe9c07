"""The entry for BibTeX agrees with CITATION.cff, and says what was run."""

import json
import re
from pathlib import Path

import pytest

from workbench.files import Refused
from workbench.report.citation import bibtex

RUN = {
    "name": "01-lrn--data=my_file.csv",
    "notebook": "notebooks/01_a.ipynb",
    "started": "2031-02-03T04:05:06.789+00:00",
    "status": "ok",
    "parameters": {"alpha": 0.5, "data": "my_{50%}~.csv"},
    "versions": {"python": "3.11.7", "workbench": "0.0.9", "numpy": "2.1"},
}


def test_an_entry_names_what_the_citation_file_names():
    cff = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")
    title, author, version = (re.search(rf"{key}: (.+)", cff)[1] for key in ("title", "- name", r"\nversion"))
    assert bibtex() == (
        "@software{operator-workbench,\n"
        f"  author = {{{{{author}}}}},\n  title = {{{{{title}}}}},\n  version = {{{version}}},\n}}"
    )


def test_an_entry_of_a_run_says_what_was_run(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(RUN))
    entry = bibtex(tmp_path).splitlines()
    assert entry[0] == "@software{operator-workbench-01-lrn--data-my-file.csv,"
    assert entry[3:] == [
        "  version = {0.0.9},",
        "  year = {2031},",
        r"  note = {01\_a.ipynb with alpha=0.5, data='my\_\{50\%\}\textasciitilde{}.csv', run on 2031-02-03 with "
        "python 3.11.7, numpy 2.1},",
        "}",
    ]
    (tmp_path / "metrics.json").write_text(json.dumps(RUN | {"status": "failed", "parameters": {}}))
    assert "with no parameters, run on 2031-02-03 with python 3.11.7, numpy 2.1; the run failed}" in bibtex(tmp_path)


@pytest.mark.parametrize("content", [None, "[]", "x", "{}", json.dumps(RUN | {"parameters": 1}), "[" * 10_000])
def test_a_folder_without_a_run_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(Refused, match="give the folder of a run, such as"):
        bibtex(tmp_path)
