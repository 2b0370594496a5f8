"""
# House-keeping, every night

Makes room for the days to come, backs up the day that ended, and ends what is old. A day of
`energy_data` is dropped only when the rows that it has are those in its backup: the database itself
refuses everything else.

| task | what it does | when it fails |
|---|---|---|
| `make_days_ahead` | makes the partitions of the next 7 days | the database is away, or a cycle held a lock too long (both retried) |
| `back_up` | writes `backup_energy_data_YYYYMMDD.sql` of every day that is over, into `SOLAR_BACKUP_DIR`; where a day changed since, `….2.sql` beside it, and so on | the disk is full or cannot be written; somebody reads `energy_data` for so long that a meter's day cannot have its partition (retried) |
| `drop_old_days` | drops days older than `SOLAR_DATA_RETENTION`, their backups checked byte by byte, or another one made | as above; or rows of an old day changed in that moment (the next night gets it) |
| `remove_old_pages` | removes pages of validations older than `SOLAR_LOG_RETENTION`; what they found stays | the database is away (retried) |
| `remove_old_files` | removes logs older than `SOLAR_LOG_RETENTION`, `simulation_log_*.log` among them, and exchanged files older than `SOLAR_EXCHANGE_RETENTION` | an exchange is away (retried) |

**When it fails**, users notice nothing for days: partitions are made a week ahead, and a cycle makes
its own where one is missing. But nothing is dropped, so the disk fills. Mend what the log says and
clear the task; nothing is lost by running it again. Backups are never removed: move them elsewhere
before `SOLAR_BACKUP_DIR` is full, at the earliest when their day was dropped. How to restore one is in
`docs/housekeeping.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from solar_airflow import alerts, housekeeping
from solar_airflow.retries import retry_only
from solar_model.pipeline.housekeeping import (
    back_up_days,
    drop_old_days,
    make_days_ahead,
    remove_old_pages,
)

with DAG(
    dag_id="solar_maintenance",
    # between two cycles, when the last one of the day is surely in
    schedule=CronTriggerTimetable("37 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["solar", "maintenance"],
    on_failure_callback=alerts.tell_timeout,
    default_args={
        "owner": "solar",
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=5),
        "retry_policy": retry_only(
            "solar_model.errors.TransferError", "psycopg.OperationalError", "builtins.OSError"
        ),
        "execution_timeout": timedelta(minutes=10),
        "on_failure_callback": alerts.tell_failure,
    },
) as dag:
    long = timedelta(hours=4)
    ahead = housekeeping.DatabaseStepOperator(task_id="make_days_ahead", step=make_days_ahead)
    back_up = housekeeping.DatabaseStepOperator(
        task_id="back_up", step=back_up_days, execution_timeout=long
    )
    drop = housekeeping.DatabaseStepOperator(
        task_id="drop_old_days", step=drop_old_days, execution_timeout=long
    )
    pages = housekeeping.DatabaseStepOperator(task_id="remove_old_pages", step=remove_old_pages)
    files = housekeeping.RemoveOldFilesOperator(
        task_id="remove_old_files", on_success_callback=alerts.tell_success
    )

    ahead >> back_up >> drop >> pages >> files
