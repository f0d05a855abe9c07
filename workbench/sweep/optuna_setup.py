"""Optuna without what it says about each trial, which a sweep says itself, and about what is experimental in it."""

import contextlib
import warnings
from collections.abc import Iterator
from types import ModuleType


def quiet_optuna() -> ModuleType:
    """Import Optuna, have it log errors alone, and return it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextlib.contextmanager
def although_experimental() -> Iterator[None]:
    """Make something of Optuna's within the block that it calls experimental, without its warning."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
