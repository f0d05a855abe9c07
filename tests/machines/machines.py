"""Machines of round numbers."""

from workbench.machines.limits import CURVES, MADE_OF_ARITHMETIC, OPERATIONS, WORDS, Limits, Machine

FITS = {
    "processor": "made up",
    "threads": 2,
    "python": "3.x",
    "numpy": "1",
    "numba": "2",
    "llvmlite": "3",
    "format": 7,
}


def limits(threads=1, **changes):
    """Return limits of so many threads, each as fast as one; `changes` replace some."""
    given = {
        "flops": {"float32": threads * 2e9, "float64": threads * 1e9},
        "functions": {name: {"float32": threads * 1e8, "float64": threads * 5e7} for name in (*OPERATIONS, WORDS)},
        **{name: ((2.0**20, threads * 8e9), (2.0**24, threads * 2e9)) for name in CURVES},
        "allocation_bandwidth": ((1.0, threads * 4e9),),
        "launch_rate": ((2.0**20, 1e6), (2.0**24, 2.5e5)),
        "call_rate": ((2.0**20, 1e9), (2.0**24, 4e8)),
        "wake_seconds": 2e-5 if threads > 1 else 0.0,
        "misprediction_seconds": 4e-9 / threads,
        "overlap": {**dict.fromkeys(MADE_OF_ARITHMETIC, 1.0), "divisions": 0.5, "square_roots": 0.25},
    }
    return Limits(**{**given, **changes})


MACHINE = Machine("made up", {1: limits(), 2: limits(2)}, (32768, 1 << 20), fits=FITS, cpu_share=0.96)
