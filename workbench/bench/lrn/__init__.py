"""Time local response normalization beside its limits and its peers, after checking every result."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from workbench.bench import limits
from workbench.bench.harness import PAUSE, Contender, Timing, WrongResult, measure_steadily, thread_counts
from workbench.bench.lrn import peers as declared
from workbench.bench.lrn.cases import (
    CASES,
    FORWARD,
    GRADIENT,
    LAYOUTS,
    SIZE,
    Arrays,
    Case,
    expected,
    in_layout,
    make_arrays,
    ours,
    relative_error,
)
from workbench.bench.lrn.startup import can_measure_memory, measure_memory, measure_startup
from workbench.bench.peers import Peer, present_peers, results_of
from workbench.bench.results import Measurement, Ratio, Results, Row, base_versions, dimensions, threads_of
from workbench.cost import Cost
from workbench.lrn.cost import cost
from workbench.parallel import thread_limit

SHAPES = ((1, 64, 224, 224), (8, 96, 55, 55), (32, 256, 27, 27))
ACCURACY_SHAPE = (2, 48, 31, 37)
ACCURACY_BETAS = (0.1, 0.25, 0.5, 0.6, 0.75, 1.0, 1.3, 2.0)

TOLERANCE = 1e-6  # relative, of our results against float64
PEER_TOLERANCE = 1e-5  # relative, of a peer's results against ours: some take float32 powers

LIMIT_TARGET = 1.6  # forward / limit
OTHER_BETA_TARGET = 2.5  # any other beta / beta 0.75
GRADIENT_TARGET = 2.5  # gradient / forward
LAYOUT_TARGET = 1.5  # NHWC / NCHW

Say = Callable[[str], None]


def bench_lrn(shapes: Iterable[tuple[int, ...]], rounds: int, processes: int, say: Say) -> Results:
    """Verify, then time every shape, layout and thread count for `rounds` rounds.

    `processes` is the number of fresh processes that start-up is measured in.

    Raises:
        WrongResult: a result is wrong; nothing has been timed then.
    """
    shapes = tuple(shapes)
    peers = present_peers(declared.PEERS, say)
    peers = verify(shapes, peers, say)
    accuracy = measure_accuracy()
    rows = []
    for shape, threads in itertools.product(shapes, thread_counts()):
        say(f"timing {dimensions(shape)}, {threads_of(threads)}")
        rows += _time(shape, threads, peers, rounds, say)
    say("measuring start-up and memory")
    startup = measure_startup(processes)
    memory = measure_memory() if can_measure_memory() else []
    if not memory:
        say("memory is not measured: this system does not report a process's peak in /proc")
    versions = base_versions() | {peer.name: peer.version for peer in peers}
    return Results(tuple(rows), tuple(accuracy + startup + memory), versions)


def verify(shapes: Iterable[tuple[int, ...]], peers: list[Peer], say: Say) -> list[Peer]:
    """Compare every configuration with the float64 reference and every peer with ours; return the peers that ran.

    Raises:
        WrongResult: naming every configuration that is wrong.
    """
    verified, wrong = 0, []
    for shape, arrays, case, exact in _verification_cases(shapes):
        for layout, threads in itertools.product(LAYOUTS, thread_counts()):
            label = f"LRN {case}, {dimensions(shape)} {layout}, {threads_of(threads)}"
            reference = in_layout(exact, layout)
            with thread_limit(threads):
                result = ours(case, arrays[layout])
            verified += 1
            problems = _problem(label, case, result, reference, TOLERANCE)
            if not problems:
                peers, problems = _verify_peers(peers, case, arrays[layout], threads, result, label, say)
            wrong += problems
    if wrong:
        raise WrongResult("\n".join([*wrong, f"{len(wrong)} wrong: nothing is timed"]))
    say(f"verified {verified} configurations against the float64 reference")
    return peers


def measure_accuracy() -> list[Measurement]:
    """Return the largest relative error against float64 at several betas, over four decades of magnitudes.

    With more, plain float32 arithmetic would give way to logarithms in float64, and those are not what is asked about.
    """
    rng = np.random.default_rng(1)
    x, dy = (rng.standard_normal(ACCURACY_SHAPE, np.float32) for _ in range(2))
    x *= (10.0 ** rng.uniform(-2, 2, ACCURACY_SHAPE)).astype(np.float32)
    arrays = Arrays("NCHW", x, dy)
    return [
        Measurement(
            f"relative error, {case}", relative_error(case, ours(case, arrays), expected(case, arrays)), "", TOLERANCE
        )
        for case in (Case(direction, beta) for direction in ("forward", "gradient") for beta in ACCURACY_BETAS)
    ]


def _verification_cases(
    shapes: Iterable[tuple[int, ...]],
) -> Iterator[tuple[tuple[int, ...], dict[str, Arrays], Case, np.ndarray]]:
    for shape in shapes:
        arrays = make_arrays(shape)
        for case in CASES:
            yield shape, arrays, case, expected(case, arrays["NCHW"])


def _problem(label: str, case: Case, result: np.ndarray, reference: np.ndarray, tolerance: float) -> list[str]:
    """Return what is wrong with a result, as a list of one line or none."""
    error = relative_error(case, result, reference)
    return [] if error <= tolerance else [f"{label}: relative error {error:.2g}, at most {tolerance:g} allowed"]


def _verify_peers(
    peers: list[Peer], case: Case, arrays: Arrays, threads: int, result: np.ndarray, label: str, say: Say
) -> tuple[list[Peer], list[str]]:
    """Compare the peers with `result`; return those that could be run, and what is wrong."""
    results = results_of(peers, (case, arrays, threads), say)
    wrong = []
    for peer, theirs in results.items():
        if theirs is not None:
            exact = result.astype(np.float64)
            wrong += _problem(f"{peer.name}, {label}", case, np.asarray(theirs), exact, PEER_TOLERANCE)
    return list(results), wrong


def _time(shape: tuple[int, ...], threads: int, peers: list[Peer], rounds: int, say: Say) -> list[Row]:
    """Time one shape in both layouts, with its limits and peers, all in the same rounds."""
    arrays = make_arrays(shape)
    counts = {case: cost(case.direction, shape, SIZE, case.beta) for case in CASES}
    contenders = _limit_contenders(arrays["NCHW"], counts)
    for layout, case in itertools.product(LAYOUTS, CASES):
        contenders |= _contenders(case, arrays[layout], threads, peers)
    pause = PAUSE if threads > 1 and peers else 0.0
    timings = measure_steadily(contenders, rounds, say, threads=threads, pause=pause)
    return [
        _row(shape, layout, threads, case, counts[case], timings, peers)
        for layout, case in itertools.product(LAYOUTS, CASES)
    ]


def _contenders(case: Case, arrays: Arrays, threads: int, peers: list[Peer]) -> dict[str, Contender]:
    """Return the operator and the peers that have it, by the names that `_name` gives."""
    contenders = {_name("workbench", case, arrays.layout): Contender(lambda: ours(case, arrays), arrays.read_by(case))}
    for peer in peers:
        contender = peer.build(case, arrays, threads)
        if contender is not None:
            contenders[_name(peer.name, case, arrays.layout)] = contender
    return contenders


def _limit_contenders(arrays: Arrays, counts: dict[Case, Cost]) -> dict[str, Contender]:
    """Return the loops over the same bytes, and the arithmetic of every case that has square roots."""
    x, dy = arrays.x.reshape(-1), arrays.dy.reshape(-1)
    contenders = {
        _copy_name(FORWARD): Contender(lambda: limits.copy(x), (x,)),
        _copy_name(GRADIENT): Contender(lambda: limits.add(dy, x), (dy, x)),
    }
    for count in counts.values():
        if count.square_roots:
            contenders[_arithmetic_name(count)] = Contender(lambda count=count: limits.arithmetic(count))
    return contenders


def _row(
    shape: tuple[int, ...],
    layout: str,
    threads: int,
    case: Case,
    count: Cost,
    timings: dict[str, Timing],
    peers: list[Peer],
) -> Row:
    own = timings[_name("workbench", case, layout)]
    copy_seconds = timings[_copy_name(case)].seconds
    arithmetic = timings.get(_arithmetic_name(count))
    limit_seconds = max(copy_seconds, arithmetic.seconds if arithmetic else 0.0)
    timed = [peer for peer in peers if _name(peer.name, case, layout) in timings]
    return Row(
        operator="LRN",
        direction=case.direction,
        shape=shape,
        layout=layout,
        threads=threads,
        arguments={"beta": case.beta},
        seconds=own.seconds,
        iqr_seconds=own.iqr_seconds,
        copy_seconds=copy_seconds,
        limit_seconds=limit_seconds,
        peers={peer.name: timings[_name(peer.name, case, layout)].seconds for peer in timed},
        versions=base_versions() | {peer.name: peer.version for peer in timed},
        ratios=_ratios(case, layout, limit_seconds, timings),
    )


def _ratios(case: Case, layout: str, limit_seconds: float, timings: dict[str, Timing]) -> tuple[Ratio, ...]:
    """Return the ratios that have a target."""

    def seconds(of: Case, where: str) -> float:
        return timings[_name("workbench", of, where)].seconds

    own = seconds(case, layout)
    if case == FORWARD:
        ratios = [Ratio("forward / limit", own / limit_seconds, LIMIT_TARGET)]
    elif case == GRADIENT:
        ratios = [Ratio("gradient / forward", own / seconds(FORWARD, layout), GRADIENT_TARGET)]
    else:
        ratios = [Ratio("other beta / 0.75", own / seconds(FORWARD, layout), OTHER_BETA_TARGET)]
    if layout == "NHWC":
        ratios.append(Ratio("NHWC / NCHW", own / seconds(case, "NCHW"), LAYOUT_TARGET))
    return tuple(ratios)


def _name(who: str, case: Case, layout: str) -> str:
    return f"{who} {case} {layout}"


def _copy_name(case: Case) -> str:
    return "copy" if case.direction == "forward" else "copy, two arrays into one"


def _arithmetic_name(count: Cost) -> str:
    return f"{count.square_roots} square roots and {count.divisions} divisions"
