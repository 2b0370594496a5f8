"""The last day, filled in before anybody looks: by the DAG that computes a day at once."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from solar_model.pipeline import database
from solar_model.pipeline.runs import DAILY_DAG
from solar_model.ticks import TICK, TICKS_PER_DAY, parse_tick
from solar_stack.api import AirflowApi
from solar_stack.cycle import LOOK_SECONDS, wait_for_dag
from solar_stack.show import say, step
from solar_stack.signals import Signals
from solar_stack.stack import Stack


def fill_last_day(stack: Stack, api: AirflowApi, signals: Signals) -> None:
    """Have what is missing of the last 24 hours computed, as whole days; show how far it is.

    Only for the sample community: how much of the past a platform of somebody's own wants
    computed is for its operator to say.
    """
    if not stack.has_sample:
        return
    first_day = _first_day_with_a_gap(stack)
    if first_day is None:
        return
    wait_for_dag(stack, api, signals, DAILY_DAG)
    if api.has_backfill(DAILY_DAG):
        # Airflow makes one at a time; that of a start that was killed fills the same day
        say(f"A backfill of {DAILY_DAG} is at work already, and goes on in the background.")
        return
    with step("Filling in the last 24 hours") as detail:
        # not today before its first tick is over
        backfill = api.backfill(DAILY_DAG, first_day, datetime.now(tz=UTC) - TICK)
        # Airflow calls a backfill ended up to half a minute after its last run
        while not (_is_filled(stack) or api.backfill_ended(backfill)):
            for run in api.runs(DAILY_DAG):
                if run["state"] == "running":
                    tasks = api.tasks(DAILY_DAG, run["dag_run_id"])
                    done = sum(task["state"] == "success" for task in tasks)
                    detail(f"{run['logical_date'][:10]}, {done} of {len(tasks)} tasks done")
            stack.watch()
            signals.pause(LOOK_SECONDS)
    if not _is_filled(stack):
        say("! The last 24 hours are not complete: see solar_simulation_daily in Airflow", "yellow")


def _is_filled(stack: Stack) -> bool:
    try:
        return _first_day_with_a_gap(stack) is None
    except psycopg.OperationalError:
        return False  # Postgres has ended: who watches the stack starts it again


def _first_day_with_a_gap(stack: Stack) -> datetime | None:
    """Start of the first UTC day of the last 24 hours with a tick that is over and has no rows."""
    now = parse_tick(stack.started_at)
    with database.connect(stack.solar_conninfo) as connection:
        first: datetime | None
        [(first,)] = connection.execute(
            """
            SELECT min(tick)
            FROM generate_series(%(first)s::timestamptz, %(last)s, %(length)s) AS tick
            WHERE NOT EXISTS (
                SELECT FROM simulation_runs AS run
                WHERE run.tick = tick.tick AND run.rows_inserted IS NOT NULL
            )
            """,
            {"first": now - TICKS_PER_DAY * TICK, "last": now - TICK, "length": TICK},
        ).fetchall()
    return None if first is None else first.replace(hour=0, minute=0)
