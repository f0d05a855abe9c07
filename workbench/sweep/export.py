"""Export a sweep's finished trials to an Optuna database, through Optuna's public functions, for Optuna's own tools.

The sweep's folder stays the source of truth. Trial n of the study is trial n of the sweep, so no trial is added twice.
"""

import datetime
import math
import re
import time
from typing import Any

from workbench.sweep.definition import Definition, SweepError, SweepStopped
from workbench.sweep.folder import SweepFolder
from workbench.sweep.records import Record
from workbench.sweep.samplers import STATES
from workbench.sweep.trial import quiet_optuna

OWNER = "workbench"  # the study's attribute that holds the id of the sweep
BUSY = re.compile("already exists|unique|duplicate|locked", re.IGNORECASE)  # while another process makes the tables
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds to wait before the next attempt


def open_study(url: str, definition: Definition, owner: str) -> Any:
    """Return the study named after the sweep in the database at `url`; create it if it does not exist.

    Raises:
        SweepError: the database cannot be used, or the study does not belong to the sweep with the id `owner`.
    """
    for pause in PAUSES:
        try:
            study, is_ours = _open(url, definition, owner)
            break
        except Exception as problem:  # each kind of database raises its own errors
            said = _in_short(problem)
        if not BUSY.search(said):
            raise SweepError(f"storage: the database cannot be used ({said})")
        time.sleep(pause)
    else:
        raise SweepError(f"storage: the database is busy ({said}); try again")
    if not is_ours:
        raise SweepError(f"storage: the database holds another study named {definition.name!r}; give another name")
    return study


def _open(url: str, definition: Definition, owner: str) -> tuple[Any, bool]:
    """Return the study, and whether it belongs to `owner`, which it does from now on if it was empty."""
    directions, name = [each.direction for each in definition.objectives], definition.name
    study = quiet_optuna().create_study(storage=url, study_name=name, directions=directions, load_if_exists=True)
    there = study.user_attrs.get(OWNER)
    is_ours = there == owner or (there is None and not study.get_trials(deepcopy=False))
    if is_ours:
        study.set_user_attr(OWNER, owner)
    return study, is_ours


def export(study: Any, folder: SweepFolder) -> None:
    """Add the finished trials that the study lacks, up to the first unfinished one; raise SweepStopped on an error."""
    distributions = folder.definition.space.distributions()
    try:
        number = len(study.get_trials(deepcopy=False))
        while number in folder:
            study.add_trial(_trial(folder[number], distributions))
            number += 1
    except Exception as problem:
        raise SweepStopped(f"the database cannot be written to ({_in_short(problem)})") from None


def _trial(record: Record, distributions: dict[str, Any]) -> Any:
    optuna = quiet_optuna()
    values = list(record.values)
    if record.status == "pruned" and record.intermediate:
        values = [record.intermediate[-1][1]]  # as Optuna itself does
    error = record.error and f"{record.error['kind']}: {record.error['message']}"
    trial = optuna.trial.create_trial(
        state=optuna.trial.TrialState[STATES[record.status]],
        values=None if not values or math.isnan(values[0]) else values,
        params={name: record.parameters[name] for name in distributions},
        distributions=distributions,
        intermediate_values=dict(record.intermediate),
        user_attrs={"seed": record.seed} | ({"error": error} if error else {}),
    )
    start = datetime.datetime.fromisoformat(record.started).astimezone().replace(tzinfo=None)  # as Optuna writes times
    trial.datetime_start = start
    trial.datetime_complete = start + datetime.timedelta(seconds=record.duration_seconds)
    return trial


def _in_short(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem.__cause__ or problem}".partition("\n")[0]
