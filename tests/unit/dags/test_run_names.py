"""The ledger knows a run by its name: no two DAGs may give the same one."""

from __future__ import annotations

from pathlib import Path

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.types import DagRunType
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def timetables() -> dict:
    """As the scheduler has them."""
    found = DagBag(str(ROOT / "dags")).dags
    return {
        dag_id: DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
        for dag_id, dag in found.items()
        if Path(dag.fileloc).stem.startswith("solar_simulation")
    }


def test_the_backfill_of_a_day_is_not_taken_for_that_of_its_first_tick(timetables):
    midnight = pendulum.datetime(2024, 6, 11, tz="UTC")
    names = [
        timetable.generate_run_id(
            run_type=DagRunType.BACKFILL_JOB, run_after=midnight, data_interval=None
        )
        for timetable in timetables.values()
    ]
    assert len(names) == len(set(names)) == 2
    assert all(DagRunType.from_run_id(name) == DagRunType.BACKFILL_JOB for name in names)
