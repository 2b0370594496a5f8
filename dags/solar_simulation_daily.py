"""
# Community solar, a whole day at once

Fills in the past, fast: a run computes the 96 ticks of a UTC day in one simulation, with the same
tasks as `solar_simulation` and byte for byte the same rows. It never starts by itself: make a
backfill over any range of days (**Trigger → Backfill**, or `airflow backfill create`). Days are
filled in order, each from the batteries that the day before has left; what was there is replaced,
a day in one transaction. Today is filled as far as its ticks are over, and the live schedule waits
for nothing here. `docs/backfill.md` says when to use this and when `solar_simulation`.

Each tick has its own row in `simulation_runs`, with its own weather and totals; the rows of a day
share the Airflow run, the files, the timings and the validation.

**When a run fails**, nothing of its day was changed: users see what was there before. The failed
task's log says why, and where the temporary files are kept. Mend the cause, then clear the failed
task, or backfill the day again with the reprocess behaviour *failed*. The days after it were
filled from the last tick that has rows.

**Parameters**: the weather, the seed, and a dry run, as in `solar_simulation`. Without them each
tick is repeated with its recorded weather. Where the ticks of a day were recorded with different
seeds, the run fails and asks for one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from solar_airflow import alerts, ending, graph
from solar_airflow.timetables import BackfillTimetable

with DAG(
    dag_id="solar_simulation_daily",
    # a minute after midnight: a backfill names its runs by their time alone, and no run of a tick
    # may have the same name
    schedule=BackfillTimetable("1 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=2),
    doc_md=__doc__,
    tags=["solar", "simulation", "backfill"],
    on_failure_callback=[ending.record_timeout, alerts.tell_timeout],
    default_args=graph.DEFAULT_ARGS,
    params=graph.PARAMS,
) as dag:
    graph.cycle_tasks(
        step_limit=timedelta(minutes=10), simulation_limit=timedelta(minutes=40), whole_day=True
    )
