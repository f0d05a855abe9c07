"""Where operators lie under the roofs."""

import pytest

from workbench.experiments.roofline_points import measure_points


def test_points_of_the_roofline():
    points = {point.name: point for point in measure_points(384, rounds=1)}
    assert set(points) == {
        *("LRN", "LRNGradient", "LRN within", "LRNGradient within", "LpProx p = 0.5", "LpGradient p = 0.5"),
        *("DropoutWithReplacement", "DropoutWithReplacementGradient", "SparseDropoutWithReplacement"),
        *("SparseItemwiseDropoutWithReplacement", "SparseLpRegularizer p = 2", "SparseLp p = 0.5"),
    }
    assert points["LpProx p = 0.5"].before is None
    # Dropout of 384: a word, a comparison and a choice an element; 4 bytes read, 5 written; 4 of the replacement.
    assert points["DropoutWithReplacement"].after[0] == pytest.approx(3 * 384 / (9 * 384 + 4))
    assert all(point.before[0] < point.after[0] for point in points.values() if point.before)
    assert all(min(point.after) > 0 for point in points.values())
