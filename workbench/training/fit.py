"""Train a network in many worlds at once.

The worlds are shared out in groups, and each thread trains one group through an epoch at a time. A world has the same
result to the last bit for any number of worlds and threads.
"""

import contextlib
import functools
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from workbench import parallel
from workbench.cost.record import checked_count
from workbench.data.splits import Data
from workbench.training import network as networks
from workbench.training import trees
from workbench.training.history import History
from workbench.training.layers.layer import Layer
from workbench.training.losses import Loss, default_loss
from workbench.training.optimizers import Optimizer
from workbench.training.random import derive, permutations, world_seeds
from workbench.training.schedules import Schedule, constant
from workbench.training.stopping import EarlyStopping, Watch

# Weights and activations of a group, at most: smaller groups start more loops, which nearer caches do not repay.
GROUP_BYTES = 1 << 25
# The same for a thread, at least: with less, threads wait for one another's Python longer than they compute.
THREAD_BYTES = 1 << 21
SETTINGS = re.compile(
    r"optimizer/(learning_rate|weight_decay)|penalties/\d+/(weight|threshold|sparsity|l1_ratio|radius)|\d+/(ratio|strength|alpha)"
)
WEIGHTS, ORDER, MASKS, AUGMENT = range(4)  # what a world's seed is used for


def fit(
    network: Sequence[Layer],
    data: Data,
    optimizer: Optimizer,
    *,
    epochs: int,
    batch: int = 32,
    seed: int | Sequence[int] | np.ndarray = 0,
    callbacks: Sequence[Callable[["Training"], object]] = (),
    **options: Any,
) -> History:
    """Train a network in every world, and return the losses by epoch and the weights.

    Args:
        network: the layers, in order.
        data: the examples, and which of them each world uses; standardized if `data` says so.
        optimizer: its learning rate may differ by world.
        epochs: passes over the training examples.
        batch: examples in a step; the last batch of an epoch may be smaller.
        seed: one whole number for each world, or a single number for a single world.
        callbacks: each is called with the `Training` after every epoch.
        **options: `loss`, `penalties`, `augment`, `schedule`, `clip`, `early_stopping`, `evaluate_every`, `dtype` and
            `start`, as described at `Training`.

    Raises:
        TypeError, ValueError: an argument is wrong, or shapes do not chain; the message names it.
    """
    training = Training(network, data, optimizer, epochs=epochs, batch=batch, seed=seed, **options)
    while not training.done:
        training.run_epoch()
        for callback in callbacks:
            callback(training)
    return training.history()


class Training:
    """A network in training: `run_epoch` goes on by one epoch, and `history` says how it went.

    Besides the arguments of `fit`:

    Args:
        loss: a function of `losses`; None is cross-entropy, or squared error if the data have no classes.
        penalties: what `penalties` holds, added to the loss or applied to the weights after each step; the losses of
            the history are without them.
        augment: a function of x (worlds, batch, *shape), not yet standardized, and seeds (worlds,); see `augmentation`.
        schedule: a function of the share of training that is done to a factor of the learning rate; see `schedules`.
        clip: the largest Euclidean norm of a world's whole gradient; a longer gradient is shortened to it.
        early_stopping: when to stop a world; None trains all epochs.
        evaluate_every: epochs between evaluations, also after the last epoch; 0 never evaluates.
        dtype: np.float32 or np.float64; None takes the type of data.x, or float64 for ids.
        start: the History of the same network, data and worlds, to be continued up to `epochs` in all; learning rates
            and all else that is given here hold from there on.
    """

    def __init__(
        self,
        network: Sequence[Layer],
        data: Data,
        optimizer: Optimizer,
        *,
        epochs: int,
        batch: int = 32,
        seed: int | Sequence[int] | np.ndarray = 0,
        loss: Loss | None = None,
        penalties: Sequence[Any] = (),
        augment: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
        schedule: Schedule | None = None,
        clip: float | None = None,
        early_stopping: EarlyStopping | None = None,
        evaluate_every: int = 1,
        dtype: Any = None,
        start: History | None = None,
    ) -> None:
        self.network, self.optimizer, self.epochs, self.batch = list(network), optimizer, epochs, batch
        self.seeds = world_seeds(seed)
        self.data = _for_worlds(data, len(self.seeds))
        self.loss = loss or default_loss(data.classes)
        self.penalties, self.augment, self.clip = list(penalties), augment, clip
        self.schedule, self.evaluate_every = schedule or constant(), evaluate_every
        self.dtype = np.dtype(dtype or (data.x.dtype.newbyteorder("=") if data.x.dtype.kind == "f" else np.float64))
        _check_numbers(self, early_stopping)
        _check_outputs(self.network, self.data, loss)
        self._inputs = data.inputs(self.dtype)
        drawn = networks.initial(self.network, data.x.shape[1:], derive(self.seeds, WEIGHTS), self.dtype)
        self.parameters = drawn
        self.state = {
            "optimizer": optimizer.start(drawn),
            "penalties": [penalty.start(drawn) for penalty in self.penalties],
        }
        self.best = trees.changed(drawn, np.copy)
        self.epoch, self.seconds = 0, 0.0
        self.watch = Watch(len(self.seeds), early_stopping)
        self.diverged = np.zeros(len(self.seeds), np.int64)
        self._batch_losses: list[np.ndarray] = []
        self._measured: dict[int, dict[str, np.ndarray]] = {}
        self._groups = [_Group(self, worlds) for worlds in self._shares()]
        if start is not None:
            self._continue(start)

    @property
    def done(self) -> bool:
        """Return whether all epochs are over, or every world has stopped."""
        return self.epoch >= self.epochs or bool((self.watch.stopped > 0).all())

    @property
    def steps(self) -> int:
        """Return the number of steps in an epoch."""
        return -(-self.data.train.shape[1] // self.batch)

    def run_epoch(self) -> None:
        """Train every world that has not stopped for one epoch, and evaluate it where `evaluate_every` says so."""
        begin = time.perf_counter()
        order = permutations(derive(self.seeds, ORDER, self.epoch), self.data.train.shape[1])
        rows = np.take_along_axis(self.data.train, order, axis=1)
        steps = self.epoch * self.steps + np.arange(self.steps)
        places = np.arange(len(self.network))[:, None]
        seeds = derive(derive(self.seeds, MASKS, steps[:, None, None]), places)  # (steps, layers, worlds)
        losses = np.full(len(self.seeds), np.nan)
        running = self.watch.stopped == 0
        self._each_group(lambda group: group.run_epoch(rows, seeds, losses), running)
        self.epoch += 1  # not before: an epoch that is interrupted does not count
        losses[~running] = np.nan
        self._batch_losses.append(losses)
        self.diverged[(self.diverged == 0) & running & ~np.isfinite(losses)] = self.epoch
        if self.evaluate_every and (self.epoch % self.evaluate_every == 0 or self.epoch == self.epochs):
            self._evaluate(running)
        self.seconds += time.perf_counter() - begin

    def evaluate(self, part: str) -> dict[str, np.ndarray]:
        """Return the "loss" and the "error" of each world on a part, in evaluation mode; NaN where it has stopped."""
        found = {name: np.full(len(self.seeds), np.nan) for name in ("loss", "error")}
        if getattr(self.data, part).shape[1]:
            self._each_group(lambda group: group.evaluate(part, found), self.watch.stopped == 0)
        return {name: np.where(self.watch.stopped == 0, values, np.nan) for name, values in found.items()}

    def history(self) -> History:
        """Return how training went so far."""
        restored, measured = self.watch.rule is not None and bool(self._measured), list(self._measured.values())
        return History(
            network=self.network,
            seeds=self.seeds,
            epochs=np.array(list(self._measured), np.int64),
            **{name: _columns(self.seeds, [each[name] for each in measured]) for name in _MEASURES},
            batch_loss=_columns(self.seeds, self._batch_losses),
            best_epoch=self.watch.best_epoch,
            stopped=self.watch.stopped,
            diverged=self.diverged,
            parameters=trees.changed(self.best if restored else self.parameters, np.copy),
            best=trees.changed(self.best if self.watch.best_epoch.any() else self.parameters, np.copy),
            state={} if restored else trees.changed(self.state, np.copy),
            seconds=self.seconds,
        )

    def _evaluate(self, running: np.ndarray) -> None:
        losses = {part: self.evaluate(part) for part in ("train", "validation")}
        self._measured[self.epoch] = {f"{part}_{name}": losses[part][name] for part in losses for name in losses[part]}
        self.diverged[(self.diverged == 0) & running & ~np.isfinite(losses["train"]["loss"])] = self.epoch
        better = self.watch.see(losses["validation"]["loss"], self.epoch) | (self.watch.best_epoch == 0)
        better &= running
        for best, now in zip(trees.leaves(self.best), trees.leaves(self.parameters), strict=True):
            best[better] = now[better]

    def _continue(self, start: History) -> None:
        """Take over the weights, the state and the losses of a history."""
        if not start.state:
            raise ValueError("start: was stopped early, and its best weights have no state; train without it")
        if not np.array_equal(start.seeds, self.seeds):
            raise ValueError(f"start has the seeds {start.seeds}, and seed is {self.seeds}: must be the same")
        if self.epochs < (done := start.batch_loss.shape[1]):
            raise ValueError(f"epochs={self.epochs}: start has {done} epochs already, which count; give more")
        for name, ours in (("parameters", self.parameters), ("best", self.best), ("state", self.state)):
            _copy(getattr(start, name), ours, name)
        self.epoch, self.seconds, self.diverged = start.batch_loss.shape[1], start.seconds, start.diverged.copy()
        self._batch_losses = list(start.batch_loss.T)
        if self.epoch in start.epochs:
            last, now = start.train_loss[:, -1], self.evaluate("train")["loss"]
            if not np.allclose(now, last, rtol=1e-3, atol=1e-6, equal_nan=True):
                words = "give the same network, data and loss"
                raise ValueError(f"start ends with the training losses {last}, which here are {now}: {words}")
        for column, epoch in enumerate(start.epochs):
            self._measured[int(epoch)] = {name: getattr(start, name)[:, column] for name in _MEASURES}
            self.watch.see(start.validation_loss[:, column], int(epoch))
        if not np.array_equal(self.watch.best_epoch, start.best_epoch):
            raise ValueError(f"early_stopping: start has not the weights of its best epochs, {self.watch.best_epoch}")

    def _shares(self) -> list[slice]:
        """Return the groups of worlds: of limited size, and one for each thread that has enough to do."""
        activations = sum(int(np.prod(shape)) for shape in networks.shapes(self.network, self._inputs.shape[1:]))
        worlds = len(self.seeds)
        weights = sum(array.nbytes for array in trees.leaves(self.parameters)) // worlds
        size = worlds * (4 * weights + 2 * activations * self.batch * self.dtype.itemsize)
        threads = min(parallel.available_threads(), max(1, size // THREAD_BYTES))
        groups = min(worlds, max(threads, -(-size // GROUP_BYTES)))
        ends = [worlds * group // groups for group in range(groups + 1)]
        return [slice(*ends[group : group + 2]) for group in range(groups)]

    def _each_group(self, work: Callable[["_Group"], None], running: np.ndarray) -> None:
        groups = [group for group in self._groups if running[group.worlds].any()]

        def some(start: int, stop: int) -> None:
            with parallel.thread_limit(1), np.errstate(all="ignore"):
                for group in groups[start:stop]:
                    work(group)

        with one_blas_thread():
            parallel.run(some, len(groups), parallel.LARGE)


class _Group:
    """Some neighbouring worlds, with views of their weights and state, which one thread trains."""

    def __init__(self, training: Training, worlds: slice) -> None:
        self.training, self.worlds = training, worlds
        self.parameters = trees.some_worlds(training.parameters, worlds)
        self.state = trees.some_worlds(training.state, worlds)
        data = training.data
        self._mean, self._inverse = None, None
        if data.mean is not None and data.scale is not None:
            self._mean = data.mean[worlds, None].astype(training.dtype)
            self._inverse = (1 / data.scale[worlds, None]).astype(training.dtype)

    def run_epoch(self, rows: np.ndarray, seeds: np.ndarray, losses: np.ndarray) -> None:
        """Take the steps of an epoch, and write the mean loss of the batches to `losses`."""
        training, total = self.training, np.zeros(len(rows[self.worlds]))
        for number, start in enumerate(range(0, rows.shape[1], training.batch)):
            chosen = rows[self.worlds, start : start + training.batch]
            done = (training.epoch + number / training.steps) / training.epochs
            total = total + chosen.shape[1] * self._step(chosen, seeds[number, :, self.worlds], done)
        losses[self.worlds] = total / rows.shape[1]

    def evaluate(self, part: str, found: dict[str, np.ndarray]) -> None:
        """Write the mean loss and the share of errors over a part's examples to `found`."""
        rows = getattr(self.training.data, part)[self.worlds]
        loss, wrong = np.zeros(len(rows)), np.zeros(len(rows))
        for start in range(0, rows.shape[1], networks.EXAMPLES_AT_ONCE):
            chosen = rows[:, start : start + networks.EXAMPLES_AT_ONCE]
            x, y = self._examples(chosen, None)
            output, _ = networks.forward(self.training.network, self.parameters, x, training=False)
            loss = loss + chosen.shape[1] * self.training.loss(output, y)[0]
            wrong = wrong + networks.wrong(output, y, self.training.data.classes).sum(axis=1)
        found["loss"][self.worlds] = loss / rows.shape[1]
        found["error"][self.worlds] = wrong / rows.shape[1]

    def _step(self, rows: np.ndarray, seeds: np.ndarray, done: float) -> np.ndarray:
        training, parameters = self.training, self.parameters
        x, y = self._examples(rows, seeds[0])
        output, saved = networks.forward(training.network, parameters, x, training=True, seeds=seeds)
        loss, dy = training.loss(output, y)
        gradients = networks.backward(training.network, parameters, saved, dy)
        penalties = list(zip(training.penalties, self.state["penalties"], strict=True))
        for penalty, state in penalties:
            penalty.add_gradient(parameters, gradients, done, state)
        if training.clip is not None:
            _shorten(gradients, training.clip)
        factor = training.schedule(done)
        training.optimizer.step(parameters, gradients, self.state["optimizer"], factor)
        for penalty, state in penalties:
            penalty.after_step(parameters, factor * self.state["optimizer"]["learning_rate"], done, state)
        return loss

    def _examples(self, rows: np.ndarray, seeds: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return x (worlds, batch, *shape), augmented where there are seeds and standardized, and the targets."""
        training = self.training
        x = np.take(training._inputs, rows, axis=0)
        if training.augment is not None and seeds is not None:
            x = training.augment(x, derive(seeds, AUGMENT))
        if self._mean is not None:
            x -= self._mean
            x *= self._inverse
        return x, training.data.y[rows]


_MEASURES = ("train_loss", "train_error", "validation_loss", "validation_error")
_blas_lock = threading.Lock()
_blas_users = 0
_blas_limit: Any = None


@functools.cache
def _controller() -> ThreadpoolController:
    """Return the handle of the loaded libraries; NumPy's own is loaded before."""
    return ThreadpoolController()


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let the linear algebra library use one thread within the block, since the groups of worlds share the threads.

    Blocks may overlap in several threads: the first sets the limit, and the last takes it back.
    """
    global _blas_users, _blas_limit
    with _blas_lock:
        if _blas_users == 0:
            _blas_limit = _controller().limit(limits=1, user_api="blas")
        _blas_users += 1
    try:
        yield
    finally:
        with _blas_lock:
            _blas_users -= 1
            if _blas_users == 0:
                _blas_limit.restore_original_limits()


def _copy(source: Any, target: Any, name: str) -> None:
    """Copy the arrays of one tree into those of another."""
    found, wanted = trees.flat(source), trees.flat(target)
    for path in wanted | found:
        theirs, ours = (f"shape {tree[path].shape}" if path in tree else "no such array" for tree in (found, wanted))
        if theirs != ours:
            raise ValueError(f"start.{name}, {path}: {theirs}; must be {ours}, as network and optimizer have it")
        if not SETTINGS.fullmatch(path):
            wanted[path][...] = found[path]


def _shorten(gradients: Any, longest: float) -> None:
    """Multiply each world's gradient by min(1, longest / norm), in place."""
    arrays = list(trees.leaves(gradients))
    squares = sum(np.square(g, dtype=np.float64).reshape(len(g), -1).sum(axis=1) for g in arrays)
    factor = longest / np.maximum(np.sqrt(squares), longest)
    for g in arrays:
        g *= trees.column(factor, g)


def _columns(seeds: np.ndarray, columns: list[np.ndarray]) -> np.ndarray:
    return np.stack(columns, axis=1) if columns else np.empty((len(seeds), 0))


def _for_worlds(data: Data, worlds: int) -> Data:
    """Return the data with one split for each world; a single split is shared by all."""
    if not isinstance(data, Data):
        raise TypeError(f"data is a {type(data).__name__}: must be Data, as split or as_data of workbench.data returns")
    data.check()
    if data.worlds == worlds:
        return data
    if data.worlds == 1:
        return data.take(np.zeros(worlds, int))
    raise ValueError(f"seed names {worlds} worlds and data has {data.worlds}: give one seed for each of data's worlds")


def _check_numbers(training: Training, early_stopping: EarlyStopping | None) -> None:
    for name, least in (("epochs", 0), ("batch", 1), ("evaluate_every", 0)):
        checked_count(name, getattr(training, name), least)
    if training.dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype={training.dtype}: must be float32 or float64")
    if training.clip is not None and not 0 < training.clip < np.inf:
        raise ValueError(f"clip={training.clip}: must be above 0 and finite, or None")
    if early_stopping is not None and not (training.data.validation.shape[1] and training.evaluate_every):
        raise ValueError("early_stopping needs validation examples and evaluate_every > 0: split with validation=...")


def _check_outputs(network: Sequence[Layer], data: Data, loss: Loss | None) -> None:
    """Raise an error unless the network takes ids if x has them, and ends with one output for each class or target."""
    (*_, last) = networks.shapes(network, data.x.shape[1:])
    if data.x.dtype.kind != "f" and not any(layer.takes_ids for layer in network):
        raise TypeError(f"x has dtype {data.x.dtype}, as ids have, and no layer takes ids: give x as floats")
    wanted = data.classes or int(np.prod(data.y.shape[1:]))
    if loss is None and last != (wanted,):
        what = f"{wanted} classes" if data.classes else f"{wanted} targets"
        raise ValueError(f"network ends with shape {last}: must be ({wanted},), as there are {what}; end with Dense")
