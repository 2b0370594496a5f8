"""A cycle's files through the operators: the first exchange is away, the second carries them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.integration.exchange.conftest import AWS_SECRET
from tests.integration.test_cli_db import uri

from solar_airflow import connections, ending, operators
from solar_model import run_simulation
from solar_model.files import write_users
from solar_model.manifest import Manifest
from solar_model.pipeline import runs
from solar_model.pipeline.exchange import open_exchange
from solar_model.pipeline.references import Cycle, FileReference
from solar_model.sample import sample_households
from solar_model.settings import settings

pytestmark = pytest.mark.slow

TICK = "2024-09-11T14:15:00"
INPUT, RESULTS = "users_input_20240911_141500.csv", "results_20240911_1415.csv"


@pytest.fixture
def exchanges(s3_place, account, database, tmp_path, monkeypatch):
    """Drive, which is away, and then S3, as a worker's environment names them."""
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", uri(database.conninfo))
    monkeypatch.setenv("SOLAR_EXCHANGES", f"gdrive://away,{s3_place.url}")
    monkeypatch.setenv("SOLAR_HOME", str(tmp_path))
    away = {
        "conn_type": "google_cloud_platform",
        "extra": {
            "keyfile_dict": {**account, "token_uri": "http://127.0.0.1:9/token"},
            "drive_endpoint_url": "http://127.0.0.1:9",
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(away))
    s3 = json.dumps(s3_place.connection_through(s3_place.port))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3)
    settings.cache_clear()
    yield s3_place
    settings.cache_clear()


def handed(place: Path, cycle: Cycle) -> dict:
    """What the steps before the upload hand over."""
    source = place / INPUT
    write_users(sample_households(20, 1), source)
    Manifest.of(source, rows=20, tick=TICK, steps=1, seed=1, weather=0.9).write(source)
    return {"cycle": cycle.to_dict(), "input": FileReference.of(source, 20).to_dict()}


def simulated(uploaded: FileReference, desk: Path) -> FileReference:
    """What a runner does."""
    exchange = open_exchange(uploaded.exchange, connections.connection_text)
    households = exchange.get(uploaded.name, desk).path
    run_simulation(households, desk / RESULTS, start_time=TICK, weather=0.9, seed=1)
    return exchange.put(desk / RESULTS)


def test_the_rows_are_there_once_and_the_run_says_who_carried_them(
    exchanges, connection, tmp_path, caplog, capsys
):
    caplog.set_level(logging.INFO)  # ours; the operators' goes to the output
    for attempt in ("one", "two"):
        run_id = runs.start(
            connection,
            tick=datetime(2024, 9, 11, 14, 15, tzinfo=UTC),
            airflow_run_id=attempt,
            seed=1,
        )
        work = tmp_path / "work" / attempt
        work.mkdir(parents=True)
        handover = handed(work, Cycle(TICK, run_id, 1, None, str(work)))
        handover = execute(operators.UploadInputOperator, handover, attempt)
        uploaded = FileReference(**handover["uploaded"])
        assert uploaded.uri == f"{exchanges.url}/{INPUT}"
        results = simulated(uploaded, tmp_path / f"desk-{attempt}")
        handover |= {"results": results.to_dict(), "runner": "local"}
        handover = execute(operators.DownloadResultsOperator, handover, attempt)
        handover |= {"checks": 1, "as_it_came": True}
        execute(operators.InsertResultsOperator, handover, attempt)
        ending.CleanUpOperator(task_id="step").execute({"dag_run": SimpleNamespace(run_id=attempt)})
        assert not work.exists()

    assert connection.execute("SELECT exchange, status::text FROM simulation_runs").fetchall() == [
        (exchanges.url, "completed")
    ]
    counted = connection.execute("SELECT count(*), count(DISTINCT user_id) FROM energy_data")
    assert counted.fetchone() == (20, 20)
    transfers = connection.execute(
        "SELECT action, place, bytes > 0, rows, length(sha256), actor, host > '', role::text "
        "FROM transfer_log ORDER BY id"
    ).fetchall()
    whole = (True, 20, 64, "step", True, "solar")
    assert transfers == 2 * [
        ("upload", f"{exchanges.url}/{INPUT}", *whole),
        ("download", f"{exchanges.url}/{RESULTS}", *whole),
        ("insert", "energy_data", *whole),
    ]
    latest = "users_input_latest.csv"
    assert sorted(exchanges.names()) == sorted(
        each for name in (INPUT, RESULTS, latest) for each in (name, f"{name}.manifest.json")
    )
    told = caplog.text + capsys.readouterr().out + json.dumps(handover)
    assert f"This exchange does not take {INPUT}: gdrive://away" in told
    assert "Old files stay in an exchange: gdrive://away" in told
    assert AWS_SECRET not in told and "PRIVATE KEY" not in told


def execute(operator: type, handover: dict, attempt: str) -> dict:
    context = {"dag_run": SimpleNamespace(run_type="manual", run_id=attempt)}
    return operator(task_id="step", handover=handover).execute(context)
