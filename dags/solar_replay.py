"""
# Would the same come out again?

Every night some of the runs that stored something in the last 24 hours are computed again, from
their recorded input file, seed and weather, and held against the recorded checksum and the rows in
`energy_data`. Which runs is drawn by chance from `SOLAR_SEED` and the date. So what users see can
be explained and reproduced, and a change of the data, of a file or of the machine's arithmetic does
not stay unseen. `solar replay RUN_ID` does the same for one run; `docs/replay.md` says more.

**When it fails**, users see what they saw before, but a number of theirs cannot be reproduced, or
the input of a run is gone before its time. The log names the run, the line, the stored and the
computed value, or where the input was looked for. Compare with `solar replay` on another machine:
if that one agrees with what is stored, this machine computes wrongly; if not, find out who has
changed the row (`simulation_run_id` and `transfer_log`), then run the tick again. After an update
of the model a difference is a warning only.

**Parameters** of a manual run: how many runs are replayed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param

from solar_airflow import alerts
from solar_airflow.replay import ReplayOperator
from solar_airflow.retries import retry_only

with DAG(
    dag_id="solar_replay",
    # at night, and between two cycles
    schedule=CronTriggerTimetable("8 3 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["solar", "monitoring"],
    on_failure_callback=alerts.tell_timeout,
    params={
        "runs": Param(
            3,
            type="integer",
            title="Runs",
            description="How many runs are computed again.",
            minimum=1,
            maximum=96,
        ),
    },
) as dag:
    ReplayOperator(
        task_id="replay",
        owner="solar",
        execution_timeout=timedelta(minutes=50),
        retries=2,
        retry_delay=timedelta(seconds=30),
        retry_exponential_backoff=2.0,
        max_retry_delay=timedelta(minutes=5),
        # a difference stays; an exchange or a database that is away may come back
        retry_policy=retry_only(
            "solar_model.errors.TransferError",
            "psycopg.OperationalError",
            "airflow.sdk.exceptions.AirflowTaskTimeout",
        ),
        on_failure_callback=alerts.tell_failure,
        on_success_callback=alerts.tell_success,
    )
