"""The operators on a real database, without Airflow's machinery around them."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from solar_airflow.operators import QueryHouseholdsOperator
from solar_model.pipeline.backend import load_sample
from solar_model.settings import load_settings

TICK = datetime(2024, 9, 11, 14, 15, tzinfo=UTC)


@pytest.fixture
def query(database, monkeypatch, tmp_path):
    """Run the first task of a cycle with these parameters."""
    with database.connect() as connection:
        load_sample(connection, 3, seed=1)
    config = load_settings(home=tmp_path, seed=7)
    monkeypatch.setattr("solar_airflow.operators.settings", lambda: config)
    monkeypatch.setattr("solar_airflow.operators.open_database", lambda _: database.connect())

    def run(**params) -> dict:
        given = {"weather": None, "seed": None, "dry_run": False} | params
        dag_run = SimpleNamespace(
            run_id="manual", run_type="manual", logical_date=TICK, run_after=TICK
        )
        return QueryHouseholdsOperator(task_id="query_households").execute(
            {"params": given, "dag_run": dag_run}
        )

    return run


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(("asked", "used"), [(None, 7), (0, 0), (5, 5)])
def test_the_seed_that_is_asked_for_is_used(query, dry_run, asked, used):
    handover = query(seed=asked, dry_run=dry_run)
    assert handover["cycle"]["seed"] == used
    assert handover["households"]["rows"] == 3
