"""One run of the DAG, from the trigger to what the database says of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import psycopg

from solar_model.pipeline import database
from solar_model.pipeline.runs import CYCLE_DAG
from solar_model.pipeline.summary import RunSummary, run_summary
from solar_model.ticks import parse_tick
from solar_stack.api import AirflowApi
from solar_stack.errors import StackError
from solar_stack.show import step
from solar_stack.signals import Signals
from solar_stack.stack import Stack

PARSED_SECONDS = 120.0
SCHEDULED_SECONDS = 10.0
LOOK_SECONDS = 0.3
IDLE_SECONDS = 2.0
FINISHED = ("success", "failed")


def run_once(stack: Stack, api: AirflowApi, signals: Signals) -> tuple[str, str]:
    """Have the current tick run, and wait for its end.

    Returns
    -------
    tuple of str
        The identifier of the run and its state, ``success`` or ``failed``.
    """
    with step("Waiting for Airflow to read the DAG"):
        wait_for_dag(stack, api, signals)
    with step("Running a cycle") as detail:
        run_id = _begin(stack, api, signals)
        while (state := api.run(CYCLE_DAG, run_id)["state"]) not in FINISHED:
            tasks = api.tasks(CYCLE_DAG, run_id)
            done = sum(task["state"] == "success" for task in tasks)
            now = [task["task_id"] for task in tasks if task["state"] == "running"]
            detail(f"{done} of {len(tasks)} tasks done" + (f", now {now[0]}" if now else ""))
            stack.watch()
            signals.pause(LOOK_SECONDS)
    return run_id, state


def _begin(stack: Stack, api: AirflowApi, signals: Signals) -> str:
    """The run of the current tick: the scheduler's own, or another one when that has been.

    Once it is let, the scheduler starts the tick that has just begun by itself, unless an earlier
    start of the stack has run it. A second run of the same tick beside it would only repeat it.
    """
    tick = parse_tick(stack.started_at)
    api.unpause(CYCLE_DAG)
    deadline = time.monotonic() + SCHEDULED_SECONDS
    while time.monotonic() < deadline:
        runs = [run for run in api.runs(CYCLE_DAG) if _logical(run) >= tick]
        if fresh := [run for run in runs if run["state"] not in FINISHED or _since(run, stack)]:
            return str(fresh[0]["dag_run_id"])
        if runs:
            break
        signals.pause(LOOK_SECONDS)
    return api.trigger(CYCLE_DAG)


def summary(stack: Stack, run_id: str) -> RunSummary | None:
    """What the database says of an Airflow run; None while it is away."""
    try:
        with database.connect(stack.solar_conninfo) as connection:
            return run_summary(connection, run_id)
    except psycopg.OperationalError:
        return None


def finished_runs(stack: Stack, api: AirflowApi, signals: Signals) -> Iterator[tuple[str, str]]:
    """The identifier and the state of each further run as it finishes, without an end."""
    known = {run["dag_run_id"] for run in api.runs(CYCLE_DAG) if run["state"] in FINISHED}
    while True:
        for run in reversed(api.runs(CYCLE_DAG)):
            run_id = run["dag_run_id"]
            if run["state"] in FINISHED and run_id not in known:
                known.add(run_id)
                yield run_id, run["state"]
        stack.watch()
        signals.pause(IDLE_SECONDS)


def wait_for_dag(stack: Stack, api: AirflowApi, signals: Signals, dag_id: str = CYCLE_DAG) -> None:
    """Until Airflow has read a DAG, since the stack was started."""
    deadline = time.monotonic() + PARSED_SECONDS
    while not api.has_dag(dag_id, stack.started_at):
        stack.watch()
        if errors := api.import_errors():
            raise StackError("Airflow cannot import a DAG file:\n" + "\n".join(errors))
        if time.monotonic() > deadline:
            raise StackError(
                f"Airflow found no DAG {dag_id} in {PARSED_SECONDS:.0f} s. "
                f"See the logs in {stack.state.logs}."
            )
        signals.pause(LOOK_SECONDS)


def _logical(run: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(run["logical_date"] or run["run_after"])


def _since(run: Mapping[str, Any], stack: Stack) -> bool:
    return datetime.fromisoformat(run["queued_at"]) >= stack.started_at
