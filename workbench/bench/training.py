"""The part "training" of the bench: many small networks beside PyTorch, JAX, and the estimators of `architectures`.

All train the same networks from the same weights over the same batches. First, without dropout, for one epoch: the
weights must agree. Then they are timed in turns. PyTorch trains one world after another, as its users do, in two
processes side by side with one thread each.
"""

import dataclasses
import itertools
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata, util
from typing import Any

import numpy as np

from workbench.architectures import network as counted
from workbench.architectures.layer_costs import convolution, optimizer_step, softmax
from workbench.bench import training_peers as peers
from workbench.bench.driver import Settings, WrongResult
from workbench.bench.results import Measurement, Results, base_versions
from workbench.cost.loop_cost import loop_cost
from workbench.cost.record import Cost
from workbench.data.splits import as_data
from workbench.machines.limits import Machine
from workbench.machines.prediction import predict
from workbench.parallel import available_threads
from workbench.training import layers, trees
from workbench.training.fit import ORDER, WEIGHTS, fit
from workbench.training.network import initial
from workbench.training.optimizers import Adam
from workbench.training.random import derive, permutations, world_seeds

EXAMPLES, BATCH, RATE = 300, 32, 1e-3
STEPS = -(-EXAMPLES // BATCH)  # of an epoch
PROCESSES = 2  # of PyTorch
ROUNDS = 5  # at most: a round of PyTorch takes many seconds
TOLERANCE = 1e-3  # between float32 weights after an epoch, over the largest weight


@dataclasses.dataclass(frozen=True)
class Workload:
    """Worlds of one network to train. Targets are ratios of our time: to PyTorch's, and to JAX's, compilation apart."""

    name: str
    network: tuple[Any, ...]
    shape: tuple[int, ...]
    worlds: int
    epochs: int
    over_torch: float
    over_jax: tuple[float, float] | None = None  # its compilation counted, and not


_HIDDEN = (layers.Dense(64), layers.ReLU(), layers.DropoutWithReplacement(0.5, scaled=True))
_FIRST = (layers.Convolution(8, 3, padding=1), layers.ReLU(), layers.LocalResponseNorm(5, 1e-2))
_SECOND = (layers.Convolution(16, 3, padding=1), layers.ReLU(), layers.MaxPool(2, 2), layers.Flatten())
_LAST = layers.Dense(10)
DENSE = Workload(
    "64-64-10 with dropout", (*_HIDDEN, _LAST), (64,), worlds=40, epochs=60, over_torch=1 / 5, over_jax=(1.0, 1.5)
)
CONVOLUTIONAL = Workload(
    "two convolutions with LRN", (*_FIRST, *_SECOND, _LAST), (1, 8, 8), worlds=20, epochs=10, over_torch=1 / 3
)


def bench(settings: Settings) -> Results:
    """Check and time the training of networks beside those peers that are installed.

    Raises:
        WrongResult: after an epoch without dropout, the weights of a peer differ from ours.
    """
    present = [name for name in ("torch", "jax") if util.find_spec(name)]
    measurements: list[Measurement] = []
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        for workload in (DENSE, CONVOLUTIONAL):
            if settings.quick:
                workload = dataclasses.replace(workload, worlds=4, epochs=1)
            settings.say(f"{workload.worlds} worlds of {workload.name}, {workload.epochs} epochs of {EXAMPLES} digits")
            measurements += _measured(workload, present, pool, settings)
    versions = base_versions() | {name: metadata.version(name) for name in present}
    return Results(measurements=tuple(measurements), versions=versions)


def _measured(workload: Workload, present: list[str], pool: Any, settings: Settings) -> list[Measurement]:
    runs: dict[str, Callable[..., Any]] = {"ours": _ours}
    if "torch" in present:
        runs["torch"] = lambda *work: _in_processes(pool, *work)
    if "jax" in present and workload.over_jax:
        runs["jax"] = lambda network, *work: peers.in_jax(network, *work, RATE)
    _verify(workload, runs)
    work = (workload.network, *_work(workload, workload.epochs))
    begin = time.perf_counter()
    if "jax" in runs:
        runs["jax"](*work)  # compiles
    compiling = time.perf_counter() - begin
    rounds = min(settings.rounds, ROUNDS)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            begin = time.perf_counter()
            run(*work)
            times[name].append(time.perf_counter() - begin)
    seconds = {name: statistics.median(each) for name, each in times.items()}
    ours, steps = seconds["ours"], workload.epochs * STEPS
    name = f"{workload.worlds} worlds of {workload.name}"
    found = [Measurement(f"{name}, a step of all worlds", 1e6 * ours / steps, "µs")]
    if "torch" in seconds:
        ratio = ours / seconds["torch"]
        found.append(Measurement(f"{name}, over PyTorch one after another", ratio, "times", workload.over_torch))
    if "jax" in seconds and workload.over_jax:
        times_of_jax = {"compilation counted": compiling, "compiled before": seconds["jax"]}
        for (what, theirs), most in zip(times_of_jax.items(), workload.over_jax, strict=True):
            found.append(Measurement(f"{name}, over JAX, {what}", ours / theirs, "times", most))
    if settings.machine is not None:
        predicted = step_seconds(workload, settings.machine)
        found.append(Measurement(f"{name}, a step over its prediction", ours / steps / predicted, "times", 2.0))
    return found


def _work(workload: Workload, epochs: int) -> tuple[peers.Weights, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return the initial weights, the examples, and the rows of each step, as `fit` chooses them."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x[:EXAMPLES] / 16).astype(np.float32).reshape(-1, *workload.shape)
    seeds = world_seeds(range(workload.worlds))
    weights = initial(workload.network, workload.shape, derive(seeds, WEIGHTS), np.float32)
    orders = [permutations(derive(seeds, ORDER, epoch), EXAMPLES) for epoch in range(epochs)]
    batches = [order[:, start : start + BATCH] for order in orders for start in range(0, EXAMPLES, BATCH)]
    return weights, x, y[:EXAMPLES], batches


def _ours(
    network: Sequence[Any], weights: peers.Weights, x: np.ndarray, y: np.ndarray, batches: list[np.ndarray]
) -> peers.Weights:
    work = {"epochs": len(batches) // STEPS, "batch": BATCH, "seed": range(len(batches[0]))}
    return fit(network, as_data(x, y), Adam(RATE), evaluate_every=0, **work).parameters


def _in_processes(
    pool: Any, network: Sequence[Any], weights: peers.Weights, x: np.ndarray, y: np.ndarray, batches: list[np.ndarray]
) -> peers.Weights:
    """Share the worlds out to the processes, and train them there with PyTorch."""
    worlds = len(batches[0])
    ends = [worlds * process // PROCESSES for process in range(PROCESSES + 1)]
    jobs = []
    for part in itertools.starmap(slice, itertools.pairwise(ends)):
        share = [rows[part] for rows in batches]
        jobs.append(pool.submit(peers.in_torch, network, trees.some_worlds(weights, part), x, y, share, RATE))
    return peers.joined([job.result() for job in jobs])


def _verify(workload: Workload, runs: dict[str, Callable[..., Any]]) -> None:
    """Train for one epoch without dropout, and raise WrongResult where a peer's weights differ from ours."""
    network = [layer for layer in workload.network if not isinstance(layer, layers.DropoutWithReplacement)]
    work = (network, *_work(dataclasses.replace(workload, network=tuple(network)), 1))
    ours = runs["ours"](*work)
    for name, run in runs.items():
        difference = peers.largest_difference(ours, run(*work))
        if not difference <= TOLERANCE:
            raise WrongResult(f"{workload.name}: after an epoch, {name} differs by {difference:.2g} of the weights")


def step_seconds(workload: Workload, machine: Machine) -> float:
    """Return the predicted time of a step of all worlds, whose loops run one after another on all threads.

    Each loop takes its working time, its start, and the time of a call from Python around it, which all worlds share.
    Threads are woken once an epoch, and arrays get memory that earlier ones gave back; neither counts.
    """
    limits, seconds = machine.with_threads(available_threads()), 0.0
    for cost in _loops(workload):
        together = workload.worlds * cost
        found = predict(together, machine, threads=available_threads(), working_set=together.bytes)
        seconds += (
            found.working + cost.launches * limits.launch_seconds(together.bytes) + limits.run_seconds(together.bytes)
        )
    return seconds


def _loops(workload: Workload) -> list[Cost]:
    """Return the costs of one world's step: the batch is copied, each layer's passes, the loss, and the update."""
    kept = [_counted(layer) for layer in workload.network if not isinstance(layer, layers.Flatten)]
    network = counted.Network(workload.name, workload.shape, tuple(kept))
    trace = network.trace(BATCH)
    examples = BATCH * math.prod(workload.shape) * 4
    costs = [loop_cost(examples, examples), softmax("forward", trace[-1].output_shape)]
    for place, row in enumerate(trace):
        forward, gradient = row.forward, row.gradient
        if isinstance(row.layer, counted.Convolution):
            options = {name: value for name, value in vars(row.layer).items() if name != "name"}
            back = "gradient" if place else "gradient to weights"
            forward, gradient = (
                convolution(direction, row.input_shape, **options, method="im2col") for direction in ("forward", back)
            )
        costs += [forward, gradient]
    return [*costs, optimizer_step("adam", network.parameters)]


def _counted(layer: Any) -> counted.Layer:
    """Return the layer of `architectures` that counts the cost of a layer."""
    match layer:
        case layers.Dense():
            return counted.Dense(layer.units)
        case layers.Convolution():
            return counted.Convolution(layer.channels, layer.size, layer.stride, layer.padding)
        case layers.LocalResponseNorm():
            return counted.OperatorLayer("LRN", {"size": layer.size})
        case layers.MaxPool():
            return counted.MaxPool(layer.size, layer.stride, layer.padding)
        case layers.DropoutWithReplacement():
            return counted.Dropout(layer.ratio)
        case layers.ReLU():
            return counted.ReLU()
    raise TypeError(f"{layer!r} has no counterpart in architectures")
