"""The fitted curves against points of the equation, and engine against engine at the ends of the ranges with curves."""

import numpy as np
import pytest

from workbench import lp_prox
from workbench.sparse_lp import curves


def on_curve(p, k):
    """Return y of y + k y^(p-1) = 1 as the module's docstring says."""
    middle, terms = curves.curve(p)
    if p < 1:
        return 1 - k * np.polynomial.polynomial.polyval(np.sqrt(1 - k * middle), terms)
    below, above = np.split(terms, 2)
    a = np.exp2(np.log2(k) - middle)
    low = 1 - a * np.polynomial.polynomial.polyval(np.minimum(a, 1), below)
    high = np.maximum(a, 1) ** (1 / (1 - p))
    return np.where(a < 1, low, high * np.polynomial.polynomial.polyval(high, above))


@pytest.mark.parametrize("p", [1e-9, 0.3, 0.5, 2 / 3, 0.8, 0.95, 1.2, 1.5, 1.99, 2.01, 3, 6])
def test_the_curve_goes_through_points_of_the_equation(p):
    y = np.linspace(2 * (1 - p) / (2 - p), 1 - 1e-9, 997) if p < 1 else np.geomspace(1e-9, 1 - 1e-9, 997)
    k = (1 - y) / y ** (p - 1)
    np.testing.assert_allclose(on_curve(p, k), y, rtol=1e-7)


@pytest.mark.parametrize("p", [0.949, 0.951, 1.01, 1.199, 6.01, 100])
def test_there_is_no_curve_elsewhere(p):
    assert curves.has_curve(p) is (p == 0.949)
    assert (curves.curve(p)[1].size > 0) is (p == 0.949)


@pytest.mark.parametrize("p", [1e-5, 0.7, 0.701, 0.95, 1.2, 1.399, 1.4, 5, 5.01, 6])
def test_the_ends_of_the_ranges(p):
    for dtype, rtol in (("float32", 1e-6), ("float64", 1e-12)):
        x = np.concatenate([np.geomspace(1e-6, 1e6, 301), -np.geomspace(0.5, 2, 100)]).astype(dtype)
        for weight in (1e-3, 0.3, 20.0):
            expected = lp_prox(x.astype(float), weight, p, engine="reference")
            np.testing.assert_allclose(lp_prox(x, weight, p), expected, rtol=rtol, atol=1e-38)


def test_a_number_far_from_others_of_its_tile():
    x = np.array([1.0, 1e250, 1e-250, -3.0])
    expected = lp_prox(x, 0.3, 1.5, engine="reference")
    np.testing.assert_allclose(lp_prox(x, 0.3, 1.5), expected, rtol=1e-12)
