"""Dropout of the segments of a ragged array, and of its single values."""

import numpy as np

from workbench import philox, sparse_dropout_with_replacement, sparse_itemwise_dropout_with_replacement
from workbench.bench import limits
from workbench.bench.dropout.cases import SEED, Case
from workbench.bench.results import Measurement, Row

OPERATOR = "SparseDropoutWithReplacement"
RATIOS = (0.5, 0.3)
LONGEST = 39  # values in a segment; the shortest has none
COPY_TARGET = 2.5
CAFFE2_SEGMENTS, CAFFE2_SECONDS = 500_000, 0.013  # Caffe2's own operator, one thread, on a machine of this kind


def ragged_cases(segments: int) -> list[Case]:
    """Return whole segments at every ratio, then single values, on the same int64 values and int32 lengths."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, LONGEST + 1, segments, np.int32)
    x = rng.integers(1, 1_000_000, int(lengths.sum()))  # no zeros: those are what was dropped
    return [*(_by_segment(x, lengths, ratio) for ratio in RATIOS), *(_by_item(x, lengths, ratio) for ratio in RATIOS)]


def dropped_segments(segments: int, ratio: float) -> np.ndarray:
    """Return which segments are dropped, from the random stream itself."""
    return philox.uniforms(SEED, segments) < ratio


def compare_with_caffe2(rows: list[Row]) -> list[Measurement]:
    """Return the times with one thread, beside Caffe2's where there are as many segments as it had."""
    return [_beside_caffe2(row) for row in rows if row.operator == OPERATOR and row.threads == 1]


def _by_segment(x: np.ndarray, lengths: np.ndarray, ratio: float) -> Case:
    written = int(np.where(dropped_segments(lengths.size, ratio), 1, lengths).sum())
    return Case(
        operator=OPERATOR,
        run=lambda engine: sparse_dropout_with_replacement(x, lengths, ratio, seed=SEED, engine=engine),
        copy_name=f"copy of {x.size} values to {written}",
        copy=lambda: limits.move(x, written),
        copy_target=COPY_TARGET,
        **_common(x, lengths, ratio),
    )


def _by_item(x: np.ndarray, lengths: np.ndarray, ratio: float) -> Case:
    return Case(
        operator="SparseItemwiseDropoutWithReplacement",
        run=lambda engine: sparse_itemwise_dropout_with_replacement(x, lengths, ratio, seed=SEED, engine=engine),
        copy_name=f"copy of {x.size} values",
        copy=lambda: limits.copy(x),
        **_common(x, lengths, ratio),
    )


def _common(x: np.ndarray, lengths: np.ndarray, ratio: float) -> dict:
    return {
        "direction": "forward",
        "shape": x.shape,
        "layout": "ragged",
        "arguments": {"ratio": ratio, "segments": lengths.size},
        "reads": (x, lengths),
    }


def _beside_caffe2(row: Row) -> Measurement:
    segments = row.arguments["segments"]
    name = f"{segments:,} segments, ratio {row.arguments['ratio']:g}, 1 thread"
    if segments != CAFFE2_SEGMENTS:
        return Measurement(name, row.seconds, "s")
    beside = f"{name} (target: what Caffe2's own operator took on a machine of this kind)"
    return Measurement(beside, row.seconds, "s", CAFFE2_SECONDS)
