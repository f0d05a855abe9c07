"""Functions for notebooks that answer questions from the ledger: tell a verdict, and read the recorded numbers."""

from collections.abc import Mapping, Sequence

from workbench.claims.claim import Verdict
from workbench.claims.evidence import saved
from workbench.claims.ledger import CLAIMS
from workbench.claims.rules import interval


def tell(id: str, verdict: str | None = None, settings: Mapping[str, str] = {}) -> None:
    """Print a claim and record its verdict as a finding of the notebook.

    Raises AssertionError if the ledger has another verdict, of the claim or of one of its `settings`, than the one that
    the text beside the cell speaks of.
    """
    from workbench.explore import record

    found = saved(CLAIMS[id])
    assert verdict in (None, found.verdict), f"{id} {found.verdict}: change the text beside this cell"
    assert dict(settings).items() <= found.settings.items(), f"{id}: {found.settings}"
    print(f"{id}: {found.claim.paraphrase}")
    record(id, found.verdict)


def numbers(verdict: Verdict, number: str) -> dict[str, list[float]]:
    """Return one number of a verdict, by setting: a list with one value for each world."""
    return {name: [each[number] for each in seeds] for name, seeds in verdict.numbers.items() if number in seeds[0]}


def recorded(id: str, number: str) -> dict[str, list[float]]:
    """Return one number of a claim's saved evidence, by setting: a list with one value for each world."""
    return numbers(saved(CLAIMS[id]), number)


def span(values: Sequence[float], digits: int = 0) -> str:
    """Return the 99 % interval of the mean of some shares, in percent."""
    return "{:+.{digits}%} to {:+.{digits}%}".format(*interval(values), digits=digits)
