"""Real data sets from scikit-learn, prepared for the solvers: centered, scaled, and without an intercept."""

import dataclasses

import numpy as np

from workbench.operator import checked_choice

NAMES = ("diabetes", "breast cancer", "digits")


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Features X (examples, features) with mean 0 and variance 1, targets y (examples,), and the loss to use.

    A constant feature becomes all zeros. y has mean 0 and variance 1 for "least squares", and is -1 or 1 for
    "logistic". `file` is the name of a user's own file.
    """

    X: np.ndarray
    y: np.ndarray
    loss: str
    names: tuple[str, ...]
    file: str = ""


def load(name: str) -> DataSet:
    """Return the data set with one of the NAMES.

    diabetes (442 x 10): progress of the disease after a year. breast cancer (569 x 30): benign (1) or malignant (-1).
    digits (1797 x 64): is the digit in the image odd (1) or even (-1)?
    """
    checked_choice("name", name, NAMES)
    from sklearn import datasets

    found = getattr(datasets, f"load_{name.replace(' ', '_')}")()
    features, targets = found.data, found.target
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)
    if name == "diabetes":
        targets, loss = (targets - targets.mean()) / targets.std(), "least squares"
    else:
        targets, loss = 2.0 * (targets % 2) - 1, "logistic"
    return DataSet(features, targets, loss, tuple(map(str, found.feature_names)))
