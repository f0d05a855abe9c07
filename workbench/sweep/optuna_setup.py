"""Optuna without what it says about each trial, which a sweep says itself."""

from types import ModuleType


def quiet_optuna() -> ModuleType:
    """Import Optuna, have it log errors alone, and return it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
