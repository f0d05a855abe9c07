"""Keep the course of a training run: losses and errors by world and epoch, and the weights."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.splits import Data
from workbench.files import write_whole
from workbench.training import network as networks
from workbench.training import trees
from workbench.training.layers.layer import Layer, Parameters


@dataclasses.dataclass(eq=False)
class History:
    """The course of training in each world. Every array starts with the worlds.

    seeds           (worlds,)
    epochs          (evaluations,): the epochs after which the network was evaluated, in evaluation mode
    train_loss      (worlds, evaluations), like train_error, validation_loss and validation_error; an error is the
                    share of examples that are classified wrongly, NaN for regression or fewer outputs than classes.
                    NaN: not measured, or the world had stopped
    batch_loss      (worlds, epochs): mean loss of the batches, in training mode; not comparable with the others
    best_epoch      (worlds,): where the validation loss was lowest; 0 without a finite one
    stopped         (worlds,): the epoch of early stopping, or 0
    diverged        (worlds,): the first epoch whose loss was not finite, or 0
    parameters      one dict of arrays for each layer, after the last epoch; the best ones if early stopping was used
    best            the parameters of the best epoch; of the last epoch if best_epoch is 0
    state           of the optimizer and the penalties, with which training can be continued
    seconds         the time that training took
    """

    network: Sequence[Layer]
    seeds: np.ndarray
    epochs: np.ndarray
    train_loss: np.ndarray
    train_error: np.ndarray
    validation_loss: np.ndarray
    validation_error: np.ndarray
    batch_loss: np.ndarray
    best_epoch: np.ndarray
    stopped: np.ndarray
    diverged: np.ndarray
    parameters: list[Parameters]
    best: list[Parameters]
    state: dict[str, Any]
    seconds: float

    def __str__(self) -> str:
        worlds, epochs = self.batch_loss.shape
        lines = [f"{worlds} worlds, {epochs} epochs, {self.seconds:.2g} s"]
        for name in ("train_loss", "validation_loss", "validation_error"):
            last = getattr(self, name)[:, -1:]
            if np.isfinite(last).any():
                lines.append(f"{name.replace('_', ' ')} at the end: median {np.nanmedian(last):.3g}")
        if self.stopped.any():
            lines.append(f"stopped early: {np.count_nonzero(self.stopped)} worlds")
        for world in np.flatnonzero(self.diverged):
            lines.append(f"world {world} (seed {self.seeds[world]}) diverged in epoch {self.diverged[world]}")
        return "\n".join(lines)

    def worlds(self, indices: Any) -> "History":
        """Return the history of some worlds, given by their places."""
        chosen = np.atleast_1d(np.arange(len(self.seeds))[indices])
        by_world = vars(self).keys() - {"network", "epochs", "seconds"}
        return dataclasses.replace(self, **{name: trees.some_worlds(vars(self)[name], chosen) for name in by_world})

    def at_best(self) -> "History":
        """Return the history with the weights of each world's best epoch as its parameters."""
        return dataclasses.replace(self, parameters=self.best)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the network's outputs (worlds, examples, ...) for x (worlds, examples, *shape), standardized as in
        training."""
        if x.shape[:1] != self.seeds.shape:
            raise ValueError(f"x has shape {x.shape}: the first axis must be the {len(self.seeds)} worlds")
        networks.shapes(self.network, x.shape[2:])
        kind = next(trees.leaves(self.parameters), np.empty(0)).dtype
        return networks.predict(self.network, self.parameters, x.astype(kind) if x.dtype.kind == "f" else x)

    def error(self, data: Data, part: str = "test") -> np.ndarray:
        """Return the share of the part's examples that each world's network classifies wrongly, (worlds,)."""
        x, y = data.part(part)
        return networks.wrong(self.predict(x), y, data.classes).mean(axis=1)

    def loss(self, data: Data, part: str = "test") -> np.ndarray:
        """Return the mean cross-entropy, or for regression squared error, over the part's examples, shape (worlds,)."""
        from workbench.training.losses import default_loss

        x, y = data.part(part)
        return default_loss(data.classes)(self.predict(x), y)[0]

    def save(self, file: str | Path) -> None:
        """Write everything but the layers to an .npz file, completely or not at all; .npz is added to other names."""
        arrays: dict[str, Any] = trees.flat({name: value for name, value in vars(self).items() if name != "network"})
        arrays["layers"] = np.array([type(layer).__name__ for layer in self.network])
        whole = Path(f"{str(file).removesuffix('.npz')}.npz")
        write_whole(whole, lambda place: np.savez(place, **arrays))

    @classmethod
    def load(cls, file: str | Path, network: Sequence[Layer]) -> "History":
        """Return the history in a file; `network` is the list of layers that was trained.

        Raises:
            ValueError: the file was not written by `save`, or holds the parameters of other layers.
        """
        Path(file).stat()  # raises FileNotFoundError
        try:
            with np.load(file, allow_pickle=False) as stored:
                tree = _unflatten({name: stored[name] for name in stored.files})
            ours = [type(layer).__name__ for layer in network]
            if (names := list(tree.pop("layers", ours))) != ours:
                raise ValueError(f"its layers are {', '.join(names)}")
            tree["seconds"], tree["state"] = float(tree["seconds"]), tree.get("state", {})
            tree["parameters"], tree["best"] = (
                [tree[name].get(str(place), {}) for place in range(len(network))] for name in ("parameters", "best")
            )
            return cls(network=list(network), **tree)
        except Exception as problem:  # a damaged archive raises many kinds
            raise ValueError(f"{file}: is not a history of this network that History.save wrote ({problem})") from None


def _unflatten(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, array in arrays.items():
        *folders, name = path.split("/")
        branch = tree
        for folder in folders:
            branch = branch.setdefault(folder, {})
        branch[name] = array
    return tree
