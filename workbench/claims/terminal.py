"""Show claims in a terminal: the table of all, one claim with its evidence, and a run of several with progress."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from workbench.claims import evidence
from workbench.claims.claim import Claim, Verdict
from workbench.claims.page import change, facts, python_line, write_json, write_page
from workbench.claims.running import check, run_all, today
from workbench.files import check_files, prepare

JSON, PAGE = "claims.json", "index.html"
COLOURS = {"holds": "green", "fails": "red", "depends": "yellow", "open": "bright_black"}


def table(verdicts: Iterable[Verdict]) -> Table:
    """Return a table with a line for each verdict."""
    shown = Table(box=None, pad_edge=False)
    for column in ("id", "claim", "kind", "verdict", "shown in"):
        shown.add_column(column, no_wrap=column in ("id", "verdict"))
    for verdict in verdicts:
        claim = verdict.claim
        notebook = escape(claim.shown_in.partition("#")[0])
        shown.add_row(claim.id, escape(claim.paraphrase), claim.kind, _coloured(verdict.verdict), notebook)
    return shown


def details(verdict: Verdict) -> Iterator[str | Table]:
    """Yield what there is to say about one claim, as lines and a table."""
    claim = verdict.claim
    yield f"[bold]{claim.id}[/] {escape(claim.paraphrase)}"
    yield f"{escape(claim.text)}, {escape(claim.question)}; {claim.kind}"
    reason = f" ({verdict.reason})" if verdict.reason else ""
    yield f"verdict: {_coloured(verdict.verdict)}{reason}"
    if claim.finding:
        yield escape(claim.finding)
    yield f"rule: {escape('; '.join(map(str, claim.rule)))}"
    yield from _settings(verdict)
    if claim.reference:
        yield escape(f"reference {claim.reference.cited_as}: {claim.reference.finding}. {claim.reference.nearest}")
    yield f"what would change the verdict: {escape(change(verdict))}"
    yield f"shown in: {escape(claim.shown_in)}"
    yield f"sources: {escape('; '.join(claim.sources))}"
    yield from _how_to_run(claim)


def show(verdicts: Sequence[Verdict], console: Console) -> None:
    """Print one claim in full, or a table of several."""
    for each in details(verdicts[0]) if len(verdicts) == 1 else [table(verdicts)]:
        console.print(each, highlight=False)


def run_claims(
    claims: Sequence[Claim], seeds: int | None, jobs: int | None, output: Path, save: bool, console: Console
) -> list[Verdict]:
    """Run claims with a progress bar; write claims.json and index.html to `output`, and the evidence if `save`."""
    from workbench.report.results import versions

    prepare(output)
    check_files(output, [JSON, PAGE])
    with Progress(console=console) as progress:
        task = progress.add_task("claims", total=len(claims))

        def arrived(verdict: Verdict) -> None:
            progress.update(task, advance=1)
            progress.console.print(f"{verdict.claim.id} {_coloured(verdict.verdict)}", highlight=False)

        verdicts = run_all([claim.id for claim in claims], seeds=seeds, jobs=jobs, each=arrived)
    for verdict in verdicts if save else ():
        evidence.save(verdict, versions(), today())
    write_json(output / JSON, verdicts)
    write_page(output / PAGE, verdicts)
    return verdicts


def check_all(claims: Iterable[Claim], seeds: int, console: Console) -> int:
    """Print each claim that contradicts its evidence; return 1 if there is one, and 0 otherwise."""
    status = 0
    for claim, reason in check([claim.id for claim in claims if claim.run], seeds=seeds):
        console.print(f"[red]{claim.id}[/] {escape(reason)}", highlight=False)
        status = 1
    return status


def _settings(verdict: Verdict) -> Iterator[str | Table]:
    if not verdict.numbers:
        yield f"settings: {escape(', '.join(name or 'one' for name in verdict.claim.settings))}"
        return
    shown = Table(box=None, pad_edge=False)
    for column in ("setting", "number", "mean", "99 % interval", "seeds", "verdict"):
        shown.add_column(column, justify="right" if column in ("mean", "99 % interval", "seeds") else "left")
    for fact in facts(verdict):
        span = f"{fact['low']:.4g} to {fact['high']:.4g}" if fact["seeds"] > 1 else ""
        setting, verdict_there = escape(fact["setting"]), _coloured(fact["verdict"])
        shown.add_row(setting, fact["number"], f"{fact['mean']:.4g}", span, str(fact["seeds"]), verdict_there)
    yield shown
    kept = evidence.record(verdict.claim.id)
    if kept:
        versions = ", ".join(f"{name} {version}" for name, version in kept["versions"].items())
        yield escape(f"saved evidence of {kept['date']}; {versions}")


def _how_to_run(claim: Claim) -> Iterator[str]:
    if claim.run:
        yield f"run it: workbench claims --run {claim.id}"
        yield f"in Python: {escape(python_line(claim))}"


def _coloured(verdict: str) -> str:
    return f"[{COLOURS[verdict]}]{verdict}[/]"
