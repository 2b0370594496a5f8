"""The nine tasks of a cycle, and what they have in common in every DAG that runs them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, TriggerRule, task_group

from solar_airflow import alerts, ending
from solar_airflow import operators as solar
from solar_airflow.retries import retry_only
from solar_airflow.simulation import RunSimulationOperator
from solar_model.settings import settings

# What can pass by itself is tried again. Everything else (a contract, a check, a defect) stays
# wrong: the operator is better told at once.
RETRY_POLICY = retry_only(
    "solar_model.errors.RunnerError",
    "solar_model.errors.TransferError",
    "psycopg.OperationalError",
    "psycopg.InterfaceError",
    "requests.RequestException",
    "builtins.OSError",
    "airflow.sdk.exceptions.AirflowTaskTimeout",
    "airflow.sdk.exceptions.TaskDeferralTimeout",
)
DEFAULT_ARGS: dict[str, Any] = {
    "owner": "solar",
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=2),
    "retry_policy": RETRY_POLICY,
    "on_failure_callback": [ending.record_failure, alerts.tell_failure],
}

PARAMS = {
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
        description="The same seed gives the same numbers. Empty: as recorded, else as configured.",
        minimum=0,
        maximum=2**63 - 1,
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Compute and check, but insert nothing and notify nobody.",
    ),
}


def cycle_tasks(*, step_limit: timedelta, simulation_limit: timedelta, **query: Any) -> None:
    """Make the tasks in the DAG around; with ``SOLAR_SHARDS``, those up to the insertion per shard.

    Parameters
    ----------
    step_limit, simulation_limit : datetime.timedelta
        Longest time of one try of a task, and of `run_simulation`.
    **query
        For `QueryHouseholdsOperator`: which ticks a run is for.
    """
    limit: dict[str, Any] = {"execution_timeout": step_limit}

    def from_query_to_insertion(**part: Any) -> Any:
        households = solar.QueryHouseholdsOperator(
            task_id="query_households", **limit, **query, **part
        )
        write = solar.WriteInputCsvOperator(
            task_id="write_input_csv", handover=households.output, **limit
        )
        upload = solar.UploadInputOperator(task_id="upload_input", handover=write.output, **limit)
        simulate = RunSimulationOperator(
            task_id="run_simulation", handover=upload.output, execution_timeout=simulation_limit
        )
        download = solar.DownloadResultsOperator(
            task_id="download_results", handover=simulate.output, **limit
        )
        validate = solar.ValidateResultsOperator(
            task_id="validate_results", handover=download.output, **limit
        )
        return solar.InsertResultsOperator(
            task_id="insert_results", handover=validate.output, **limit
        )

    shards = settings().shards
    if shards == 1:
        inserted = from_query_to_insertion()
    else:

        @task_group(group_id="shards")
        def each(shard: Any) -> None:
            from_query_to_insertion(shard=shard, shards=shards)

        inserted = each.expand(shard=list(range(shards)))

    # also after a failure: whoever waits for the results learns that there are none
    notify = ending.NotifyOperator(task_id="notify", trigger_rule=TriggerRule.ALL_DONE, **limit)
    clean_up = ending.CleanUpOperator(task_id="clean_up", **limit)

    inserted >> notify >> clean_up
    inserted >> clean_up
