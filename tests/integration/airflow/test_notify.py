"""The step that tells the webhook: it says what it can, and never fails."""

from __future__ import annotations

import json

import pytest
from tests.end_to_end.conftest import listening
from tests.support.tasks import connection_json, context_of

from solar_airflow.ending import NotifyOperator
from solar_model.settings import settings

TICK = "2024-09-11T14:15:00"


@pytest.fixture
def told(monkeypatch, tmp_path):
    """What the webhook is told when the step has run."""
    with listening() as webhook:
        monkeypatch.setenv("SOLAR_HOME", str(tmp_path))
        monkeypatch.setenv("SOLAR_NOTIFY_URL", webhook.url)
        monkeypatch.setenv("SOLAR_NOTIFY_SECRET", "a key that both sides know")
        settings.cache_clear()

        def run() -> list[dict]:
            NotifyOperator(task_id="notify").execute(context_of(TICK))
            assert all("X-Solar-Signature" in headers for headers, _ in webhook.messages)
            return [json.loads(body) for _, body in webhook.messages]

        yield run


@pytest.mark.parametrize("connection", ["nonsense", "postgresql://solar@127.0.0.1:1/solar", None])
def test_without_its_database_a_failure_is_told(told, monkeypatch, connection):
    monkeypatch.delenv("AIRFLOW_CONN_SOLAR_DB", raising=False)
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection)
    [message] = told()
    assert (message["status"], message["timestamp"]) == ("failed", TICK)


def test_a_run_that_the_ledger_does_not_know_is_a_failure(told, monkeypatch, database):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection_json(database.conninfo))
    [message] = told()
    assert message["status"] == "failed"
