"""What the database says of the latest cycles, in the words of the operator."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.test_cli_db import uri
from typer.testing import CliRunner

from solar_model.cli import app
from solar_model.pipeline import runs
from solar_model.pipeline.health import health

NOW = datetime(2024, 9, 11, 14, 20, tzinfo=UTC)
TICK = datetime(2024, 9, 11, 14, 15, tzinfo=UTC)


def cycle(connection, tick: datetime, status: str = "completed", **columns) -> None:
    run_id = runs.start(connection, tick=tick, airflow_run_id=str(tick), seed=1)
    if status == "completed":
        columns = {"rows_inserted": 100, "generation_kwh": 12.5} | columns
    runs.record(connection, run_id, status=status, **columns)
    connection.commit()


def test_a_fresh_cycle_of_everybody_is_healthy(connection):
    cycle(connection, TICK)
    cycle(connection, TICK - timedelta(minutes=15))
    cycle(connection, TICK - timedelta(days=1))
    found = health(connection, NOW)
    assert (found.status, found.reasons) == ("healthy", ())
    assert found.last_simulation == "2024-09-11T14:15:00+00:00"
    assert (found.active_users, found.total_energy_today) == (100, 25.0)


def test_before_the_first_cycle_it_is_unhealthy(connection):
    found = health(connection, NOW)
    assert (found.status, found.last_simulation, found.active_users) == ("unhealthy", None, 0)


@pytest.mark.parametrize(("minutes", "status"), [(20, "healthy"), (21, "unhealthy")])
def test_twenty_minutes_without_new_data_are_too_many(connection, minutes, status):
    cycle(connection, TICK)
    found = health(connection, TICK + timedelta(minutes=minutes))
    assert found.status == status
    if status == "unhealthy":
        assert "21 minutes" in found.reasons[0]


def test_a_failed_newest_cycle_degrades_while_the_data_is_fresh(connection):
    cycle(connection, TICK - timedelta(minutes=15))
    cycle(connection, TICK, "failed", error="run_simulation: no weather")
    found = health(connection, NOW)
    assert found.status == "degraded"
    assert "no weather" in found.reasons[0]


def test_households_set_aside_degrade(connection):
    cycle(connection, TICK, households_quarantined=3)
    assert "3 households" in health(connection, NOW).reasons[0]


def test_the_command_says_so_and_ends_with_1(database, connection, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", uri(database.conninfo))
    done = CliRunner().invoke(app, ["health"])
    assert done.exit_code == 1
    assert done.output.startswith("unhealthy: no cycle has stored any data yet")
    now = datetime.now(tz=UTC)
    cycle(connection, now - timedelta(minutes=now.minute % 15, seconds=now.second))
    done = CliRunner().invoke(app, ["health", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["status"] == "healthy"


def test_an_unreachable_or_empty_database_is_unhealthy_in_a_sentence(empty_database, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", uri(empty_database.conninfo))
    done = CliRunner().invoke(app, ["health"])
    assert (done.exit_code, "solar db upgrade" in done.output) == (1, True)
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", "postgresql://solar:hunter2@127.0.0.1:9/solar")
    done = CliRunner().invoke(app, ["health"])
    assert (done.exit_code, "cannot be reached" in done.output) == (1, True)
    assert "hunter2" not in done.output
