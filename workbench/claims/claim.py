"""A claim of a source text as a declaration, and the verdict that its numbers give."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.claims.rules import OPEN, Rule, all_hold, over_settings

# The source texts, each with the operator that it is about.
TEXTS = {
    "sparse dropout": "SparseDropoutWithReplacement",
    "sparse Lp": "SparseLpRegularizer",
    "LRN": "LRN",
}
KINDS = ("definition", "arithmetic", "algorithmic", "cost", "statistical", "statistical-learning", "advice", "citation")
ONE_SETTING: Mapping[str, Mapping[str, Any]] = {"": {}}
NOT_RUN = "not run yet; it needs trained networks"
Numbers = Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Reference:
    """What became of a reference that a source text names.

    `finding` is "real", "says something else" or "not found". `nearest` is the nearest work that was found, and
    `looked` the date of looking. That a reference was not found is no proof that it does not exist.
    """

    cited_as: str
    finding: str
    nearest: str
    looked: str


@dataclasses.dataclass(frozen=True)
class Claim:
    """One statement of a source text.

    `text` is one of TEXTS, `question` says where in the text it stands, and `kind` is one of KINDS. `run(seed,
    **settings)` returns numbers by name, and all rules must hold for them. A claim without `run` is open: not run yet.
    `settings` names the situations in which the claim is judged, each with the arguments for `run`; `seeds` is how
    often it is run in each. `pending` names further settings that need trained networks; until they are run, they are
    open. `only_verdict` names settings whose numbers change with Python's version, whose documentation is their data:
    `check` compares their verdict alone. With `retrained`, networks are tuned and trained: on another processor,
    rounding may change which trial is chosen, so a seed's numbers may differ within the spread of the seeds.
    `shown_in` is a notebook and one of its headings, as in "02-sparse-dropout#What comes out".
    `sources` says which works or tests back the rule, and `finding` what was found, in a sentence.
    `reason` says why a claim has no run.
    """

    id: str
    text: str
    question: str
    kind: str
    paraphrase: str
    rule: tuple[Rule, ...]
    run: Callable[..., Numbers] | None
    shown_in: str
    sources: tuple[str, ...]
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=lambda: ONE_SETTING)
    seeds: int = 3
    pending: tuple[str, ...] = ()
    only_verdict: tuple[str, ...] = ()
    retrained: bool = False
    finding: str = ""
    reason: str = NOT_RUN
    reference: Reference | None = None

    @property
    def operator(self) -> str:
        return TEXTS[self.text]

    @property
    def exact(self) -> bool:
        """Whether every seed decides by itself, so that a few seeds are enough to check the verdict."""
        return self.run is not None and all(type(rule).__name__ == "Exact" for rule in self.rule)

    def judge(self, numbers: Mapping[str, Sequence[Numbers]]) -> "Verdict":
        """Return the verdict that follows from numbers, given for each setting as a list with one entry a seed."""
        settings = {
            name: all_hold(rule.judge([each[rule.number] for each in seeds]) for rule in self.rule)
            for name, seeds in numbers.items()
        }
        settings |= dict.fromkeys(self.pending, OPEN)
        return Verdict(self, over_settings(settings.values()), settings, numbers)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The verdict of a claim, that of each setting, and the numbers behind it: a list for each setting."""

    claim: Claim
    verdict: str
    settings: Mapping[str, str]
    numbers: Mapping[str, Sequence[Numbers]]

    @property
    def reason(self) -> str:
        """Return why the verdict is open, or an empty text."""
        if self.verdict != OPEN:
            return ""
        return "the numbers do not decide" if self.numbers else self.claim.reason

    def __str__(self) -> str:
        return f"{self.claim.id} {self.verdict}: {self.claim.paraphrase}"


def not_run(claim: Claim) -> Verdict:
    """Return the verdict of a claim that has no numbers."""
    return Verdict(claim, OPEN, {}, {})
