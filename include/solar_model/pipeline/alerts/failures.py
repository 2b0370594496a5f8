"""Tasks that failed for good: when the state begins, and when what failed is mended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from solar_model.pipeline.alerts import states
from solar_model.pipeline.alerts.states import Alert, Observation

KIND = "failed"
_SCHEDULED = "scheduled"


@dataclass(frozen=True)
class Failure:
    """A task that failed after its last retry, or a run that was stopped.

    Attributes
    ----------
    dag_id, run_id : str
        The Airflow run.
    task_id : str or None
        The task; None when the run failed as a whole.
    words : str
        The error.
    tick : datetime.datetime or None
        The tick, where the run is of one.
    seconds : float or None
        How long the task's last attempt took.
    log_url : str or None
        Address of its log.
    """

    dag_id: str
    run_id: str
    task_id: str | None
    words: str
    tick: datetime | None = None
    seconds: float | None = None
    log_url: str | None = None

    def observed(self) -> Observation:
        """The state: one for each DAG and kind of run, so that a failing backfill is one mail."""
        what = f"the task {self.task_id} of {self.dag_id}" if self.task_id else self.dag_id
        facts: dict[str, Any] = {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "task_id": self.task_id,
            "seconds": self.seconds,
            "log_url": self.log_url,
        }
        if self.tick:
            facts |= {"tick": self.tick.isoformat(), "ticks": [self.tick.isoformat()]}
        return Observation(
            KIND, True, f"{what} failed: {self.words}", facts, key=_key(self.dag_id, self.run_id)
        )


def succeeded(dag_id: str, run_id: str) -> Observation:
    """A run of a DAG that computes no ticks ended well: what failed before is mended."""
    return Observation(KIND, False, f"The run {run_id} succeeded.", {}, key=_key(dag_id, run_id))


def mended(connection: psycopg.Connection[Any]) -> list[Observation]:
    """Failures of cycles whose ticks have rows since, of all their shards.

    On schedule, the next good cycle ends the state: the service is well again. A backfill goes on
    with other ticks after one that failed, so there each tick that failed must have been mended.
    """
    return [
        Observation(KIND, False, "The ticks that failed have been stored since.", {}, key=alert.key)
        if not _is_scheduled(alert)
        else Observation(KIND, False, "A later cycle has succeeded.", {}, key=alert.key)
        for alert in states.open_alerts(connection, KIND)
        if "ticks" in alert.facts and _is_mended(connection, alert)
    ]


def _is_mended(connection: psycopg.Connection[Any], alert: Alert) -> bool:
    if _is_scheduled(alert):
        question = """
            SELECT EXISTS (
                SELECT FROM simulation_runs
                WHERE tick >= (%(ticks)s::timestamptz[])[1]
                GROUP BY tick
                HAVING bool_and(status::text IN ('completed', 'degraded'))
                    AND bool_or(
                        airflow_run_id LIKE 'scheduled\\_\\_%%' AND finished_at > %(since)s))
            """
    else:
        question = """
            SELECT NOT EXISTS (
                SELECT FROM unnest(%(ticks)s::timestamptz[]) AS failed (tick)
                WHERE NOT EXISTS (
                    SELECT FROM simulation_runs AS run
                    WHERE run.tick = failed.tick
                    HAVING bool_and(status::text IN ('completed', 'degraded'))
                        AND max(finished_at) > %(begun)s))
            """
    values = {"since": alert.seen_at, "begun": alert.begun_at, "ticks": alert.facts["ticks"]}
    with connection.transaction():
        return connection.execute(question, values).fetchone() == (True,)


def _key(dag_id: str, run_id: str) -> str:
    return f"{KIND}:{dag_id}:{run_id.split('__')[0]}"


def _is_scheduled(alert: Alert) -> bool:
    return alert.key.endswith(f":{_SCHEDULED}")
