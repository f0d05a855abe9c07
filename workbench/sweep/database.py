"""Optuna's database of a sweep: its finished trials in the order of their numbers, for Optuna's own tools to read.

Optuna writes one trial at a time, which takes longer than a short trial does. Here many are written in one transaction,
to the tables of Optuna's schema, which carries a version number. Optuna makes the tables and reads them.
"""

import datetime
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from workbench.sweep.definition import Definition
from workbench.sweep.errors import SweepError, SweepStopped
from workbench.sweep.optuna_setup import quiet_optuna
from workbench.sweep.records import Record
from workbench.sweep.samplers import STATES

SCHEMA = 12  # Optuna's version of its tables that is written here
OWNER = "workbench"
PARTS = ("trial_params", "trial_values", "trial_intermediate_values", "trial_user_attributes")
TABLES = ("version_info", "trials", *PARTS)


class Database:
    """The study of one sweep, in a database by its URL."""

    def __init__(self, url: str, definition: Definition, owner: str):
        import sqlalchemy

        optuna = quiet_optuna()
        self._definition = definition
        self._distributions = {
            name: optuna.distributions.distribution_to_json(each)
            for name, each in definition.space.distributions().items()
        }
        self._internal = {name: each.to_internal_repr for name, each in definition.space.distributions().items()}
        try:
            self._storage = optuna.storages.RDBStorage(url, engine_kwargs=_settings(url))
            self._engine = self._storage.engine
            self._tables = sqlalchemy.MetaData()
            self._tables.reflect(self._engine, only=TABLES)
            self._check_schema()
            self._study_id = self._open(owner)
            self.count = self._count(self._study_id)
        except SweepError:
            raise
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError, ValueError) as problem:
            reason = str(problem.__cause__ or problem).partition("\n")[0]
            raise SweepError(f"storage: the database cannot be used ({type(problem).__name__}: {reason})") from None

    def add(self, records: Iterable[Record]) -> None:
        """Write finished trials, whose numbers must follow those that are there."""
        import sqlalchemy

        records = list(records)
        if not records:
            return
        try:
            with self._engine.begin() as connection:
                self._write(connection, records)
        except sqlalchemy.exc.SQLAlchemyError as problem:
            raise SweepStopped(
                f"the database cannot be written to ({str(problem).splitlines()[0]}); finished trials are kept, and "
                "the same command continues"
            ) from None
        self.count += len(records)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _open(self, owner: str) -> int:
        """Return the study's number; raise SweepError if it belongs to a sweep in another folder."""
        name = self._definition.name
        quiet_optuna().create_study(
            storage=self._storage,
            study_name=name,
            directions=[each.direction for each in self._definition.objectives],
            load_if_exists=True,
        )
        study_id = self._storage.get_study_id_from_name(name)
        there = self._storage.get_study_user_attrs(study_id).get(OWNER)
        if there not in (None, owner) or (there is None and self._count(study_id)):
            raise SweepError(f"storage: the database holds another study of the name {name!r}; give another name")
        self._storage.set_study_user_attr(study_id, OWNER, owner)
        return study_id

    def _count(self, study_id: int) -> int:
        """Return how many trials a study has; Optuna would load them all to count them."""
        import sqlalchemy

        trials = self._tables.tables["trials"]
        with self._engine.connect() as connection:
            count = sqlalchemy.select(sqlalchemy.func.count()).where(trials.c.study_id == study_id)
            return connection.execute(count).scalar_one()

    def _check_schema(self) -> None:
        with self._engine.connect() as connection:
            found = connection.execute(self._tables.tables["version_info"].select()).mappings().one()["schema_version"]
        if found != SCHEMA:
            raise SweepError(f"storage: the database has version {found} of Optuna's tables, not {SCHEMA}")

    def _write(self, connection: Any, records: list[Record]) -> None:
        tables = self._tables.tables
        trials = tables["trials"]
        connection.execute(trials.insert(), [self._trial(record) for record in records])
        ours = trials.select().where(trials.c.study_id == self._study_id)
        newest = connection.execute(ours.order_by(trials.c.trial_id.desc()).limit(len(records))).mappings()
        ids = {row["number"]: row["trial_id"] for row in newest}  # not every database returns them with the insert
        pairs = [(ids[record.number], record) for record in records]
        for table, rows in {
            "trial_params": [row for pair in pairs for row in self._params(*pair)],
            "trial_values": [row for pair in pairs for row in _values(*pair)],
            "trial_intermediate_values": [row for pair in pairs for row in _intermediate(*pair)],
            "trial_user_attributes": [row for pair in pairs for row in _attributes(*pair)],
        }.items():
            if rows:
                connection.execute(tables[table].insert(), rows)

    def _trial(self, record: Record) -> dict[str, Any]:
        start = datetime.datetime.fromisoformat(record.started).astimezone(datetime.UTC).replace(tzinfo=None)
        return {
            "number": record.number,
            "study_id": self._study_id,
            "state": STATES[record.status],
            "datetime_start": start,
            "datetime_complete": start + datetime.timedelta(seconds=record.duration_seconds),
        }

    def _params(self, trial_id: int, record: Record) -> list[dict[str, Any]]:
        return [
            {
                "trial_id": trial_id,
                "param_name": name,
                "param_value": self._internal[name](record.parameters[name]),
                "distribution_json": distribution,
            }
            for name, distribution in self._distributions.items()
        ]


def _values(trial_id: int, record: Record) -> list[dict[str, Any]]:
    values = record.values
    if record.status == "pruned" and record.intermediate:
        values = (record.intermediate[-1][1],)  # as Optuna has it
    return [
        {
            "trial_id": trial_id,
            "objective": objective,
            "value": value if np.isfinite(value) else None,
            "value_type": _kind(value),
        }
        for objective, value in enumerate(values)
        if not np.isnan(value)
    ]


def _intermediate(trial_id: int, record: Record) -> list[dict[str, Any]]:
    return [
        {
            "trial_id": trial_id,
            "step": step,
            "intermediate_value": value if np.isfinite(value) else None,
            "intermediate_value_type": _kind(value),
        }
        for step, value in record.intermediate
    ]


def _kind(value: float) -> str:
    if np.isfinite(value):
        return "FINITE"
    return "NAN" if np.isnan(value) else "INF_POS" if value > 0 else "INF_NEG"


def _attributes(trial_id: int, record: Record) -> list[dict[str, Any]]:
    kept = {"seed": record.seed, "error": record.error and f"{record.error['kind']}: {record.error['message']}"}
    return [
        {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
        for key, value in kept.items()
        if value is not None
    ]


def _settings(url: str) -> dict[str, Any]:
    """Return settings of the engine: a file of SQLite waits for others who read it."""
    return {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
