"""One run of the DAG, from the trigger to what the database says of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from solar_model.pipeline import database
from solar_model.pipeline.summary import RunSummary, run_summary
from solar_stack.api import AirflowApi
from solar_stack.errors import StackError
from solar_stack.show import step
from solar_stack.signals import Signals
from solar_stack.stack import Stack

DAG_ID = "solar_simulation"
PARSED_SECONDS = 120.0
LOOK_SECONDS = 0.3
IDLE_SECONDS = 2.0
FINISHED = ("success", "failed")


def run_once(stack: Stack, api: AirflowApi, signals: Signals) -> tuple[str, str]:
    """Trigger a run and wait for its end.

    Returns
    -------
    tuple of str
        The identifier of the run and its state, ``success`` or ``failed``.
    """
    with step("Waiting for Airflow to read the DAG"):
        _wait_for_dag(stack, api, signals)
    api.unpause(DAG_ID)
    run_id = api.trigger(DAG_ID)
    with step("Running a cycle") as detail:
        while (state := api.run(DAG_ID, run_id)["state"]) not in FINISHED:
            tasks = api.tasks(DAG_ID, run_id)
            done = sum(task["state"] == "success" for task in tasks)
            now = [task["task_id"] for task in tasks if task["state"] == "running"]
            detail(f"{done} of {len(tasks)} tasks done" + (f", now {now[0]}" if now else ""))
            stack.watch()
            signals.pause(LOOK_SECONDS)
    return run_id, state


def summary(stack: Stack, run_id: str) -> RunSummary | None:
    """What the database says of an Airflow run."""
    with database.connect(stack.solar) as connection:
        return run_summary(connection, run_id)


def finished_runs(
    stack: Stack, api: AirflowApi, signals: Signals, known: set[str]
) -> Iterator[tuple[str, str]]:
    """The identifier and the state of each further run as it finishes, without an end."""
    while True:
        for run in reversed(api.runs(DAG_ID)):
            run_id = run["dag_run_id"]
            if run["state"] in FINISHED and run_id not in known:
                known.add(run_id)
                yield run_id, run["state"]
        stack.watch()
        signals.pause(IDLE_SECONDS)


def _wait_for_dag(stack: Stack, api: AirflowApi, signals: Signals) -> None:
    deadline = time.monotonic() + PARSED_SECONDS
    while not api.has_dag(DAG_ID):
        stack.watch()
        if errors := api.import_errors():
            raise StackError("Airflow cannot import a DAG file:\n" + "\n".join(errors))
        if time.monotonic() > deadline:
            raise StackError(
                f"Airflow found no DAG {DAG_ID} in {PARSED_SECONDS:.0f} s. "
                f"See the logs in {stack.state.logs}."
            )
        signals.pause(LOOK_SECONDS)
