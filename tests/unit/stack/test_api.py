"""The client of Airflow's API while Airflow, or a part of it, is being started again."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from solar_stack.api import AirflowApi
from solar_stack.errors import AwayError, StackError
from solar_stack.ports import free_port


class Server(ThreadingHTTPServer):
    """Answers with one status after the other; the last one stays."""

    statuses: list[int]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        body = b'{"import_errors": []}'
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Starts a server; gives its address."""
    servers = []

    def start(*statuses, port=0):
        server = Server(("127.0.0.1", port), Handler)
        server.statuses = list(statuses)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_question_waits_for_a_server_that_comes_back(serve):
    port = free_port()
    looks = []

    def look():
        looks.append(1)
        if len(looks) == 3:
            serve(503, 500, 200, port=port)

    api = AirflowApi(f"http://127.0.0.1:{port}", "admin", "", while_away=look)
    assert api.import_errors() == []
    assert len(looks) == 5


def test_what_is_no_question_is_not_asked_twice(serve):
    api = AirflowApi(serve(503), "admin", "", while_away=lambda: pytest.fail("asked again"))
    with pytest.raises(AwayError, match="POST"):
        api.trigger("solar_simulation")


def test_a_refusal_is_not_waited_for(serve):
    api = AirflowApi(serve(404), "admin", "", while_away=lambda: pytest.fail("asked again"))
    with pytest.raises(StackError, match="refused GET"):
        api.runs("solar_simulation")


def test_without_anybody_to_look_the_first_failure_counts():
    with pytest.raises(AwayError):
        AirflowApi(f"http://127.0.0.1:{free_port()}", "admin", "").import_errors()
