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
        told.append(json.dumps(away.api.request("GET", f"{path}/xcomEntries/return_value")))
        told.append(json.dumps(away.api.request("GET", f"{path}/logs/1")))
    assert any("there are no credentials for Google" in text for text in told)
    assert not any(SECRET in text for text in told)
    assert files_with(SECRET, away.settings.home) == []


def files_with(secret: str, folder: Path) -> list[Path]:
    """Every file of a stack is looked at: logs, databases, exchanged and temporary files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 100
    return [path for path in files if secret.encode() in path.read_bytes()]


def test_the_doctor_says_what_is_wrong(away):
    away.api.unpause("solar_doctor")
    path = "dags/solar_doctor/dagRuns"
    run_id = away.post(path, {"logical_date": None})["dag_run_id"]
    assert ended(away, "solar_doctor", run_id) == "failed"
    log = json.dumps(away.api.request("GET", f"{path}/{run_id}/taskInstances/examine/logs/1"))
    assert "gs://nobodys-bucket: there are no credentials for Google" in log
    assert f"{EXCHANGE}: a file goes there and back: fine" in log
