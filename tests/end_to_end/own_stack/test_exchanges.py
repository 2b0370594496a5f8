"""A whole cycle in the real Airflow whose first exchange is of no use: the second carries it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.end_to_end.conftest import DAG, Cycle, booted
from tests.end_to_end.test_doctor import ended
from tests.support import servers

pytestmark = pytest.mark.end_to_end

SECRET = "aws-hunter2"
KNOWN = {
    "SOLAR_RUNNER_SECRET": "runner-hunter2-runner",
    "SOLAR_NOTIFY_SECRET": "notify-hunter2-notify",
    "SOLAR_METRICS_TOKEN": "metrics-hunter2-metrics",
    "SOLAR_PSEUDONYM_KEY": "pseudonym-hunter2-pseudonym",
}
SECRETS = [SECRET, *KNOWN.values()]
EXCHANGE = "s3://community/cycle"
NOON = "2024-06-11T17:00:00Z"


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cycle]:
    """A stack whose files travel through S3, because nobody gave it an account of Google's."""
    with servers.s3("community", SECRET) as port:
        account = {
            "conn_type": "aws",
            "login": "solar",
            "password": SECRET,
            "extra": {"endpoint_url": f"http://127.0.0.1:{port}"},
        }
        variables = {
            **KNOWN,
            "SOLAR_EXCHANGES": f"gs://nobodys-bucket,{EXCHANGE}",
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(account),
            "GOOGLE_APPLICATION_CREDENTIALS": "",
            "NO_GCE_CHECK": "true",
        }
        with booted(tmp_path_factory.mktemp("away"), **variables) as cycle:
            yield cycle


def test_the_second_exchange_carries_the_cycle_and_no_secret_is_told(away):
    away.api.unpause(DAG)
    run_id = away.run(NOON)
    assert away.sql("SELECT exchange FROM simulation_runs WHERE tick = %s", NOON) == [(EXCHANGE,)]
    assert away.sql(
        'SELECT count(*), count(DISTINCT user_id) FROM energy_data WHERE "timestamp" = %s', NOON
    ) == [(1000, 1000)]
    places = {place for (place,) in away.sql("SELECT place FROM transfer_log")}
    assert f"{EXCHANGE}/users_input_20240611_170000.csv" in places
    assert f"{EXCHANGE}/results_20240611_1700.csv" in places

    told = [away.sql("SELECT to_jsonb(run)::text FROM simulation_runs run")[0][0]]
    for task in away.task_states(run_id):
        path = f"dags/{DAG}/dagRuns/{run_id}/taskInstances/{task}"
        # the log, what is handed on, and what the UI shows of a task
        for part in ("logs/1", "xcomEntries/return_value", ""):
            seen = away.api.request("GET", f"{path}/{part}".rstrip("/"), missing_ok=True)
            told.append(json.dumps(seen))
    for page in (f"dags/{DAG}/details", f"dags/{DAG}/dagRuns/{run_id}", "eventLogs"):
        told.append(json.dumps(away.api.request("GET", page)))
    assert any("there are no credentials for Google" in text for text in told)
    assert [secret for secret in SECRETS for text in told if secret in text] == []
    files = [path for path in away.settings.home.rglob("*") if path.is_file()]
    logs = [path for path in files if path.suffix == ".log"]
    assert logs and [path for path in files if holds(path, SECRETS)] == []
    # and nobody is named where people look who may not know who lives how
    users = [user for (user,) in away.sql("SELECT id::text FROM users")]
    assert len(users) == 1000
    assert [path for path in logs if holds(path, users)] == []
    assert [user for user in users for text in told if user in text] == []


def holds(path: Path, texts: list[str]) -> bool:
    content = path.read_bytes()
    return any(text.encode() in content for text in texts)


def test_the_doctor_says_what_is_wrong(away):
    away.api.unpause("solar_doctor")
    path = "dags/solar_doctor/dagRuns"
    run_id = away.post(path, {"logical_date": None})["dag_run_id"]
    assert ended(away, "solar_doctor", run_id) == "failed"
    log = json.dumps(away.api.request("GET", f"{path}/{run_id}/taskInstances/examine/logs/1"))
    assert "gs://nobodys-bucket: there are no credentials for Google" in log
    assert f"{EXCHANGE}: a file goes there and back: fine" in log
