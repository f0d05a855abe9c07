"""Stop the training of each world when its validation loss no longer falls."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class EarlyStopping:
    """Stop a world after `patience` evaluations without a new best validation loss, and restore its best weights.

    Args:
        patience: at least 1; the number of evaluations in a row that may bring no gain.
        smoothing: in [0, 1); the share of the old value in a running average of the losses that is watched instead.
        minimum_gain: at least 0; a loss is a new best only if it is lower by more than this.

    Raises:
        ValueError: a number is outside its range.

    Source: Prechelt, Early Stopping - But When?, 1998.
    """

    patience: int = 5
    smoothing: float = 0.0
    minimum_gain: float = 0.0

    def __post_init__(self) -> None:
        if not self.patience >= 1:
            raise ValueError(f"patience={self.patience}: must be at least 1")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing={self.smoothing}: must be at least 0 and below 1")
        if not self.minimum_gain >= 0:
            raise ValueError(f"minimum_gain={self.minimum_gain}: must be at least 0")


class Watch:
    """Each world's best validation loss so far, its epoch, and the epoch of stopping or 0; all (worlds,)."""

    def __init__(self, worlds: int, rule: EarlyStopping | None) -> None:
        self.rule = rule
        self.best = np.full(worlds, np.inf)
        self.best_epoch = np.zeros(worlds, np.int64)
        self.stopped = np.zeros(worlds, np.int64)
        self._smooth = np.full(worlds, np.nan)
        self._without_gain = np.zeros(worlds, np.int64)

    def see(self, losses: np.ndarray, epoch: int) -> np.ndarray:
        """Take in the losses of an epoch, and return which worlds have a new best one."""
        smoothing, gain = (self.rule.smoothing, self.rule.minimum_gain) if self.rule else (0.0, 0.0)
        before = np.where(np.isfinite(self._smooth), self._smooth, losses)  # an average begins anew after infinity
        with np.errstate(invalid="ignore"):
            self._smooth = np.where(np.isfinite(losses), smoothing * before + (1 - smoothing) * losses, losses)
        better = (self._smooth < self.best - gain) & (self.stopped == 0)
        self.best = np.where(better, self._smooth, self.best)
        self.best_epoch = np.where(better, epoch, self.best_epoch)
        self._without_gain = np.where(better, 0, self._without_gain + 1)
        if self.rule:
            now = (self._without_gain >= self.rule.patience) & (self.stopped == 0)
            self.stopped = np.where(now, epoch, self.stopped)
        return better
