"""What sets a backfill apart from the live schedule: its runs wait their turn, and step back."""

from __future__ import annotations

import os

from airflow.providers.standard.triggers.external_task import DagStateTrigger
from airflow.sdk import BaseOperator, Context
from airflow.utils.state import DagRunState

_POLL_S = 1.0
# of 19: what is left of the processors is theirs
_NICENESS = 10


def is_backfill(context: Context) -> bool:
    """Whether a task belongs to a backfill, also to one that repeats a run of the schedule."""
    return context["dag_run"].run_type == "backfill"


def await_turn(operator: BaseOperator, context: Context) -> None:
    """Defer a backfill's task while an earlier run of its DAG is at work.

    Each tick starts from the batteries that the tick before left, so however many runs of a
    backfill are let run at once, they go one after the other. Nobody holds a worker meanwhile, and
    the live schedule waits for none of them. The operator comes back in its ``resume``.
    """
    if not is_backfill(context):
        return
    earlier = context["ti"].get_previous_dagrun(state=DagRunState.RUNNING)
    if earlier is None:
        return
    operator.log.info("Waiting for %s: it comes before this run", earlier.run_id)
    operator.defer(
        trigger=DagStateTrigger(
            dag_id=earlier.dag_id,
            run_ids=[earlier.run_id],
            states=[DagRunState.SUCCESS, DagRunState.FAILED],
            poll_interval=_POLL_S,
        ),
        method_name="resume",
    )


def step_back(context: Context) -> None:
    """Let live cycles go first on this machine's processors while a backfill computes."""
    if is_backfill(context):
        os.nice(_NICENESS)
