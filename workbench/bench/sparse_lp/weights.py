"""The weights of a layer: penalty and threshold in place, proximal operator and gradient into new arrays."""

import numpy as np

from workbench import lp_gradient, lp_prox, sparse_lp
from workbench.bench import limits
from workbench.bench.sparse_lp.cases import Case, Limit

ALPHA = 0.125
WEIGHT = 0.125  # of lp_prox: sqrt(2 * 0.125) = 1/2, so that the hard threshold is the same number in float32
THRESHOLD = 0.5
TOLERANCE = 1e-6  # relative, of losses, proximal operators and gradients
SIMPLE_TARGET = 2.0  # of p whose power takes a root at most
TARGET = 6.0

IN_PLACE = (1.0, 2.0, 1 / 2, 2 / 3, 3.0, 0.3)
SIMPLE = (1.0, 2.0, 1 / 2)
NEW_ARRAYS = (0.0, 1 / 2, 2 / 3, 1.0, 1.5, 2.0)


def penalty_cases(shape: tuple[int, int]) -> list[Case]:
    """Return `sparse_lp` on float32 weights of `shape`, for several p.

    All work on the same array with the same threshold. The first call, which is not timed, sets what is below it to
    zero; after that every call finds the same numbers and leaves them as they are. Masks are new arrays, and not among
    the bytes of the pass that the time is compared with.
    """
    w = _weights(shape)
    limit = Limit("pass in place", "weights", lambda: limits.negate(w.reshape(-1)))

    def case(p: float) -> Case:
        def run(array: np.ndarray, engine: str) -> tuple:
            loss, mask = sparse_lp(array, ALPHA, p, THRESHOLD, engine=engine)
            return array, loss, mask

        return Case(
            operator="SparseLp",
            direction="forward",
            run=run,
            in_place=True,
            expected=lambda: run(w.copy(), "reference"),
            tolerances={"w": 0.0, "loss": TOLERANCE, "mask": 0.0},
            target=SIMPLE_TARGET if p in SIMPLE else TARGET,
            **_common(w, limit, p, sparsity_threshold=THRESHOLD),
        )

    return [case(p) for p in IN_PLACE]


def new_array_cases(shape: tuple[int, int]) -> list[Case]:
    """Return `lp_prox` and `lp_gradient` of float32 numbers of `shape`, for several p."""
    x = _weights(shape)
    limit = Limit("copy", "weights", lambda: limits.copy(x.reshape(-1)))

    def case(operator: str, direction: str, result: str, call, p: float, **strength) -> Case:
        def run(array: np.ndarray, engine: str) -> tuple:
            return (call(array, p=p, **strength, engine=engine),)

        return Case(
            operator=operator,
            direction=direction,
            run=run,
            in_place=False,
            expected=lambda: run(x, "reference"),
            tolerances={result: TOLERANCE},
            **_common(x, limit, p, **strength),
        )

    proxes = [case("LpProx", "forward", "z", lp_prox, p, weight=WEIGHT) for p in NEW_ARRAYS]
    return proxes + [case("LpGradient", "gradient", "dw", lp_gradient, p, alpha=ALPHA) for p in NEW_ARRAYS]


def _weights(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def _common(array: np.ndarray, limit: Limit, p: float, **others: float) -> dict:
    arguments = {"p": p, **others}
    return {"shape": array.shape, "layout": "dense", "arguments": arguments, "array": array, "limit": limit}
