"""Losses: each returns the mean over the batch for every world, and the gradient of that mean.

`prediction` and the gradient have the shape (worlds, batch, outputs), and the loss has the shape (worlds,).
"""

from collections.abc import Callable

import numpy as np

from workbench.training import loops
from workbench.training.layers.activations import logistic

Loss = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def cross_entropy(
    logits: np.ndarray, targets: np.ndarray, label_smoothing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of -sum_k q_k log softmax(logits)_k, where q is 1 at the target and 0 elsewhere.

    Args:
        logits: (worlds, batch, classes), before the softmax.
        targets: (worlds, batch), numbers of classes.
        label_smoothing: in [0, 1]; the share of q that is spread evenly over all classes.

    Raises:
        ValueError: `label_smoothing` is outside [0, 1], the shapes do not fit, or a target is not a class.
        TypeError: the targets are not whole numbers.
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing={label_smoothing}: must be from 0 to 1")
    _check_classes(logits, targets)
    gradient, loss = np.empty(logits.shape, logits.dtype), np.empty(len(logits), logits.dtype)
    targets = targets.astype(np.int64, copy=False)
    if loops.cross_entropy(np.ascontiguousarray(logits), targets, float(label_smoothing), gradient, loss):
        wrong = targets.min() if targets.min() < 0 else targets.max()
        raise ValueError(f"targets hold {wrong}: must be from 0 to {logits.shape[2] - 1}, the classes of the logits")
    return loss, gradient


def binary_cross_entropy(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of log(1 + exp(logit)) - target * logit over the batch and the outputs.

    Args:
        logits: (worlds, batch, outputs), before the sigmoid.
        targets: of the same shape, or (worlds, batch) if there is one output; in [0, 1].

    Raises:
        ValueError: the shapes do not fit.
    """
    targets = _like(logits, targets)
    loss = _mean(np.logaddexp(logits, logits.dtype.type(0)) - targets * logits)
    return loss, (logistic(logits) - targets) * logits.dtype.type(1 / _examples(logits))


def squared_error(prediction: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of (prediction - target)^2 over the batch and the outputs.

    `targets` has the shape of `prediction` (worlds, batch, outputs), or (worlds, batch) if there is one output.

    Raises:
        ValueError: the shapes do not fit.
    """
    difference = prediction - _like(prediction, targets)
    return _mean(difference * difference), difference * prediction.dtype.type(2 / _examples(prediction))


def _check_classes(logits: np.ndarray, targets: np.ndarray) -> None:
    if logits.ndim != 3 or targets.shape != logits.shape[:2]:
        shapes = f"logits have shape {logits.shape} and targets {targets.shape}"
        raise ValueError(f"{shapes}: must be (worlds, batch, classes) and (worlds, batch)")
    if targets.dtype.kind not in "iu":
        raise TypeError(f"targets have dtype {targets.dtype}: must be whole numbers, each the number of a class")


def _like(prediction: np.ndarray, targets: np.ndarray) -> np.ndarray:
    if targets.ndim == prediction.ndim - 1 and prediction.shape[-1] == 1:
        targets = targets[..., None]
    if targets.shape != prediction.shape:
        raise ValueError(f"targets have shape {targets.shape}: must be {prediction.shape}, as the prediction")
    return targets.astype(prediction.dtype, copy=False)


def _examples(prediction: np.ndarray) -> int:
    return max(prediction[0].size, 1)


def _mean(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).mean(axis=1)


def default_loss(classes: int) -> Loss:
    """Return cross-entropy, or squared error where there are no classes."""
    return cross_entropy if classes else squared_error
