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
| `clean_up` | removes temporary files, and what is older than `SOLAR_EXCHANGE_RETENTION` from the exchanges | an exchange that is away is a warning |

**When a run fails**, users see no new data for that quarter; what was there before stays as it
was. The temporary files are kept; the failed task's log names their folder. Mend the cause, then
clear the failed task, or trigger the tick again: running a tick again replaces its rows and
starts from the batteries' state before it.

**Parameters** of a manual run: the weather, the seed, and a dry run, which computes and checks
but keeps nothing. Without them, a tick that was run before is repeated with its recorded weather
and seed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import (
    DAG,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    TriggerRule,
)

from solar_airflow import alerts
from solar_airflow import operators as solar
from solar_airflow.simulation import RunSimulationOperator

# What can pass by itself is tried again. Everything else (a contract, a check, a defect) stays
# wrong: the operator is better told at once.
CAN_PASS = (
    "solar_model.errors.RunnerError",
    "solar_model.errors.TransferError",
    "psycopg.OperationalError",
    "psycopg.InterfaceError",
    "requests.RequestException",
    "builtins.OSError",
    "airflow.sdk.exceptions.AirflowTaskTimeout",
    "airflow.sdk.exceptions.TaskDeferralTimeout",
)
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[RetryRule(exception=name, action=RetryAction.DEFAULT) for name in CAN_PASS],
    default=RetryAction.FAIL,
)

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
    on_failure_callback=[solar.record_timeout, alerts.tell_timeout],
    deadline=alerts.deadline(),
    default_args={
        "owner": "solar",
        "retries": 3,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=2),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": timedelta(minutes=2),
        "on_failure_callback": [solar.record_failure, alerts.tell_failure],
    },
    params={
        "weather": Param(
            None,
            type=["null", "string"],
            title="Weather",
            description="A factor on clear-sky irradiance from 0 to 1.2, stochastic, open-meteo, "
            "file:PATH, or several separated by commas in order of preference. Empty: as recorded "
            "for this tick, else as configured.",
            maxLength=500,
        ),
        "seed": Param(
            None,
            type=["null", "integer"],
            title="Seed",
            description="The same seed gives the same numbers. Empty: as recorded, else as "
            "configured.",
            minimum=0,
            maximum=2**63 - 1,
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Compute and check, but insert nothing and notify nobody.",
        ),
    },
) as dag:
    query = solar.QueryHouseholdsOperator(task_id="query_households")
    write = solar.WriteInputCsvOperator(task_id="write_input_csv", handover=query.output)
    upload = solar.UploadInputOperator(task_id="upload_input", handover=write.output)
    simulate = RunSimulationOperator(
        task_id="run_simulation",
        handover=upload.output,
        execution_timeout=timedelta(minutes=4),
    )
    download = solar.DownloadResultsOperator(task_id="download_results", handover=simulate.output)
    validate = solar.ValidateResultsOperator(task_id="validate_results", handover=download.output)
    insert = solar.InsertResultsOperator(task_id="insert_results", handover=validate.output)
    # also after a failure: whoever waits for the results learns that there are none
    notify = solar.NotifyOperator(
        task_id="notify", handover=query.output, trigger_rule=TriggerRule.ALL_DONE
    )
    clean_up = solar.CleanUpOperator(task_id="clean_up", handover=insert.output)

    insert >> notify >> clean_up
