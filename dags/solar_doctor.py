"""
# Is everything there that a cycle needs?

Trigger it after you have changed a connection, `SOLAR_EXCHANGES`, `SOLAR_WEATHER` or the runners. It
looks at the database (reachable, schema up to date, the household query finds somebody), at the
weather, at every exchange (credentials, server, TLS, clock, rights, and a small file that goes
there and back), where others simulate, at the runners (address, TLS, clock, version of the model,
secret; in an exchange, whether somebody computes a household that is put there), and, where
`SOLAR_ALERT_EMAILS` names somebody, at the mail server, with the connections that Airflow keeps.
`solar doctor` does the same with those of the environment.

**When it fails**, the log of its task says for each check what is wrong and how to mend it;
`docs/exchanges.md` and `docs/runners.md` say what each needs. Nothing of a cycle is touched.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from solar_airflow.doctor import DoctorOperator, report_failure
from solar_airflow.retries import retry_only

with DAG(
    dag_id="solar_doctor",
    schedule=None,
    is_paused_upon_creation=False,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=20),
    doc_md=__doc__,
    tags=["solar", "maintenance"],
) as dag:
    DoctorOperator(
        task_id="examine",
        owner="solar",
        execution_timeout=timedelta(minutes=8),
        retries=1,
        retry_delay=timedelta(seconds=10),
        retry_exponential_backoff=2.0,
        max_retry_delay=timedelta(minutes=1),
        # a finding is what was asked for; only a doctor that was interrupted looks again
        retry_policy=retry_only("airflow.sdk.exceptions.AirflowTaskTimeout"),
        on_failure_callback=report_failure,
    )
