"""Time dropout with replacement beside a plain copy and its peers, after checking every result bit for bit."""

import dataclasses
from collections.abc import Callable, Iterator

from workbench.bench.dropout import peers as declared
from workbench.bench.dropout.cases import Case
from workbench.bench.dropout.dense import dense_cases
from workbench.bench.dropout.ragged import compare_with_caffe2, ragged_cases
from workbench.bench.dropout.stored import exponents, stored_cases
from workbench.bench.harness import PAUSE, Contender, Timing, WrongResult, measure_steadily, thread_counts
from workbench.bench.peers import Peer, present_peers, results_of
from workbench.bench.results import Ratio, Results, Row, base_versions, threads_of
from workbench.parallel import thread_limit

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The shape of the dense array, the segments of the ragged one, the shape of the matrices and their entries."""

    dense: tuple[int, int]
    segments: int
    matrix: tuple[int, int]
    stored: tuple[int, ...]


SIZES = Sizes(
    dense=(65_536, 256),
    segments=500_000,
    matrix=(20_000, 50_000),
    stored=(10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000),
)
QUICK_SIZES = Sizes(
    dense=(2048, 256), segments=20_000, matrix=(2000, 5000), stored=(1000, 3000, 10_000, 30_000, 100_000)
)


def bench_dropout(sizes: Sizes, rounds: int, say: Say) -> Results:
    """Verify, then time every case at every thread count for `rounds` rounds.

    Raises:
        WrongResult: a result is wrong; nothing has been timed then.
    """
    peers = verify(sizes, present_peers(declared.PEERS, say), say)
    rows = []
    for kind, cases in _groups(sizes):
        for threads in thread_counts():
            say(f"timing {kind}, {threads_of(threads)}")
            rows += _time(cases, threads, peers, rounds, say)
    versions = base_versions() | {peer.name: peer.version for peer in peers}
    return Results(tuple(rows), tuple(compare_with_caffe2(rows) + exponents(rows)), versions)


def verify(sizes: Sizes, peers: list[Peer], say: Say) -> list[Peer]:
    """Compare every case with the reference, and the peers with what they should do; return the peers that ran.

    Raises:
        WrongResult: naming every case that is wrong.
    """
    verified, wrong = 0, []
    for kind, cases in _groups(sizes):
        say(f"verifying {kind}")
        for case in cases:
            expected = case.run("reference")
            for threads in thread_counts():
                peers, problems = _verify(case, threads, expected, peers, say)
                wrong += problems
                verified += 1
    if wrong:
        raise WrongResult("\n".join([*wrong, f"{len(wrong)} wrong: nothing is timed"]))
    say(f"verified {verified} configurations against the reference, bit for bit")
    return peers


def _groups(sizes: Sizes) -> Iterator[tuple[str, list[Case]]]:
    """Yield what is timed in the same rounds; one after another, because each has large arrays of its own."""
    yield "dense arrays", dense_cases(sizes.dense)
    yield "ragged arrays", ragged_cases(sizes.segments)
    yield "sparse matrices", stored_cases(sizes.matrix, sizes.stored)


def _verify(case: Case, threads: int, expected: tuple, peers: list[Peer], say: Say) -> tuple[list[Peer], list[str]]:
    """Return the peers that could be run, and what is wrong."""
    label = f"{case}, {threads_of(threads)}"
    with thread_limit(threads):
        problem = case.problem(case.ours(), expected)
        if problem:
            return peers, [f"{label}: {problem}"]
        results = results_of(peers, (case, threads), say)
    wrong = []
    for peer, theirs in results.items():
        problem = "" if theirs is None else declared.peer_problem(case, theirs, expected)
        if problem:
            wrong.append(f"{peer.name}, {label}: {problem}")
    return list(results), wrong


def _time(cases: list[Case], threads: int, peers: list[Peer], rounds: int, say: Say) -> list[Row]:
    """Time cases with their copies and peers, all in the same rounds."""
    contenders = {case.copy_name: Contender(case.copy, case.reads) for case in cases}
    for case in cases:
        contenders[str(case)] = Contender(case.ours, case.reads)
        for peer in peers:
            contender = peer.build(case, threads)
            if contender is not None:
                contenders[_peer_name(peer, case)] = contender
    pause = PAUSE if threads > 1 and peers else 0.0
    timings = measure_steadily(contenders, rounds, say, threads=threads, pause=pause)
    return [_row(case, threads, timings, peers) for case in cases]


def _row(case: Case, threads: int, timings: dict[str, Timing], peers: list[Peer]) -> Row:
    own, copy_seconds = timings[str(case)], timings[case.copy_name].seconds
    timed = [peer for peer in peers if _peer_name(peer, case) in timings]
    peer_seconds = {peer.name: timings[_peer_name(peer, case)].seconds for peer in timed}
    to_peers = [
        Ratio(f"{name} / ours", seconds / own.seconds, case.peer_target, at_least=True)
        for name, seconds in peer_seconds.items()
    ]
    return Row(
        operator=case.operator,
        direction=case.direction,
        shape=case.shape,
        layout=case.layout,
        threads=threads,
        arguments=case.arguments,
        seconds=own.seconds,
        iqr_seconds=own.iqr_seconds,
        copy_seconds=copy_seconds,
        limit_seconds=copy_seconds,
        peers=peer_seconds,
        versions=base_versions() | {peer.name: peer.version for peer in timed},
        ratios=(Ratio("ours / copy", own.seconds / copy_seconds, case.copy_target_with(threads)), *to_peers),
    )


def _peer_name(peer: Peer, case: Case) -> str:
    return f"{peer.name}, {case}"
