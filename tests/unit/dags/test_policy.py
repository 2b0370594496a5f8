"""Rules that every DAG of the project keeps, whatever it does."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions.timetables.trigger import CronTriggerTimetable
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction
from docs.scripts.dag_reference import PAGE, page
from tests.conftest import ROOT

from solar_airflow.alerts import tell_failure
from solar_model.pipeline.alerts.kinds import KINDS
from solar_model.pipeline.runs import CYCLE_TASKS
from solar_model.settings import settings
from solar_model.ticks import parse_tick

TAGS = {"solar", "simulation", "monitoring", "maintenance", "backfill"}
# Somebody has triggered it, and waits for what it says.
WATCHED = {"solar_doctor"}
FAILURE = "say what its failure means to users and what to do: **When it fails**, …"


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(str(ROOT / "dags"))


def test_every_file_is_imported_and_the_bag_is_not_empty(bag):
    assert bag.import_errors == {}
    assert bag.dags


def test_every_dag_keeps_the_rules(bag):
    for dag in bag.dags.values():
        assert dag.owner and dag.owner != "airflow", dag.dag_id
        assert set(dag.tags) and set(dag.tags) <= TAGS, dag.dag_id
        assert dag.doc_md and dag.doc_md.strip().startswith("# "), dag.dag_id
        assert re.search(r"\*\*When \w+( \w+)? fails\*\*", dag.doc_md), (dag.dag_id, FAILURE)
        assert "**Parameters**" in dag.doc_md or not dag.params, dag.dag_id
        assert dag.catchup is False, dag.dag_id
        assert dag.max_active_runs == 1, dag.dag_id
        assert dag.dagrun_timeout, dag.dag_id
        # who triggers a paused DAG waits for ever; the cycle waits for its operator
        is_paused = dag.is_paused_upon_creation is not False
        assert is_paused == (dag.dag_id == "solar_simulation"), dag.dag_id
        for name, param in dag.params.items():
            schema = dag.params.get_param(name).schema
            assert schema.get("title") and schema.get("type"), (dag.dag_id, name, param)
            assert dag.params.get_param(name).description, (dag.dag_id, name)


def test_the_reference_in_the_docs_is_up_to_date(bag):
    assert PAGE.read_text() == page(bag.dags.values()), "run: make docs"


def test_the_documentation_leads_to_pages_that_exist(bag):
    steps = [step for kind in KINDS.values() for step in kind.steps]
    for text in (*(dag.doc_md for dag in bag.dags.values()), *steps):
        for named in re.findall(r"docs/[\w-]+\.md", text):
            assert (ROOT / named).is_file(), named


def test_every_task_keeps_the_rules(bag):
    for dag in bag.dags.values():
        for task in dag.tasks:
            assert task.execution_timeout, task.task_id
            assert task.retries >= 1, task.task_id
            assert task.retry_exponential_backoff > 1, task.task_id
            assert task.max_retry_delay <= timedelta(minutes=5), task.task_id
            assert task.retry_policy, task.task_id
            assert tell_failure in task.on_failure_callback or dag.dag_id in WATCHED, task.task_id


def test_the_cycle_is_the_nine_tasks_in_order(bag):
    dag = bag.dags["solar_simulation"]
    assert [task.task_id for task in dag.topological_sort()] == list(CYCLE_TASKS)
    assert type(dag.timetable) is CronTriggerTimetable
    assert dag.timetable.expression == "*/15 * * * *"


def test_a_whole_day_takes_the_same_tasks_and_is_only_backfilled(bag):
    dag = bag.dags["solar_simulation_daily"]
    assert [task.task_id for task in dag.topological_sort()] == list(CYCLE_TASKS)
    # as the scheduler knows it
    known = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    live = TimeRestriction(known.start_date, None, catchup=False)
    assert (
        known.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=live)
        is None
    )
    first, last = datetime(2024, 6, 10, tzinfo=UTC), datetime(2024, 6, 12, tzinfo=UTC)
    asked = list(known.iter_dagrun_infos_between(first, last))
    assert [info.logical_date.day for info in asked] == [10, 11, 12]
    # the name of a backfill's run is made of this, and must be no tick's
    assert all(info.logical_date != parse_tick(info.logical_date) for info in asked)
    # a day may be filled as soon as it has begun
    assert all(info.run_after == info.logical_date for info in asked)


def test_shards_are_a_mapped_group_of_the_same_tasks(monkeypatch):
    monkeypatch.setenv("SOLAR_SHARDS", "16")
    settings.cache_clear()
    try:
        sharded = DagBag(str(ROOT / "dags"))
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert sharded.import_errors == {}
    for dag_id in ("solar_simulation", "solar_simulation_daily"):
        dag = sharded.dags[dag_id]
        known = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert known.task_group.children["shards"].get_parse_time_mapped_ti_count() == 16
        steps = [f"shards.{step}" for step in CYCLE_TASKS[:7]]
        assert [task.task_id for task in dag.topological_sort()] == [*steps, *CYCLE_TASKS[7:]]


def test_what_cannot_pass_is_not_retried_and_what_can_is(bag):
    import psycopg
    import requests
    from airflow.sdk import RetryAction
    from airflow.sdk.exceptions import AirflowTaskTimeout

    from solar_model.errors import ConfigurationError, InputError, ResultsError, TransferError

    policy = bag.dags["solar_simulation"].get_task("insert_results").retry_policy

    def action(error: Exception) -> RetryAction:
        return policy.evaluate(error, try_number=1, max_tries=3).action

    for error in (
        ResultsError(""),
        InputError(""),
        ConfigurationError(""),
        psycopg.errors.UndefinedColumn(),
        KeyError(),
    ):
        assert action(error) == RetryAction.FAIL, error
    for error in (
        TransferError(""),
        ConnectionError(),
        TimeoutError(),
        psycopg.OperationalError(),
        psycopg.errors.QueryCanceled(),
        requests.ConnectTimeout(),
        AirflowTaskTimeout(),
    ):
        assert action(error) == RetryAction.DEFAULT, error
