"""Data for tuning hyperparameters: one part for cross-validation, and one part that is kept apart for the final test.

Folds and parts are the same for every trial and every seed, so that trials can be compared fold by fold.
"""

import dataclasses
import functools

import numpy as np

from workbench.data.photographs import oriented_filters

DIGITS_IN_FOLDS = 300  # few, so that a fold takes milliseconds; the other 1497 give an accurate final test
CANCER_IN_FOLDS = 300  # the data set has 569 examples
CHANNELS = 8
FILTER_WIDTH = 1.0  # pixels; a digit is 8 x 8
SEED = 0  # seed of the parts, the folds and the contrasts


@dataclasses.dataclass(frozen=True)
class Parts:
    """Indices of the examples in the folds, and of the examples kept apart."""

    folds: np.ndarray
    apart: np.ndarray


@dataclasses.dataclass(frozen=True)
class Fold:
    """Standardized features and targets for training (X, y) and for testing (X_left_out, y_left_out)."""

    X: np.ndarray
    y: np.ndarray
    X_left_out: np.ndarray
    y_left_out: np.ndarray


def fold_places(targets: np.ndarray, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the indices of training and test examples for each of several stratified folds."""
    from sklearn.model_selection import StratifiedKFold

    return list(StratifiedKFold(folds, shuffle=True, random_state=SEED).split(targets, targets))


@functools.cache
def digits_targets() -> np.ndarray:
    from sklearn.datasets import load_digits

    return load_digits().target


@functools.cache
def digits_parts() -> Parts:
    return _parts(digits_targets(), DIGITS_IN_FOLDS)


@functools.cache
def digits_responses() -> np.ndarray:
    """Return the rectified responses of oriented filters to all digits, float32, shape (1797, 8, 8, 8).

    Both signs of an edge count. The mean over the part for the folds is 1, so that alpha has a scale.
    """
    from scipy.ndimage import convolve
    from sklearn.datasets import load_digits

    images, kernels = load_digits().images, oriented_filters(CHANNELS, FILTER_WIDTH)
    maps = np.abs(np.stack([convolve(images, kernel[None], mode="constant") for kernel in kernels], axis=1))
    return (maps / maps[digits_parts().folds].mean()).astype(np.float32)


def digits_maps(places: np.ndarray, contrast: float) -> np.ndarray:
    """Return the responses to some digits, each multiplied by exp(contrast z) with a standard normal z."""
    z = np.random.default_rng(SEED).standard_normal(len(digits_targets()), dtype=np.float32)[places]
    return digits_responses()[places] * np.exp(np.float32(contrast) * z)[:, None, None, None]


def pooled(maps: np.ndarray) -> np.ndarray:
    """Return means over blocks of 2 x 2 pixels as features, float64, shape (images, channels * blocks)."""
    images, channels, rows, columns = maps.shape
    blocks = maps.reshape(images, channels, rows // 2, 2, columns // 2, 2)
    return blocks.mean(axis=(3, 5), dtype=np.float64).reshape(images, -1)


@functools.cache
def _cancer() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    return data.data, 2.0 * data.target - 1


@functools.cache
def cancer_parts() -> Parts:
    return _parts(_cancer()[1], CANCER_IN_FOLDS)


@functools.cache
def cancer_folds(folds: int) -> tuple[Fold, ...]:
    """Return the folds of the breast cancer data; each feature has mean 0 and variance 1 on the training examples."""
    X, y = (each[cancer_parts().folds] for each in _cancer())
    return tuple(_standardized(X[t], y[t], X[v], y[v]) for t, v in fold_places(y, folds))


@functools.cache
def cancer_apart() -> Fold:
    """Return all examples of the folds for training, and the examples kept apart for testing."""
    (X, y), places = _cancer(), cancer_parts()
    return _standardized(X[places.folds], y[places.folds], X[places.apart], y[places.apart])


def _standardized(X: np.ndarray, y: np.ndarray, X_left_out: np.ndarray, y_left_out: np.ndarray) -> Fold:
    mean, spread = X.mean(axis=0), X.std(axis=0)
    return Fold((X - mean) / spread, y, (X_left_out - mean) / spread, y_left_out)


def _parts(targets: np.ndarray, in_folds: int) -> Parts:
    """Split the examples into two parts with equal shares of each class; the first part has `in_folds` examples."""
    from sklearn.model_selection import train_test_split

    folds, apart = train_test_split(np.arange(len(targets)), train_size=in_folds, stratify=targets, random_state=SEED)
    return Parts(np.sort(folds), np.sort(apart))
