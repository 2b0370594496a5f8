"""Runners that die, hang or answer garbage: what the client makes of it, in words and in time."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.support.runners import SECRET, Runner, request_file, wait

from solar_model.errors import RunnerError, RunnerRefusedError
from solar_model.manifest import Manifest
from solar_model.runner.client import RunnerClient
from solar_model.runner.waiting import wait_for_exchange, wait_for_job
from solar_model.runner.work import simulate_file


@contextmanager
def answering(answer) -> Iterator[RunnerClient]:
    """A server that answers each request with what the function makes of its path."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield RunnerClient(f"http://127.0.0.1:{server.server_port}", SECRET, timeout_s=1)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silent() -> Iterator[RunnerClient]:
    """A server that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield RunnerClient(f"http://127.0.0.1:{server.getsockname()[1]}", SECRET, timeout_s=0.5)


def status_of(job_id: str, **changed) -> bytes:
    told = {"job": job_id, "status": "running", "error": None, "results_url": None}
    return json.dumps(told | {"manifest": None} | changed).encode()


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>please log in</html>"),
        (200, b"[]"),
        (200, b"null"),
        (200, b'{"job": "x"}'),
        (200, status_of("x", status="splendid")),
        (200, status_of("x", manifest={"name": "results.csv"})),
        (200, status_of("x", results_url=5)),
        (500, b"Internal Server Error"),
        (503, b'{"error": "out of order"}'),
        (302, b""),
    ],
)
def test_garbage_is_a_runner_error_and_never_another(households, answer):
    with answering(lambda _path: answer) as client, pytest.raises(RunnerError, match="answered"):
        client.submit(households, Manifest.read(households))


def test_what_is_not_there_or_silent_is_told_in_time(households):
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(RunnerError, match="is away"):
        RunnerClient(gone, SECRET).submit(households, Manifest.read(households))
    began = time.monotonic()
    with silent() as client, pytest.raises(RunnerError, match="did not answer in time"):
        client.submit(households, Manifest.read(households))
    assert time.monotonic() - began < 30


def test_a_runner_with_another_version_of_the_model_is_refused(households):
    with (
        answering(lambda _path: (202, status_of("0" * 32))) as client,
        pytest.raises(RunnerRefusedError, match="another version"),
    ):
        client.submit(households, Manifest.read(households))


@pytest.fixture
def computed(households, tmp_path) -> tuple[Manifest, Manifest, bytes]:
    """A request, the manifest of its results, and the results."""
    results = simulate_file(households, tmp_path / "computed")
    return Manifest.read(households), Manifest.read(results), results.read_bytes()


def fetched(asked: Manifest, results: Manifest, content: bytes, folder) -> bytes:
    told = status_of(
        asked.request_id, status="completed", results_url="/file", manifest=asdict(results)
    )
    with answering(lambda path: (200, content if path == "/file" else told)) as client:
        return client.fetch(client.status(asked.request_id), asked, folder).read_bytes()


def test_results_are_taken_only_when_they_are_whole_and_what_was_asked_for(computed, tmp_path):
    asked, results, content = computed
    assert fetched(asked, results, content, tmp_path / "well") == content
    other_tick = replace(results, tick="2024-06-11T17:15:00")
    for manifest, body, words in (
        (results, content[:-20], "bytes where the manifest says"),
        (results, content + b"x" * 1_000_000, "more results than"),
        (results, content.replace(b"0.4", b"0.5", 1), "SHA-256"),
        (other_tick, content, "tick is '2024-06-11T17:15:00'"),
        (replace(results, rows=1), content, "rows is 1"),
        (replace(results, seed=8), content, "seed is 8"),
        (replace(results, schema_version="0.9"), content, "schema_version"),
    ):
        folder = tmp_path / "refused"
        with pytest.raises(RunnerError, match=words):
            fetched(asked, manifest, body, folder)
        assert not list(folder.glob("*.manifest.json"))


def test_results_are_called_as_the_asker_says_whatever_the_runner_calls_them(computed, tmp_path):
    asked, results, content = computed
    folder = tmp_path / "fetched"
    renamed = replace(results, name="../stolen.csv")
    assert fetched(asked, renamed, content, folder) == content
    assert Manifest.read(folder / asked.results_name).name == asked.results_name
    assert not list(tmp_path.glob("**/stolen.csv"))


def test_results_that_never_end_or_are_gone(computed, tmp_path):
    asked, results, _ = computed
    told = status_of(
        asked.request_id, status="completed", results_url="/file", manifest=asdict(results)
    )
    with answering(lambda path: (410, b"") if path == "/file" else (200, told)) as client:
        job = client.status(asked.request_id)
        with pytest.raises(RunnerError, match="410"):
            client.fetch(job, asked, tmp_path)
        for link, words in (("https://elsewhere.example.org/file", "nowhere"), ("/\n", "is none")):
            with pytest.raises(RunnerError, match=words):
                client.fetch(replace(job, results_url=link), asked, tmp_path)


def waiting(client, job_id="0" * 32, seconds=5.0, patience_s=0.5, **more):
    return asyncio.run(
        wait_for_job(client, job_id, time.time() + seconds, patience_s=patience_s, **more)
    )


def test_waiting_ends_when_the_runner_hangs_dies_or_has_forgotten():
    with (
        answering(lambda _path: (200, status_of("0" * 32))) as client,
        pytest.raises(RunnerError, match="has not finished in time"),
    ):
        waiting(client, seconds=1)
    with silent() as client, pytest.raises(RunnerError, match="did not answer in time"):
        waiting(client)
    with (
        answering(lambda _path: (404, b'{"error": "there is no job"}')) as client,
        pytest.raises(RunnerRefusedError, match="there is no job"),
    ):
        waiting(client, patience_s=60)
    with (
        answering(lambda _path: (200, status_of("1" * 32))) as client,
        pytest.raises(RunnerError, match="another job"),
    ):
        waiting(client, patience_s=60)


def test_a_short_absence_is_forgiven():
    answers = [(500, b""), (500, b""), (200, status_of("0" * 32, status="completed"))]
    with answering(lambda _path: answers.pop(0)) as client:
        assert waiting(client, patience_s=10).status == "completed"


def test_an_announcement_ends_the_pause():
    asked, heard = [], []

    def answer(path):
        asked.append(path)
        return 200, status_of("0" * 32, status="completed" if len(asked) == 7 else "running")

    async def announced() -> bool:
        heard.append(len(asked))
        return True

    with answering(answer) as client:
        waiting(client, seconds=60, announced=announced)
    # the later pauses are longer than one look at the announcements
    assert heard == [1, 2, 3, 4, 5, 6]


@pytest.mark.slow
def test_a_runner_that_is_killed_is_waited_for(tmp_path):
    households = request_file(tmp_path / "asked", 200, steps=200)
    asked = Manifest.read(households)
    runner = Runner(tmp_path / "state")
    try:
        job = runner.client.submit(households, asked)
        wait(runner.client, job.id, "running")
        runner.kill()
        restart = threading.Timer(1, runner.start)
        restart.start()
        done = waiting(runner.client, job.id, seconds=90, patience_s=60)
        restart.join()
        assert done.status == "completed"
    finally:
        runner.stop()


def test_the_exchange_is_watched_for_the_right_results(households, tmp_path):
    from solar_model.pipeline.exchange import Exchange, Patience
    from solar_model.pipeline.exchange.folder import FolderStore

    class Long(FolderStore):
        def list(self):
            raise AssertionError("a week's files are listed for the sake of one")

    exchange = Exchange(Long(tmp_path / "exchange"), Patience())
    asked = Manifest.read(households)

    def look(seconds: float) -> None:
        asyncio.run(wait_for_exchange(exchange, asked, time.time() + seconds))

    with pytest.raises(RunnerError, match=r"nobody has put results_.*nothing there"):
        look(0.5)
    results = simulate_file(households, tmp_path / "out")
    manifest = Manifest.read(results)
    replace(manifest, answers="of another request").write(results)
    exchange.put(results)
    with pytest.raises(RunnerError, match="answers is 'of another request'"):
        look(1)
    manifest.write(results)
    exchange.put(results)
    look(10)
