"""What the ledger of runs knows about the run behind an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from solar_model.pipeline.health import Health, health
from solar_model.pipeline.runs import CYCLE_DAG, CYCLE_TASKS
from solar_model.settings import Settings

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Run:
    """A row of ``simulation_runs``."""

    id: str
    airflow_run_id: str
    tick: datetime
    status: str
    started_at: datetime
    timings_s: dict[str, float]


@dataclass(frozen=True)
class Slowest:
    """The task that took longest; how long, and how long it usually takes [s]."""

    task: str
    seconds: float
    usual_s: float | None
    running: bool


@dataclass(frozen=True)
class Situation:
    """What is around an alert.

    Attributes
    ----------
    dag_id : str
        DAG of the run; the cycle's when the alert is about no run of another one.
    run : Run or None
        Of the ledger; None when it has none.
    slowest : Slowest or None
        Of the run.
    last_good : tuple of datetime and int, or None
        The newest tick that passed every check, and its households.
    validated : bool
        Whether there is a validation report of the run.
    health : Health
        Of the service as a whole.
    """

    dag_id: str
    run: Run | None
    slowest: Slowest | None
    last_good: tuple[datetime, int] | None
    validated: bool
    health: Health


_RUN = """
SELECT id::text, airflow_run_id, tick, status::text AS status, started_at, timings_s
FROM simulation_runs
WHERE airflow_run_id = %(run_id)s OR (%(run_id)s::text IS NULL AND tick = %(tick)s)
ORDER BY tick DESC, array_position(ARRAY['failed', 'degraded'], status::text), shard
"""

_USUAL = """
SELECT task, percentile_cont(0.5) WITHIN GROUP (ORDER BY value::float8)
FROM simulation_runs, jsonb_each_text(timings_s) AS each (task, value)
WHERE id <> %(id)s AND finished_at > now() - interval '1 day'
    AND status::text IN ('completed', 'degraded')
    -- a run of a whole day takes another time
    AND split_part(airflow_run_id, '__', 1) = split_part(%(airflow_run_id)s, '__', 1)
GROUP BY task
"""

_LAST_GOOD = """
SELECT tick, coalesce(sum(rows_inserted), 0)::bigint FROM simulation_runs
WHERE tick <= %s
GROUP BY tick HAVING bool_and(status::text = 'completed') ORDER BY tick DESC LIMIT 1
"""


def situation(connection: Connection, facts: Mapping[str, Any], config: Settings) -> Situation:
    """Look up what a mail about these facts must say."""
    now = datetime.now(tz=UTC)
    dag_id = facts.get("dag_id") or CYCLE_DAG
    asked = {"run_id": facts.get("run_id"), "tick": facts.get("tick")}
    with connection.transaction():
        with connection.cursor(row_factory=class_row(Run)) as cursor:
            run = _as_one(cursor.execute(_RUN, asked).fetchall())
        last_good = connection.execute(_LAST_GOOD, (now,)).fetchone()
        usual: dict[str, float] = {}
        if run is not None:
            usual = dict(connection.execute(_USUAL, vars(run)).fetchall())
        validated = run is not None and _is_validated(connection, run.id)
    return Situation(
        dag_id=dag_id,
        run=run,
        slowest=_slowest(run, usual, facts, now),
        last_good=last_good,
        validated=validated,
        health=health(connection, now, config),
    )


def _as_one(rows: list[Run]) -> Run | None:
    """The shards of the newest tick as one run: each task took as long as the slowest of them.

    Its id is that of the worst.
    """
    shards = [row for row in rows if row.tick == rows[0].tick]
    if not shards:
        return None
    timings: dict[str, float] = {}
    for shard in shards:
        for task, seconds in shard.timings_s.items():
            timings[task] = max(seconds, timings.get(task, 0.0))
    running = [shard for shard in shards if shard.status == "running"]
    return replace((running or shards)[0], id=shards[0].id, timings_s=timings)


def _is_validated(connection: Connection, run_id: str) -> bool:
    found = connection.execute(
        "SELECT FROM validations WHERE simulation_run_id = %s AND page IS NOT NULL", (run_id,)
    )
    return found.fetchone() is not None


def _slowest(
    run: Run | None, usual: Mapping[str, float], facts: Mapping[str, Any], now: datetime
) -> Slowest | None:
    """The ledger has the tasks that ended; the one that failed or still runs comes on top."""
    took = dict(run.timings_s) if run else {}
    running = None
    if facts.get("task_id") and facts.get("seconds") is not None:
        took[facts["task_id"]] = facts["seconds"]
    elif run and run.status == "running":
        running = next((task for task in CYCLE_TASKS if task not in took), None)
        if running:
            elapsed = (now - run.started_at).total_seconds()
            took[running] = max(elapsed - sum(run.timings_s.values()), 0.0)
    if not took:
        return None
    task = max(took, key=lambda name: took[name])
    return Slowest(task, took[task], usual.get(task), running=task == running)
