"""Where Airflow meets the alerts: callbacks of tasks and runs, the deadline, and the monitor.

Every callback catches whatever happens in it: who warns must not harm what it warns about.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from airflow.sdk import BaseOperator, Context
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import BaseDeadlineReference, DeadlineAlert
from asgiref.sync import sync_to_async

from solar_airflow.connections import Database, connection_text, open_database
from solar_model.errors import TransferError
from solar_model.pipeline.runs import CYCLE_DAG, DAILY_DAG
from solar_model.settings import settings
from solar_model.ticks import parse_tick

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from solar_model.pipeline.alerts import Teller
    from solar_model.pipeline.alerts.states import Observation

log = logging.getLogger(__name__)

Look = Callable[[Database], "Sequence[Observation]"]

# Nobody waits longer for the database while a worker's slot is held.
_PATIENCE = timedelta(seconds=20)


class ScheduledTick(BaseDeadlineReference):
    """Counts from when a run of the schedule was due; backfills and manual runs have no deadline.

    The scheduler asks while it makes the run, so nothing here may fail: the run's own name tells.
    """

    required_kwargs = {"run_id"}  # noqa: RUF012 - Airflow reads this attribute as a plain set

    def _evaluate_with(self, *, session: Session, run_id: str) -> datetime | None:
        return due_at(run_id)


def due_at(run_id: str) -> datetime | None:
    """When a run of the schedule was due; None for every other run."""
    kind, _, when = run_id.partition("__")
    if kind != "scheduled":
        return None
    try:
        return datetime.fromisoformat(when).astimezone(UTC)
    except ValueError:
        return None


async def tell_late(context: dict[str, Any]) -> None:
    """Callback of the deadline; runs in the triggerer, which nothing may hold up."""
    await sync_to_async(_tell_late)(context["dag_run"])


def deadline() -> DeadlineAlert:
    """The deadline of a cycle: ``SOLAR_CYCLE_LIMIT`` after it was due."""
    return DeadlineAlert(
        name="finished within the limit",
        reference=ScheduledTick(),
        interval=settings().cycle_limit,
        callback=AsyncCallback(tell_late),
    )


def tell_failure(context: Context) -> None:
    """Callback of a task that failed for good."""
    from solar_model.pipeline.alerts import Failure

    with _harmless():
        task = context["task_instance"]
        began = getattr(task, "start_date", None)
        failure = Failure(
            dag_id=task.dag_id,
            run_id=context["run_id"],
            task_id=task.task_id,
            words=str(context.get("exception") or "see its log"),
            tick=_tick_of(context),
            seconds=(datetime.now(tz=UTC) - began).total_seconds() if began else None,
            log_url=task.log_url,
        )
        _tell(lambda _: [failure.observed()])


def tell_timeout(context: Context) -> None:
    """Callback of a run that failed as a whole: its tasks cannot say that its time was up."""
    from solar_model.pipeline.alerts import Failure

    with _harmless():
        if context.get("reason") == "timed_out":
            run = context["dag_run"]
            words = "it took longer than a run may, and was stopped"
            failure = Failure(run.dag_id, run.run_id, None, words, tick=_tick_of(context))
            _tell(lambda _: [failure.observed()])


def tell_success(context: Context) -> None:
    """Callback of the last task of a DAG that computes no ticks: what failed before is mended."""
    from solar_model.pipeline.alerts import succeeded

    with _harmless():
        dag_id = context["dag_run"].dag_id
        _tell(lambda _: [succeeded(dag_id, context["run_id"])])


class MonitorOperator(BaseOperator):
    """Look at exchanges and runners, evaluate the health checks, and tell what began or ended."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the health of the service; fail when the operator cannot be told."""
        from solar_model.pipeline.alerts import observe
        from solar_model.pipeline.health import health
        from solar_model.pipeline.health.probes import look

        config = settings()
        count = _count_runs(context)
        with open_database(_PATIENCE) as connection:
            look(connection, config, connection_text)
            observations = observe(connection, datetime.now(tz=UTC), config, count)
            # whether the mail server answers or not, what was seen is kept
            trouble = _teller().tell(connection, observations)
            trouble = _teller().tell_outage_is_over() or trouble
            found = health(connection)
        self.log.info("%s: %s", found.status, "; ".join(found.reasons) or "all is well")
        if trouble:
            raise TransferError(f"alerts could not be delivered: {trouble}")
        return {"status": found.status, "reasons": found.reasons, "alerts": found.alerts}


def _tick_of(context: Context) -> datetime | None:
    """The tick of a run, where the DAG computes ticks."""
    run = context["dag_run"]
    if run.dag_id not in (CYCLE_DAG, DAILY_DAG):
        return None
    return parse_tick(run.logical_date or run.run_after)


def _count_runs(context: Context) -> Callable[..., int]:
    def count(
        *,
        ticks: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None,
        states: Sequence[str] | None = None,
    ) -> int:
        return sum(
            context["task_instance"].get_dr_count(
                dag_id=dag_id,
                logical_dates=list(ticks) if ticks else None,
                run_ids=list(run_ids) if run_ids else None,
                states=list(states) if states else None,
            )
            # a day's run is no run of the tick that it begins with
            for dag_id in ((CYCLE_DAG,) if ticks else (CYCLE_DAG, DAILY_DAG))
        )

    return count


def _tell_late(run: dict[str, Any]) -> None:
    from solar_model.pipeline.alerts import deadline_missed

    due = due_at(run["dag_run_id"])
    if due is None:
        return
    with _harmless():
        _tell(
            lambda connection: deadline_missed(
                connection, run["dag_run_id"], due, run["state"], settings()
            )
        )


def _tell(look: Look) -> None:
    try:
        with open_database(_PATIENCE) as connection:
            trouble = _teller().tell(connection, look(connection))
    except psycopg.OperationalError as error:
        log.error("The database cannot keep the alert: %s", error)
        trouble = _teller().tell_outage(str(error).strip())
    if trouble:
        log.error("An alert could not be delivered: %s", trouble)


def _teller() -> Teller:
    from airflow.configuration import conf

    from solar_model.pipeline.alerts import Teller

    address = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    return Teller(settings(), connection_text, address)


@contextmanager
def _harmless() -> Iterator[None]:
    try:
        yield
    except Exception:
        log.exception("Nobody could be told")
