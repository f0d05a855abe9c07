"""Other ways to shrink, penalize and solve, each optional, on the same arrays with the same threads.

A builder returns a contender, or None where the peer has no such operator.

    numpy   rows: `param[i] = param[i]`, gathered and scattered without any arithmetic; one thread whatever is asked for
    torch   rows: `index_select`, the arithmetic, `index_copy_`, which shrinks a row once however often it is named;
            weights: the powers, the mask and the product one after another; `softshrink`, `hardshrink` and a division

The solvers all take X as it is, fit no intercept and are asked for a tolerance in units of |y|^2 / n.
"""

import math
from collections.abc import Callable

import numpy as np

from workbench.bench.harness import Contender
from workbench.bench.sparse_lp import rows
from workbench.bench.sparse_lp.cases import Case
from workbench.bench.sparse_lp.lasso import Problem
from workbench.bench.sparse_lp.rows import REG_LAMBDA
from workbench.bench.sparse_lp.weights import ALPHA, THRESHOLD, WEIGHT

TOLERANCE = 1e-5  # relative, of a peer's results: some add up in float32
MANY = 100_000  # passes at most, more than any of these problems takes


def peer_problem(name: str, case: Case, theirs: tuple, expected: tuple) -> str:
    """Return what is wrong with a peer's results, "" for nothing; of rows, each of which it shrinks once, or copies."""
    if case.operator == rows.OPERATOR:
        once = np.unique(case.indices)
        p, exact = case.arguments["p"], case.arguments["exact"]
        expected = (case.array if name == "numpy" else rows.shrunk(case.array, once, p, exact),)
    return case.problem(theirs, expected, TOLERANCE)


def _numpy(case: Case, threads: int) -> Contender | None:
    """Time NumPy's gather and scatter of rows, where p is one of Caffe2's."""
    if case.operator != rows.OPERATOR or case.arguments["exact"] or case.arguments["p"] not in (1, 2):
        return None
    param, indices = case.array, case.indices

    def run():
        param[indices] = param[indices]
        return (param,)

    return Contender(run, case.reads)


def _torch(case: Case, threads: int) -> Contender | None:
    """Time PyTorch; of rows p = 1 and 2 alone, of proximal operators 0, 1 and 2, of gradients none."""
    import torch

    p = case.arguments["p"]
    build = {rows.OPERATOR: _torch_rows, "SparseLp": _torch_penalty, "LpProx": _torch_prox}.get(case.operator)
    work = build(case, p) if build else None
    if work is None:
        return None
    torch.set_num_threads(threads)

    def run():
        with torch.inference_mode():
            return work()

    return Contender(run, case.reads)


def _torch_rows(case: Case, p: float) -> Callable[[], tuple] | None:
    import torch

    if case.arguments["exact"] or p not in (1, 2):
        return None
    param, index = torch.from_numpy(case.array), torch.from_numpy(case.indices.astype(np.int64))

    def work():
        named = param.index_select(0, index)
        less = named.mul_(1 - REG_LAMBDA) if p == 2 else torch.nn.functional.softshrink(named, REG_LAMBDA)
        param.index_copy_(0, index, less)
        return (case.array,)

    return work


def _torch_penalty(case: Case, p: float) -> Callable[[], tuple]:
    import torch

    w = torch.from_numpy(case.array)

    def work():
        size = w.abs()
        mask = size > THRESHOLD
        powers = {1: lambda: size, 2: size.square, 0.5: size.sqrt}.get(p, lambda: size.pow(p))
        loss = ALPHA * float(powers().sum())
        w.mul_(mask)
        return case.array, loss, mask.numpy()

    return work


def _torch_prox(case: Case, p: float) -> Callable[[], tuple] | None:
    import torch

    x = torch.from_numpy(case.array)
    functions = {
        0: lambda: torch.nn.functional.hardshrink(x, math.sqrt(2 * WEIGHT)),
        1: lambda: torch.nn.functional.softshrink(x, WEIGHT),
        2: lambda: x / (1 + 2 * WEIGHT),
    }
    return (lambda: (functions[p]().numpy(),)) if p in functions else None


def _scikit_learn(problem: Problem, tolerance: float) -> Contender:
    """Fit scikit-learn's Lasso, which also goes on until no weight moves by more than the tolerance."""
    from sklearn.linear_model import Lasso

    return _fitted(Lasso(alpha=problem.alpha, tol=tolerance, fit_intercept=False, max_iter=MANY), problem)


def _celer(problem: Problem, tolerance: float) -> Contender:
    from celer import Lasso

    return _fitted(Lasso(alpha=problem.alpha, tol=tolerance, fit_intercept=False), problem)


def _skglm(problem: Problem, tolerance: float) -> Contender:
    """Fit skglm's Lasso, which stops at a violation of the optimality conditions; a gap is about the square of one."""
    from skglm import Lasso

    return _fitted(Lasso(alpha=problem.alpha, tol=problem.alpha * math.sqrt(tolerance), fit_intercept=False), problem)


def _fitted(model, problem: Problem) -> Contender:
    def run():
        model.fit(problem.matrix, problem.y)
        return np.asarray(model.coef_)

    return Contender(run, problem.reads)


PEERS = {"numpy": (("numpy",), _numpy), "torch": (("torch",), _torch)}
SOLVERS = {
    "scikit-learn": (("sklearn",), _scikit_learn),
    "celer": (("celer",), _celer),
    "skglm": (("skglm",), _skglm),
}
