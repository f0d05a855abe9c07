"""Run each Python block of README.md on its own, as a reader who copies it into a file does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks():
    """Return each Python block of README.md, with its first line in the file as its id."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [
        pytest.param(each[1], id=f"line{text.count(chr(10), 0, each.start(1)) + 1}") for each in FENCED.finditer(text)
    ]


def test_readme_has_blocks():
    assert len(blocks()) >= 2


@pytest.mark.parametrize("block", blocks())
def test_block_runs_on_its_own(block, tmp_path):
    (tmp_path / "block.py").write_text(block, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "block.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
