"""Run claims: each experiment for several seeds in each setting, side by side in several processes."""

import datetime
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

import numpy as np

from workbench.claims.claim import Claim, Numbers, Verdict
from workbench.claims.evidence import record, saved
from workbench.claims.ledger import find
from workbench.files import Refused

SPREADS = 4  # standard deviations over seeds by which a number of a network that is trained again may differ
RELATIVE = 0.01  # numbers of a run again may differ from saved ones by rounding, which a threshold in them can magnify


def run(id: str, *, seeds: int | None = None, first: int = 0) -> Verdict:
    """Run the experiment of a claim and return its verdict.

    Args:
        id: identifier of the claim, such as "D08".
        seeds: number of seeds, 1 or more; without it, the number that the claim declares.
        first: the first seed.

    Raises:
        Refused: the ledger has no such claim, the claim has no experiment yet, or `seeds` is less than 1.
    """
    claim = _runnable(id, seeds)
    numbers = {name: _numbers(claim.id, name, first, seeds or claim.seeds) for name in claim.settings}
    return claim.judge(numbers)


def run_all(
    ids: Sequence[str],
    *,
    seeds: int | None = None,
    jobs: int | None = None,
    each: Callable[[Verdict], object] = lambda verdict: None,
) -> list[Verdict]:
    """Run several claims side by side, the dearest first as far as seeds and settings tell; return their verdicts.

    `each` is called with every verdict as it comes. Without `jobs` there is one process for each core. Errors as for
    `run`, before anything runs; an error in an experiment ends the others.
    """
    claims = [_runnable(id, seeds) for id in ids]
    parts: dict[str, dict[str, list[Numbers]]] = {claim.id: {name: [] for name in claim.settings} for claim in claims}
    verdicts: dict[str, Verdict] = {}
    with ProcessPoolExecutor(jobs or os.cpu_count(), multiprocessing.get_context("spawn"), _one_thread) as pool:
        waiting = {
            pool.submit(_numbers, claim.id, name, 0, seeds or claim.seeds): (claim, name)
            for claim in sorted(claims, key=lambda claim: -(seeds or claim.seeds) * len(claim.settings))
            for name in claim.settings
        }
        for future in as_completed(waiting):
            claim, name = waiting[future]
            parts[claim.id][name] = future.result()
            if all(parts[claim.id].values()):
                verdicts[claim.id] = claim.judge(parts[claim.id])
                each(verdicts[claim.id])
    return [verdicts[id] for id in ids]


def check(ids: Iterable[str], *, seeds: int = 2, settings: int | None = None) -> Iterator[tuple[Claim, str]]:
    """Run claims again on their first seeds and yield each that contradicts its saved evidence, with the reason.

    A claim contradicts its evidence if the same seeds now give another verdict, or if a number differs by more than
    1 %. Of a claim that is `retrained`, only the numbers count, and they may differ by SPREADS standard deviations over
    all saved seeds. Only the first few `settings` are run, or all.
    """
    for id in ids:
        claim, before = _runnable(id, seeds), saved(find(id)).numbers
        if not before:
            yield claim, f"has no saved evidence; write it with: workbench claims --run {id} --save"
            continue
        few = min(seeds, claim.seeds)
        now = claim.judge({name: _numbers(id, name, 0, few) for name in list(claim.settings)[:settings]})
        then = claim.judge({name: before.get(name, ())[: len(each)] for name, each in now.numbers.items()})
        if now.verdict != then.verdict and not claim.retrained:
            yield claim, f"is now {now.verdict} for these seeds, and was {then.verdict} on {record(id)['date']}"
        yield from ((claim, reason) for reason in _differences(now, before))


def _differences(now: Verdict, saved: Mapping[str, Sequence[Numbers]]) -> Iterator[str]:
    """Yield what differs from the saved numbers of the same seeds."""
    for setting, seeds in now.numbers.items():
        if setting in now.claim.only_verdict:
            continue
        for seed, (numbers, old) in enumerate(zip(seeds, saved.get(setting, ()), strict=False)):
            for name, value in numbers.items():
                was = old.get(name, np.nan)
                all_seeds = [each.get(name, np.nan) for each in saved[setting]]
                allowed = max(1e-9, SPREADS * float(np.nanstd(all_seeds)) if now.claim.retrained else 0.0)
                if not np.isclose(value, was, rtol=RELATIVE, atol=allowed, equal_nan=True):
                    yield f"{name} of seed {seed}{f' in {setting!r}' * bool(setting)} is {value:g}, saved as {was:g}"


def today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _runnable(id: str, seeds: int | None) -> Claim:
    claim = find(id)
    if claim.run is None:
        raise Refused(f"claim {id}: has no experiment yet, since it needs trained networks")
    if seeds is not None and seeds < 1:
        raise Refused(f"seeds: {seeds} is less than 1; give the number of seeds, such as {claim.seeds}")
    return claim


def _one_thread() -> None:
    """Let a process use one thread, unless the user says how many: there is a process for each core."""
    os.environ.setdefault("WORKBENCH_NUM_THREADS", "1")


def _numbers(id: str, setting: str, first: int, seeds: int) -> list[Numbers]:
    """Run one claim in one setting for each seed; text and numbers are all that a process must be given."""
    from threadpoolctl import threadpool_limits

    claim = find(id)
    assert claim.run is not None
    with threadpool_limits(1):  # small matrices, and several processes at once
        return [
            {name: float(value) for name, value in claim.run(seed, **claim.settings[setting]).items()}
            for seed in range(first, first + seeds)
        ]
