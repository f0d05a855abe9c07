"""The gradient against central finite differences of the forward pass."""

import numpy as np
import pytest

from workbench import local_response_norm_gradient

ENGINES = ["reference", "numba"]


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_linear_in_dy(engine):
    rng = np.random.default_rng(0)
    x, a, b = rng.normal(size=(3, 2, 7, 4)).astype(np.float32)
    both = local_response_norm_gradient(2 * a - b, x, alpha=0.9, engine=engine)
    separate = 2 * local_response_norm_gradient(a, x, alpha=0.9, engine=engine)
    separate -= local_response_norm_gradient(b, x, alpha=0.9, engine=engine)
    np.testing.assert_allclose(both, separate, rtol=0, atol=2e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("arguments", [dict(alpha=0.0), dict(beta=0.0)], ids=["alpha 0", "beta 0"])
def test_without_interaction_it_is_a_scaling(arguments, engine):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 2, 7, 4))
    dx = local_response_norm_gradient(dy, x, bias=16.0, **{"alpha": 0.9, "beta": 0.75, **arguments}, engine=engine)
    np.testing.assert_allclose(dx, dy / 8 if "alpha" in arguments else dy, rtol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_window_reaches_no_further(engine):
    # y_j sees x up to 2 channels away, so a gradient that enters at channel 6 leaves at channels 4 to 8.
    x = np.random.default_rng(0).uniform(0.5, 2, size=(1, 13, 3)).astype(np.float32)
    dy = np.zeros_like(x)
    dy[:, 6] = 1
    dx = local_response_norm_gradient(dy, x, 5, 0.9, engine=engine)
    assert np.flatnonzero(dx.any(axis=(0, 2))).tolist() == [4, 5, 6, 7, 8]
    assert np.all(dx[:, [4, 5, 7, 8]] < 0)
