"""The part "sparse-lp" of the bench: rows of a table, weights in place, weights into new arrays, and the Lasso."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from workbench.bench import lasso
from workbench.bench.case import Case, Target, declared_case
from workbench.bench.driver import PEER_TOLERANCE, Group, Settings, present_peers, run
from workbench.bench.results import MISSED, Results
from workbench.bench.small_calls import small_calls
from workbench.data.planted import planted_dense, planted_sparse
from workbench.machines import plain_loops
from workbench.machines.timing import Contender

ROWS = "SparseLpRegularizer"
REG_LAMBDA = 2.0**-13  # small, so that rows shrunk in every round stay far from 0; exact in float32
ALPHA = 0.125
WEIGHT = 0.125  # for lp_prox: the hard threshold sqrt(2 * 0.125) = 1/2 is exact in float32
THRESHOLD = 0.5

# Shape of the table and number of indices; shapes of the weights; shapes of the Lasso's X, and density of the sparse X.
SIZES = {"rows": ((1_000_000, 64), 200_000), "weights": ((2048, 2048), (4096, 4096))}
SIZES |= {"dense": (1000, 10_000), "sparse": ((10_000, 50_000), 0.001)}
QUICK_SIZES = {"rows": ((20_000, 64), 4000), "weights": ((512, 480),)}
QUICK_SIZES |= {"dense": (200, 1000), "sparse": ((1000, 4000), 0.01)}
IN_PLACE, NEW_ARRAYS = (
    (1.0, 2.0, 1 / 2, 2 / 3, 3.0, 0.3),
    (0.0, 0.3, 1 / 2, 2 / 3, 1.0, 1.5, 2.0),
)  # exponents of weights
SIMPLE = (1.0, 2.0, 1 / 2)  # exponents whose power needs at most a root
TOLERANCE = 1e-6  # relative error; results that follow Caffe2 equal the reference's bit for bit
ROWS_TARGET = 2.0  # ours / gather and scatter, for Caffe2's exponents p = 1 and 2
# Up to LARGE weights, and above, where the memory is slower and the arithmetic is not.
LARGE = 1 << 22
SIMPLE_TARGETS, TARGETS = (2.0, 2.0), (4.0, 3.0)  # ours / pass in place
PROX_TARGETS = {0.3: (8.0, 5.0), 1 / 2: (3.0, 2.0), 2 / 3: (5.0, 3.5), 1.5: (8.0, 5.0)}  # ours / copy; rows alike

LEGEND = (
    "copy, and limit: a plain loop, as many threads. Of rows, a gather of the same rows into a buffer and a scatter "
    "back, prefetched; of weights in place, a pass that changes their signs, the mask not counted; else a copy. numpy "
    "of rows: param[i] = param[i], no arithmetic; one thread whatever is asked for. torch: shrinks a row once however "
    f"often it is named. {MISSED}: misses its target."
)


def bench(settings: Settings) -> Results:
    """Time rows, weights, both Lassos and the estimators, and compute the duality gap that each solver reaches."""
    sizes = QUICK_SIZES if settings.quick else SIZES
    problems = planted_dense(sizes["dense"]), planted_sparse(*sizes["sparse"])
    solved = [lasso.case(*each) for each in problems]
    groups = [
        Group("rows of a table", lambda: row_cases(*sizes["rows"])),
        *(Group("penalty and threshold in place", lambda each=each: penalty_cases(each)) for each in sizes["weights"]),
        *(Group("proximal operators, gradients", lambda each=each: new_array_cases(each)) for each in sizes["weights"]),
        *(Group(each.name, lambda each=each: [each], lasso.SHARE, spins=True) for each in solved),
    ]
    peers = present_peers({**lasso.SOLVERS, **PEERS}, settings.say)
    found = run(groups, peers, settings.rounds, settings.say, machine=settings.machine)
    figures = [gap for each in solved for gap in each.gaps()]
    if any(peer.name == "scikit-learn" for peer in peers):
        settings.say("timing the estimators beside scikit-learn's")
        makers = {"tall": planted_dense, "wide": planted_dense, "sparse": lambda shape: planted_sparse(*shape)}
        estimated = {name: makers[name](shape) for name, shape in lasso.ESTIMATED.items()}
        figures += lasso.estimator_ratios(estimated, settings.rounds)
    figures += small_calls("workbench.sparse_lp", settings)
    return dataclasses.replace(found, measurements=tuple(figures), legends=(LEGEND, lasso.LEGEND))


def row_cases(shape: tuple[int, int], count: int) -> list[Case]:
    """Return calls on `count` rows of a float32 table of `shape`: several p, int64 indices, and a few favoured rows.

    All cases share one table. Every call changes its numbers, but too little to change the times.
    """
    rng = np.random.default_rng(0)
    table = rng.standard_normal(shape, np.float32)
    buffer = np.empty((count, shape[1]), np.float32)
    evenly = rng.integers(0, shape[0], count, np.int32)
    skewed = favour_few(rng, shape[0], count)

    def case(p: float, indices: np.ndarray = evenly, exact: bool = False, most: float | None = None) -> Case:
        over = f"{count} {'skewed' if indices is skewed else 'even'} rows, {indices.dtype.name}"
        move = {f"gather and scatter, {over}": lambda: plain_loops.gather_and_scatter(table, indices, buffer)}
        shown = {"p": p, "exact": exact, "skewed": indices is skewed, "rows": count, "indices": indices.dtype.name}
        return _case(
            ROWS,
            (table, indices),
            {"p": p, "reg_lambda": REG_LAMBDA, "exact": exact},
            limits=move,
            target=Target("ours / gather and scatter", most),
            shown=shown,
            tolerances={} if p in (1, 2) else {"param": TOLERANCE},
        )

    return [
        case(1.0, most=ROWS_TARGET),
        case(2.0, most=ROWS_TARGET),
        case(2.0, exact=True),
        *(case(p, most=PROX_TARGETS[p][0]) for p in (1 / 2, 2 / 3, 0.3, 1.5)),
        case(2.0, evenly.astype(np.int64), most=ROWS_TARGET),
        case(2.0, skewed),
    ]


def favour_few(rng: np.random.Generator, rows: int, count: int) -> np.ndarray:
    """Draw `count` row numbers, int32; the k-th favourite is drawn about 1/k as often as the first (Zipf's law)."""
    ranks = np.exp(rng.random(count) * np.log(rows)).astype(np.int64)  # from 1 to `rows`
    return rng.permutation(rows)[np.minimum(ranks, rows) - 1].astype(np.int32)


def penalty_cases(shape: tuple[int, int]) -> list[Case]:
    """Return `sparse_lp` on float32 weights of `shape`, for several p.

    All cases share one array and one threshold. The first call, which is not timed, sets the weights below the
    threshold to zero. Later calls find the same weights and do not change them. Masks are new arrays; the pass that
    the time is compared with does not write them.
    """
    w = _weights(shape)
    negate = {"pass in place, weights": lambda: plain_loops.negate(w.reshape(-1))}

    def case(p: float) -> Case:
        target = Target("ours / pass in place", (SIMPLE_TARGETS if p in SIMPLE else TARGETS)[w.size > LARGE])
        shown = {"p": p, "sparsity_threshold": THRESHOLD}
        given, loss = {"alpha": ALPHA, **shown}, {"loss": TOLERANCE}
        return _case("SparseLp", (w,), given, limits=negate, target=target, shown=shown, tolerances=loss)

    return [case(p) for p in IN_PLACE]


def new_array_cases(shape: tuple[int, int]) -> list[Case]:
    """Return `lp_prox` and `lp_gradient` of float32 numbers of `shape`, for several p."""
    x = _weights(shape)
    common = {
        "limits": {"copy, weights": lambda: plain_loops.copy(x.reshape(-1))},
        "tolerances": {"z": TOLERANCE, "dw": TOLERANCE},
    }
    proxes = []
    for p in NEW_ARRAYS:
        target = Target("ours / copy", PROX_TARGETS.get(p, (None, None))[x.size > LARGE])
        proxes.append(_case("LpProx", (x,), {"p": p, "weight": WEIGHT}, target=target, **common))
    gradient = {"target": Target("ours / copy"), **common}
    return proxes + [_case("LpGradient", (x,), {"p": p, "alpha": ALPHA}, **gradient) for p in NEW_ARRAYS]


def _case(name: str, inputs: tuple, given: dict, *, target: Target, **others) -> Case:
    fields = {"peer_targets": {}, "peer_problem": peer_problem, **others}
    return declared_case(name, inputs, given, targets=(target,), **fields)


def _weights(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def peer_problem(name: str, case: Case, theirs: tuple, expected: tuple) -> str:
    """Return what is wrong with a peer's results, "" if nothing; a peer copies rows (numpy) or shrinks each once."""
    if case.operator == ROWS:
        table, indices = case.inputs
        once = dataclasses.replace(case, inputs=(table, np.unique(indices)))
        expected = (table,) if name == "numpy" else once.expected()
    return case.problem(theirs, expected, PEER_TOLERANCE)


def _numpy(case: Case, threads: int) -> Contender | None:
    """Time NumPy's gather and scatter of rows, without arithmetic, for Caffe2's p = 1 and 2."""
    if case.operator != ROWS or case.arguments["exact"] or case.arguments["p"] not in (1, 2):
        return None
    param, indices = case.inputs

    def run():
        param[indices] = param[indices]
        return (param,)

    return Contender(run, case.reads)


def _torch(case: Case, threads: int) -> Contender | None:
    """Time PyTorch: rows for p = 1 and 2, weights for all p, proximal operators for p = 0, 1 and 2, no gradients.

    Rows: `index_select`, the arithmetic, `index_copy_`, which shrinks a row once however often it is named. Weights:
    the powers, the mask and the product, one after another. Proximal operators: `softshrink`, `hardshrink`, a division.
    """
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


def _skglm(case: Case, threads: int) -> Contender | None:
    """Time skglm: its solver of the Lasso, and a compiled loop over its proximal operators of p = 1/2 and 2/3."""
    if case.operator != "LpProx":
        return lasso.SOLVERS["skglm"][1](case, threads)
    from numba import njit
    from skglm.utils import prox_funcs

    prox = {1 / 2: prox_funcs.prox_05, 2 / 3: prox_funcs.prox_2_3}.get(case.arguments["p"])
    if prox is None or threads > 1:
        return None
    x = case.inputs[0]

    @njit
    def loop(x, z):
        for i in range(x.size):
            z[i] = prox(np.float64(x[i]), WEIGHT)  # in float32, those of p = 2/3 are wrong near the threshold

    def run():
        z = np.empty_like(x)
        loop(x.reshape(-1), z.reshape(-1))
        return (z,)

    return Contender(run, case.reads)


PEERS = {"numpy": (("numpy",), _numpy), "torch": (("torch",), _torch), "skglm": (("skglm",), _skglm)}
