"""The HTTP runner as its clients meet it: a real process, real sockets, real faults."""

from __future__ import annotations

import hashlib
import json
import logging
import resource
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import httpx
import pytest
import requests
from tests.support.certificates import self_signed
from tests.support.runners import SECRET, TICK, Runner, request_file, wait

from solar_model.errors import ConfigurationError, RunnerError, RunnerRefusedError
from solar_model.manifest import Manifest
from solar_model.runner.client import RunnerClient
from solar_model.runner.protocol import sign_request
from solar_model.runner.work import simulate_file
from solar_model.signatures import SIGNATURE_HEADER, verify


def call(runner, method, target, body=b"", secret=SECRET, headers=None) -> httpx.Response:
    """A request as somebody writes it by hand."""
    digest = hashlib.sha256(body).hexdigest()
    signed = sign_request(method, target, digest, secret) if headers is None else headers
    return httpx.request(method, f"{runner.url}{target}", content=body, headers=signed)


def post_form(runner, households, target="/jobs", field="file", sign_as=None, **fields):
    """The CSV as a form's file, as the libraries of others send it."""
    files = {field: (households.name, households.read_bytes(), "text/csv")}
    form = requests.Request("POST", f"{runner.url}{target}", data=fields, files=files).prepare()
    digest = hashlib.sha256(sign_as or form.body).hexdigest()
    form.headers.update(sign_request("POST", target, digest, SECRET))
    with requests.Session() as session:
        return session.send(form, timeout=30)


def target(**parameters) -> str:
    return "/jobs?" + urlencode({"timestamp": TICK, "seed": 7, **parameters})


def test_the_results_are_those_of_this_machine_byte_for_byte(runner, households, tmp_path):
    asked = Manifest.read(households)
    job = runner.client.submit(households, asked)
    done = wait(runner.client, job.id, "completed")
    fetched = runner.client.fetch(done, asked, tmp_path / "fetched")
    here = simulate_file(households, tmp_path / "here")
    assert fetched.read_bytes() == here.read_bytes()
    assert Manifest.read(fetched) == Manifest.read(here)


def test_the_call_of_the_documentation(runner, households):
    body = households.read_bytes()
    answer = call(runner, "POST", target(weather_factor=0.8, steps=2), body)
    assert answer.status_code == 202
    job = answer.json()
    while job["status"] in ("queued", "running"):
        job = call(runner, "GET", f"/jobs/{job['job']}").json()
    assert (job["status"], job["timestamp"], job["record_count"]) == ("completed", TICK, 100)
    results = httpx.get(runner.url + job["results_url"])
    assert results.status_code == 200
    assert job["result_file"] in results.headers["content-disposition"]
    assert results.text.count("\n") == 101
    unsigned = httpx.get(runner.url + job["results_url"].split("?")[0])
    assert unsigned.status_code == 401
    forged = httpx.get(runner.url + job["results_url"][:-1] + "x")
    assert forged.status_code == 401 and "expired" in forged.json()["error"]


def test_the_csv_as_the_file_of_a_form_is_the_same_job(runner, households):
    asked = {"timestamp": TICK, "weather_factor": "0.7", "seed": "7", "steps": "2"}
    in_form = post_form(runner, households, **asked)
    assert in_form.status_code == 202, in_form.text
    job = in_form.json()
    bare = call(runner, "POST", f"/jobs?{urlencode(asked)}", households.read_bytes())
    assert job["job"] == bare.json()["job"]
    assert (job["timestamp"], job["steps"]) == (TICK, 2)
    wait(runner.client, job["job"], "completed")
    assert list((runner.folder / "uploads").iterdir()) == []


def test_a_form_is_refused_in_words(runner, households, tmp_path):
    large = tmp_path / "large.csv"
    large.write_bytes(b"x" * (2**20 + 1))
    for answer, status, words in (
        (post_form(runner, households, sign_as=b"another form"), 401, "not the one that was"),
        (post_form(runner, households, field="csv"), 422, "in the field 'file'"),
        (post_form(runner, households, weather_factor="3"), 422, "weather_factor"),
        (post_form(runner, households, wether_factor="0.5"), 422, "wether_factor"),
        (post_form(runner, households, "/jobs?seed=1", seed="2"), 422, "seed is given twice"),
        (post_form(runner, large, timestamp=TICK), 413, "1,048,576 bytes"),
    ):
        assert answer.status_code == status
        assert words in answer.json()["error"]
    digest = hashlib.sha256(b"no form").hexdigest()
    headers = sign_request("POST", "/jobs", digest, SECRET)
    headers["Content-Type"] = "multipart/form-data; boundary=x"
    answer = call(runner, "POST", "/jobs", b"no form", headers=headers)
    assert answer.status_code == 422 and "form" in answer.json()["error"]
    assert list((runner.folder / "uploads").iterdir()) == []


def test_the_same_tick_twice_is_the_same_job(runner, tmp_path):
    households = request_file(tmp_path, 20)
    asked = Manifest.read(households)
    first = runner.client.submit(households, asked)
    done = wait(runner.client, first.id, "completed")
    again = runner.client.submit(households, asked)
    assert (again.id, again.status, again.results) == (done.id, "completed", done.results)
    jobs = [job for job in (runner.folder / "jobs").iterdir() if job.name == first.id]
    assert len(jobs) == 1


def test_a_request_that_is_sent_again_is_refused(runner, households):
    body = households.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    headers = sign_request("POST", target(), digest, SECRET)
    assert call(runner, "POST", target(), body, headers=headers).status_code == 202
    replayed = call(runner, "POST", target(), body, headers=headers)
    assert replayed.status_code == 401
    assert "made before" in replayed.json()["error"]


def test_who_does_not_know_the_key_is_refused_before_the_body_is_read(runner):
    answer = call(runner, "POST", target(), b"x" * 2_000_000, secret="another key of theirs")
    assert answer.status_code == 401
    assert "secret" in answer.json()["error"]
    assert call(runner, "GET", "/jobs/" + "0" * 32, headers={}).status_code == 401
    with pytest.raises(RunnerError, match="401"):
        RunnerClient(runner.url, "another key of theirs").status("0" * 32)


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/openapi.json"])
def test_no_page_describes_the_runner_to_strangers(runner, page):
    assert httpx.get(runner.url + page).status_code == 404


def test_another_body_than_the_signed_one_is_refused(runner, households):
    headers = sign_request("POST", target(), hashlib.sha256(b"other").hexdigest(), SECRET)
    answer = call(runner, "POST", target(), households.read_bytes(), headers=headers)
    assert answer.status_code == 401
    assert list((runner.folder / "uploads").iterdir()) == []


def test_a_body_that_is_too_large_is_refused_also_when_it_does_not_say_so(runner):
    body = b"x" * (2**20 + 1)
    answer = call(runner, "POST", target(), body)
    assert answer.status_code == 413 and "1,048,576 bytes" in answer.json()["error"]
    headers = sign_request("POST", target(), hashlib.sha256(body).hexdigest(), SECRET)
    chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
    answer = httpx.post(f"{runner.url}{target()}", content=chunks, headers=headers)
    assert answer.status_code == 413
    assert list((runner.folder / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"timestamp": "yesterday"}, "ISO 8601"),
        ({"weather_factor": 3}, "weather_factor"),
        ({"weather": "sunny"}, "this is no weather"),
        ({"weather": "file:/etc/passwd"}, "weather file is on another machine"),
        ({"weather": '{"file": "/etc/passwd", "sha256": ""}'}, "another machine"),
        ({"weather": r'"\u0066ile:/etc/passwd"'}, "another machine"),
        ({"weather": r'[0.9, {"\u0066ile": "/etc/passwd", "sha256": ""}]'}, "another machine"),
        ({"weather": "0.5", "weather_factor": 0.5}, "not both"),
        ({"steps": 0}, "steps"),
        ({"step": 2}, "step"),
        ({"seed": "lucky"}, "seed"),
        ({"callback_url": "ftp://example.org"}, "callback_url"),
    ],
)
def test_parameters_that_make_no_sense_are_named(runner, households, parameters, words):
    answer = call(runner, "POST", target(**parameters), households.read_bytes())
    assert answer.status_code == 422
    assert words in answer.json()["error"]


def test_a_file_that_breaks_its_contract_is_refused_with_line_and_column(runner, households):
    lines = households.read_text().splitlines()
    cells = lines[3].split(",")
    cells[2] = "-5"
    lines[3] = ",".join(cells)
    answer = call(runner, "POST", target(), "\n".join(lines).encode())
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert "line 4" in error and "panel_count" in error and "-5" in error
    assert str(runner.folder) not in error


def test_what_is_unknown_is_said_in_words(runner):
    for job in ("0" * 32, "..%2F..%2Flock"):
        answer = call(runner, "GET", f"/jobs/{job}")
        assert answer.status_code == 404
        assert answer.json()["error"]
    with pytest.raises(RunnerRefusedError, match="submit it again"):
        runner.client.status("0" * 32)


def test_the_callback_is_the_webhook_of_the_mission_signed(runner, tmp_path):
    told: list[tuple[str | None, bytes]] = []
    arrived = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((self.headers[SIGNATURE_HEADER], body))
            self.send_response(200)
            self.end_headers()
            arrived.set()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    households = request_file(tmp_path, 30)
    url = f"http://127.0.0.1:{server.server_port}/hook"
    job = runner.client.submit(households, Manifest.read(households), callback_url=url)
    assert arrived.wait(30)
    server.shutdown()
    server.server_close()
    [(signature, body)] = told
    verify(signature, body, SECRET)
    assert json.loads(body) == {
        "job": job.id,
        "status": "completed",
        "timestamp": TICK,
        "result_file": "results_20240611_1700.csv",
        "record_count": 30,
        "error": None,
    }


def test_secrets_and_links_are_logged_on_neither_side(runner, households, tmp_path, caplog):
    asked = Manifest.read(households)
    with caplog.at_level(logging.INFO):
        job = runner.client.submit(households, asked, callback_url="http://127.0.0.1:9/?token=x")
        done = wait(runner.client, job.id, "completed")
        runner.client.fetch(done, asked, tmp_path / "fetched")
    assert "signature" not in caplog.text and "token" not in caplog.text
    assert job.id in runner.said
    assert SECRET not in runner.said
    assert "signature" not in runner.said


@pytest.mark.slow
def test_killed_in_the_middle_of_a_job_it_goes_on_after_a_restart(tmp_path):
    households = request_file(tmp_path / "asked", 300, steps=600)
    asked = Manifest.read(households)
    runner = Runner(tmp_path / "state", "--max-jobs", "2")
    try:
        job = runner.client.submit(households, asked)
        wait(runner.client, job.id, "running")
        other = request_file(tmp_path / "other", 10)
        waiting = runner.client.submit(other, Manifest.read(other))
        third = request_file(tmp_path / "third", 11)
        with pytest.raises(RunnerError, match=r"429.*2 jobs wait"):
            runner.client.submit(third, Manifest.read(third))
        deadline = time.monotonic() + 30
        draft = tmp_path / "state" / "jobs" / job.id / ".results"
        while not (draft.exists() and any(draft.iterdir())):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        runner.kill()
        assert not (tmp_path / "state" / "jobs" / job.id / "results").exists()
        runner.start()
        assert "2 unfinished jobs" in runner.said
        done = wait(runner.client, job.id, "completed")
        wait(runner.client, waiting.id, "completed")
        fetched = runner.client.fetch(done, asked, tmp_path / "fetched")
    finally:
        runner.stop()
    assert fetched.read_bytes() == simulate_file(households, tmp_path / "here").read_bytes()


@pytest.mark.slow
def test_a_runner_that_loses_its_terminal_ends_in_order(tmp_path):
    runner = Runner(tmp_path / "runner")
    runner.process.send_signal(signal.SIGHUP)
    assert runner.process.wait(timeout=30) == -signal.SIGTERM
    assert "Traceback" not in runner.said


@pytest.mark.slow
def test_a_disk_that_is_full_is_told_in_words_and_another_try_finds_room(tmp_path):
    runner = Runner(tmp_path / "runner")
    plenty = resource.prlimit(runner.process.pid, resource.RLIMIT_FSIZE)
    households = request_file(tmp_path, households=1000)
    asked = Manifest.read(households)
    try:
        resource.prlimit(runner.process.pid, resource.RLIMIT_FSIZE, (50_000, plenty[1]))
        with pytest.raises(RunnerError, match="answered 507: the runner's disk refuses: File too"):
            runner.client.submit(households, asked)
        # room for the households, not for their results
        resource.prlimit(runner.process.pid, resource.RLIMIT_FSIZE, (120_000, plenty[1]))
        job = wait(runner.client, runner.client.submit(households, asked).id, "failed")
        assert job.error == "the runner's disk refuses: File too large"
        assert "results_20240611_1700.csv'" in runner.said
        resource.prlimit(runner.process.pid, resource.RLIMIT_FSIZE, plenty)
        wait(runner.client, runner.client.submit(households, asked).id, "completed")
    finally:
        runner.stop()


def test_a_folder_belongs_to_one_runner(runner):
    with pytest.raises(AssertionError, match="another runner works in"):
        Runner(runner.folder)


@pytest.mark.slow
def test_a_job_that_cannot_be_done_says_why_and_is_tried_again_when_asked_again(tmp_path):
    households = request_file(tmp_path / "asked", 10, weather="open-meteo")
    asked = Manifest.read(households)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    runner = Runner(tmp_path / "state", SOLAR_OPEN_METEO_URL=nobody)
    try:
        job = runner.client.submit(households, asked)
        failed = wait(runner.client, job.id, "failed")
        assert "open-meteo" in failed.error
        again = runner.client.submit(households, asked)
        assert (again.id, again.status in ("queued", "running", "failed")) == (job.id, True)
        assert runner.said.count(f"Job {job.id}: 10 households") == 2
    finally:
        runner.stop()


@pytest.mark.slow
def test_without_a_good_secret_it_does_not_start(tmp_path):
    with pytest.raises(AssertionError, match="SOLAR_RUNNER_SECRET must have 16 characters"):
        Runner(tmp_path / "state", SOLAR_RUNNER_SECRET="short")


@pytest.mark.slow
def test_tls_is_verified(tmp_path):
    _, public = self_signed(tmp_path)
    private = tmp_path / "server.key"
    runner = Runner(
        tmp_path / "state", "--certificate", str(public), "--key", str(private), scheme="https"
    )
    try:
        with pytest.raises(RunnerError, match="certificate is not trusted"):
            runner.client.status("0" * 32)
        trusting = RunnerClient(runner.url, SECRET, ca_file=public)
        with pytest.raises(RunnerRefusedError, match="there is no job"):
            trusting.status("0" * 32)
    finally:
        runner.stop()


@pytest.mark.parametrize(
    "url",
    [
        "http://runner.example.org",
        "ftp://127.0.0.1",
        "https://me:password@example.org",
        "https://:password@example.org",
        "https://me:password/@example.org",
        "https://example.org:port",
        "https://[::1",
        "runner.example.org",
    ],
)
def test_households_never_travel_in_the_clear_and_urls_hold_no_password(url):
    with pytest.raises(ConfigurationError, match="expected https://") as refusal:
        RunnerClient(url, SECRET)
    assert "password@" not in str(refusal.value) and "password/" not in str(refusal.value)
