"""Describe machines by published figures, to predict times on machines that the reader may not have.

Peak FLOP/s and memory bandwidth are the makers' figures. What makers do not publish is assumed, alike for all
processors: how many multiply-adds fit into the time of a division, a root or a function (as on one measured processor),
and 32 bytes per cycle and core for the second-level cache. Start-up times are assumed too: on a processor, 1 µs per
loop and 10 µs per run of an operator; on a GPU, 5 µs per kernel and nothing per run. The caches of a GPU are assumed to
be as fast as its memory.

Peaks are those of ordinary arithmetic. Tensor cores, which multiply matrices of rounded numbers, are faster;
`H200_TENSOR_FLOPS` has their peak for those who want to predict with it.
"""

import math
from typing import Any

from workbench.machines.limits import CURVES, OPERATIONS, PRECISIONS, RUN_CALLS, WORDS, Curve, Limits, Machine
from workbench.operator import checked_choice

INTEL = "Intel's product specifications of the Core i7-1165G7: 4 cores, 2.8 GHz, two channels of DDR4-3200"
AMD = "AMD's specifications of the EPYC 9654: 96 cores, 2.4 GHz, twelve channels of DDR5-4800, 460.8 GB/s"
RASPBERRY = "Raspberry Pi's documentation of the BCM2712: Cortex-A76 cores, 2.4 GHz, 32-bit LPDDR4X-4267, 17 GB/s"
GEFORCE = "NVIDIA's specifications of the GeForce GTX 580: 512 cores at 1.544 GHz, 192.4 GB/s"
AMPERE = "NVIDIA A100 Tensor Core GPU Architecture, 2020: 19.5 and 9.7 TFLOP/s, 1555 GB/s"
HOPPER = "NVIDIA's data sheet of the H200, SXM: 67 and 34 TFLOP/s, 4.8 TB/s; from these, 132 units run at 1.98 GHz"
GUIDE = "NVIDIA's CUDA C++ Programming Guide, throughput of native arithmetic instructions"
EXAMPLE = "the worked example of a text: 10^12 operations a second; memory and special functions of the GeForce GTX 580"

MULTIPLY_ADDS = {  # multiply-adds in the time of one call; assumed for processors
    "divisions": 4,
    "square_roots": 8,
    "exponentials": 8,
    "logarithms": 10,
    "powers": 26,
    WORDS: 24,
}
WORD_OF_A_GPU = 20  # in multiply-adds; five are integer multiplications, which take as long unless `integers` differs
LANES = 32  # float32 operations per cycle and core: two 256-bit multiply-adds or one of 512 bits
NARROW = 16  # the same for two 128-bit multiply-adds, as in Arm's Cortex-A76
L2_BYTES = 32  # bytes per cycle and core
H200_TENSOR_FLOPS = {"TF32": 494.7e12, "BF16": 989e12}  # half of the data sheet's, which skip half of the weights
CORE_MEMORY = 20e9  # bytes per second that one core alone moves to and from memory, assumed
PROCESSOR_LAUNCH, PROCESSOR_RUN, GPU_LAUNCH = 1e-6, 1e-5, 5e-6  # seconds, assumed


def _processor(
    name: str, cores: int, hertz: float, memory: float, caches: tuple[int, ...], source: str, lanes: int = LANES
) -> Machine:
    """Return a processor; `caches` are bytes per core, except for the last cache, which all cores share."""
    single = cores * hertz * lanes
    flops = {"float32": single, "float64": single / 2}
    functions = {
        name: {precision: flops[precision] / 2 / count for precision in PRECISIONS}
        for name, count in MULTIPLY_ADDS.items()
    }
    near = cores * hertz * L2_BYTES
    curve = ((float(cores * caches[1]), near), (float(caches[2]), memory))
    starting = {"launch_rate": ((1.0, 1 / PROCESSOR_LAUNCH),), "call_rate": ((1.0, RUN_CALLS / PROCESSOR_RUN),)}
    return Machine(name, {cores: _limits(curve, flops=flops, functions=functions, **starting)}, caches, source)


def _gpu(
    name: str, single: float, double: float, memory: float, special: float, source: str, *, integers: float = 1.0
) -> Machine:
    """Return a GPU; in double precision, functions are slower by the same factor as multiply-adds.

    `integers` is the rate of integer multiplications as a share of the rate of multiply-adds.
    """
    flops = {"float32": single, "float64": double}
    functions = {
        name: {precision: special * flops[precision] / single for precision in PRECISIONS} for name in OPERATIONS
    }
    functions["powers"] = {precision: rate / 2 for precision, rate in functions["powers"].items()}  # log2, 2^x
    functions[WORDS] = dict.fromkeys(PRECISIONS, integers * single / 2 / WORD_OF_A_GPU)
    others = {
        "launch_rate": ((1.0, 1 / GPU_LAUNCH),),
        "call_rate": ((1.0, math.inf),),
        "overlap": {**dict.fromkeys(OPERATIONS, 0.0), WORDS: 1.0},
    }
    return Machine(name, {1: _limits(((1.0, memory),), flops=flops, functions=functions, **others)}, (), source)


def _limits(curve: Curve, **others: Any) -> Limits:
    curves: dict[str, Any] = {**dict.fromkeys(CURVES, curve), "allocation_bandwidth": ((1.0, math.inf),)}
    return Limits(**{**curves, **others})


KIB, MIB = 1 << 10, 1 << 20

PROCESSORS = {
    "laptop": ("Intel Core i7-1165G7", 4, 2.8e9, 51.2e9, (48 * KIB, 1280 * KIB, 12 * MIB), INTEL),
    "server": ("AMD EPYC 9654", 96, 2.4e9, 460.8e9, (32 * KIB, MIB, 384 * MIB), AMD),
}
KNOWN = {
    **{name: _processor(*figures) for name, figures in PROCESSORS.items()},
    "example-gpu": _gpu("GPU of 10^12 FLOP/s", 1e12, 1e12 / 8, 192.4e9, 16 * 4 * 1.544e9, f"{EXAMPLE}; {GUIDE}"),
    "gtx-580": _gpu(
        "GeForce GTX 580", 2 * 512 * 1.544e9, 2 * 512 * 1.544e9 / 8, 192.4e9, 16 * 4 * 1.544e9, f"{GEFORCE}; {GUIDE}"
    ),
    "a100": _gpu("A100", 19.5e12, 9.7e12, 1555e9, 108 * 16 * 1.41e9, f"{AMPERE}; {GUIDE}"),
    "h200": _gpu("H200", 67e12, 34e12, 4800e9, 132 * 16 * 1.98e9, f"{HOPPER}; {GUIDE}", integers=1 / 2),
}

# Not among the known ones, over all of which claims are judged: one core, for what a small device runs at batch 1.
SMALL_CORE = _processor(
    "one core of a Raspberry Pi 5", 1, 2.4e9, 17e9, (64 * KIB, 512 * KIB, 2 * MIB), RASPBERRY, lanes=NARROW
)


def known_machine(name: str) -> Machine:
    """Return a published machine; raise ValueError if `name` is not a known one."""
    return KNOWN[checked_choice("machine", name, KNOWN)]


def processor_with_one_core(name: str) -> Machine:
    """Return a published processor with two limits: for one core while the others idle, and for all its cores.

    Raises ValueError if `name` is not one of `PROCESSORS`.
    """
    what, cores, hertz, memory, caches, source = PROCESSORS[checked_choice("processor", name, PROCESSORS)]
    alone = _processor(what, 1, hertz, min(memory, CORE_MEMORY), caches, source)
    return Machine(what, {1: alone.with_threads(1), cores: KNOWN[name].with_threads(cores)}, caches, source)
