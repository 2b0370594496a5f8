"""``solar doctor`` on runners: would they compute a tick, and the same bytes?"""

from __future__ import annotations

import shutil
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import uvicorn
from tests.integration.test_cli_db import uri
from tests.support.certificates import self_signed
from tests.support.proxy import Proxy
from tests.support.runners import SECRET
from tests.support.webdav import WebDav
from typer.testing import CliRunner

from solar_model.cli import app
from solar_model.manifest import Manifest
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.exchange import open_exchange
from solar_model.runner import server
from solar_model.runner.watch import Watcher
from solar_model.runner.work import simulate_file
from solar_model.settings import settings

pytestmark = pytest.mark.slow

CHECKS = ("address, key", "runner answers, TLS", "same clock", "same version", "same secret")


@pytest.fixture
def exchange(tmp_path):
    return open_exchange((tmp_path / "exchange").as_uri())


@pytest.fixture
def doctor(database, exchange, monkeypatch):
    """Sets a healthy database and exchange; gives what ``solar doctor`` says of the settings."""
    with database.connect() as connection:
        load_sample(connection, 3, seed=1)
        connection.commit()
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", uri(database.conninfo))
    monkeypatch.setenv("COLUMNS", "1000")

    def examine(**variables: str) -> tuple[int, str]:
        asked = {"EXCHANGES": exchange.url, "RUNNER": "http", "RUNNER_SECRET": SECRET, **variables}
        for name, value in asked.items():
            monkeypatch.setenv(f"SOLAR_{name}", value)
        settings.cache_clear()
        done = CliRunner().invoke(app, ["doctor"])
        assert asked["RUNNER_SECRET"] not in done.output
        return done.exit_code, done.output

    yield examine
    settings.cache_clear()


@pytest.fixture
def served(tmp_path):
    """Serves the runner's application with another clock or a certificate; gives its URL."""
    running: list[uvicorn.Server] = []

    def serve(*, ahead: timedelta = timedelta(0), tls: bool = False) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        named = {}
        if tls:
            self_signed(tmp_path)
            named = {
                "ssl_certfile": tmp_path / "server.pem",
                "ssl_keyfile": tmp_path / "server.key",
            }
        date = format_datetime(datetime.now(tz=UTC) + ahead, usegmt=True)
        application = server.create_app(tmp_path / f"runner{len(running)}", SECRET)
        config = uvicorn.Config(
            application, date_header=False, headers=[("Date", date)], log_level="error", **named
        )
        running.append(uvicorn.Server(config))
        threading.Thread(target=running[-1].run, args=([listener],), daemon=True).start()
        while not running[-1].started:
            time.sleep(0.01)
        scheme = "https" if tls else "http"
        return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for each in running:
        each.should_exit = True


def test_a_healthy_runner_is_healthy(doctor, runner):
    code, told = doctor(RUNNER_URLS=runner.url)
    assert (code, "✗" in told) == (0, False), told
    assert all(check in told for check in CHECKS)


def test_nobody_looks_at_runners_when_the_worker_simulates(doctor):
    code, told = doctor(RUNNER="local", RUNNER_URLS="http://127.0.0.1:9")
    assert code == 0 and "127.0.0.1:9" not in told


def test_a_runner_that_is_away_does_not_hide_the_other(doctor, runner):
    proxy = Proxy(runner.port)
    proxy.close()
    code, told = doctor(RUNNER_URLS=f"http://127.0.0.1:{proxy.port},{runner.url}")
    assert code == 1 and "the runner is away" in told and told.count("same secret") == 1


def test_a_list_that_is_empty(doctor):
    code, told = doctor()
    assert code == 1 and "Set it to https://HOST:PORT" in told


def test_another_secret(doctor, runner):
    code, told = doctor(RUNNER_URLS=runner.url, RUNNER_SECRET="another key of theirs")
    assert code == 1 and "Give SOLAR_RUNNER_SECRET the same value on both sides" in told
    code, told = doctor(RUNNER_URLS=runner.url, RUNNER_SECRET="short")
    assert code == 1 and "must have 16 characters" in told


def test_a_certificate_that_nobody_knows(doctor, served, tmp_path):
    url = served(tls=True)
    code, told = doctor(RUNNER_URLS=url)
    assert code == 1 and "certificate is not trusted" in told and "SOLAR_RUNNER_CA_FILE" in told
    code, told = doctor(RUNNER_URLS=url, RUNNER_CA_FILE=str(tmp_path / "server.pem"))
    assert code == 0, told


def test_clocks_that_differ(doctor, served):
    code, told = doctor(RUNNER_URLS=served(ahead=timedelta(minutes=10)))
    assert code == 1 and "clock is 10 minutes behind http://127.0.0.1" in told
    assert "10 minutes ahead of" in doctor(RUNNER_URLS=served(ahead=-timedelta(minutes=10)))[1]


def test_another_version_of_the_model(doctor, served, monkeypatch):
    monkeypatch.setattr(server, "__version__", "9.9.9")
    code, told = doctor(RUNNER_URLS=served())
    assert code == 1 and "the runner has solar-model 9.9.9" in told


def test_what_is_no_runner(doctor, tmp_path):
    web = WebDav(tmp_path)
    code, told = doctor(RUNNER_URLS=web.url)
    web.close()
    assert code == 1 and "what answers there is no runner (401 for /health)" in told


def test_somebody_watches_and_the_exchange_is_left_as_it_was(doctor, exchange, tmp_path):
    done = threading.Event()

    def watch() -> None:
        watcher = Watcher(exchange.url, say=lambda _line: None)
        while not done.is_set():
            watcher.go_on(0.05, for_s=0.2)

    # the settings of the watcher are those of its machine: the same secret
    code, told = doctor(RUNNER="local")
    watching = threading.Thread(target=watch)
    watching.start()
    try:
        code, told = doctor(RUNNER="exchange", RUNNER_TIME_LIMIT_S="60")
    finally:
        done.set()
        watching.join()
    assert (code, "✗" in told) == (0, False), told
    assert "somebody watches and computes" in told
    assert list((tmp_path / "exchange").iterdir()) == []


def test_nobody_watches(doctor, exchange, tmp_path):
    code, told = doctor(RUNNER="exchange", RUNNER_TIME_LIMIT_S="0.5")
    assert code == 1 and "nothing there" in told
    assert f"Start `solar watch {exchange.url}`" in told
    assert list((tmp_path / "exchange").iterdir()) == []


@pytest.mark.parametrize(
    ("otherwise", "words"),
    [
        (lambda made: made, "has no seal of somebody who knows SOLAR_RUNNER_SECRET"),
        (
            lambda made: replace(made, model_version="9.9.9").sealed(SECRET),
            "model_version is '9.9.9', asked for was",
        ),
    ],
    ids=["another secret", "another version"],
)
def test_who_watches_answers_otherwise(doctor, exchange, tmp_path, otherwise, words):
    done = threading.Event()

    def answer() -> None:
        asked: list[str] = []
        while not asked and not done.wait(0.02):
            asked = [one.name for one in exchange.list() if one.name.startswith("users_input_2")]
        for name in asked:
            results = simulate_file(exchange.get(name, tmp_path / "in").path, tmp_path / "out")
            otherwise(Manifest.read(results)).write(results)
            exchange.put(results)

    shutil.rmtree(tmp_path / "exchange", ignore_errors=True)
    answering = threading.Thread(target=answer)
    answering.start()
    try:
        code, told = doctor(RUNNER="exchange", RUNNER_TIME_LIMIT_S="6")
    finally:
        done.set()
        answering.join()
    assert code == 1 and words in told
