"""Cycles that leave the machine, and find the first exchange and the first runner away.

Who carried the files, who computed in the end, that no worker waits, and that no secret is told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests
from tests.end_to_end.conftest import DAG, Cycle, booted
from tests.end_to_end.test_doctor import ended
from tests.support import servers
from tests.support.runners import SECRET, Runner, request_file

from solar_model.manifest import Manifest
from solar_model.runner.work import simulate_file
from solar_model.signatures import SIGNATURE_HEADER, sign
from solar_stack.ports import HOST, free_port

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]

TASK = "run_simulation"
EXCHANGE = "s3://community/cycle"
STORE_SECRET = "aws-hunter2"
KNOWN = {
    "SOLAR_RUNNER_SECRET": SECRET,
    "SOLAR_NOTIFY_SECRET": "notify-hunter2-notify",
    "SOLAR_METRICS_TOKEN": "metrics-hunter2-metrics",
    "SOLAR_PSEUDONYM_KEY": "pseudonym-hunter2-pseudonym",
}
SECRETS = [STORE_SECRET, *KNOWN.values()]


@pytest.fixture(scope="module")
def runner(tmp_path_factory) -> Iterator[Runner]:
    started = Runner(tmp_path_factory.mktemp("remote") / "state")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def nobody() -> str:
    """A runner that is not there."""
    return f"http://{HOST}:{free_port()}"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Address of an S3 server."""
    with servers.s3("community", STORE_SECRET) as port:
        yield f"http://{HOST}:{port}"


@pytest.fixture(scope="module")
def remote(tmp_path_factory, runner, nobody, store) -> Iterator[Cycle]:
    """A stack whose ticks are simulated elsewhere, and whose files travel through S3.

    The first runner of its list is away, and nobody gave it an account of Google's for its first
    exchange.
    """
    port = free_port()
    account = {
        "conn_type": "aws",
        "login": "solar",
        "password": STORE_SECRET,
        "extra": {"endpoint_url": store},
    }
    with booted(
        tmp_path_factory.mktemp("remote-stack"),
        port,
        **KNOWN,
        SOLAR_EXCHANGES=f"gs://nobodys-bucket,{EXCHANGE}",
        AIRFLOW_CONN_AWS_DEFAULT=json.dumps(account),
        GOOGLE_APPLICATION_CREDENTIALS="",
        NO_GCE_CHECK="true",
        SOLAR_RUNNER="http",
        SOLAR_RUNNER_URLS=f"{nobody},{runner.url}",
        SOLAR_RUNNER_TIME_LIMIT_S="180",
        SOLAR_RUNNER_CALLBACK_URL=f"http://{HOST}:{port}/solar-runner/results",
    ) as cycle:
        # the first scheduled cycle must not come in between
        wait_until(lambda: states(cycle) == ["success"], seconds=180)
        yield cycle


def wait_until(holds, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def states(cycle: Cycle) -> list[str]:
    """States of the runs so far."""
    found = [run["state"] for run in cycle.api.runs(DAG)]
    assert "failed" not in found
    return found


def computed_by(cycle: Cycle, tick: str) -> str:
    [(runner, rows)] = cycle.sql(
        "SELECT runner, rows_inserted FROM simulation_runs WHERE tick = %s", tick
    )
    assert rows == 1000
    return runner


def exchanged(store: str, name: str) -> bytes:
    """A file that the exchange holds."""
    keys = {"aws_access_key_id": "solar", "aws_secret_access_key": STORE_SECRET}
    client = boto3.client("s3", endpoint_url=store, region_name="us-east-1", **keys)
    return client.get_object(Bucket="community", Key=f"cycle/{name}")["Body"].read()


def test_a_remote_runner_computes_the_same_bytes_while_no_worker_waits(
    remote, runner, nobody, store, tmp_path
):
    tick = "2024-06-11T17:00:00Z"
    busy = request_file(tmp_path / "busy", households=300, steps=1000)
    runner.client.submit(busy, Manifest.read(busy))
    run_id = remote.trigger(tick)
    wait_until(lambda: remote.task_states(run_id)[TASK] == "deferred")
    runner.kill()
    time.sleep(1)
    assert remote.task_states(run_id)[TASK] == "deferred"
    runner.start()
    assert remote.wait(run_id) == "success", remote.task_states(run_id)

    assert computed_by(remote, tick) == runner.url
    asked = tmp_path / "users_input_20240611_170000.csv"
    for path in (asked, asked.with_name(f"{asked.name}.manifest.json")):
        path.write_bytes(exchanged(store, path.name))
    here = simulate_file(asked, tmp_path / "here")
    assert exchanged(store, here.name) == here.read_bytes()

    failing = dict(remote.sql("SELECT runner, reason FROM runner_health"))
    assert set(failing) == {nobody}
    assert "is away" in failing[nobody]


def test_who_failed_is_asked_last_and_results_are_announced(remote, runner, nobody):
    tick = "2024-06-12T17:00:00Z"
    # as if it had just failed, however long the test before has taken
    [(before,)] = remote.sql(
        "UPDATE runner_health SET failed_at = now() WHERE runner = %s RETURNING failures", nobody
    )
    remote.run(tick)
    assert computed_by(remote, tick) == runner.url
    [(after,)] = remote.sql("SELECT failures FROM runner_health WHERE runner = %s", nobody)
    assert after == before, "it was asked again, first"
    announced = "SELECT status, result_file, record_count FROM runner_announcements WHERE tick = %s"
    wait_until(lambda: remote.sql(announced, tick), 10)
    assert remote.sql(announced, tick) == [("completed", "results_20240612_1700.csv", 1000)]


def test_only_who_knows_the_key_may_announce(remote):
    url = f"{remote.api.address}/solar-runner/results"
    message = {
        "status": "completed",
        "result_file": "results_20240701_1200.csv",
        "timestamp": "2024-07-01T12:00:00",
        "record_count": 3,
    }
    body = json.dumps(message).encode()
    headers = {SIGNATURE_HEADER: sign(body, SECRET)}
    for bad in ({}, {SIGNATURE_HEADER: sign(body, "another key of theirs")}):
        answer = requests.post(url, data=body, headers=bad, timeout=30)
        assert answer.status_code == 401, answer.text
        assert "signature" in answer.json()["detail"].lower()
    old = {SIGNATURE_HEADER: sign(body, SECRET, int(time.time()) - 3600)}
    assert requests.post(url, data=body, headers=old, timeout=30).status_code == 401
    assert requests.post(url, data=body + b" ", headers=headers, timeout=30).status_code == 401
    nonsense = json.dumps(message | {"timestamp": "2024-07-01T12:01:00"}).encode()
    signed = {SIGNATURE_HEADER: sign(nonsense, SECRET)}
    answer = requests.post(url, data=nonsense, headers=signed, timeout=30)
    assert answer.status_code == 422 and "quarter of an hour" in answer.json()["detail"]
    huge = b"x" * 20_000
    assert requests.post(url, data=huge, timeout=30).status_code == 413
    count = "SELECT count(*) FROM runner_announcements WHERE tick = '2024-07-01T12:00:00Z'"
    assert remote.sql(count) == [(0,)]
    assert requests.post(url, data=body, headers=headers, timeout=30).status_code == 200
    assert remote.sql(count) == [(1,)]


def test_when_no_runner_is_left_the_worker_simulates(remote, runner):
    tick = "2024-06-13T17:00:00Z"
    runner.kill()
    try:
        remote.run(tick)
    finally:
        runner.start()
    assert computed_by(remote, tick) == "local"
    [(rows,)] = remote.sql('SELECT count(*) FROM energy_data WHERE "timestamp" = %s', tick)
    assert rows == 1000


def test_the_doctor_says_what_is_wrong(remote, runner, nobody):
    remote.api.unpause("solar_doctor")
    path = "dags/solar_doctor/dagRuns"
    run_id = remote.post(path, {"logical_date": None})["dag_run_id"]
    assert ended(remote, "solar_doctor", run_id) == "failed"
    log = json.dumps(remote.api.request("GET", f"{path}/{run_id}/taskInstances/examine/logs/1"))
    assert f"{nobody}: runner answers, TLS: the runner is away" in log
    assert f"{runner.url}: same secret: fine" in log
    assert "gs://nobodys-bucket: there are no credentials for Google" in log
    assert f"{EXCHANGE}: a file goes there and back: fine" in log


def test_the_second_exchange_carries_the_cycle_and_no_secret_is_told(remote):
    tick = "2024-06-14T17:00:00Z"
    run_id = remote.run(tick)
    assert remote.sql("SELECT exchange FROM simulation_runs WHERE tick = %s", tick) == [(EXCHANGE,)]
    assert remote.sql(
        'SELECT count(*), count(DISTINCT user_id) FROM energy_data WHERE "timestamp" = %s', tick
    ) == [(1000, 1000)]
    places = {place for (place,) in remote.sql("SELECT place FROM transfer_log")}
    assert f"{EXCHANGE}/users_input_20240614_170000.csv" in places
    assert f"{EXCHANGE}/results_20240614_1700.csv" in places

    told = [text for (text,) in remote.sql("SELECT to_jsonb(run)::text FROM simulation_runs run")]
    for task in remote.task_states(run_id):
        path = f"dags/{DAG}/dagRuns/{run_id}/taskInstances/{task}"
        # the log, what is handed on, and what the UI shows of a task
        for part in ("logs/1", "xcomEntries/return_value", ""):
            seen = remote.api.request("GET", f"{path}/{part}".rstrip("/"), missing_ok=True)
            told.append(json.dumps(seen))
    for run in remote.api.runs(DAG):
        # of the task that waits for a runner, also what it keeps for its retries
        path = f"dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances/{TASK}/xcomEntries"
        for entry in remote.api.request("GET", path)["xcom_entries"]:
            told.append(json.dumps(remote.api.request("GET", f"{path}/{entry['key']}")))
    for page in (f"dags/{DAG}/details", f"dags/{DAG}/dagRuns/{run_id}", "eventLogs"):
        told.append(json.dumps(remote.api.request("GET", page)))
    assert any("there are no credentials for Google" in text for text in told)
    assert [secret for secret in SECRETS for text in told if secret in text] == []
    files = [path for path in remote.settings.home.rglob("*") if path.is_file()]
    logs = [path for path in files if path.suffix == ".log"]
    assert any(TASK in str(path) for path in logs)
    assert [path for path in files if holds(path, SECRETS)] == []
    # and nobody is named where people look who may not know who lives how
    users = [user for (user,) in remote.sql("SELECT id::text FROM users")]
    assert len(users) == 1000
    assert [path for path in logs if holds(path, users)] == []
    assert [user for user in users for text in told if user in text] == []


def holds(path: Path, texts: list[str]) -> bool:
    content = path.read_bytes()
    return any(text.encode() in content for text in texts)
