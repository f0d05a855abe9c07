"""Saved evidence: the numbers that a claim's experiment returned for each seed, with versions and date, as JSON.

Each claim that has been run has a file in the folder evidence. `workbench claims --run` writes it in a clone of the
repository; nobody edits it by hand, and `check` in running finds a file that does not follow from the code.
"""

import functools
import json
import math
from pathlib import Path
from typing import Any

from workbench import files
from workbench.claims.claim import Claim, Verdict, not_run

FOLDER = Path(__file__).with_name("evidence")
DIGITS = 9  # significant digits of a saved number


def saved(claim: Claim) -> Verdict:
    """Return the verdict that follows from the saved numbers of a claim; open if there are none."""
    numbers = record(claim.id).get("numbers", {})
    if not numbers:
        return not_run(claim)
    return claim.judge({name: [_read(each) for each in seeds] for name, seeds in numbers.items()})


def save(verdict: Verdict, versions: dict[str, str], date: str, folder: Path = FOLDER) -> Path:
    """Write the numbers of a verdict to `folder`, one line for each seed, and return the file."""
    settings = [
        f"    {json.dumps(name)}: [\n" + ",\n".join(f"      {json.dumps(_round(each))}" for each in seeds) + "\n    ]"
        for name, seeds in verdict.numbers.items()
    ]
    head = f'{{\n  "claim": "{verdict.claim.id}",\n  "date": "{date}",\n  "versions": {json.dumps(versions)},\n'
    path = folder / f"{verdict.claim.id}.json"
    files.write_text(path, head + '  "numbers": {\n' + ",\n".join(settings) + "\n  }\n}\n")
    record.cache_clear()
    return path


@functools.cache
def record(id: str) -> dict[str, Any]:
    """Return what is saved of a claim: numbers by setting, date and versions; an empty dict if nothing is."""
    path = FOLDER / f"{id}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _round(numbers: Any) -> dict[str, Any]:
    """Return numbers that standard JSON can hold, with few digits: one that is not finite becomes text."""
    rounded = {name: float(f"{value:.{DIGITS}g}") for name, value in numbers.items()}
    return {name: value if math.isfinite(value) else repr(value) for name, value in rounded.items()}


def _read(numbers: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in numbers.items()}
