"""The part "dropout" of the bench: dense arrays, ragged arrays, and sparse matrices with more and more entries."""

import dataclasses
import math

import numpy as np

from workbench import philox
from workbench.bench.case import Case, Target, bits, declared_case
from workbench.bench.driver import Group, Settings, present_peers, run
from workbench.bench.lrn_peers import uses_all_cores
from workbench.bench.results import MISSED, Measurement, Results, Row, threads_of
from workbench.bench.small_calls import small_calls
from workbench.data.planted import spread_matrix
from workbench.machines import plain_loops
from workbench.machines.timing import Contender

SEGMENTS = "SparseDropoutWithReplacement"
SEED = 17
SIGMAS = 6  # standard deviations allowed between share dropped and ratio; chance exceeds them once in 5e8
SCALE_TOLERANCE = 1e-6  # relative

# Shape of the dense array, segments of the ragged array, shape of the matrices and their numbers of entries.
STORED = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
SIZES = {"dense": (65_536, 256), "segments": 500_000, "matrix": (20_000, 50_000), "stored": STORED}
QUICK_STORED = (1000, 3000, 10_000, 30_000, 100_000)
QUICK_SIZES = {"dense": (2048, 256), "segments": 20_000, "matrix": (2000, 5000), "stored": QUICK_STORED}
DENSE_RATIO, SEGMENT_RATIOS, STORED_RATIO = 0.3, (0.5, 0.3), 0.05
LONGEST = 39  # values in the longest segment; the shortest has none
NO_TARGET = Target("ours / copy")
DENSE_TARGET, SEGMENTS_TARGET = Target("ours / copy", 1.15, one_thread=True), Target("ours / copy", 2.5)
STRATEGY_TARGETS = {
    "mean": Target("ours / copy", 6.0, one_thread=True),
    "median": Target("ours / copy", 30.0, one_thread=True),
}
PEER_TARGETS = {"torch": 15.0, "numpy": 15.0}  # peer's time / our time, at least
SUM_TOLERANCE = 1e-6  # relative error of a sum, as the engines add in different orders

LEGEND = (
    "copy, and limit: a plain loop that reads as many values as the operator and writes as many, as many threads; "
    "marks and lengths are not counted. CSR: a copy of values and column numbers, and its limit is the longer of this "
    "and a random word for each entry, from a block of its own. The peers' random numbers differ from ours and from "
    "run to run. numpy: generator and where, or for segments repeat and a boolean index; one thread whatever is asked "
    "for. torch: scales what it keeps. jax: bernoulli and where, compiled; all threads only. "
    f"{MISSED}: misses its target."
)


def bench(settings: Settings) -> Results:
    """Time the three kinds of arrays, and compute how time grows with stored entries."""
    sizes = QUICK_SIZES if settings.quick else SIZES
    groups = [
        Group("dense arrays", lambda: dense_cases(sizes["dense"])),
        Group("ragged arrays", lambda: ragged_cases(sizes["segments"])),
        Group("sparse matrices", lambda: [stored_case(sizes["matrix"], count) for count in sizes["stored"]]),
    ]
    peers = present_peers(PEERS, settings.say)
    found = run(groups, peers, settings.rounds, settings.say, machine=settings.machine)
    calls = small_calls("workbench.sparse_dropout", settings)
    measurements = (*exponents(found.rows), *calls)
    return dataclasses.replace(found, measurements=measurements, legends=(LEGEND,))


def dense_cases(shape: tuple[int, int]) -> list[Case]:
    """Return the forward pass with one replacement, one per feature, scaled, and with strategies; and two gradients."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape, np.float32) for _ in range(2))
    features = rng.standard_normal(shape[-1], np.float32)
    dropped = rng.random(shape, np.float32) < DENSE_RATIO
    copy = {"copy of x": lambda: plain_loops.copy(x.reshape(-1))}

    def case(inputs: tuple, arguments: dict, replacement: float | str = 0.0, **others):
        shown = {"ratio": DENSE_RATIO, "replacement": replacement, "scaled": arguments.get("scaled", False)}
        given = {"ratio": DENSE_RATIO, **arguments}
        name = "DropoutWithReplacement" + "Gradient" * (len(inputs) > 1)
        return _case(name, inputs, given, shown, copy, **others)

    back = {"tolerances": {"dreplacement": SUM_TOLERANCE}}
    return [
        case((x,), {"seed": SEED}, target=DENSE_TARGET, peer_targets=PEER_TARGETS),
        case((x,), {"seed": SEED, "replacement": features}, "per feature"),
        case((x,), {"seed": SEED, "scaled": True}),
        *(
            case((x,), {"seed": SEED, "replacement": name, "per_feature": True}, f"{name} per feature", target=target)
            for name, target in STRATEGY_TARGETS.items()
        ),
        case((dy, dropped), {}, **back),
        case((dy, dropped), {"replacement_shape": features.shape}, "per feature", **back),
    ]


def ragged_cases(segments: int) -> list[Case]:
    """Return dropout of segments, then of single values, at every ratio, on the same int64 values and int32 lengths."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, LONGEST + 1, segments, np.int32)
    x = rng.integers(1, 1_000_000, int(lengths.sum()))  # no zeros, as a zero marks a dropped value

    def case(name: str, ratio: float, limits: dict, target: Target = NO_TARGET) -> Case:
        given, shown = {"ratio": ratio, "seed": SEED}, {"ratio": ratio, "segments": segments}
        return _case(name, (x, lengths), given, shown, limits, target, layout="ragged")

    def shortened(ratio: float) -> dict:
        written = int(np.where(dropped_segments(segments, ratio), 1, lengths).sum())
        return {f"copy of {x.size} values to {written}": lambda: plain_loops.move(x, written)}

    copy = {f"copy of {x.size} values": lambda: plain_loops.copy(x)}
    return [
        *(case(SEGMENTS, ratio, shortened(ratio), SEGMENTS_TARGET) for ratio in SEGMENT_RATIOS),
        *(case("SparseItemwiseDropoutWithReplacement", ratio, copy) for ratio in SEGMENT_RATIOS),
    ]


def stored_case(shape: tuple[int, int], count: int) -> Case:
    """Return dropout of a CSR matrix with `count` entries at a low ratio; its cost depends on the entries."""
    x = spread_matrix(shape, count)
    given = {"ratio": STORED_RATIO, "seed": SEED}
    shown = {"ratio": STORED_RATIO, "replacement": 0.0, "scaled": False, "stored": count}
    limits = {
        f"copy of {count} stored entries": lambda: (plain_loops.copy(x.data), plain_loops.copy(x.indices)),
        f"{count} random words": lambda: plain_loops.words(count),
    }
    return _case("DropoutWithReplacement", (x,), given, shown, limits, Target("ours / limit"), layout="CSR")


def exponents(rows: tuple[Row, ...]) -> list[Measurement]:
    """Return b in seconds = a * entries^b over the last decade of entries, for every number of threads."""
    by_threads: dict[int, dict[int, float]] = {}
    for row in rows:
        if "stored" in row.arguments:
            by_threads.setdefault(row.threads, {})[row.arguments["stored"]] = row.seconds
    found = []
    for threads, seconds in by_threads.items():
        most = max(seconds)
        fewer = min((count for count in seconds if count * 10 >= most), default=most)
        value = math.log(seconds[most] / seconds[fewer]) / math.log(most / fewer) if fewer < most else math.nan
        name = f"sparse matrix, {fewer:,} to {most:,} stored entries, {threads_of(threads)}"
        found.append(Measurement(f"{name}: time grows with the entries to the power of", value, ""))
    return found


def _case(
    name: str, inputs: tuple, given: dict, shown: dict, limits: dict, target: Target = NO_TARGET, **others
) -> Case:
    """Return a call as a case beside its copy and its peers, which draw their own random numbers."""
    fields = {"limits": limits, "targets": (target,), "peer_targets": {}, "peer_problem": peer_problem, **others}
    return declared_case(name, inputs, given, shown=shown, **fields)


def peer_problem(name: str, case: Case, theirs: tuple, expected: tuple) -> str:
    """Return what is wrong with a peer's result, "" if nothing.

    Single values must have the right share dropped, and the others unchanged or scaled. Segments must have the right
    share dropped, and the timed code must give the reference's result, `expected`, for the reference's draws.
    """
    if case.operator == SEGMENTS:
        return _segments_problem(case, theirs, expected)
    return _elements_problem(case, np.asarray(theirs[0]))


def dropped_segments(segments: int, ratio: float) -> np.ndarray:
    """Return which segments our operator drops, computed from the random stream."""
    return philox.uniforms(SEED, segments) < ratio


def replace_segments(
    x: np.ndarray, lengths: np.ndarray, dropped: np.ndarray, value: int
) -> tuple[np.ndarray, np.ndarray]:
    """Replace each dropped segment by one value, with NumPy only; return values and lengths."""
    output_lengths = np.where(dropped, 1, lengths).astype(lengths.dtype)
    y = np.full(int(output_lengths.sum()), value, x.dtype)
    y[np.repeat(~dropped, output_lengths)] = x[np.repeat(~dropped, lengths)]
    return y, output_lengths


def _torch(case: Case, threads: int) -> Contender | None:
    """Time PyTorch, which scales the values that it keeps and can replace others only by 0."""
    import torch

    if case.layout != "dense" or case.direction != "forward" or case.arguments["replacement"] != 0:
        return None
    torch.set_num_threads(threads)
    x, ratio = torch.from_numpy(case.inputs[0]), case.arguments["ratio"]

    def run():
        with torch.inference_mode():
            return torch.nn.functional.dropout(x, ratio, training=True)

    return Contender(run, case.reads)


def _jax(case: Case, threads: int) -> Contender | None:
    """Time JAX's bernoulli and where, compiled, for dense arrays and a given replacement; on all cores only."""
    import jax

    replacement = case.given.get("replacement", 0.0)
    if case.layout != "dense" or case.direction != "forward" or isinstance(replacement, str):
        return None
    if not uses_all_cores(threads):
        return None
    ratio = case.given["ratio"]
    scale = 1 / (1 - ratio) if case.given.get("scaled") else 1.0

    @jax.jit
    def drop(x, key):
        return jax.numpy.where(jax.random.bernoulli(key, 1 - ratio, x.shape), x * scale, replacement)

    x, key = jax.device_put(case.inputs[0], jax.devices("cpu")[0]), jax.random.key(SEED)
    return Contender(lambda: np.asarray(drop(x, key)), (np.asarray(x),))


def _numpy(case: Case, threads: int) -> Contender | None:
    """Time NumPy where a line or two is enough: unscaled, replacement 0, no gradients and no sparse matrices."""
    generator, ratio = np.random.default_rng(1), case.arguments["ratio"]
    if case.operator == SEGMENTS:
        x, lengths = case.inputs

        def run():
            return replace_segments(x, lengths, generator.random(lengths.size, np.float32) < ratio, 0)

        return Contender(run, case.reads)
    if case.direction != "forward" or case.layout == "CSR" or case.arguments.get("scaled"):
        return None
    if case.arguments.get("replacement", 0) != 0:
        return None
    x = case.inputs[0]
    return Contender(lambda: np.where(generator.random(x.shape, np.float32) < ratio, x.dtype.type(0), x), case.reads)


def _elements_problem(case: Case, theirs: np.ndarray) -> str:
    x, ratio = case.inputs[0], case.arguments["ratio"]
    if (theirs.shape, theirs.dtype) != (x.shape, x.dtype):
        return f"returns {theirs.dtype} {theirs.shape}"
    replacement = case.given.get("replacement", 0.0)
    dropped = (theirs == replacement) & (x != replacement)
    kept, of = theirs[~dropped], x[~dropped]
    if not np.array_equal(kept, of) and not np.allclose(kept, of / (1 - ratio), rtol=SCALE_TOLERANCE, atol=0):
        return "what is kept is neither unchanged nor scaled"
    return _share_problem(int(dropped.sum()), int(np.count_nonzero(x != replacement)), ratio)


def _segments_problem(case: Case, theirs: tuple, expected: tuple) -> str:
    (x, lengths), ratio = case.inputs, case.arguments["ratio"]
    with_our_draws = replace_segments(x, lengths, dropped_segments(lengths.size, ratio), 0)
    for mine, right in zip(with_our_draws, expected, strict=True):
        if mine.shape != right.shape or mine.dtype != right.dtype or np.any(bits(mine) != bits(right)):
            return "makes something else of the same draws"
    _, output_lengths = theirs
    visible = lengths != 1  # a dropped segment of one value keeps its length
    return _share_problem(int(np.sum(output_lengths[visible] == 1)), int(visible.sum()), ratio)


def _share_problem(dropped: int, count: int, ratio: float) -> str:
    allowed = SIGMAS * math.sqrt(count * ratio * (1 - ratio))
    if abs(dropped - count * ratio) <= allowed:
        return ""
    return f"drops {dropped:,} of {count:,}, where {count * ratio:,.0f} ± {allowed:,.0f} are allowed"


PEERS = {"torch": (("torch",), _torch), "jax": (("jax",), _jax), "numpy": (("numpy",), _numpy)}
