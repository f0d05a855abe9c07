"""The command `workbench claims`: its table, its filters, one claim, a run, a check, and what it refuses."""

import json
import re

import pytest

from tests.test_cli import invoke
from workbench.claims import evidence
from workbench.claims.evidence import saved
from workbench.claims.ledger import CLAIMS

UNRUN = next(claim for claim in CLAIMS.values() if claim.run is None)
ROW = re.compile(r"^([DPL]\d\d) ", re.MULTILINE)


@pytest.fixture
def other_evidence(monkeypatch, tmp_path):
    """Make an empty folder the place of the evidence."""
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    evidence.record.cache_clear()
    yield tmp_path
    evidence.record.cache_clear()


def test_the_table_has_a_line_for_every_claim(tmp_path):
    status, words = invoke("claims", "--json", tmp_path / "rows.json")
    assert status == 0
    assert ROW.findall(words) == list(CLAIMS)
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert {row["id"]: row["verdict"] for row in rows} == {id: saved(claim).verdict for id, claim in CLAIMS.items()}


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        (("--verdict", "depends"), lambda claim: saved(claim).verdict == "depends"),
        (("--kind", "cost"), lambda claim: claim.kind == "cost"),
        (("--operator", "LRN"), lambda claim: claim.operator == "LRN"),
        (
            ("--operator", "sparse Lp", "--kind", "cost"),
            lambda claim: (claim.text, claim.kind) == ("sparse Lp", "cost"),
        ),
        (("--text", "Entropy"), lambda claim: "entropy" in f"{claim.paraphrase} {claim.finding}".lower()),
    ],
)
def test_filters(options, fits, tmp_path):
    status, _ = invoke("claims", *options, "--json", tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert status == 0
    assert [row["id"] for row in rows] == [id for id, claim in CLAIMS.items() if fits(claim)]
    assert 1 < len(rows) < len(CLAIMS)


def test_one_claim_is_shown_in_full():
    status, words = invoke("claims", "D08")
    words = " ".join(words.split())
    assert status == 0
    assert CLAIMS["D08"].paraphrase in words
    assert "verdict: fails" in words
    assert "rule: noise with 10 ones over noise with 1000 is at most 0.5 for every seed" in words
    assert "what would change the verdict: It would hold if" in words
    assert "workbench claims --run D08" in words
    assert 'from workbench.claims import run; print(run("D08", seeds=3))' in words
    assert f"saved evidence of {evidence.record('D08')['date']}" in words


def test_a_claim_that_has_not_been_run_says_so():
    status, words = invoke("claims", UNRUN.id)
    assert status == 0
    assert f"verdict: open ({UNRUN.reason})" in " ".join(words.split())
    assert "--run" not in words


def test_a_run_writes_json_and_a_page_and_leaves_the_evidence(tmp_path):
    before = {path.name: path.stat().st_mtime_ns for path in evidence.FOLDER.iterdir()}
    folder = tmp_path / "new"
    status, words = invoke("claims", "--run", "L14", "L13", "--seeds", 2, "--jobs", 1, "--output", folder)
    assert status == 0
    assert {"L13 fails", "L14 fails"} <= {" ".join(line.split()[:2]) for line in words.splitlines()}
    rows = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    assert [(row["id"], row["verdict"]) for row in rows] == [("L14", "fails"), ("L13", "fails")]
    assert {setting: len(seeds) for setting, seeds in rows[1]["numbers"].items()} == {"tanh": 2, "sigmoid": 2}
    assert 'id="L14" data-verdict="fails"' in (folder / "index.html").read_text(encoding="utf-8")
    assert {path.name: path.stat().st_mtime_ns for path in evidence.FOLDER.iterdir()} == before


def test_check_agrees_with_the_evidence():
    assert invoke("claims", "--check", "P01", "L40", UNRUN.id) == (0, "")


def test_check_reports_evidence_that_the_code_contradicts(other_evidence):
    numbers = {"": [{"time by one over time by the other": 1.0}]}
    evidence.save(CLAIMS["L40"].judge(numbers), {}, "2026-01-02", other_evidence)
    status, words = invoke("claims", "--check", "L40")
    assert status == 1
    assert "L40 is now fails for these seeds, and was holds on 2026-01-02" in words
    assert "L40 time by one over time by the other of seed 0 is 1000, saved as 1" in words


def test_check_reports_a_claim_without_evidence(other_evidence):
    status, words = invoke("claims", "--check", "L40")
    assert (status, " ".join(words.split())) == (
        1,
        "L40 has no saved evidence; write it with: workbench claims --run L40 --save",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("X9", "refused: claim 'X9': is not in the ledger"),
        ("D08 l15", "refused: claim 'l15': is not in the ledger, which has L01 to"),
        ("--verdict true", "refused: verdict 'true': must be one of holds, fails, depends, open"),
        ("--kind fact", "refused: kind 'fact': must be one of definition"),
        ("--operator Softmax", "refused: operator 'Softmax': must be one of"),
        (f"--run {UNRUN.id}", f"refused: claim {UNRUN.id}: has no experiment yet"),
        ("D08 --seeds 0", "Invalid value for '--seeds'"),
    ],
)
def test_refusals(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, said = invoke("claims", *words.split())
    assert status == 2
    assert message in " ".join(said.split())
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "claims"])
