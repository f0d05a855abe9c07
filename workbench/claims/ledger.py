"""The ledger: all claims by identifier, gathered from the files in families."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping

from workbench.claims import families
from workbench.claims.claim import KINDS, TEXTS, Claim
from workbench.claims.rules import VERDICTS
from workbench.files import Refused

INITIALS = "DPL"  # sparse dropout, sparse Lp, LRN: the order of the source texts


def gather(claims: Iterable[Claim]) -> dict[str, Claim]:
    """Return claims by identifier, in the order of texts and numbers; raise ValueError if an identifier repeats."""
    found: dict[str, Claim] = {}
    for claim in claims:
        if claim.id in found:
            raise ValueError(f"claim {claim.id} is declared twice: give the second one another identifier")
        found[claim.id] = claim
    return {id: found[id] for id in sorted(found, key=lambda id: (INITIALS.find(id[0]), int(id[1:])))}


def _declared() -> Iterable[Claim]:
    for module in sorted(each.name for each in pkgutil.iter_modules(families.__path__)):
        yield from importlib.import_module(f"{families.__name__}.{module}").CLAIMS


CLAIMS: Mapping[str, Claim] = gather(_declared())


def find(id: str) -> Claim:
    """Return the claim with this identifier, such as "D08"; raise Refused if there is none."""
    if not isinstance(id, str) or id not in CLAIMS:
        known = [each for each in CLAIMS if str(id)[:1].upper() == each[0]] or list(CLAIMS)
        raise Refused(f"claim {id!r}: is not in the ledger, which has {known[0]} to {known[-1]}; see workbench claims")
    return CLAIMS[id]


def select(
    claims: Iterable[Claim], *, verdict: str = "", kind: str = "", operator: str = "", text: str = ""
) -> list[Claim]:
    """Return the claims that have the saved verdict, the kind, the operator or source text, and the word given.

    An empty text selects all. The word is looked for in all words of the claim, whatever their case. Raises Refused if
    `verdict`, `kind` or `operator` is none that exists.
    """
    from workbench.claims.evidence import saved

    names = (*TEXTS, *TEXTS.values())
    for argument, value, allowed in (
        ("verdict", verdict, VERDICTS),
        ("kind", kind, KINDS),
        ("operator", operator, names),
    ):
        if value and value not in allowed:
            raise Refused(f"{argument} {value!r}: must be one of {', '.join(allowed)}")

    def fits(claim: Claim) -> bool:
        words = f"{claim.id} {claim.question} {claim.kind} {claim.paraphrase} {claim.finding}".lower()
        return (
            (not verdict or saved(claim).verdict == verdict)
            and (not kind or claim.kind == kind)
            and (not operator or operator in (claim.operator, claim.text))
            and text.lower() in words
        )

    return [claim for claim in claims if fits(claim)]
