"""Dropout of the elements of a dense array, and its gradient."""

import numpy as np

from workbench import dropout_with_replacement, dropout_with_replacement_gradient
from workbench.bench import limits
from workbench.bench.dropout.cases import SEED, Case

RATIO = 0.3
COPY_TARGET = 3.0  # with one thread
PEER_TARGET = 15.0


def dense_cases(shape: tuple[int, int]) -> list[Case]:
    """Return the forward pass with a number, with one for each feature, and scaled; and two gradients."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape, np.float32) for _ in range(2))
    features = rng.standard_normal(shape[-1], np.float32)
    dropped = rng.random(shape, np.float32) < RATIO

    def forward(replacement: float | np.ndarray = 0.0, scaled: bool = False, **targets) -> Case:
        return Case(
            direction="forward",
            arguments=_arguments(replacement, scaled),
            reads=(x,),
            run=lambda engine: dropout_with_replacement(x, RATIO, replacement, seed=SEED, scaled=scaled, engine=engine),
            copy=lambda: limits.copy(x.reshape(-1)),
            **common,
            **targets,
        )

    def gradient(replacement: float | np.ndarray) -> Case:
        return Case(
            direction="gradient",
            arguments=_arguments(replacement, False),
            reads=(dy, dropped),
            run=lambda engine: dropout_with_replacement_gradient(
                dy, dropped, ratio=RATIO, replacement_shape=np.shape(replacement), engine=engine
            ),
            copy=lambda: limits.copy(dy.reshape(-1)),
            **common,
        )

    common = {"operator": "DropoutWithReplacement", "shape": shape, "layout": "dense", "copy_name": "copy of x"}
    return [
        forward(copy_target=COPY_TARGET, one_thread=True, peer_target=PEER_TARGET),
        forward(features),
        forward(scaled=True),
        gradient(0.0),
        gradient(features),
    ]


def _arguments(replacement: float | np.ndarray, scaled: bool) -> dict[str, float | str]:
    shown = "per feature" if isinstance(replacement, np.ndarray) else replacement
    return {"ratio": RATIO, "replacement": shown, "scaled": scaled}
