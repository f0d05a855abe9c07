"""A machine that does a billion of anything a second, to work out predictions by hand."""

from workbench.machines.limits import CURVES, OPERATIONS, PRECISIONS, WORDS, Limits, Machine


def flat_limits(scale: float = 1.0, **others) -> Limits:
    """Return limits of `scale` billion a second: FLOPs, calls and bytes; a launch takes 1 µs and a run 1 ns."""
    rate = scale * 1e9
    curve = ((1.0, rate),)
    given = {
        "flops": dict.fromkeys(PRECISIONS, rate),
        "functions": {name: dict.fromkeys(PRECISIONS, rate) for name in (*OPERATIONS, WORDS)},
        **dict.fromkeys(CURVES, curve),
        "allocation_bandwidth": ((1.0, float("inf")),),
        "launch_rate": ((1.0, 1e6),),
        "call_rate": ((1.0, 1e11),),
        "overlap": {},
    }
    return Limits(**{**given, **others})


def flat_machine() -> Machine:
    """Return a machine with such limits for one thread, and twice those for two."""
    return Machine("flat", {1: flat_limits(), 2: flat_limits(2.0)})
