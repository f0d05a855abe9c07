"""The gradient against central finite differences of the forward pass."""

import numpy as np
import pytest

from workbench import local_response_norm, local_response_norm_gradient

ENGINES = ["reference", "numba"]
STEP = 1e-5  # its square times the third derivative is about 1e-10; 1e-16 / STEP is smaller still


def finite_differences(weights, x, **arguments):
    """Differentiate sum(weights * y) by each element of x in turn."""
    slope = np.empty_like(x)
    for index in np.ndindex(x.shape):
        high, low = x.copy(), x.copy()
        high[index] += STEP
        low[index] -= STEP
        change = local_response_norm(high, **arguments) - local_response_norm(low, **arguments)
        slope[index] = (weights * change).sum() / (2 * STEP)
    return slope


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("alpha", [0.9, -0.05], ids=["inhibiting", "exciting"])
@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        pytest.param((2, 7, 3), dict(size=5), id="NCW"),
        pytest.param((2, 7, 3), dict(size=3, beta=0.6), id="NCW size 3"),
        pytest.param((2, 4, 3), dict(size=11), id="window larger than the channels"),
        pytest.param((2, 3, 7), dict(size=5, beta=0.6, order="NWC"), id="NWC"),
        pytest.param((3, 6), dict(size=7, beta=2.3), id="NC"),
        pytest.param((1, 2, 5, 4), dict(size=3, beta=0.6, region="within"), id="within NCHW"),
        pytest.param((1, 5, 4, 2), dict(size=3, beta=0.6, region="within", order="NHWC"), id="within NHWC"),
        pytest.param((1, 2, 3, 4), dict(size=7, beta=0.6, region="within"), id="within, window larger than the image"),
    ],
)
def test_finite_differences(shape, arguments, alpha, engine):
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=shape), rng.normal(size=shape)
    arguments = {"beta": 0.75, "bias": 1.3, "alpha": alpha, "engine": engine, **arguments}
    dx = local_response_norm_gradient(weights, x, **arguments)
    np.testing.assert_allclose(dx, finite_differences(weights, x, **arguments), rtol=0, atol=1e-8)


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
