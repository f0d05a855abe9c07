"""The worked example on a GPU: kernels counted by hand and replayed with NumPy; times are those of the recording."""

import numpy as np
import pytest

from workbench import local_response_norm
from workbench.cost import Cost
from workbench.experiments import worked_example
from workbench.machines.recorded import recorded_h200


def test_the_unfused_form_by_hand():
    # (2, 3, 4, 5) has 120 numbers at 40 places: 480 bytes. Padded by two channels on each side, 40 * 7 * 4 = 1120.
    # The mean reads five numbers for each of 120: 2400 bytes, 1120 of them from memory.
    moved = {name: (each.bytes_read, each.bytes_written) for name, each in worked_example.unfused((2, 3, 4, 5)).items()}
    assert moved == {
        "x * x": (480, 480),
        "zeros, padded": (0, 1120),
        "copy into them": (480, 480),
        "mean of a window": (1120, 480),
        "times alpha": (480, 480),
        "plus k": (480, 480),
        "power beta": (480, 480),
        "x divided by it": (960, 480),
    }
    total = sum(worked_example.unfused((2, 3, 4, 5)).values(), Cost())
    assert (total.bytes, total.bytes_cached, total.launches) == (8960, 1280, 8)
    # 120 squares, 480 additions, 120 products with alpha, 120 additions of k; 120 divisions of the mean and of x.
    assert (total.other_flops, total.divisions, total.powers) == (840, 240, 120)
    assert total.bytes_allocated == 480 * 6 + 1120
    # The mean: two divisions of 80 instructions, and four products of four each for five numbers read and one written.
    assert total.integer_operations == 120 * (160 + 96)


def test_narrower_windows_and_wider_numbers_by_hand():
    # Two planes of 7 places, 3 channels, float64: 336 bytes; padded by one channel on each side, 14 * 5 * 8 = 560.
    kernels = worked_example.unfused((2, 3, 7), size=3, itemsize=8)
    window = kernels["mean of a window"]
    assert (window.bytes_read, window.bytes_written, window.bytes_cached) == (560, 336, 3 * 336 - 560)


@pytest.mark.parametrize("shape", [(0, 3, 4, 5), (2, 0, 4, 5)])
def test_nothing_moves_nothing(shape):
    assert sum(worked_example.unfused(shape).values(), Cost()).bytes == 0


@pytest.mark.parametrize(
    ("options", "message"), [({"size": 4}, "size=4"), ({"itemsize": 3}, "itemsize=3"), ({"shape": (5,)}, "at least 2")]
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        worked_example.unfused(**{"shape": (2, 3, 4, 5), **options})


def test_these_kernels_compute_lrn_with_these_bytes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 7, 3, 5)).astype(np.float32)
    alpha, beta, k = np.float32(0.3), np.float32(0.75), np.float32(1.5)
    moved = []

    def kernel(read, written):
        moved.append((sum(each.nbytes for each in read), written.nbytes))
        return written

    squares = kernel([x], x * x)
    padded = kernel([], np.zeros((2, 11, 3, 5), np.float32))
    padded[:, 2:9] = kernel([squares], squares.copy())
    mean = kernel([padded], sum(padded[:, i : i + 7] for i in range(5)) / np.float32(5))
    scaled = kernel([mean], mean * alpha)
    shifted = kernel([scaled], scaled + k)
    power = kernel([shifted], shifted**beta)
    y = kernel([x, power], x / power)
    np.testing.assert_allclose(y, local_response_norm(x, 5, 0.3, 0.75, 1.5), rtol=1e-5)
    assert moved == [(each.bytes_read, each.bytes_written) for each in worked_example.unfused(x.shape).values()]


def test_the_times_are_those_of_the_recording():
    # Copied by hand from the recording, in microseconds.
    copied = {
        (1, "convolution forward", False): 130.65999746322632,
        (1, "lrn forward, torch", False): 116.62880182266235,
        (1, "lrn forward, fused", False): 45.342400670051575,
        (1, "one whole pass, forward and backward, torch", False): 951.0720074176788,
        (8, "relu backward", False): 79.4624000787735,
        (64, "convolution forward", True): 1876.3272285461426,
        (64, "lrn forward, torch", False): 6810.901641845703,
        (64, "copy", False): 386.56240701675415,
    }
    rows = {(each.images, each.operation, each.tf32): each for each in recorded_h200()}
    assert len(rows) == len(recorded_h200()) == 42
    for key, microseconds in copied.items():
        assert rows[key].seconds == pytest.approx(1e-6 * microseconds, rel=1e-12)
        assert worked_example.measured(key[1], key[0], key[2]) == rows[key].seconds
    for each in rows.values():
        assert each.quartiles[0] <= each.seconds <= each.quartiles[1]
    with pytest.raises(KeyError, match="lrn sideways"):
        worked_example.measured("lrn sideways", 1)


def test_predictions_from_the_data_sheet_by_hand():
    rows = {(each.images, each.operation): each for each in worked_example.on_a_gpu()}
    array = 4 * 64 * 64 * 224 * 224
    assert rows[64, "copy"].predicted == pytest.approx(2 * array / 4.8e12 + 5e-6)
    assert rows[64, "lrn forward, fused"].predicted == pytest.approx(2 * array / 4.8e12 + 5e-6)
    assert rows[64, "lrn backward, fused"].predicted == pytest.approx(3 * array / 4.8e12 + 5e-6)
    # Seven kernels move 13 arrays, and one of 68 channels for 64. The mean takes 256 integer operations and four
    # additions for each element, and meanwhile loads the part of 5 arrays that its padded one does not hold.
    of_mean = 260 * array / 4 / (67e12 / 2) + (5 - 68 / 64) * array / 4.8e12
    of_unfused = (13 + 68 / 64) * array / 4.8e12 + of_mean + 8 * 5e-6
    assert rows[64, "lrn forward, torch"].predicted == pytest.approx(of_unfused)
    products = 64 * 224 * 224 * 64 * 9 * 64
    assert rows[64, "convolution forward"].predicted == pytest.approx(
        2 * products / 67e12 + 5e-6, rel=0.002
    )  # and bias
    assert rows[64, "convolution forward, TF32"].predicted == pytest.approx(2 * products / 494.7e12 + 5e-6, rel=0.002)
    assert rows[64, "lrn forward, torch"].kind == "LRN, PyTorch's"
    assert rows[64, "convolution backward, TF32"].kind == "convolution, TF32"


def test_bytes_predict_what_was_measured_where_the_notebook_says_so():
    ratios = {(each.images, each.operation): each.predicted / each.measured for each in worked_example.on_a_gpu()}
    for images in (1, 8, 64):
        assert 1 / 1.5 < ratios[images, "lrn forward, torch"] < 1
        assert 0.85 < ratios[images, "copy"] < 1.2
        assert ratios[images, "lrn forward, fused"] < 0.5  # bounded by its bytes, and not predicted by them


def test_shares_by_hand():
    # Microseconds of the recording at batch 8 with TF32: LRN, then convolution and ReLU, forward and backward.
    fused, torch = 120.8472 + 145.8792, 880.0888 + 1392.5512
    others = 255.0160 + 691.1888 + 52.4920 + 79.4624
    assert worked_example.measured_share("fused", 8, True) == pytest.approx(fused / (fused + others), rel=1e-6)
    assert worked_example.measured_share("torch", 8, True) == pytest.approx(torch / (torch + others), rel=1e-6)
    assert worked_example.measured_share("torch", 8, False) < worked_example.measured_share("torch", 8, True)
