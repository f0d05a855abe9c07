"""Real photographs, and the responses of a fixed bank of oriented filters to them.

The photographs ship with scikit-learn. The filters replace a trained first layer, which learns similar filters.
"""

import numpy as np

from workbench.operator import checked_choice

PHOTOGRAPHS = ("china.jpg", "flower.jpg")


def photograph(name: str = "china.jpg", height: int = 120) -> np.ndarray:
    """Return a sample photograph as grey values in [0, 1], shape (about `height`, width)."""
    from sklearn.datasets import load_sample_image

    checked_choice("name", name, PHOTOGRAPHS)
    if not 8 <= height <= 427:
        raise ValueError(f"height={height}: must be from 8 to 427, the photographs' own")
    grey = load_sample_image(name).astype(np.float64) @ (0.299, 0.587, 0.114) / 255  # luma, ITU-R BT.601
    return shrunk(grey, height)


def shrunk(grey: np.ndarray, height: int) -> np.ndarray:
    """Return the means of square blocks of an image: about `height` rows, or all if it has fewer."""
    block = max(1, grey.shape[0] // height)
    rows, columns = (length // block for length in grey.shape)
    return grey[: rows * block, : columns * block].reshape(rows, block, columns, block).mean(axis=(1, 3))


def oriented_filters(orientations: int = 16, width: float = 2.0) -> np.ndarray:
    """Return Gabor filters at evenly spaced orientations, shape (orientations, side, side).

    The filters are odd-symmetric, so that they respond to edges, and have unit norm. Neighbouring channels prefer
    neighbouring orientations. `width` is the envelope's standard deviation in pixels.
    """
    half = int(np.ceil(3 * width))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    angles = np.pi * np.arange(orientations) / orientations
    along = np.cos(angles)[:, None, None] * x + np.sin(angles)[:, None, None] * y
    filters = np.exp(-(x**2 + y**2) / (2 * width**2)) * np.sin(np.pi / (2 * width) * along)
    return filters / np.sqrt((filters**2).sum(axis=(1, 2), keepdims=True))


def feature_maps(image: np.ndarray, orientations: int = 16) -> np.ndarray:
    """Return the rectified responses of `oriented_filters` to an image, shape (orientations, height, width).

    Both signs of an edge count. The mean of all responses is 1, so that alpha means the same for any image.
    """
    from scipy.ndimage import convolve

    maps = np.abs(np.stack([convolve(image, kernel, mode="nearest") for kernel in oriented_filters(orientations)]))
    return (maps / maps.mean()).astype(np.float32)
