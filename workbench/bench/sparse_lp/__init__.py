"""Time the sparse Lp operators and the Lasso beside their limits and their peers, after checking every result."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from threadpoolctl import threadpool_limits  # comes with scikit-learn

from workbench.bench.harness import PAUSE, Contender, Timing, WrongResult, measure_steadily, thread_counts
from workbench.bench.peers import Peer, present_peers, results_of
from workbench.bench.results import Measurement, Ratio, Results, Row, base_versions, threads_of
from workbench.bench.sparse_lp import peers as declared
from workbench.bench.sparse_lp.cases import Case
from workbench.bench.sparse_lp.lasso import (
    FRACTION,
    GAP,
    Problem,
    dense_problem,
    loosest,
    relative_gap,
    sparse_problem,
)
from workbench.bench.sparse_lp.rows import row_cases
from workbench.bench.sparse_lp.weights import new_array_cases, penalty_cases
from workbench.parallel import thread_limit
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve

OURS, PASS = "workbench", "pass over X"
SOLVER_SHARE = 3  # of the rounds; a solver takes as long as many calls of an operator
FEWEST = 3  # rounds
SOLVER_TARGETS = {"scikit-learn": 1.0}  # of a peer's time, in times of ours

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Shapes: the table and how many rows are named, the weights, both X and how dense the sparse one is."""

    table: tuple[int, int]
    rows: int
    weights: tuple[int, int]
    dense: tuple[int, int]
    sparse: tuple[int, int]
    density: float


SIZES = Sizes(
    table=(1_000_000, 64),
    rows=200_000,
    weights=(4096, 4096),
    dense=(1000, 10_000),
    sparse=(10_000, 50_000),
    density=0.001,
)
QUICK_SIZES = Sizes(
    table=(20_000, 64), rows=4000, weights=(512, 480), dense=(200, 1000), sparse=(1000, 4000), density=0.01
)


def bench_sparse_lp(sizes: Sizes, rounds: int, say: Say) -> Results:
    """Verify, then time every case and every solver at every thread count for `rounds` rounds, solvers for fewer.

    Raises:
        WrongResult: a result is wrong; nothing has been timed then.
    """
    peers = verify(sizes, present_peers(declared.PEERS, say), say)
    solvers = [Peer(OURS, base_versions()["workbench"], _ours), *present_peers(declared.SOLVERS, say)]
    problems = [dense_problem(sizes.dense), sparse_problem(sizes.sparse, sizes.density)]
    settled = [settle(problem, solvers, say) for problem in problems]
    rows = []
    for kind, cases in _groups(sizes):
        for threads in thread_counts():
            say(f"timing {kind}, {threads_of(threads)}")
            rows += _time(cases, threads, peers, rounds, say)
    for problem, asked in zip(problems, settled, strict=True):
        for threads in thread_counts():
            say(f"timing {problem}, {threads_of(threads)}")
            rows.append(_time_solvers(problem, asked, threads, max(rounds // SOLVER_SHARE, FEWEST), say))
    versions = base_versions() | {peer.name: peer.version for peer in [*peers, *solvers] if peer.name != OURS}
    return Results(tuple(rows), tuple(_gaps(problems, settled)), versions)


def verify(sizes: Sizes, peers: list[Peer], say: Say) -> list[Peer]:
    """Compare every case with the reference, and the peers with what they should do; return the peers that ran.

    Raises:
        WrongResult: naming every case that is wrong.
    """
    verified, wrong = 0, []
    for kind, cases in _groups(sizes):
        say(f"verifying {kind}")
        for case in cases:
            expected = case.expected()
            for threads in thread_counts():
                peers, problems = _verify(case, threads, expected, peers, say)
                wrong += problems
                verified += 1
    _raise_if(wrong)
    say(f"verified {verified} configurations against the reference")
    return peers


@dataclasses.dataclass(frozen=True)
class Settled:
    """A solver, the tolerance that it is asked for, and the gap that it gets to, both in units of |y|^2 / n."""

    solver: Peer
    tolerance: float
    gap: float


def settle(problem: Problem, solvers: list[Peer], say: Say) -> list[Settled]:
    """Find how far each solver must be sent to get to GAP, at every thread count; leave out those that cannot be run.

    Raises:
        WrongResult: naming every solver that does not get there.
    """
    say(f"verifying {problem}")
    settled, wrong = [], []
    for solver in solvers:
        found = loosest(problem, lambda tolerance, solver=solver: _worst(problem, solver, tolerance, say))
        if found is None:
            continue
        tolerance, gap = found
        settled.append(Settled(solver, tolerance, gap))
        if not gap <= GAP:
            wrong.append(f"{solver.name}, {problem}: duality gap {gap:.3g}, at most {GAP:g} allowed")
    _raise_if(wrong)
    say("; ".join(f"{each.solver.name} asked for {each.tolerance:.2g} gets to {each.gap:.2g}" for each in settled))
    return settled


def _groups(sizes: Sizes) -> Iterator[tuple[str, list[Case]]]:
    """Yield what is timed in the same rounds; one after another, because each has large arrays of its own."""
    yield "rows of a table", row_cases(sizes.table, sizes.rows)
    yield "penalty and threshold in place", penalty_cases(sizes.weights)
    yield "proximal operators and gradients", new_array_cases(sizes.weights)


def _verify(case: Case, threads: int, expected: tuple, peers: list[Peer], say: Say) -> tuple[list[Peer], list[str]]:
    """Return the peers that could be run, and what is wrong; each starts from a fresh copy."""
    label = f"{case}, {threads_of(threads)}"
    with thread_limit(threads):
        problem = case.problem(case.fresh().ours(), expected)
        if problem:
            return peers, [f"{label}: {problem}"]
        able, wrong = [], []
        for peer in peers:
            for ran, theirs in results_of([peer], (case.fresh(), threads), say).items():
                able.append(ran)
                problem = "" if theirs is None else declared.peer_problem(ran.name, case, theirs, expected)
                wrong += [f"{ran.name}, {label}: {problem}"] * bool(problem)
    return able, wrong


def _raise_if(wrong: list[str]) -> None:
    if wrong:
        raise WrongResult("\n".join([*wrong, f"{len(wrong)} wrong: nothing is timed"]))


def _ours(problem: Problem, tolerance: float) -> Contender:
    def run() -> np.ndarray:
        return solve(problem.matrix, problem.y, Lp(problem.alpha), tolerance=2 * tolerance).weights  # of |y|^2 / (2n)

    return Contender(run, problem.reads)


def _worst(problem: Problem, solver: Peer, tolerance: float, say: Say) -> np.ndarray | None:
    """Return the weights that a solver gets to, those with the largest gap of all thread counts; None if it breaks."""
    found = []
    for threads in thread_counts():
        with _all_threads(threads):
            if solver.name == OURS:
                found.append(solver.build(problem, tolerance).run())
                continue
            ran = results_of([solver], (problem, tolerance), say)
        if not ran:
            return None
        found += ran.values()
    return max(found, key=lambda weights: relative_gap(problem, weights))


@contextlib.contextmanager
def _all_threads(threads: int) -> Iterator[None]:
    """Let our kernels, and the linear algebra that every solver calls, use as many threads."""
    with thread_limit(threads), threadpool_limits(threads):
        yield


def _time(cases: list[Case], threads: int, peers: list[Peer], rounds: int, say: Say) -> list[Row]:
    """Time cases with their limits and peers, all in the same rounds."""
    contenders = {str(case.limit): Contender(case.limit.run, case.reads) for case in cases}
    for case in cases:
        contenders[str(case)] = Contender(case.ours, case.reads)
        for peer in peers:
            contender = peer.build(case, threads)
            if contender is not None:
                contenders[f"{peer.name}, {case}"] = contender
    pause = PAUSE if threads > 1 and peers else 0.0
    timings = measure_steadily(contenders, rounds, say, threads=threads, pause=pause)
    return [_row(case, threads, timings, peers) for case in cases]


def _row(case: Case, threads: int, timings: dict[str, Timing], peers: list[Peer]) -> Row:
    own, limit_seconds = timings[str(case)], timings[str(case.limit)].seconds
    timed = [peer for peer in peers if f"{peer.name}, {case}" in timings]
    seconds = {peer.name: timings[f"{peer.name}, {case}"].seconds for peer in timed}
    return Row(
        operator=case.operator,
        direction=case.direction,
        shape=case.shape,
        layout=case.layout,
        threads=threads,
        arguments=case.arguments,
        seconds=own.seconds,
        iqr_seconds=own.iqr_seconds,
        copy_seconds=limit_seconds,
        limit_seconds=limit_seconds,
        peers=seconds,
        versions=base_versions() | {peer.name: peer.version for peer in timed},
        ratios=(
            Ratio(f"ours / {case.limit.name}", own.seconds / limit_seconds, case.target),
            *_to_peers(seconds, own.seconds, {}),
        ),
    )


def _time_solvers(problem: Problem, settled: list[Settled], threads: int, rounds: int, say: Say) -> Row:
    """Time every solver, sent as far as it must be, and one pass over X."""
    contenders = {PASS: Contender(problem.read_once, problem.reads)}
    for each in settled:
        contenders[each.solver.name] = each.solver.build(problem, each.tolerance)
    with _all_threads(threads):
        timings = measure_steadily(contenders, rounds, say, threads=threads, pause=PAUSE if threads > 1 else 0.0)
    own, pass_seconds = timings[OURS], timings[PASS].seconds
    peers = [each.solver for each in settled if each.solver.name != OURS]
    seconds = {peer.name: timings[peer.name].seconds for peer in peers}
    return Row(
        operator="Lasso",
        direction="coordinate descent",
        shape=problem.matrix.shape,
        layout=problem.layout,
        threads=threads,
        arguments={"alpha": f"lambda_max / {FRACTION}", "gap": GAP},
        seconds=own.seconds,
        iqr_seconds=own.iqr_seconds,
        copy_seconds=pass_seconds,
        limit_seconds=pass_seconds,
        peers=seconds,
        versions=base_versions() | {peer.name: peer.version for peer in peers},
        ratios=(
            Ratio(f"ours / {PASS}", own.seconds / pass_seconds),
            *_to_peers(seconds, own.seconds, SOLVER_TARGETS),
        ),
    )


def _to_peers(seconds: dict[str, float], own: float, targets: dict[str, float]) -> list[Ratio]:
    return [Ratio(f"{name} / ours", each / own, targets.get(name), at_least=True) for name, each in seconds.items()]


def _gaps(problems: list[Problem], settled: list[list[Settled]]) -> list[Measurement]:
    """Return how near to the minimum each solver gets on each problem."""
    return [
        Measurement(f"{problem}, {each.solver.name} asked for {each.tolerance:.2g}: duality gap", each.gap, "", GAP)
        for problem, solvers in zip(problems, settled, strict=True)
        for each in solvers
    ]
