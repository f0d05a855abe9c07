"""Each framework's arguments against sums written out by hand from that framework's own documentation."""

import numpy as np
import pytest

from workbench import local_response_norm
from workbench.lrn import conventions

X = np.array([1.0, -2.0, 3.0, 0.5, -1.5, 2.5]).reshape(1, 6, 1, 1)  # squares 1, 4, 9, 0.25, 2.25, 6.25

# The base bias + alpha * ... of channels 0 to 5, with alpha = 0.1 throughout.
BY_HAND = {
    # size 3, alpha / 3: sums 5, 14, 13.25, 11.5, 8.75, 8.5
    "caffe2": (
        conventions.caffe2(3, 0.1, 0.75, 2.0),
        [2 + 0.1 / 3 * s for s in (5, 14, 13.25, 11.5, 8.75, 8.5)],
    ),
    "caffe": (
        conventions.caffe(local_size=3, alpha=0.1, beta=0.75, k=2.0),
        [2 + 0.1 / 3 * s for s in (5, 14, 13.25, 11.5, 8.75, 8.5)],
    ),
    # size 4 takes one channel before and two after: sums 14, 14.25, 15.5, 17.75, 8.75, 8.5
    "onnx": (
        conventions.onnx(4, 0.1, 0.75, 2.0),
        [2 + 0.1 / 4 * s for s in (14, 14.25, 15.5, 17.75, 8.75, 8.5)],
    ),
    # size 4 takes two channels before and one after: sums 5, 14, 14.25, 15.5, 17.75, 8.75
    "pytorch": (
        conventions.pytorch(4, 0.1, 0.75, 2.0),
        [2 + 0.1 / 4 * s for s in (5, 14, 14.25, 15.5, 17.75, 8.75)],
    ),
    # radius 1, alpha undivided
    "tensorflow": (
        conventions.tensorflow(depth_radius=1, bias=2.0, alpha=0.1, beta=0.75),
        [2 + 0.1 * s for s in (5, 14, 13.25, 11.5, 8.75, 8.5)],
    ),
    "alexnet": (
        conventions.alexnet(n=3, k=2.0, alpha=0.1, beta=0.75),
        [2 + 0.1 * s for s in (5, 14, 13.25, 11.5, 8.75, 8.5)],
    ),
}


@pytest.mark.parametrize("engine", ["reference", "numba"])
@pytest.mark.parametrize("framework", BY_HAND)
def test_base_and_result_as_by_hand(framework, engine):
    window, base = BY_HAND[framework]
    expected = np.array(base).reshape(X.shape)
    scale = conventions.local_response_norm_scale(X, window, engine=engine)
    y = conventions.local_response_norm(X, window, engine=engine)
    np.testing.assert_allclose(scale, expected, rtol=1e-14)
    np.testing.assert_allclose(y, X / expected**0.75, rtol=1e-14)


def test_order_moves_the_channels_to_the_end():
    window, base = BY_HAND["tensorflow"]
    y = conventions.local_response_norm(X.reshape(1, 1, 1, 6), window, order="NHWC")
    np.testing.assert_allclose(y.ravel(), X.ravel() / np.array(base) ** 0.75, rtol=1e-14)


def test_caffe_within_divides_by_the_square_and_pads_with_zeros():
    image = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).reshape(1, 1, 3, 2)
    window = conventions.caffe(local_size=3, alpha=0.9, beta=0.5, norm_region="WITHIN_CHANNEL")
    # Rows 0-1 hold 1 + 4 + 9 + 16 = 30, all rows 91, rows 1-2 hold 86; two columns are always in the window.
    base = np.array([1 + 0.1 * 30] * 2 + [1 + 0.1 * 91] * 2 + [1 + 0.1 * 86] * 2).reshape(image.shape)
    np.testing.assert_allclose(conventions.local_response_norm(image, window), image / np.sqrt(base), rtol=1e-14)


def test_arguments_of_a_symmetric_window_give_the_same_result():
    window = conventions.tensorflow(depth_radius=2, bias=2.0, alpha=0.1, beta=0.75)
    assert conventions.arguments(window) == {
        "size": 5,
        "alpha": pytest.approx(0.5),
        "beta": 0.75,
        "bias": 2.0,
        "region": "across",
    }
    expected = conventions.local_response_norm(X, window)
    np.testing.assert_allclose(local_response_norm(X, **conventions.arguments(window)), expected, rtol=1e-14)


def test_arguments_of_a_lopsided_window_are_refused():
    with pytest.raises(ValueError, match="1 before and 2 after"):
        conventions.arguments(conventions.onnx(4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conventions.caffe2(4, 0.1, 0.75), "size=4: must be an odd whole number"),
        (lambda: conventions.alexnet(n=2), "n=2: must be an odd whole number"),
        (lambda: conventions.onnx(0), "size=0: must be a whole number of at least 1"),
        (lambda: conventions.pytorch(3, k=-1.0), "k=-1.0: must be a number of at least 0"),
        (lambda: conventions.tensorflow(depth_radius=-1), "depth_radius=-1"),
        (lambda: conventions.caffe(norm_region="WITHIN"), "norm_region='WITHIN': must be one of"),
        (lambda: conventions.caffe(k=2.0, norm_region="WITHIN_CHANNEL"), "Caffe ignores it"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
