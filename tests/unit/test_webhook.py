"""The webhook, against a real HTTP server: signed, retried, and never able to harm the cycle."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from solar_model.webhook import deliver

MESSAGE = {
    "status": "completed",
    "result_file": "results_20240911_1415.csv",
    "timestamp": "2024-09-11T14:15:00",
    "record_count": 1000,
    "run_id": "0b5b6e0e-5f39-4d5b-8d8e-6a7f6f1f5a11",
}


class Receiver(ThreadingHTTPServer):
    """Answers with the given status codes in turn, and keeps what it was sent."""

    def __init__(self, statuses):
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = list(statuses)
        self.requests = []
        self.over = threading.Event()
        self.over.set()
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.headers, body))
        status = self.server.statuses.pop(0)
        self.send_response(status)
        if status > 300:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0" if self.server.over.is_set() else "1")
        self.end_headers()
        self.server.over.wait()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver(request):
    server = Receiver(getattr(request, "param", [200]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_message_arrives_as_json_with_a_signature_that_can_be_checked(receiver):
    assert deliver(receiver.url, MESSAGE, "shared key") is None
    [(headers, body)] = receiver.requests
    assert json.loads(body) == MESSAGE
    assert headers["Content-Type"] == "application/json"
    at, digest = (part.split("=")[1] for part in headers["X-Solar-Signature"].split(","))
    expected = hmac.new(b"shared key", at.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(digest, expected)
    assert abs(int(at) - time.time()) < 60


def test_without_a_key_nothing_is_signed(receiver):
    deliver(receiver.url, MESSAGE, None)
    [(headers, _)] = receiver.requests
    assert "X-Solar-Signature" not in headers


@pytest.mark.parametrize("receiver", [[503, 429, 200]], indirect=True)
def test_a_receiver_that_stumbles_is_asked_again(receiver):
    assert deliver(receiver.url, MESSAGE, None) is None
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("receiver", [[400]], indirect=True)
def test_a_receiver_that_refuses_is_not_asked_again(receiver):
    assert "400" in deliver(receiver.url, MESSAGE, None)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("receiver", [[300], [301], [307]], indirect=True)
def test_a_receiver_that_sends_on_has_not_received(receiver):
    problem = deliver(receiver.url, MESSAGE, None)
    assert "name the address" in problem
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("receiver", [[200], [503, 200]], indirect=True)
def test_an_answer_that_does_not_end_is_not_waited_for(receiver):
    receiver.over.clear()
    assert deliver(receiver.url, MESSAGE, None) is None
    receiver.over.set()


def test_an_address_that_cannot_be_is_told_in_words():
    url = "http://" + "a" * 70 + ".example/x"  # no name of a host is as long
    assert "cannot be reached" in deliver(url, MESSAGE, None)


def test_a_receiver_that_is_down_is_told_in_words_without_the_url(receiver, caplog):
    receiver.shutdown()
    receiver.server_close()
    problem = deliver(f"{receiver.url}?token=hunter2", MESSAGE, None)
    assert "cannot be reached" in problem
    assert "hunter2" not in problem + caplog.text
