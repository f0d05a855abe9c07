"""Deliberate breaks, one a file of the package: each must turn the tests named beside it red.

    python tests/breaks.py                 try all of them, some seconds each
    python tests/breaks.py lrn solvers     try those whose file's path in the package holds one of these words

Nothing is changed in the checkout: the package and its tests are copied to a temporary folder and broken there. Each
entry of tests/breaks.json names a file, the text `old`, which must stand there once, the text `new` that replaces it,
why that is wrong, and the tests that should notice. One that `needs` a module is tried if that is installed: for torch,
run this with the python of .venv-peers.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("workbench", "tests", "notebooks", "docs", "pyproject.toml", "README.md", "Makefile")
LIMIT = 600  # seconds for the tests of one break; a break that makes them hang is noticed too


def main(words: list[str]) -> int:
    """Try the breaks whose file holds one of `words`, all without any; return how many were not noticed."""
    breaks = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    if words:
        breaks = [each for each in breaks if any(word in each["file"].partition("/")[2] for word in words)]
    breaks = [each for each in breaks if find_spec(each.get("needs", "sys"))]
    if not breaks:
        print(f"no break belongs to a file with one of these words in its path: {' '.join(words)}\n{__doc__}")
        return 1
    with tempfile.TemporaryDirectory(prefix="breaks-") as folder:
        place = Path(folder)
        _copy(place)
        tests = sorted({test for each in breaks for test in each["tests"]})
        print(f"running {len(tests)} tests or files of tests as they are", flush=True)
        if not _pass(place, tests, None):
            print("some of them fail without any break: mend that first")
            return 1
        missed = [each for each in breaks if not _is_noticed(place, each)]
    print(f"{len(breaks) - len(missed)} of {len(breaks)} breaks were noticed")
    return len(missed)


def _copy(place: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        elif source.exists():
            shutil.copy(source, place / name)


def _is_noticed(place: Path, each: dict) -> bool:
    file = place / each["file"]
    whole = file.read_text(encoding="utf-8")
    if whole.count(each["old"]) != 1:
        print(
            f"{each['file']}: {each['old']!r} stands there {whole.count(each['old'])} times: must be once", flush=True
        )
        return False
    start = time.monotonic()
    file.write_text(whole.replace(each["old"], each["new"]), encoding="utf-8")
    try:
        noticed = not _pass(place, each["tests"], LIMIT)
    finally:
        file.write_text(whole, encoding="utf-8")
    word = "noticed" if noticed else "NOT NOTICED"
    print(f"{word} in {time.monotonic() - start:.0f} s: {each['file']}: {each['why']}", flush=True)
    return noticed


def _pass(place: Path, tests: list[str], limit: float | None) -> bool:
    """Tell whether all of the tests pass; those that take too long do not.

    Raises:
        RuntimeError: pytest named no test that failed, so it has not run them: nothing is known of the break.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        finished = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return False
    # A process that a signal has ended was broken by the break.
    has_failed = re.search(r"^(FAILED|ERROR) ", finished.stdout, re.MULTILINE)
    if finished.returncode > 0 and not has_failed:
        raise RuntimeError(f"{' '.join(command)}\n{finished.stdout[-2000:]}{finished.stderr[-2000:]}")
    return finished.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
