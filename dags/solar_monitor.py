"""
# Is everybody served? And who is told when not

Every five minutes it looks at the exchanges and runners, evaluates the checks of
`docs/health.md`, and compares the ledger of runs with what Airflow has scheduled. A mail goes to
`SOLAR_ALERT_EMAILS` when a state begins and another when it ends, none in between: no new data for
20 minutes, a late cycle, a tick that was never scheduled, too many households set aside, results
that could not be believed, a run that ended without saying so, totals that do not close, no
exchange or runner in reach. Failed tasks and missed deadlines mail by themselves; the monitor sees
when they are over. Mails that could not be delivered are tried again here.

**When it fails**, users notice nothing, but the operator is not told of new states, and
`exchange` and `runner` in `/solar/health` become unknown. Its log says whether the database or the
mail server is away; when that is mended, the next run catches up. `docs/alerts.md` says how alerts
work, `docs/runbook.md` what to do about each.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from solar_airflow import alerts
from solar_airflow.retries import retry_only

with DAG(
    dag_id="solar_monitor",
    # a minute after a cycle has to be finished
    schedule=CronTriggerTimetable("1-59/5 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=4),
    is_paused_upon_creation=False,
    doc_md=__doc__,
    tags=["solar", "monitoring"],
    on_failure_callback=alerts.tell_timeout,
) as dag:
    alerts.MonitorOperator(
        task_id="evaluate",
        owner="solar",
        execution_timeout=timedelta(minutes=2),
        retries=1,
        retry_delay=timedelta(seconds=10),
        retry_exponential_backoff=2.0,
        max_retry_delay=timedelta(minutes=1),
        # five minutes later it looks again anyway
        retry_policy=retry_only("psycopg.OperationalError"),
        on_failure_callback=alerts.tell_failure,
        on_success_callback=alerts.tell_success,
    )
