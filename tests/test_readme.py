"""Run each Python block of README.md on its own, as a reader does who copies it into a file."""

import re
import runpy
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TORCH = "import torch"  # `make test-peers` runs the blocks that hold this
BLOCKS = [
    pytest.param(match[1], id=f"line-{README.count(chr(10), 0, match.start(1)) + 1}" + "-torch" * (TORCH in match[1]))
    for match in BLOCK.finditer(README)
]


def test_every_block_is_found():
    assert len(BLOCKS) == README.count("```python") > 1


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs_on_its_own(block, tmp_path, monkeypatch):
    if TORCH in block:
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    Path("block.py").write_text(block, encoding="utf-8")
    runpy.run_path("block.py", run_name="__main__")


def test_every_entry_of_the_contents_leads_to_a_heading():
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", README), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors


def test_every_linked_file_exists():
    files = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README)
    assert [file for file in files if not (Path(__file__).parents[1] / file).exists()] == []
