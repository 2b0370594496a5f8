"""The deadline of a cycle: whose runs have one, and that Airflow can read it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.decoders import decode_deadline_alert
from airflow.serialization.encoders import encode_deadline_alert
from tests.conftest import ROOT

DUE = datetime(2026, 6, 11, 14, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def deadline():
    dag = DagBag(str(ROOT / "dags" / "solar_simulation.py")).dags["solar_simulation"]
    [alert] = dag.deadline
    # as the scheduler gets it from the DAG processor
    return decode_deadline_alert(encode_deadline_alert(alert))


@pytest.mark.parametrize(
    ("run_id", "expected"),
    [
        ("scheduled__2026-06-11T14:15:00+00:00", DUE + timedelta(minutes=5)),
        ("backfill__2026-06-11T14:15:00+00:00", None),
        ("manual__2026-06-11T14:15:00+00:00", None),
        ("scheduled__someday", None),
        ("", None),
    ],
)
def test_only_runs_of_the_schedule_have_a_deadline(deadline, run_id, expected):
    found = deadline.reference.evaluate_with(
        session=None, interval=deadline.interval, dag_id="solar_simulation", run_id=run_id
    )
    assert found == expected
