"""Other ways to dropout, on the same arrays, and how their results are judged: their random numbers differ from ours.

A builder returns a contender, or None where the peer has no such operator. All allocate their results, as ours does.
NumPy draws with its default generator and uses one thread, whatever is asked for.
"""

import math

import numpy as np

from workbench import philox
from workbench.bench.case import Case, bits
from workbench.machines.timing import Contender

SEGMENTS = "SparseDropoutWithReplacement"
SEED = 17
SIGMAS = 6  # between the share dropped and the ratio: beyond that by chance once in 5e8
SCALE_TOLERANCE = 1e-6  # relative


def peer_problem(name: str, case: Case, theirs: tuple, expected: tuple) -> str:
    """Return what is wrong with a peer's result, "" for nothing.

    Single values: the share dropped, and that the kept are unchanged or scaled. Segments: the share dropped, and that
    what is timed makes the reference's result, `expected`, of the reference's draws.
    """
    if case.operator == SEGMENTS:
        return _segments_problem(case, theirs, expected)
    return _elements_problem(case, np.asarray(theirs[0]))


def dropped_segments(segments: int, ratio: float) -> np.ndarray:
    """Return which segments ours drops, from the random stream itself."""
    return philox.uniforms(SEED, segments) < ratio


def replace_segments(
    x: np.ndarray, lengths: np.ndarray, dropped: np.ndarray, value: int
) -> tuple[np.ndarray, np.ndarray]:
    """Replace the dropped segments by a value each, with NumPy alone; return values and lengths."""
    output_lengths = np.where(dropped, 1, lengths).astype(lengths.dtype)
    y = np.full(int(output_lengths.sum()), value, x.dtype)
    y[np.repeat(~dropped, output_lengths)] = x[np.repeat(~dropped, lengths)]
    return y, output_lengths


def _torch(case: Case, threads: int) -> Contender | None:
    """Time PyTorch, which scales what it keeps and replaces by 0 alone."""
    import torch

    if case.layout != "dense" or case.direction != "forward" or case.arguments["replacement"] != 0:
        return None
    torch.set_num_threads(threads)
    x, ratio = torch.from_numpy(case.inputs[0]), case.arguments["ratio"]

    def run():
        with torch.inference_mode():
            return torch.nn.functional.dropout(x, ratio, training=True)

    return Contender(run, case.reads)


def _numpy(case: Case, threads: int) -> Contender | None:
    """Time what takes NumPy a line or two: neither gradients nor sparse matrices, and one unscaled number put in."""
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
    dropped = (theirs == 0) & (x != 0)
    kept, of = theirs[~dropped], x[~dropped]
    if not np.array_equal(kept, of) and not np.allclose(kept, of / (1 - ratio), rtol=SCALE_TOLERANCE, atol=0):
        return "what is kept is neither unchanged nor scaled"
    return _share_problem(int(dropped.sum()), int(np.count_nonzero(x)), ratio)


def _segments_problem(case: Case, theirs: tuple, expected: tuple) -> str:
    (x, lengths), ratio = case.inputs, case.arguments["ratio"]
    with_our_draws = replace_segments(x, lengths, dropped_segments(lengths.size, ratio), 0)
    for mine, right in zip(with_our_draws, expected, strict=True):
        if mine.shape != right.shape or mine.dtype != right.dtype or np.any(bits(mine) != bits(right)):
            return "makes something else of the same draws"
    _, output_lengths = theirs
    visible = lengths != 1  # of a segment of one value the length does not tell
    return _share_problem(int(np.sum(output_lengths[visible] == 1)), int(visible.sum()), ratio)


def _share_problem(dropped: int, count: int, ratio: float) -> str:
    allowed = SIGMAS * math.sqrt(count * ratio * (1 - ratio))
    if abs(dropped - count * ratio) <= allowed:
        return ""
    return f"drops {dropped:,} of {count:,}, where {count * ratio:,.0f} ± {allowed:,.0f} are allowed"


PEERS = {"torch": (("torch",), _torch), "numpy": (("numpy",), _numpy)}
