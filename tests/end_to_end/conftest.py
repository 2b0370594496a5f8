"""The real stack, booted once: Postgres, Airflow's four components, and a webhook to listen to."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import ROOT
from tests.support.ledger import add_run
from tests.support.mailbox import RECIPIENTS, Mailbox, mailbox

from solar_model.settings import Settings, load_settings
from solar_model.ticks import TICK, parse_tick
from solar_stack.api import AirflowApi
from solar_stack.cycle import wait_for_dag
from solar_stack.ports import free_port
from solar_stack.signals import Signals
from solar_stack.stack import Stack

DAG = "solar_simulation"
CYCLE_SECONDS = 240
METRICS_TOKEN = "a token that only Prometheus knows"


@dataclass
class Webhook:
    """Keeps what it is sent; answers with ``status``."""

    url: str
    status: int = 200
    messages: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@dataclass
class Cycle:
    """The running stack as a client sees it."""

    api: AirflowApi
    settings: Settings
    conninfo: str
    query: Path
    webhook: Webhook
    mailbox: Mailbox
    password: str
    viewer_password: str

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.conninfo) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.api.request("POST", path, json=body)

    def trigger(self, tick: str, **parameters: Any) -> str:
        return self.api.trigger(DAG, datetime.fromisoformat(tick), **parameters)

    def repeat(self, run_id: str) -> None:
        """Run every task of a run again, as an operator does with Clear."""
        self.post(
            f"dags/{DAG}/clearTaskInstances",
            {"dag_run_id": run_id, "dry_run": False, "only_failed": False},
        )

    def scheduled(self) -> str:
        """The first run that the schedule started."""
        deadline = time.monotonic() + 30
        path = f"dags/{DAG}/dagRuns"
        asked = {"run_type": "scheduled", "order_by": "start_date", "limit": 1}
        while not (found := self.api.request("GET", path, params=asked)["dag_runs"]):
            assert time.monotonic() < deadline, "no scheduled run"
            time.sleep(0.2)
        return str(found[0]["dag_run_id"])

    def wait(self, run_id: str, dag: str = DAG) -> str:
        """State of a run once it has ended."""
        deadline = time.monotonic() + CYCLE_SECONDS
        while time.monotonic() < deadline:
            state = self.api.run(dag, run_id)["state"]
            if state in ("success", "failed"):
                return state
            time.sleep(0.2)
        raise AssertionError(f"{run_id} is still {state} after {CYCLE_SECONDS} s")

    def task_states(self, run_id: str) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self.api.tasks(DAG, run_id)}

    def messages(self, tick: str) -> list[dict[str, Any]]:
        """What the webhook was told of a tick."""
        told = [json.loads(body) for _, body in self.webhook.messages]
        return [message for message in told if message["timestamp"] == tick]

    def run(self, tick: str, **parameters: Any) -> str:
        """A cycle that succeeds; its Airflow run."""
        run_id = self.trigger(tick, **parameters)
        assert self.wait(run_id) == "success", self.task_states(run_id)
        return run_id


@contextmanager
def listening() -> Iterator[Webhook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            webhook.messages.append((dict(self.headers), body))
            self.send_response(webhook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    webhook = Webhook(f"http://127.0.0.1:{server.server_port}/hook")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield webhook
    server.shutdown()
    server.server_close()


@contextmanager
def booted(
    home: Path,
    port: int | None = None,
    make: Callable[[Settings, Signals], Stack] = Stack,
    begin: Callable[[str], None] = lambda _conninfo: None,
    **variables: str,
) -> Iterator[Cycle]:
    """A stack of its own, with settings of its own; ``begin`` is called before its schedule."""
    query = home / "households.sql"
    shutil.copy(ROOT / "include" / "sql" / "households.sql", query)
    with contextlib.ExitStack() as running:
        webhook = running.enter_context(listening())
        post = running.enter_context(mailbox())
        with pytest.MonkeyPatch.context() as patch:
            patch_environment(patch, query, webhook, post, **variables)
            settings = load_settings(home=home, port=port or free_port(), postgres_port=free_port())
            stack = make(settings, Signals())
            api = running.enter_context(stack.up())
        wait_for_dag(stack, api, Signals())
        begin(stack.solar_conninfo)
        api.unpause(DAG)
        drawn = stack.state.secrets()
        logins = drawn.admin_password, drawn.viewer_password
        yield Cycle(api, settings, stack.solar_conninfo, query, webhook, post, *logins)


@pytest.fixture(scope="package")
def cycle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cycle]:
    with booted(tmp_path_factory.mktemp("stack"), begin=as_if_it_had_been_going) as cycle:
        yield cycle


def as_if_it_had_been_going(conninfo: str) -> None:
    """Somebody has run the tick before: else the one that is late now would be excused."""
    now = datetime.now(tz=UTC)
    until_next = (parse_tick(now) + TICK - now).total_seconds()
    if until_next < 30:
        time.sleep(until_next + 1)
    with psycopg.connect(conninfo) as connection:
        tick = parse_tick(None) - TICK
        add_run(connection, tick, airflow_run_id=f"manual__{tick}")


def patch_environment(
    patch: pytest.MonkeyPatch, query: Path, webhook: Webhook, post: Mailbox, **variables: str
) -> None:
    """Variables that the stack takes over when it starts; other tests never see them."""
    for name in [n for n in os.environ if n.startswith(("AIRFLOW", "SOLAR_"))]:
        patch.delenv(name)
    patch.setenv("SOLAR_HOUSEHOLDS_SQL", str(query))
    patch.setenv("SOLAR_NOTIFY_URL", webhook.url)
    patch.setenv("SOLAR_NOTIFY_SECRET", "a key that both sides know")
    patch.setenv("SOLAR_WEATHER", "stochastic")
    patch.setenv("SOLAR_METRICS_TOKEN", METRICS_TOKEN)
    patch.setenv("SOLAR_ALERT_EMAILS", RECIPIENTS)
    patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", post.connection)
    # house-keeping must not end the past in which the tests live
    patch.setenv("SOLAR_DATA_RETENTION", "P3650D")
    # no cycle keeps it, so that the deadline of each scheduled one is missed
    patch.setenv("SOLAR_CYCLE_LIMIT", "PT1S")
    for name, value in variables.items():
        patch.setenv(name, value)
