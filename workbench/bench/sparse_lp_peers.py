"""Other ways to shrink and penalize, each optional, on the same arrays with the same threads.

A builder returns a contender, or None where the peer has no such operator.

    numpy   rows: `param[i] = param[i]`, gathered and scattered without any arithmetic; one thread whatever is asked for
    torch   rows: `index_select`, the arithmetic, `index_copy_`, which shrinks a row once however often it is named;
            weights: the powers, the mask and the product one after another; `softshrink`, `hardshrink` and a division
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from workbench.bench.case import Case
from workbench.bench.driver import PEER_TOLERANCE
from workbench.machines.timing import Contender

ROWS = "SparseLpRegularizer"
REG_LAMBDA = 2.0**-13  # small, so that rows that are shrunk in every round stay far from 0; the same in float32
ALPHA = 0.125
WEIGHT = 0.125  # of lp_prox: sqrt(2 * 0.125) = 1/2, so that the hard threshold is the same number in float32
THRESHOLD = 0.5


def peer_problem(name: str, case: Case, theirs: tuple, expected: tuple) -> str:
    """Return what is wrong with a peer's results, "" for nothing; of rows, each of which it shrinks once, or copies."""
    if case.operator == ROWS:
        table, indices = case.inputs
        once = dataclasses.replace(case, inputs=(table, np.unique(indices)))
        expected = (table,) if name == "numpy" else once.expected()
    return case.problem(theirs, expected, PEER_TOLERANCE)


def _numpy(case: Case, threads: int) -> Contender | None:
    """Time NumPy's gather and scatter of rows, where p is one of Caffe2's."""
    if case.operator != ROWS or case.arguments["exact"] or case.arguments["p"] not in (1, 2):
        return None
    param, indices = case.inputs

    def run():
        param[indices] = param[indices]
        return (param,)

    return Contender(run, case.reads)


def _torch(case: Case, threads: int) -> Contender | None:
    """Time PyTorch; of rows p = 1 and 2 alone, of proximal operators 0, 1 and 2, of gradients none."""
    import torch

    p = case.arguments.get("p")
    builders = {ROWS: _torch_rows, "SparseLp": _torch_penalty, "LpProx": _torch_prox}
    work = builders[case.operator](case, p) if case.operator in builders else None
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
    param, index = (torch.from_numpy(array) for array in (case.inputs[0], case.inputs[1].astype(np.int64)))

    def work():
        named = param.index_select(0, index)
        less = named.mul_(1 - REG_LAMBDA) if p == 2 else torch.nn.functional.softshrink(named, REG_LAMBDA)
        param.index_copy_(0, index, less)
        return (case.inputs[0],)

    return work


def _torch_penalty(case: Case, p: float) -> Callable[[], tuple]:
    import torch

    w = torch.from_numpy(case.inputs[0])

    def work():
        size = w.abs()
        mask = size > THRESHOLD
        powers = {1: lambda: size, 2: size.square, 0.5: size.sqrt}.get(p, lambda: size.pow(p))
        loss = ALPHA * float(powers().sum())
        w.mul_(mask)
        return case.inputs[0], loss, mask.numpy()

    return work


def _torch_prox(case: Case, p: float) -> Callable[[], tuple] | None:
    import torch

    x = torch.from_numpy(case.inputs[0])
    functions = {
        0: lambda: torch.nn.functional.hardshrink(x, math.sqrt(2 * WEIGHT)),
        1: lambda: torch.nn.functional.softshrink(x, WEIGHT),
        2: lambda: x / (1 + 2 * WEIGHT),
    }
    return (lambda: (functions[p]().numpy(),)) if p in functions else None


PEERS = {"numpy": (("numpy",), _numpy), "torch": (("torch",), _torch)}
