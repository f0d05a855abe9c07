"""The part "lrn" of the bench: local response normalization in every mode; accuracy and memory."""

import contextlib
import dataclasses
import importlib
import sys

import numpy as np

from workbench.bench.case import Case, Target, declared_case, relative_errors
from workbench.bench.driver import Group, Say, Settings, present_peers, run
from workbench.bench.lrn_peers import PEERS
from workbench.bench.results import MISSED, Measurement, Results, dimensions
from workbench.bench.start import run_fresh
from workbench.files import status_kilobytes
from workbench.machines import plain_loops
from workbench.operator import OPERATORS

# alpha is large, so that a missing neighbour in a window changes results far more than rounding.
SIZE, ALPHA, BIAS = 5, 1.0, 1.0
SHAPES = ((1, 64, 224, 224), (8, 96, 55, 55), (32, 256, 27, 27))
MODES_SHAPE = SHAPES[1]
ACCURACY_SHAPE = (2, 48, 31, 37)
ACCURACY_BETAS = (0.1, 0.25, 0.5, 0.6, 0.75, 1.0, 1.3, 2.0)
BETA, OTHER_BETA = 0.75, 0.6

TOLERANCE = 1e-6  # relative error of our results against float64
HALF_TOLERANCES = {"float16": 1e-3, "bfloat16": 8e-3}
LIMIT_TARGET = 1.6  # forward / limit
OTHER_BETA_TARGET = 2.5  # any other beta / beta 0.75
GRADIENT_TARGET = 2.5  # gradient / forward
LAYOUT_TARGET = 1.5  # NHWC / NCHW
# Other ways to call LRN, each beside the call without it: most that it may cost.
MODE_TARGETS = {
    "float16": 1.5,
    "bfloat16": 1.5,
    "Fortran order": 2.0,
    "one huge value": 10.0,
    "sparse, bias 1e-7": 10.0,
    "size 9": 2.0,
    "size 31": 2.0,
    "NHWC, size 9": 2.5,
    "NHWC, size 31": 2.5,
    "within, size 5": 3.0,
    "within, size 15": 3.0,
    "float64, beta 0.6": 2.5,
}

WARM_UP = (2, 64, 32, 64)  # enough elements for the threads to start
MEMORY_SHAPE = (8, 64, 128, 192)  # 50 MB

MEMORY = "from workbench.bench import lrn; print(lrn.extra_memory({!r}, {!r}))"

LEGEND = (
    "copy: a plain loop over the same bytes, as many threads. limit: that, or the square roots and divisions on data "
    f"that stays in L1, whichever is longer. {MISSED}: above its target."
)


def bench(settings: Settings) -> Results:
    """Time every shape, at full size even if `quick`, and measure accuracy and memory."""
    say = settings.say
    groups = [Group(dimensions(shape), lambda shape=shape: cases(shape)) for shape in SHAPES]
    groups.append(Group(f"other modes, {dimensions(MODES_SHAPE)}", lambda: mode_cases(MODES_SHAPE)))
    found = run(groups, present_peers(PEERS, say), settings.rounds, say, machine=settings.machine)
    say("measuring accuracy and memory")
    measurements = (*measure_accuracy(), *measure_memory(say))
    return dataclasses.replace(found, measurements=measurements, legends=(LEGEND,))


def cases(shape: tuple[int, ...]) -> list[Case]:
    """Return forward, forward with another beta, and gradient, in both layouts, on the same random numbers."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape, np.float32) for _ in range(2))
    copy = {"copy": lambda: plain_loops.copy(x.reshape(-1))}
    add = {"copy, two arrays into one": lambda: plain_loops.add(dy.reshape(-1), x.reshape(-1))}
    made: list[Case] = []
    for layout in ("NCHW", "NHWC"):
        mine, theirs = (np.ascontiguousarray(a if layout == "NCHW" else np.moveaxis(a, 1, -1)) for a in (x, dy))
        common = {"layout": layout, "shape": shape}
        forward = case("LRN", (mine,), BETA, copy, **common)
        another = case("LRN", (mine,), OTHER_BETA, copy, **common)
        gradient = case("LRNGradient", (theirs, mine), BETA, add, **common)
        targets = (
            Target("forward / limit", LIMIT_TARGET),
            Target("other beta / 0.75", OTHER_BETA_TARGET, over=forward),
            Target("gradient / forward", GRADIENT_TARGET, over=forward),
        )
        for i, (each, target) in enumerate(zip((forward, another, gradient), targets, strict=True)):
            besides = (Target("NHWC / NCHW", LAYOUT_TARGET, over=made[i]),) if layout == "NHWC" else ()
            made.append(dataclasses.replace(each, targets=(target, *besides)))
    return made


def mode_cases(shape: tuple[int, ...]) -> list[Case]:
    """Return the calls of MODE_TARGETS and those that they are compared with, in place of layouts."""
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    huge = x.copy()
    huge[tuple(length // 2 for length in shape)] = 1e30
    copy = {"copy": lambda: plain_loops.copy(x.reshape(-1))}

    def made(layout: str, x: np.ndarray, over: Case | None = None, beta: float = BETA, **changes) -> Case:
        arguments = {"size": SIZE, "alpha": ALPHA, "beta": beta, "bias": BIAS, **changes}
        targets = () if over is None else (Target("mode / without", MODE_TARGETS[layout], over=over),)
        return declared_case(
            "LRN",
            (x,),
            arguments,
            shown={"beta": beta},
            layout=layout,
            limits=copy,
            tolerances={"y": HALF_TOLERANCES.get(x.dtype.name, TOLERANCE)},
            of_largest=x.dtype.name in HALF_TOLERANCES,  # numbers below the normal ones have few digits
            wide=True,
            targets=targets,
        )

    plain, wide = made("plain", x), made("float64", x.astype(np.float64))
    sparse = np.maximum(x, 1.5) - np.float32(1.5)
    return [
        plain,
        wide,
        *(made(name, x.astype(dtype), plain) for name, dtype in _halves().items()),
        made("Fortran order", np.asfortranarray(x), plain),
        made("one huge value", huge, plain),
        made("sparse, bias 1e-7", sparse, plain, bias=1e-7),
        *(made(f"size {size}", x, plain, size=size) for size in (9, 31)),
        *(
            made(f"NHWC, size {size}", np.ascontiguousarray(np.moveaxis(x, 1, -1)), plain, size=size, order="NHWC")
            for size in (9, 31)
        ),
        *(made(f"within, size {size}", x, plain, size=size, region="within") for size in (5, 15)),
        made("float64, beta 0.6", wide.inputs[0], wide, beta=OTHER_BETA),
    ]


def _halves() -> dict[str, np.dtype]:
    """Return the types of two bytes, bfloat16 only if ml_dtypes is installed."""
    types = {"float16": np.dtype(np.float16)}
    with contextlib.suppress(ImportError):
        types["bfloat16"] = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    return types


def case(name: str, inputs: tuple, beta: float, copy: dict, layout: str = "NCHW", **others) -> Case:
    """Return a call as a case; its limits are a copy and, if it has any, its square roots and divisions."""
    arguments = {"size": SIZE, "alpha": ALPHA, "beta": beta, "bias": BIAS, "order": layout}
    made = declared_case(
        name,
        inputs,
        arguments,
        shown={"beta": beta},
        limits=copy,
        tolerances={"y": TOLERANCE, "dx": TOLERANCE},
        of_largest=name == "LRNGradient",  # its two terms can cancel
        wide=True,
        **others,
    )
    count = made.work().cost
    if not count.square_roots:
        return made
    what = f"{count.square_roots} square roots and {count.divisions} divisions"
    return dataclasses.replace(made, limits={**copy, what: lambda: plain_loops.arithmetic(count)})


def measure_accuracy() -> list[Measurement]:
    """Return the largest relative error against float64 at several betas, over four decades of magnitudes.

    With more decades, the kernels would use float64 logarithms instead of the float32 arithmetic to be measured.
    """
    rng = np.random.default_rng(1)
    x, dy = (rng.standard_normal(ACCURACY_SHAPE, np.float32) for _ in range(2))
    x *= (10.0 ** rng.uniform(-2, 2, ACCURACY_SHAPE)).astype(np.float32)
    found = []
    for direction, inputs in (("forward", (x,)), ("gradient", (dy, x))):
        for beta in ACCURACY_BETAS:
            made = case("LRN" if direction == "forward" else "LRNGradient", inputs, beta, {})
            errors = relative_errors(made.ours()[0], made.expected()[0], made.of_largest)
            found.append(Measurement(f"relative error, {direction}, beta {beta:g}", float(errors.max()), "", TOLERANCE))
    return found


def measure_memory(say: Say) -> list[Measurement]:
    """Measure peak memory beyond input and result, as a fraction of the input, each in its own process."""
    if sys.platform != "linux":
        say("memory is not measured: this system does not report a process's peak in /proc")
        return []
    found = []
    for direction, name in (("forward", "LRN"), ("gradient", "LRNGradient")):
        for layout in ("NCHW", "NHWC"):
            extra = run_fresh(MEMORY.format(name, layout))
            found.append(Measurement(f"peak extra memory / input, {direction} {layout}", extra, "", 1.0))
    return found


def extra_memory(name: str, layout: str) -> float:
    """Return (peak - memory used before - result) / input of one call, the first large one in this process."""

    def inputs(shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        """Return arrays made without temporary ones, which would raise the peak beforehand."""
        n, c, h, w = shape
        rng = np.random.default_rng(0)
        shape = shape if layout == "NCHW" else (n, h, w, c)
        return tuple(rng.standard_normal(shape, np.float32) for _ in operator.inputs)

    operator = OPERATORS[name]
    operator.run(*inputs(WARM_UP), order=layout)
    given = inputs(MEMORY_SHAPE)
    before = status_kilobytes("VmRSS")
    result = operator.run(*given, order=layout)
    return ((status_kilobytes("VmHWM") - before) * 1024 - result.nbytes) / given[0].nbytes
