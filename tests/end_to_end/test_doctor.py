"""The doctor as a DAG, in the real Airflow."""

from __future__ import annotations

import time

import pytest
from tests.end_to_end.conftest import Cycle

pytestmark = pytest.mark.end_to_end

DOCTOR_SECONDS = 90


def ended(cycle: Cycle, dag: str, run_id: str) -> str:
    """State of a run of any DAG once it has ended."""
    deadline = time.monotonic() + DOCTOR_SECONDS
    while (state := cycle.api.run(dag, run_id)["state"]) not in ("success", "failed"):
        assert time.monotonic() < deadline, state
        time.sleep(0.2)
    return state


def test_the_doctor_finds_everything_fine(cycle):
    cycle.api.unpause("solar_doctor")
    run_id = cycle.post("dags/solar_doctor/dagRuns", {"logical_date": None})["dag_run_id"]
    assert ended(cycle, "solar_doctor", run_id) == "success"
