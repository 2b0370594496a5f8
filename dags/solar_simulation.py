"""
# Community solar, every 15 minutes

Takes every household with solar panels from the database, simulates the current quarter of an
hour (sun and weather, panels, people, batteries), checks the results and stores them in
`energy_data`. The run for 14:15 starts at 14:15; its rows hold the energy of 14:15 to 14:30 (UTC).

| task | what it does | when it fails |
|---|---|---|
| `query_households` | streams households and battery states out of Postgres, from one snapshot | the database is away (retried), or the query does not fit the tables |
| `write_input_csv` | writes `users_input_*.csv` and its manifest; households that break the contract go to `quarantine` | the query lacks a column |
| `upload_input` | puts the file into the first exchange that takes it | the exchange is away (retried) |
| `run_simulation` | simulates the tick, here or on a remote runner, for which it waits without holding a worker | the input or the weather cannot be used, or no runner could and the worker must not (retried) |
| `download_results` | fetches `results_*.csv` and holds it against its manifest | the exchange is away or the file is damaged (retried) |
| `validate_results` | holds the results against the contract, what each system can do, and Great Expectations, whose account is kept in `validations`: what is harmless is mended, what cannot be believed goes to `quarantine` and the run is `degraded` | more than `SOLAR_QUARANTINE_LIMIT` cannot be believed, or the file is wrong as a whole; the log names each rule with its first line |
| `insert_results` | replaces the tick's rows and completes the run, in one transaction | the database is away (retried) |
| `notify` | tells the webhook `SOLAR_NOTIFY_URL` how it ended | never: a webhook that is down is a warning |
| `clean_up` | removes temporary files, and what is older than `SOLAR_EXCHANGE_RETENTION` from the exchanges | a shard is missing; an exchange that is away is a warning |

**When a run fails**, users see no new data for that quarter; what was there before stays as it
was. `SOLAR_ALERT_EMAILS` are told when cycles begin to fail and when one succeeds again, and when a
scheduled cycle is not finished `SOLAR_CYCLE_LIMIT` (five minutes) after it was due
(`docs/alerts.md`). The temporary files are kept; the failed task's log names their folder. Mend the
cause, then clear the failed task, or trigger the tick again (Airflow keeps one run per date: name
one some seconds into the tick, such as 14:15:05): running a tick again replaces its rows and starts
from the batteries' state before it. `docs/runbook.md` says what to do about each alert.

**Parameters** of a manual run: the weather, the seed, and a dry run, which computes and checks
but keeps nothing. Without them, a tick that was run before is repeated with its recorded weather
and seed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from solar_airflow import alerts, ending, graph

with DAG(
    dag_id="solar_simulation",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    # a run that outlasts its quarter would hold up the next one
    dagrun_timeout=timedelta(minutes=14),
    doc_md=__doc__,
    tags=["solar", "simulation"],
    on_failure_callback=[ending.record_timeout, alerts.tell_timeout],
    deadline=alerts.deadline(),
    default_args=graph.DEFAULT_ARGS,
    params=graph.PARAMS,
) as dag:
    graph.cycle_tasks(step_limit=timedelta(minutes=2), simulation_limit=timedelta(minutes=4))
