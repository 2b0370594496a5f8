"""A cycle that misses its deadline: seen by Airflow when the time is up, and by the monitor."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg

from solar_model.pipeline.alerts.states import Observation
from solar_model.pipeline.runs import CYCLE_DAG
from solar_model.settings import Settings
from solar_model.ticks import TICK

KIND = "late"

# As one, whatever its shards: it is over when the last of them is.
_RUN = """
SELECT
    CASE WHEN bool_or(status::text = 'failed') THEN 'failed' END,
    min(started_at),
    CASE WHEN bool_and(finished_at IS NOT NULL) THEN max(finished_at) END
FROM simulation_runs WHERE airflow_run_id = %s
HAVING count(*) > 0
"""
_WAS_RUN = """
SELECT EXISTS (
    SELECT FROM simulation_runs WHERE tick = %s AND airflow_run_id NOT LIKE 'backfill\\_\\_%%')
"""


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
    status, started_at, finished_at = row or (None, datetime.now(tz=UTC), None)
    if "failed" in (status, state) or (finished_at and finished_at <= due_at + config.cycle_limit):
        return []
    if begins_late(connection, due_at, started_at, config):
        return []
    return [late(due_at, run_id, config)]


def begins_late(
    connection: psycopg.Connection[Any], due_at: datetime, started_at: datetime, config: Settings
) -> bool:
    """Whether the schedule begins, or begins again, with a cycle that could not be in time.

    Where it has stood still before, the ticks that it missed are told.
    """
    if started_at < due_at + config.cycle_limit:
        return False
    with connection.transaction():
        [(was_run,)] = connection.execute(_WAS_RUN, (due_at - TICK,)).fetchall()
    return not was_run


def late(due_at: datetime, run_id: str | None, config: Settings) -> Observation:
    """The state that a cycle is late."""
    minutes = config.cycle_limit.total_seconds() / 60
    words = (
        f"The cycle was due at {due_at.astimezone(UTC):%H:%M} UTC and was not finished "
        f"{minutes:g} minutes later."
    )
    facts = {"dag_id": CYCLE_DAG, "run_id": run_id, "tick": due_at.isoformat()}
    return Observation(KIND, True, words, facts)
