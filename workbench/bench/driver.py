"""Run the bench: verify every case against the reference, then time it beside its limits and its peers."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module, metadata

from threadpoolctl import threadpool_limits

from workbench.bench.case import Case
from workbench.bench.results import Ratio, Results, Row, base_versions, threads_of
from workbench.machines.limits import Machine
from workbench.machines.timing import PAUSE, Contender, Timing, measure_steadily, thread_counts
from workbench.parallel import thread_limit

PEER_TOLERANCE = 1e-5  # relative error allowed to peers: some compute powers or sums in float32
FEWEST = 3  # rounds, at least

Say = Callable[[str], None]


class WrongResult(Exception):
    """Something that the bench runs gives a wrong result."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings to run a part of the bench: small and short if `quick`; without predictions if `machine` is None."""

    quick: bool
    rounds: int
    say: Say
    machine: Machine | None = None


@dataclasses.dataclass(frozen=True)
class Peer:
    """An installed library to compare with: `build(case, threads)` returns the contender to time.

    It returns None if the peer has no such operator. Peers make new arrays for their results where our operator does.
    """

    name: str
    version: str
    build: Callable[[Case, int], Contender | None]

    def results(self, case: Case, threads: int) -> tuple | None:
        """Run the peer once and return its results, or None if it has no such operator."""
        contender = self.build(case, threads)
        results = None if contender is None else contender.run()
        return results if results is None or isinstance(results, tuple) else (results,)


@dataclasses.dataclass(frozen=True)
class Group:
    """Cases that share arrays and are timed in the same rounds.

    `cases` is called once to verify and once to time, so that only one group's arrays are in memory at a time. A group
    runs in one of `share` rounds. `spins` says that idle threads of the linear algebra library may spin.
    """

    name: str
    cases: Callable[[], Sequence[Case]]
    share: int = 1
    spins: bool = False


def run(
    groups: Iterable[Group], peers: list[Peer], rounds: int, say: Say, *, machine: Machine | None = None
) -> Results:
    """Verify all cases and peers, then time them at every thread count; a peer that cannot be run is left out.

    Raises:
        WrongResult: some results are wrong; the message names all of them, and nothing has been timed then.
    """
    groups = tuple(groups)
    peers = verify(groups, peers, say)
    rows: list[Row] = []
    for group in groups:
        cases = group.cases()
        for threads in thread_counts():
            say(f"timing {group.name}, {threads_of(threads)}")
            pause = PAUSE if threads > 1 and (peers or group.spins) else 0.0
            contenders = _contenders(cases, peers, threads)
            with all_threads(threads):
                share = max(rounds // group.share, min(rounds, FEWEST))
                timings = measure_steadily(contenders, share, say, threads=threads, pause=pause)
            rows += [_row(case, threads, timings, peers, machine) for case in cases]
    return Results(tuple(rows), versions=base_versions() | {peer.name: peer.version for peer in peers})


def present_peers(declared: Mapping[str, tuple[tuple[str, ...], Callable]], say: Say) -> list[Peer]:
    """Return the peers that can be imported, and say which are absent.

    Args:
        declared: the modules that a peer needs and its `build`, by name of the peer.
    """
    found, absent = [], []
    for name, (modules, build) in declared.items():
        try:
            for module in modules:
                import_module(module)
        except ImportError:
            absent.append(name)
        else:
            found.append(Peer(name, metadata.version(name), build))
    if found:
        say("peers: " + ", ".join(f"{peer.name} {peer.version}" for peer in found))
    if absent:
        say(f"absent peers, skipped: {', '.join(absent)} (pip install '.[bench]' adds them)")
    return found


def verify(groups: Iterable[Group], peers: list[Peer], say: Say) -> list[Peer]:
    """Compare every case with the reference at every thread count, and the peers; return the peers that ran.

    Raises:
        WrongResult: some results are wrong; the message names all of them.
    """
    verified, wrong = 0, []
    for group in groups:
        say(f"verifying {group.name}")
        for case in group.cases():
            expected = case.expected()
            for threads in thread_counts():
                with all_threads(threads):
                    peers, problems = _verify(case, expected, peers, threads, say)
                wrong += [f"{who}{case}, {threads_of(threads)}: {problem}" for who, problem in problems]
                verified += 1
    if wrong:
        raise WrongResult("\n".join([*wrong, f"{len(wrong)} results are wrong; nothing was timed"]))
    say(f"verified {verified} configurations against the reference")
    return peers


@contextlib.contextmanager
def all_threads(threads: int) -> Iterator[None]:
    """Limit our kernels, and the linear algebra that some peers and solvers call, to `threads` threads."""
    with thread_limit(threads), threadpool_limits(threads):
        yield


def _verify(
    case: Case, expected: tuple, peers: list[Peer], threads: int, say: Say
) -> tuple[list[Peer], list[tuple[str, str]]]:
    """Return the peers that could be run, and (who, problem) for wrong results; each run has fresh inputs."""
    problem = case.problem(case.fresh().ours(), expected)
    if problem:
        return peers, [("", problem)]
    able, problems = [], []
    for peer in peers:
        try:
            theirs = peer.results(case.fresh(), threads)
        except Exception as problem:  # a broken optional package must not take ours down with it
            reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
            say(f"{peer.name} {peer.version} cannot be run and is skipped: {reason}")
            continue
        able.append(peer)
        if theirs is not None:
            if case.peer_problem:
                problem = case.peer_problem(peer.name, case, theirs, expected)
            else:
                problem = case.problem(theirs, expected, PEER_TOLERANCE)
            problems += [(f"{peer.name}, ", problem)] * bool(problem)
    return able, problems


def _contenders(cases: Sequence[Case], peers: list[Peer], threads: int) -> dict[str, Contender]:
    """Return what to time: limits, cases, and peers that have the operator, by the names that `_row` uses."""
    contenders: dict[str, Contender] = {}
    for case in cases:
        for name, limit in case.limits.items():
            contenders.setdefault(name, Contender(limit, case.reads))
    for case in cases:
        contenders[str(case)] = Contender(case.ours, case.reads)
        for peer in peers:
            contender = peer.build(case, threads)
            if contender is not None:
                contenders[f"{peer.name}, {case}"] = contender
    return contenders


def _row(case: Case, threads: int, timings: dict[str, Timing], peers: list[Peer], machine: Machine | None) -> Row:
    own, limits = timings[str(case)], [timings[limit].seconds for limit in case.limits]
    timed = [peer for peer in peers if f"{peer.name}, {case}" in timings]
    peer_seconds = {peer.name: timings[f"{peer.name}, {case}"].seconds for peer in timed}
    ratios = []
    for target in case.targets:
        base = timings[str(target.over)].seconds if target.over else max(limits)
        most = None if target.one_thread and threads > 1 else target.most
        ratios.append(Ratio(target.name, own.seconds / base, most))
    if case.peer_targets is not None:
        for name, seconds in peer_seconds.items():
            least = case.peer_targets.get(name)
            ratios.append(Ratio(f"{name} / ours", seconds / own.seconds, least, at_least=True))
    prediction = case.work().predict(machine, threads) if machine and case.work else None
    shared = {name: getattr(case, name) for name in ("operator", "direction", "shape", "layout", "arguments")}
    return Row(
        **shared,
        threads=threads,
        seconds=own.seconds,
        iqr_seconds=own.iqr_seconds,
        copy_seconds=limits[0],
        limit_seconds=max(limits),
        peers=peer_seconds,
        versions=base_versions() | {peer.name: peer.version for peer in timed},
        ratios=tuple(ratios),
        predicted_seconds=prediction.seconds if prediction else None,
        bound=prediction.bound if prediction else None,
    )
