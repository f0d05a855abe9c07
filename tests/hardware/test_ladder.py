"""The rungs of dropout's ladder: right values, the generator step by step, and counts by hand."""

import numpy as np
import pytest

from workbench.cost import Cost
from workbench.hardware import ladder

RUNGS = {rung.name: rung for rung in ladder.RUNGS}
X = np.random.default_rng(3).standard_normal(50_021, dtype=np.float32)


@pytest.mark.parametrize("name", RUNGS)
@pytest.mark.parametrize("ratio", [0.3, 0.02])
def test_each_rung_drops_its_share(name, ratio):
    y, dropped = RUNGS[name].function(X, ratio, 7)
    np.testing.assert_array_equal(y, [0 if gone else value for value, gone in zip(X, dropped, strict=True)])
    assert abs(dropped.sum() - ratio * X.size) < 5 * (ratio * X.size) ** 0.5 + X.size / 512
    assert ladder.is_right(X, ratio, (y, dropped))


def test_xorshift_step_by_step():
    state, fates = 5 + 1, []
    for _ in range(300):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        fates.append(state / 0xFFFFFFFF <= 0.4)
    assert ladder.one_loop(X[:300], 0.4, 5)[1].tolist() == fates


def test_only_the_product_makes_nan_of_infinity():
    endless = np.full(1000, np.inf, np.float32)
    with np.errstate(invalid="ignore"):
        spoilt = [name for name, rung in RUNGS.items() if np.isnan(rung.function(endless, 0.5, 1)[0]).any()]
    assert spoilt == ["multiply"]


def test_wrong_results_are_noticed():
    y, dropped = ladder.select(X, 0.3, 1)
    changed = y.copy()
    changed[17] += 1
    assert not ladder.is_right(X, 0.3, (changed, dropped))
    assert not ladder.is_right(X, 0.32, (y, dropped))


def test_counts_by_hand():
    counts = {name: rung.work(1000, 0.1).cost for name, rung in RUNGS.items()}
    # A number of 4 bytes and a mark of one are written; the number, x and the mark are read.
    assert counts["select"] == Cost(
        random_words=8000, comparisons=2000, bytes_read=9000, bytes_written=9000, bytes_allocated=9000, launches=3
    )
    inverted = Cost(bytes_read=1000, bytes_written=1000, bytes_allocated=1000, launches=1)
    assert counts["multiply"] + Cost(comparisons=1000) == counts["select"] + inverted + Cost(other_flops=1000)
    one_pass = Cost(bytes_read=4000, bytes_written=5000, bytes_allocated=5000, launches=1)
    assert counts["one loop"] == one_pass + Cost(other_flops=48_000, comparisons=16_000)
    assert counts["bytes"] == one_pass + Cost(comparisons=2000, random_words=250)
    assert counts["skipping"] == one_pass + Cost(logarithms=800, random_words=800, bytes_cached=500)
    assert counts["counter-based"].random_words == 1000
    assert counts["counter-based"].bytes == 9004  # and the replacement
    assert ladder.copying(1000).cost == Cost(bytes_read=4000, bytes_written=5000)
