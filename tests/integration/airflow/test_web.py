"""What is below ``/solar`` when Airflow does not know the solar database."""

from __future__ import annotations

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from solar_airflow.web.health import health, metrics


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
