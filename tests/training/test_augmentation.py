"""Augmentation against loops over worlds, examples and pixels that draw their own numbers from a world's stream."""

import math

import numpy as np
import pytest

from workbench import philox
from workbench.training.augmentation import Contrast, Flip, Noise, Shift, Together
from workbench.training.random import derive

SEEDS = np.array([11, 2**63 + 5], np.uint64)
IMAGES = np.arange(1.0, 1 + 2 * 7 * 3 * 4 * 5).reshape(2, 7, 3, 4, 5)  # worlds, batch, channels, rows, columns


def draw(seed, place):
    """Return the uniform number at a place of a seed's stream: the 53 high bits of two words."""
    high, low = (int(word) for word in philox.words(int(seed), 2, start=2 * place))
    return ((high << 32 | low) >> 11) / 2**53


def normal(seed, place):
    radius = math.sqrt(-2 * math.log(1 - draw(derive(seed, 1), place)))
    return radius * math.cos(2 * math.pi * draw(derive(seed, 2), place))


def shifted(x, pixels):
    y = np.zeros_like(x)
    for w, b, c, i, j in np.ndindex(x.shape):
        down, right = (math.floor(draw(SEEDS[w], 2 * b + k) * (2 * pixels + 1)) - pixels for k in (0, 1))
        if 0 <= i + down < x.shape[3] and 0 <= j + right < x.shape[4]:
            y[w, b, c, i, j] = x[w, b, c, i + down, j + right]
    return y


def flipped(x, axis, chance):
    y = x.copy()
    for w, b, c, i, j in np.ndindex(x.shape):
        if draw(SEEDS[w], b) < chance:
            source = (i, -1 - j) if axis == "horizontal" else (-1 - i, j)
            y[w, b, c, i, j] = x[w, b, c, *source]
    return y


@pytest.mark.parametrize("pixels", [1, 2, 6])
def test_each_image_is_moved_by_its_own_numbers_and_padded_with_zeros(pixels):
    np.testing.assert_array_equal(Shift(pixels)(IMAGES, SEEDS), shifted(IMAGES, pixels))


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_each_image_is_mirrored_or_not(axis, chance):
    np.testing.assert_array_equal(Flip(axis, chance)(IMAGES, SEEDS), flipped(IMAGES, axis, chance))


def test_all_shifts_are_equally_likely():
    one = np.zeros((1, 9000, 3, 3))
    one[:, :, 1, 1] = 1
    share = Shift(1)(one, SEEDS[:1]).mean(axis=(0, 1))
    np.testing.assert_allclose(share, 1 / 9, atol=4 * math.sqrt(8 / 81 / 9000))


def test_contrast_multiplies_each_example_by_its_own_factor():
    expected = [
        [image * math.exp(0.3 * normal(seed, b)) for b, image in enumerate(images)]
        for seed, images in zip(SEEDS, IMAGES, strict=True)
    ]
    np.testing.assert_allclose(Contrast(0.3)(IMAGES, SEEDS), expected, rtol=1e-12)


def test_noise_adds_a_number_of_its_own_to_each_element():
    x = IMAGES[:, :, 0, 0]
    expected = [
        [[x[w, b, j] + 0.7 * normal(seed, 5 * b + j) for j in range(5)] for b in range(7)]
        for w, seed in enumerate(SEEDS)
    ]
    np.testing.assert_allclose(Noise(0.7)(x, SEEDS), expected, rtol=1e-12)


@pytest.mark.parametrize("step", [Shift(1, image=(3, 4)), Flip(image=(3, 4)), Flip("vertical", image=(3, 4))], ids=repr)
def test_flat_features_are_images(step):
    images = IMAGES[:, :, 0, :3, :4].copy()
    expected = type(step)(**{**vars(step), "image": None})(images, SEEDS)
    np.testing.assert_array_equal(step(images.reshape(2, 7, 12), SEEDS), expected.reshape(2, 7, 12))


STEPS = [Shift(1), Flip(), Contrast(0.2), Noise(0.2), Together(Shift(1), Flip("vertical"), Noise(0.1))]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_input_stays_and_worlds_and_places_are_independent(step, dtype):
    x = IMAGES.astype(dtype)
    kept, y = x.copy(), step(x, SEEDS)
    assert y.dtype == dtype
    assert not np.shares_memory(x, y)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(step(x[1:], SEEDS[1:]), y[1:])
    if not isinstance(step, Together | Noise):
        np.testing.assert_array_equal(step(x[:, :3], SEEDS), y[:, :3])


def test_steps_together_draw_different_numbers():
    first = Contrast(0.5)(IMAGES, derive(SEEDS, 0))
    expected = Contrast(0.5)(first, derive(SEEDS, 1))
    np.testing.assert_array_equal(Together(Contrast(0.5), Contrast(0.5))(IMAGES, SEEDS), expected)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Shift(0), ValueError, "pixels=0"),
        (lambda: Shift(1.5), TypeError, "pixels=1.5"),
        (lambda: Flip("diagonal"), ValueError, "axis='diagonal'"),
        (lambda: Flip(chance=1.2), ValueError, "chance=1.2: must be from 0 to 1"),
        (lambda: Contrast(-1.0), ValueError, "strength=-1.0"),
        (lambda: Noise(math.nan), ValueError, "std=nan"),
        (lambda: Shift(1)(IMAGES[:, :, 0, 0], SEEDS), ValueError, "image=None"),
        (lambda: Flip(image=(3, 4))(IMAGES[:, :, 0, 0], SEEDS), ValueError, r"image=\(3, 4\)"),
        (lambda: Noise(1.0)(IMAGES.astype(int), SEEDS), TypeError, "ids"),
    ],
)
def test_what_does_not_fit_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
