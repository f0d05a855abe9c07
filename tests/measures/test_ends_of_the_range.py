"""Measures do not depend on the unit of the activations, also at both ends of a float's range."""

import numpy as np
import pytest

from workbench.measures import effective_rank, entropy, similarity, winner_share

# Whole numbers up to 15: their products with these powers of two are exact.
Y = np.array([[1, 8, 3], [15, 2, 4], [7, 7, 0], [2, 9, 5], [4, 1, 15.0]])
MEASURES = {
    "effective rank": effective_rank,
    "winner": winner_share,
    **{kind: lambda y, kind=kind: entropy(y, kind) for kind in ("shares", "marginal", "joint")},
    **{kind: lambda y, kind=kind: similarity(y, kind) for kind in ("pearson", "spearman", "mutual information")},
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("power", [1020, -1074])
@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_has_no_unit(name, power):
    measure = MEASURES[name]
    np.testing.assert_allclose(measure(np.ldexp(Y, power)), measure(Y), rtol=1e-12)
    if name not in ("shares", "winner"):  # both signs: a difference is beyond the range
        shifted = np.ldexp(2 * Y - 15, power)
        np.testing.assert_allclose(measure(shifted), measure(2 * Y - 15), rtol=1e-12, atol=1e-12)
