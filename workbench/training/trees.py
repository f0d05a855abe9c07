"""Walk through arrays in nested dicts and lists, such as the parameters of a network."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Rate = float | Sequence[float] | np.ndarray  # one number, or one for each world


def leaves(tree: Any) -> Iterator[np.ndarray]:
    """Yield the arrays of a tree."""
    if isinstance(tree, np.ndarray):
        yield tree
    else:
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(branch)


def changed(tree: Any, change: Callable[[np.ndarray], Any]) -> Any:
    """Return a tree of the same form with each array changed."""
    if isinstance(tree, np.ndarray):
        return change(tree)
    if isinstance(tree, dict):
        return {name: changed(branch, change) for name, branch in tree.items()}
    return [changed(branch, change) for branch in tree]


def some_worlds(tree: Any, worlds: slice | np.ndarray) -> Any:
    """Return the tree for some worlds: views for a slice, copies for an array of indices."""
    return changed(tree, lambda array: array[worlds])


def flat(tree: Any, path: str = "") -> dict[str, np.ndarray]:
    """Return the arrays by path, such as "parameters/0/weight"; a number counts as an array."""
    if not isinstance(tree, dict | list):
        return {path: np.asarray(tree)}
    branches = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found: dict[str, np.ndarray] = {}
    for key, branch in branches:
        found |= flat(branch, f"{path}/{key}" if path else str(key))
    return found


def by_world(name: str, values: Any, worlds: int, highest: float = math.inf, lowest: float = 0.0) -> np.ndarray:
    """Return one number for each world, float64, shape (worlds,), from a number or an array of this shape.

    Raises:
        ValueError: there is another number of them, or one is below `lowest`, above `highest`, infinite or NaN.
    """
    numbers = np.asarray(values, np.float64)
    if numbers.shape not in ((), (worlds,)):
        raise ValueError(f"{name} has {numbers.size} numbers: must be one number, or one for each of {worlds} worlds")
    if not np.all(np.isfinite(numbers) & (numbers >= lowest) & (numbers <= highest)):
        raise ValueError(f"{name}={values!r}: must be finite, at least {lowest:g} and at most {highest}")
    return np.array(np.broadcast_to(numbers, worlds))


def column(numbers: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return numbers (worlds,) in the type of another array and with as many axes."""
    return numbers.astype(like.dtype).reshape(-1, *(1,) * (like.ndim - 1))
