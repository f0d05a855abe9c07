"""The part "torch" of the bench: AlexNet and GoogLeNet in PyTorch, before and after their LRN is replaced by ours.

Both have the same weights and the same batch. First their outputs and gradients must agree, for one image in float64:
in float32, a rounding can change which element a pooling takes. Then the forward pass alone and the forward with the
backward pass of the whole networks are timed in turns, in float32, at every thread count.
"""

import copy
from importlib import metadata, util
from typing import Any

from workbench.architectures import networks
from workbench.architectures.network import Network
from workbench.bench.driver import Settings, WrongResult, all_threads
from workbench.bench.results import Measurement, Results, base_versions, threads_of
from workbench.machines.timing import Contender, measure_steadily, thread_counts

BATCHES = {"AlexNet": 8, "GoogLeNet": 4}  # a round of all passes takes a few seconds
ROUNDS = 5  # at most
TOLERANCE = 1e-9  # between float64 outputs and gradients, over the largest


def bench(settings: Settings) -> Results:
    """Check and time both networks, if PyTorch is installed.

    Raises:
        WrongResult: an output or a gradient of a network changes with the replacement.
    """
    if util.find_spec("torch") is None:
        settings.say("PyTorch is not installed: there is nothing to time (pip install '.[torch]' adds it)")
        return Results(versions=base_versions())
    measurements: list[Measurement] = []
    for network in (networks.alexnet(), networks.googlenet()):
        measurements += _measured(network, 1 if settings.quick else BATCHES[network.name], settings)
    return Results(measurements=tuple(measurements), versions=base_versions() | {"torch": metadata.version("torch")})


def _measured(network: Network, batch: int, settings: Settings) -> list[Measurement]:
    import torch

    from workbench.bench.pytorch_networks import batch_of, built, passes
    from workbench.torch import replace_local_response_norm

    settings.say(f"{network.name}, a batch of {batch}")
    before, data = built(network), batch_of(network, batch)
    after = copy.deepcopy(before)
    replaced = replace_local_response_norm(after)
    check(network.name, before, after, batch_of(network, 1))
    runs = {("before", *key): run for key, run in passes(before, data).items()}
    runs |= {("after", *key): run for key, run in passes(after, data).items()}
    found, usual = [], torch.get_num_threads()
    for threads in thread_counts():
        torch.set_num_threads(threads)
        contenders = {" ".join(key): Contender(run) for key, run in runs.items()}
        with all_threads(threads):
            rounds = min(settings.rounds, ROUNDS)
            timings = measure_steadily(contenders, rounds, settings.say, threads=threads)
        for name in ("forward", "forward and backward"):
            ratio = timings[f"after {name}"].seconds / timings[f"before {name}"].seconds
            label = f"{network.name}, {replaced} LRN replaced, {name}, {threads_of(threads)}, after / before"
            found.append(Measurement(label, ratio, "times", 1.0))
    torch.set_num_threads(usual)
    return found


def check(name: str, before: Any, after: Any, data: tuple) -> None:
    """Raise WrongResult if the output or the gradients of two networks differ in float64."""
    from workbench.bench.pytorch_networks import results

    both = (results(copy.deepcopy(model).double(), data) for model in (before, after))
    for place, (right, found) in enumerate(zip(*both, strict=True)):
        difference = float((found - right).abs().max() / right.abs().max())
        if not difference <= TOLERANCE:
            what = "the output" if place == 0 else f"the gradient of parameter {place}"
            raise WrongResult(f"{name}: with the LRN replaced, {what} differs by {difference:.2g} of the largest")
