"""A cycle that misses its deadline: seen by Airflow when the time is up, and by the monitor."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg

from solar_model.pipeline.alerts.states import Observation
from solar_model.pipeline.runs import CYCLE_DAG
from solar_model.settings import Settings

KIND = "late"

_RUN = "SELECT status::text, finished_at FROM simulation_runs WHERE airflow_run_id = %s"


def deadline_missed(
    connection: psycopg.Connection[Any], run_id: str, due_at: datetime, state: str, config: Settings
) -> list[Observation]:
    """What a missed deadline means, unless the run has failed before it: that was told.

    Parameters
    ----------
    connection : psycopg.Connection
        To the solar database.
    run_id : str
        The Airflow run.
    due_at : datetime.datetime
        Start of its tick.
    state : str
        Of the Airflow run.
    config : Settings
        Holds the limit.
    """
    with connection.transaction():
        row = connection.execute(_RUN, (run_id,)).fetchone()
    status, finished_at = row or (None, None)
    if "failed" in (status, state) or (finished_at and finished_at <= due_at + config.cycle_limit):
        return []
    return [late(due_at, run_id, config)]


def late(due_at: datetime, run_id: str | None, config: Settings) -> Observation:
    """The state that a cycle is late."""
    minutes = config.cycle_limit.total_seconds() / 60
    words = (
        f"The cycle was due at {due_at.astimezone(UTC):%H:%M} UTC and was not finished "
        f"{minutes:g} minutes later."
    )
    facts = {"dag_id": CYCLE_DAG, "run_id": run_id, "tick": due_at.isoformat()}
    return Observation(KIND, True, words, facts)
