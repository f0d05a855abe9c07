"""The parameters of each trial: a grid's, or a sampler's of Optuna.

Whatever is finished when, trial n is proposed from the same knowledge: grid, random and quasi-random sampling know
nothing but the sweep's seed and n; the others, and pruning, know the trials up to n - `lag` as finished and those after
it as running. So a sweep that was interrupted ends as one that was not, with any number of processes.
"""

import importlib.util
import math
from typing import Any

import numpy as np

from workbench.sweep.definition import Definition
from workbench.sweep.errors import SweepError
from workbench.sweep.optuna_setup import although_experimental, quiet_optuna
from workbench.sweep.records import Record
from workbench.sweep.trial import Past, Pruning

INDEPENDENT = ("grid", "random", "qmc")
SEQUENTIAL = ("tpe", "gp")
SAMPLERS = (*INDEPENDENT, *SEQUENTIAL)
PRUNERS = ("none", "median", "halving", "wilcoxon")
STATES = {"ok": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


def trial_seed(seed: int, number: int) -> int:
    """Return the seed that trial `number` of a sweep is given, below 2^31."""
    return _derived(seed, number, 1)  # another than the sampler's, or noise could repeat what was proposed


def sampler_seed(seed: int, number: int) -> int:
    """Return the seed of the sampler that proposes trial `number`, below 2^31."""
    return _derived(seed, number)


def _derived(seed: int, *key: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0] >> 1)


def check_sampler(name: str) -> None:
    """Raise SweepError unless there is such a sampler, and what it needs."""
    if name not in SAMPLERS:
        raise SweepError(f"sampler={name!r}: must be one of {', '.join(map(repr, SAMPLERS))}")
    if name == "gp" and importlib.util.find_spec("torch") is None:
        raise SweepError(
            "sampler='gp': Optuna's GP sampler needs torch, which is not installed; install it, or take 'tpe'"
        )


class Independent:
    """Proposals that depend on the sweep's seed and the trial's number alone."""

    def __init__(self, definition: Definition):
        self._definition = definition
        self._distributions = definition.space.distributions()
        if definition.sampler == "grid":
            self._grid = definition.space.grid()
            self._shape = tuple(map(len, self._grid.values()))
            self._order = np.random.default_rng(definition.seed).permutation(math.prod(self._shape))
        elif definition.sampler == "qmc":
            self._nothing_known = quiet_optuna().create_study()
            self._sobol = _numbered_sobol(definition.seed)

    def propose(self, number: int) -> dict[str, Any]:
        """Return the values of the dimensions for trial `number`."""
        if self._definition.sampler == "grid":
            places = np.unravel_index(self._order[number], self._shape)
            return {name: points[place] for (name, points), place in zip(self._grid.items(), places, strict=True)}
        if self._definition.sampler == "qmc":
            self._sobol.number = number
            return self._sobol.sample_relative(self._nothing_known, None, self._distributions)
        sampler = _random(self._definition.seed, number)
        return {name: sampler.sample_independent(None, None, name, each) for name, each in self._distributions.items()}


class Sequential:
    """Proposals, and what pruning needs, from a study in memory that is told of trials in their numbers' order."""

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
        """Take in how a trial has ended; the sampler learns of it when its turn comes."""
        self._finished[record.number] = record

    def propose(self, number: int) -> dict[str, Any]:
        """Return the values of the dimensions for trial `number`, which must come in order."""
        self._tell(number)
        if self._independent is not None:
            params = self._independent.propose(number)
            self._add_running(params)
            return params
        self._study.sampler = _sequential_sampler(self._definition, number)
        return self._study.ask(self._distributions).params

    def adopt(self, record: Record) -> None:
        """Take in a trial of an earlier session, instead of proposing it."""
        self._tell(record.number)
        self._add_running({name: record.parameters[name] for name in self._distributions})
        self.finish(record)

    def pruning(self) -> Pruning | None:
        """Return what the trial that was proposed last needs for pruning."""
        if self._definition.pruner == "none":
            return None
        past = tuple(
            Past(each.state.name, tuple(each.values or ()), tuple(each.intermediate_values.items()), each.system_attrs)
            for each in self._study.get_trials(deepcopy=False)[: self._told]
            if each.intermediate_values
        )
        return Pruning(self._definition.pruner, self._definition.objectives[0].direction, past)

    def _add_running(self, params: dict[str, Any]) -> None:
        from optuna.trial import TrialState, create_trial

        self._study.add_trial(create_trial(state=TrialState.RUNNING, params=params, distributions=self._distributions))

    def _tell(self, number: int) -> None:
        """Tell the study what trial `number` may know of."""
        while self._told <= number - self._definition.lag:
            self._tell_one(self._finished.pop(self._told))
            self._told += 1

    def _tell_one(self, record: Record) -> None:
        from optuna.trial import TrialState

        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, record.number)
        for step, value in record.intermediate:
            self._storage.set_trial_intermediate_value(trial_id, step, value)
        for key, value in record.attributes.items():
            self._storage.set_trial_system_attr(trial_id, key, value)
        state = TrialState[STATES[record.status]]
        self._study.tell(record.number, record.values if record.status == "ok" else None, state)


def _random(seed: int, number: int) -> Any:
    from optuna.samplers import RandomSampler

    return RandomSampler(sampler_seed(seed, number))


def _sequential_sampler(definition: Definition, number: int) -> Any:
    from optuna.samplers import GPSampler, TPESampler

    seed = sampler_seed(definition.seed, number)
    if definition.sampler == "gp":
        return GPSampler(seed=seed, deterministic_objective=False)
    return TPESampler(seed=seed, constant_liar=True)


def _numbered_sobol(seed: int) -> Any:
    """Return Optuna's quasi-random sampler, which gives the point `number` of the sequence that it is asked for."""
    from optuna.samplers import QMCSampler

    class NumberedSobol(QMCSampler):
        number = 0

        def _find_sample_id(self, *study_and_space: Any) -> int:
            return self.number  # instead of a counter in the study, which would have to be run through again

    with although_experimental():
        return NumberedSobol(qmc_type="sobol", scramble=True, seed=sampler_seed(seed, 0))
