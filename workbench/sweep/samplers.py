"""Propose the parameters of each trial, from a grid, from a Sobol sequence or with a sampler of Optuna.

Proposals do not depend on timing. Grid, random and quasi-random sampling use only the sweep's seed and the trial's
number n. The other samplers, and pruning, see the trials up to n - `in_flight` as finished and the later ones as
running. So an interrupted sweep ends with the same results as an uninterrupted one, with any number of processes.
"""

import math
from typing import Any

import numpy as np

from workbench.sweep.definition import Definition
from workbench.sweep.records import Record
from workbench.sweep.trial import Pruning, quiet_optuna

INDEPENDENT = ("grid", "random", "qmc")
SEQUENTIAL = ("tpe", "gp")
SAMPLERS = (*INDEPENDENT, *SEQUENTIAL)
PRUNERS = ("none", "median", "halving", "wilcoxon")
STATES = {"ok": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


def trial_seed(seed: int, number: int) -> int:
    """Return the seed of trial `number` of a sweep, below 2^31."""
    return _derived(seed, number, 1)  # not the sampler's seed: the trial's noise would repeat the proposals


def sampler_seed(seed: int, number: int) -> int:
    """Return the seed of the sampler that proposes trial `number`, below 2^31."""
    return _derived(seed, number)


def _derived(seed: int, *key: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0] >> 1)


class Independent:
    """Propose parameters from the sweep's seed and the trial's number alone."""

    def __init__(self, definition: Definition):
        self._definition = definition
        self._distributions = definition.space.distributions()
        if definition.sampler == "grid":
            self._grid = definition.space.grid()
            self._shape = tuple(map(len, self._grid.values()))
            self._order = np.random.default_rng(definition.seed).permutation(math.prod(self._shape))
        elif definition.sampler == "qmc":
            from scipy.stats import qmc  # takes long to import

            count = max(1, len(self._distributions))
            self._sobol = qmc.Sobol(count, scramble=True, seed=sampler_seed(definition.seed, 0))

    def propose(self, number: int) -> dict[str, Any]:
        """Return the values of the dimensions for trial `number`."""
        if self._definition.sampler == "grid":
            places = np.unravel_index(self._order[number], self._shape)
            return {name: points[place] for (name, points), place in zip(self._grid.items(), places, strict=True)}
        if self._definition.sampler == "qmc":
            point = zip(self._distributions.items(), self._sobol_point(number), strict=False)
            return {name: _at(each, share) for (name, each), share in point}
        sampler = quiet_optuna().samplers.RandomSampler(sampler_seed(self._definition.seed, number))
        return {name: sampler.sample_independent(None, None, name, each) for name, each in self._distributions.items()}

    def _sobol_point(self, number: int) -> list[float]:
        """Return point `number` of the Sobol sequence, each coordinate in [0, 1); increasing numbers are fastest."""
        if number < self._sobol.num_generated:
            self._sobol.reset()
        if number > self._sobol.num_generated:
            self._sobol.fast_forward(number - self._sobol.num_generated)
        return self._sobol.random(1)[0].tolist()


class Sequential:
    """Propose parameters with an Optuna study in memory, which learns the results in the order of trial numbers."""

    def __init__(self, definition: Definition):
        optuna = quiet_optuna()
        self._definition = definition
        self._distributions = definition.space.distributions()
        self._independent = Independent(definition) if definition.sampler in INDEPENDENT else None
        self._storage = optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=definition.name,
            directions=[each.direction for each in definition.objectives],
        )
        self._study_id = self._storage.get_study_id_from_name(definition.name)
        self._finished: dict[int, Record] = {}
        self._told = 0

    def finish(self, record: Record) -> None:
        """Store a finished trial; the sampler learns of it in the order of trial numbers."""
        self._finished[record.number] = record

    def propose(self, number: int) -> dict[str, Any]:
        """Return the values of the dimensions for trial `number`; the numbers must come in order."""
        self._tell(number)
        if self._independent is not None:
            params = self._independent.propose(number)
            self._add_running(params)
            return params
        samplers, seed = quiet_optuna().samplers, sampler_seed(self._definition.seed, number)
        if self._definition.sampler == "gp":
            self._study.sampler = samplers.GPSampler(seed=seed, deterministic_objective=False)
        else:
            self._study.sampler = samplers.TPESampler(seed=seed, constant_liar=True)
        return self._study.ask(self._distributions).params

    def adopt(self, record: Record) -> None:
        """Store a trial that an earlier session finished, instead of proposing it."""
        self._tell(record.number)
        self._add_running({name: record.parameters[name] for name in self._distributions})
        self.finish(record)

    def pruning(self) -> Pruning | None:
        """Return the data that the last proposed trial needs for pruning, or None without a pruner."""
        if self._definition.pruner == "none":
            return None
        past = (each for each in self._study.get_trials(deepcopy=False)[: self._told] if each.intermediate_values)
        return Pruning(self._definition.pruner, self._definition.objectives[0].direction, tuple(past))

    def _add_running(self, params: dict[str, Any]) -> None:
        from optuna.trial import TrialState, create_trial

        self._study.add_trial(create_trial(state=TrialState.RUNNING, params=params, distributions=self._distributions))

    def _tell(self, number: int) -> None:
        """Tell the study the results that trial `number` may depend on."""
        from optuna.trial import TrialState

        while self._told <= number - self._definition.in_flight:
            record = self._finished.pop(self._told)
            trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, record.number)
            for step, value in record.intermediate:
                self._storage.set_trial_intermediate_value(trial_id, step, value)
            for key, value in record.attributes.items():
                self._storage.set_trial_system_attr(trial_id, key, value)
            self._study.tell(record.number, record.values or None, TrialState[STATES[record.status]])
            self._told += 1


def _at(distribution: Any, share: float) -> Any:
    """Return the value at `share`, in [0, 1), of the scale of an Optuna distribution, placed as Optuna does."""
    if hasattr(distribution, "choices"):
        return distribution.choices[int(share * len(distribution.choices))]
    is_whole = isinstance(distribution.low, int)
    half = 0.5 * distribution.step if is_whole else 0.0  # each whole number gets an interval of the same length
    low, high = distribution.low - half, distribution.high + half
    if distribution.log:
        low, high = math.log(low), math.log(high)
    place = low + share * (high - low)
    if distribution.log:
        place = math.exp(place)
    if not is_whole:
        below = float(np.nextafter(distribution.high, distribution.high - 1))
        return min(max(place, distribution.low), below) if distribution.log else min(place, below)
    steps = round(place) if distribution.log else math.floor((place - distribution.low) / distribution.step + 0.5)
    value = steps if distribution.log else distribution.low + steps * distribution.step
    return min(max(value, distribution.low), distribution.high)
