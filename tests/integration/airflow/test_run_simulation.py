"""The simulating step with its triggers: real runners and database, Airflow without a server."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.support.runners import SECRET, TICK, Runner, request_file
from tests.support.tasks import Store, attempt, connection_json, context_of

from solar_airflow.simulation import RunSimulationOperator
from solar_model.errors import ConfigurationError, RunnerError
from solar_model.manifest import Manifest
from solar_model.pipeline import runs
from solar_model.pipeline.exchange import open_exchange
from solar_model.pipeline.references import Cycle, FileReference
from solar_model.runner.watch import Watcher
from solar_model.runner.work import simulate_file
from solar_model.settings import settings
from solar_model.ticks import parse_tick


class Step:
    """The operator, its settings, and what Airflow keeps for it between tries."""

    def __init__(self, tmp_path, database, monkeypatch) -> None:
        self.patch = monkeypatch
        self.folder = tmp_path
        self.database = database
        self.households = request_file(tmp_path / "work" / "r", 50)
        self.exchange = open_exchange((tmp_path / "exchange").as_uri())
        self.store: dict[str, object] = {}
        self.deferrals: list[TaskDeferred] = []
        monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection_json(database.conninfo))
        monkeypatch.setenv("SOLAR_HOME", str(tmp_path))
        with database.connect() as connection:
            run_id = runs.start(
                connection, tick=parse_tick(TICK), airflow_run_id=f"manual__{TICK}", seed=7
            )
        self.handover = {
            "cycle": Cycle(TICK, run_id, 7, None, str(self.households.parent)).to_dict(),
            "input": FileReference.of(self.households, 50).to_dict(),
            "uploaded": self.exchange.put(self.households).to_dict(),
        }

    def configure(self, **variables: str) -> None:
        for name, value in {"RUNNER": "http", "RUNNER_SECRET": SECRET, **variables}.items():
            self.patch.setenv(f"SOLAR_{name}", value)
        settings.cache_clear()

    def seal(self, secret: str = SECRET) -> None:
        """Seal the request as the pipeline does."""
        Manifest.read(self.households).sealed(secret).write(self.households)
        self.handover["uploaded"] = self.exchange.put(self.households).to_dict()

    def attempt(self, between=lambda: None) -> dict:
        """One try of the task, all of its deferrals included."""

        def note(deferred: TaskDeferred) -> None:
            self.deferrals.append(deferred)
            between()

        context = context_of(TICK) | {"task_state_store": Store(self.store)}
        return attempt(
            RunSimulationOperator, "run_simulation", self.handover, context, deferred=note
        )

    def same_bytes(self, handed_over: dict) -> bool:
        results = FileReference(**handed_over["results"])
        here = simulate_file(self.households, self.folder / "here")
        got = self.exchange.get(results.name, self.folder / "got").path
        return got.read_bytes() == here.read_bytes()

    def health(self) -> dict[str, str]:
        with self.database.connect() as connection:
            return dict(connection.execute("SELECT runner, reason FROM runner_health").fetchall())


@pytest.fixture
def step(tmp_path, database, monkeypatch):
    yield Step(tmp_path, database, monkeypatch)
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    started = Runner(tmp_path_factory.mktemp("remote") / "state")
    yield started
    started.stop()


@contextmanager
def lying(change):
    """A runner that accepts every job, and then lies about it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer({"status": "queued"})

        def do_GET(self) -> None:
            self.answer(change)

        def answer(self, changed) -> None:
            told = {"job": job, "error": None, "results_url": None, "manifest": None}
            body = json.dumps(told | changed).encode()
            with suppress(BrokenPipeError):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args) -> None:
            pass

    job = ""

    def for_job(name: str) -> None:
        nonlocal job
        job = name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", for_job
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_whoever_computes_the_bytes_are_the_same(step, runner, tmp_path):
    step.configure(RUNNER="local")
    here = step.attempt()
    assert here["runner"] == "local" and step.same_bytes(here)
    assert step.deferrals == []

    step.configure(RUNNER_URLS=runner.url)
    there = step.attempt()
    assert there["runner"] == runner.url and step.same_bytes(there)
    assert len(step.deferrals) == 1

    step.configure(RUNNER="exchange")
    for path in Path(tmp_path / "exchange").glob("results*"):
        path.unlink()
    step.seal()
    watcher = Watcher(step.exchange.url)
    seen = step.attempt(between=watcher.look)
    assert seen["runner"] == "exchange" and step.same_bytes(seen)

    digests = {one["results"]["sha256"] for one in (here, there, seen)}
    assert len(digests) == 1
    with step.database.connect() as connection:
        [(timings,)] = connection.execute("SELECT timings_s FROM simulation_runs").fetchall()
    assert timings["run_simulation"] > 0


@pytest.mark.slow
def test_one_after_the_other_is_left_for_the_next(step, runner):
    asked = Manifest.read(step.households)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
    manifest = asdict(Manifest.read(simulate_file(step.households, step.folder / "lies")))
    wrong = manifest | {"tick": "2024-06-11T17:15:00"}
    with (
        lying({"status": "splendid"}) as (garbage, first),
        lying({"status": "running"}) as (hanging, second),
        lying({"status": "failed", "error": "out of order"}) as (failing, third),
        lying({"status": "completed", "results_url": "/x", "manifest": wrong}) as (liar, fourth),
    ):
        for tell in (first, second, third, fourth):
            tell(asked.request_id)
        step.configure(
            RUNNER_URLS=",".join((gone, garbage, hanging, failing, liar, runner.url)),
            RUNNER_TIME_LIMIT_S="2",
        )
        done = step.attempt()
        assert done["runner"] == runner.url and step.same_bytes(done)
        health = step.health()
        assert set(health) == {gone, garbage, hanging, failing, liar}
        assert "is away" in health[gone]
        assert "answered something that is no job" in health[garbage]
        assert "still at work" in health[hanging]
        assert "out of order" in health[failing]
        assert "tick is '2024-06-11T17:15:00'" in health[liar]

        step.deferrals.clear()
        step.store.clear()
        assert step.attempt()["runner"] == runner.url
        assert len(step.deferrals) == 1, "who failed lately was asked first again"


def test_after_the_last_one_the_worker_simulates_when_it_may(step):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
    step.configure(RUNNER_URLS=gone)
    done = step.attempt()
    assert done["runner"] == "local" and step.same_bytes(done)
    step.configure(RUNNER_URLS=gone, RUNNER_FALLBACK_LOCAL="false")
    with pytest.raises(RunnerError, match=r"no runner could.*SOLAR_RUNNER_FALLBACK_LOCAL is off"):
        step.attempt()


def test_without_a_time_limit_of_its_own_it_says_what_is_missing(step):
    step.configure(RUNNER_URLS="https://runner.example.org")
    task = RunSimulationOperator(task_id="run_simulation", handover=step.handover)
    with pytest.raises(ConfigurationError, match="Give the task an execution_timeout"):
        task.execute(context_of(TICK))


def test_an_exchange_that_nobody_watches_is_left_for_the_worker(step):
    step.configure(RUNNER="exchange", RUNNER_TIME_LIMIT_S="1")
    done = step.attempt()
    assert done["runner"] == "local" and step.same_bytes(done)
    assert len(step.deferrals) == 1


def test_what_strangers_put_into_the_exchange_is_neither_simulated_nor_taken(step):
    step.configure(RUNNER="exchange", RUNNER_TIME_LIMIT_S="4")
    step.seal("another key of theirs")
    said: list[str] = []
    watcher = Watcher(step.exchange.url, say=said.append)
    assert watcher.look() == 0
    assert "no seal of somebody who knows SOLAR_RUNNER_SECRET" in said[-1]

    step.seal()
    forged = simulate_file(step.households, step.folder / "forged")
    done = step.attempt(between=lambda: step.exchange.put(forged))
    assert done["runner"] == "local"
    assert done["results"]["sha256"] == Manifest.read(forged).sha256, "only the seal was missing"


def test_a_retry_goes_back_to_its_job_and_hands_in_no_other(step, runner):
    step.configure(RUNNER_URLS=f"{runner.url}")

    class KilledError(Exception):
        pass

    def die() -> None:
        raise KilledError

    with pytest.raises(KilledError):
        step.attempt(between=die)
    name = Manifest.read(step.households).request_id
    assert (step.store["job"]["runner"], step.store["job"]["id"]) == (runner.url, name)
    job = runner.folder / "jobs" / name
    handed_in = (job / "callback.json").stat().st_mtime_ns
    done = step.attempt()
    assert done["runner"] == runner.url and step.same_bytes(done)
    assert (job / "callback.json").stat().st_mtime_ns == handed_in, "it was handed in again"


def test_a_retry_whose_runner_is_gone_goes_on_to_another(step, runner):
    step.configure(RUNNER_URLS=runner.url)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
    asked = Manifest.read(step.households)
    step.store["job"] = {"runner": gone, "id": asked.request_id, "until": time.time() + 60}
    assert step.attempt()["runner"] == runner.url


def test_without_a_triggerer_the_retry_takes_what_is_there_or_simulates(step, runner):
    class NobodyWakesError(Exception):
        pass

    def never() -> None:
        time.sleep(1.1)
        raise NobodyWakesError

    asked = Manifest.read(step.households)
    with lying({"status": "running"}) as (hanging, tell):
        tell(asked.request_id)
        for runners, carried in ((runner.url, runner.url), (hanging, "local")):
            step.store.clear()
            step.deferrals.clear()
            step.configure(RUNNER_URLS=runners, RUNNER_TIME_LIMIT_S="1")
            with pytest.raises(NobodyWakesError):
                step.attempt(between=never)
            done = step.attempt()
            assert done["runner"] == carried and step.same_bytes(done)
            assert len(step.deferrals) == 1, "it waited again for somebody who does not come"
        step.configure(RUNNER_URLS=hanging, RUNNER_FALLBACK_LOCAL="false")
        with pytest.raises(RunnerError, match="the job is running there"):
            step.attempt()


def test_a_watched_exchange_that_dies_is_followed_by_the_next(step, tmp_path):
    second = (tmp_path / "second").as_uri()
    step.configure(RUNNER="exchange", EXCHANGES=f"{step.exchange.url},{second}")
    step.seal()
    watcher = Watcher(second)

    def between() -> None:
        if len(step.deferrals) == 1:
            shutil.rmtree(tmp_path / "exchange")
            (tmp_path / "exchange").write_text("no folder any more")
        else:
            assert watcher.look() == 1

    done = step.attempt(between)
    step.exchange = open_exchange(second)
    assert done["runner"] == "exchange" and step.same_bytes(done)
    carried = {FileReference(**done[name]).exchange for name in ("uploaded", "results")}
    assert carried == {second}


def test_no_secret_is_in_what_airflow_keeps(step, runner):
    step.configure(RUNNER_URLS=runner.url)
    done = step.attempt()
    kept = [done, step.store, *(d.kwargs for d in step.deferrals)]
    kept += [d.trigger.serialize() for d in step.deferrals]
    assert SECRET not in json.dumps(kept)


def test_a_weather_file_stays_on_this_machine_and_blames_nobody(step, runner):
    import pvlib

    file = Path(pvlib.__file__).parent / "data" / "723170TYA.CSV"
    manifest = Manifest.read(step.households)
    Manifest.of(
        step.households,
        rows=manifest.rows,
        tick=TICK,
        steps=1,
        seed=7,
        weather=f"file:{file}",
    ).write(step.households)
    step.handover["uploaded"] = step.exchange.put(step.households).to_dict()
    step.configure(RUNNER_URLS=runner.url)
    assert step.attempt()["runner"] == "local"
    assert step.health() == {}
