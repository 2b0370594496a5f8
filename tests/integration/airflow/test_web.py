"""What Airflow's server answers for us, without the server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.taskinstancekey import TaskInstanceKey
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from tests.support.ledger import add_run

from solar_airflow.announcements import app
from solar_airflow.links import ValidationLink
from solar_airflow.web.dashboard import households
from solar_airflow.web.health import health, metrics
from solar_airflow.web.validations import of_airflow_run


@pytest.mark.parametrize("connection", [None, "nonsense", "{broken", "mysql://127.0.0.1/solar"])
def test_without_its_connection_health_is_unhealthy_and_says_what_to_set(monkeypatch, connection):
    monkeypatch.delenv("AIRFLOW_CONN_SOLAR_DB", raising=False)
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection)
    told = json.loads(json.dumps(health()))
    assert told["status"] == told["checks"]["database"]["status"] == "unhealthy"
    [reason] = told["reasons"]
    assert "solar_db" in reason and "AIRFLOW_CONN_SOLAR_DB" in reason
    families = text_string_to_metric_families(metrics().body.decode())
    [status] = [family.samples[0].value for family in families if family.name == "solar_status"]
    assert status == 2


def test_who_is_shown_ids_of_households_is_written_down(connection):
    tick, user = datetime(2024, 6, 11, 12, 0, tzinfo=UTC), "00a00000-0000-4000-8000-00000000000a"
    add_run(connection, tick)
    connection.execute(
        'INSERT INTO energy_data ("timestamp", user_id, generation_kwh, consumption_kwh, '
        "surplus_kwh, source) VALUES (%s, %s, 1, 1, 0, 'SIMULATION')",
        (tick, user),
    )
    viewer = SimpleAuthManagerUser(username="anna", role="VIEWER")
    for prefix, found in ((" 00A", [user]), ("0f", []), ("anna", [])):
        assert households(prefix, connection, viewer) == {"households": found}
    connection.rollback()
    told = connection.execute("SELECT action, actor, place FROM transfer_log").fetchall()
    assert told == [("view", "anna", "households 00A…")]


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/openapi.json"])
def test_no_page_describes_the_webhook_to_strangers(page):
    assert TestClient(app).get(page).status_code == 404


@pytest.mark.parametrize(("mapped", "shard"), [(-1, 0), (0, 0), (2, 2)])
def test_a_task_of_a_shard_leads_to_the_validation_of_that_shard(connection, mapped, shard):
    tick = datetime(2024, 6, 11, 12, 0, tzinfo=UTC)
    ids = [add_run(connection, tick, shard=number, shards=3) for number in range(3)]
    for run_id in ids:
        connection.execute("INSERT INTO validations VALUES (%s, true, '{}', '{}', 'p')", (run_id,))
    run = f"scheduled__{tick:%FT%T+00:00}"
    task = TaskInstanceKey("solar_simulation", "validate_results", run, map_index=mapped)
    link = ValidationLink().get_link(None, ti_key=task)
    asked = dict(parse_qsl(urlsplit(link).query))
    found = of_airflow_run(asked.pop("run"), connection, **{k: int(v) for k, v in asked.items()})
    assert found.headers["location"] == f"validations/{ids[shard]}"
