"""Write the page of the claims: a table that can be searched and filtered without a server, and a summary picture."""

import base64
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench import drawing, files
from workbench.claims.claim import KINDS, TEXTS, Claim, Verdict
from workbench.claims.evidence import record, saved
from workbench.claims.ledger import CLAIMS
from workbench.claims.plots import strip, summary
from workbench.claims.rules import LEVEL, VERDICTS, interval
from workbench.report.page import CLAIMS_PAGE, Link, template
from workbench.report.results import finite


def add_to_report(folder: Path) -> None:
    """Write the page of all claims to a folder of reports, whose index then leads to it; Refused as in files."""
    files.prepare(folder)
    write_page(folder / CLAIMS_PAGE, notebooks="{}/report.html", back=("index.html", "All runs"))


def write_page(
    place: Path, verdicts: Sequence[Verdict] | None = None, notebooks: str = "", back: Link | None = None
) -> None:
    """Write the page of all claims to the file `place`; `verdicts`, of a new run, take the place of saved ones.

    `notebooks` is the address of a notebook's page with {} for its name, relative to the page; without it, notebooks
    are named and not linked. `back` is the link at the top.
    """
    page = template("claims.html.j2").render(back=back, **context(verdicts, notebooks))
    files.replace_file(place, lambda new: new.write_text(page, encoding="utf-8"))


def write_json(place: Path, verdicts: Sequence[Verdict]) -> None:
    """Write verdicts to the file `place` as a JSON list of dicts with `id` and `verdict` among their entries."""
    text = json.dumps([finite(as_json(verdict)) for verdict in verdicts], indent=1, ensure_ascii=False, allow_nan=False)
    files.replace_file(place, lambda new: new.write_text(text + "\n", encoding="utf-8"))


def context(verdicts: Sequence[Verdict] | None = None, notebooks: str = "") -> dict[str, Any]:
    """Return what the template of the page needs."""
    new = {verdict.claim.id: verdict for verdict in verdicts or ()}
    shown = [new.get(claim.id) or saved(claim) for claim in CLAIMS.values()]
    return {
        "rows": [_row(verdict, notebooks) for verdict in shown],
        "counts": Counter(verdict.verdict for verdict in shown),
        "verdicts": VERDICTS,
        "kinds": [kind for kind in KINDS if any(claim.kind == kind for claim in CLAIMS.values())],
        "texts": TEXTS,
        "summary": _picture(shown),
        "by_chance": _by_chance(shown),
    }


def facts(verdict: Verdict) -> list[dict[str, Any]]:
    """Return a dict for each setting and rule: the rule with its verdict and picture, the mean, its 99 % interval."""
    return [
        {"setting": setting, "number": rule.number, "rule": str(rule), "verdict": rule.judge(values)}
        | {"mean": statistics.fmean(values), "seeds": len(values), "picture": strip(rule, values)}
        | dict(zip(("low", "high"), interval(values), strict=True))
        for setting, seeds in verdict.numbers.items()
        for rule in verdict.claim.rule
        for values in [[each[rule.number] for each in seeds]]
    ]


def change(verdict: Verdict) -> str:
    """Return in one sentence what would change the verdict."""
    rules = "; ".join(map(str, verdict.claim.rule))
    if not verdict.numbers:
        return f"A run of its experiment. The claim then holds if {rules}."
    if verdict.verdict == "open":
        return f"More seeds, or a smaller spread between them, so that one can tell whether {rules}."
    if verdict.verdict == "holds":
        return f"A setting in which it is not true that {rules}."
    return f"It would hold if in every setting it were true that {rules}."


def _row(verdict: Verdict, notebooks: str) -> dict[str, Any]:
    claim, kept = verdict.claim, record(verdict.claim.id)
    notebook, _, heading = claim.shown_in.partition("#")
    return {
        "claim": claim,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "facts": facts(verdict),
        "change": change(verdict),
        "line": python_line(claim),
        "date": kept.get("date", ""),
        "versions": kept.get("versions", {}),
        "notebook": notebooks.format(notebook),
        "heading": heading,
    }


def python_line(claim: Claim) -> str:
    return f'from workbench.claims import run; print(run("{claim.id}", seeds={claim.seeds}))'


def _picture(verdicts: Sequence[Verdict]) -> str:
    """Return the summary picture as base64 of a PNG."""
    figure = drawing.figure_of(summary(verdicts))
    figure.set_dpi(150)
    return base64.b64encode(drawing.encode(figure)).decode()


def _by_chance(verdicts: Sequence[Verdict]) -> float:
    """Return how many decided verdicts are expected to be wrong by chance, if each interval misses in 1 case in 100."""
    judged = [each for each in verdicts if each.verdict != "open" and not each.claim.exact]
    return len(judged) * (1 - LEVEL) / 2


def as_json(verdict: Verdict) -> Mapping[str, Any]:
    """Return a verdict as a dict that JSON can hold: the columns of the table, the facts of its settings, its line."""
    claim = verdict.claim
    return {
        "id": claim.id,
        "verdict": verdict.verdict,
        "text": claim.text,
        "question": claim.question,
        "kind": claim.kind,
        "operator": claim.operator,
        "claim": claim.paraphrase,
        "rules": [str(rule) for rule in claim.rule],
        "settings": dict(verdict.settings),
        "numbers": {name: [dict(each) for each in seeds] for name, seeds in verdict.numbers.items()},
        "shown_in": claim.shown_in,
        "python": python_line(claim) if claim.run else None,
    }
