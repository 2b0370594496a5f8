"""Whole cycles through a bad network: each step as Airflow runs it, each store on a real server.

Whatever befalls the transfers, the tick's rows are in the database exactly once, and the run's row
says who carried them. With SOLAR_FAULT_TABLE=FILE, the pauses between attempts are the real ones,
and what happened and how long it took is written there as a table (docs/scripts/fault_table.py).
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.integration.exchange.conftest import NETWORKED, QUICK, Place
from tests.support.proxy import Fault, Proxy
from tests.support.runners import SECRET, Runner
from tests.support.tasks import attempt, connection_json, context_of

from solar_airflow import operators
from solar_airflow.simulation import RunSimulationOperator
from solar_model.pipeline import database as solar_database
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.connections import variable
from solar_model.pipeline.exchange import opening
from solar_model.pipeline.schema import upgrade
from solar_model.settings import settings
from solar_model.ticks import timestamp_text

pytestmark = pytest.mark.slow

HOUSEHOLDS = 200
HALF = 9_000  # of the input file, and less than half of the results
TABLE = os.environ.get("SOLAR_FAULT_TABLE")

STEPS = {
    "write_input_csv": operators.WriteInputCsvOperator,
    "upload_input": operators.UploadInputOperator,
    "run_simulation": RunSimulationOperator,
    "download_results": operators.DownloadResultsOperator,
    "validate_results": operators.ValidateResultsOperator,
    "insert_results": operators.InsertResultsOperator,
}


@dataclass(frozen=True)
class Case:
    """A fault, the step before which it begins, and who carries input and results then."""

    fault: str
    before: str
    faults: tuple[Fault, ...] = ()
    carriers: str = "itself, itself"


AWAY, NONE, SLOW = "refused from here on", "none", "slow"
EXCHANGE_CASES = [
    Case(NONE, "upload_input"),
    Case(AWAY, "upload_input", carriers="the next, the next"),
    Case(AWAY, "run_simulation", carriers="itself, the next"),
    Case(AWAY, "download_results", carriers="itself, the next"),
    Case("reset after half the bytes", "upload_input", (Fault("reset", after=HALF),)),
    Case("reset after half the bytes", "run_simulation", (Fault("reset", after=HALF),)),
    Case("500 three times", "upload_input", (Fault("busy"),) * 3),
    Case("500 three times", "download_results", (Fault("busy"),) * 3),
    Case(SLOW, "upload_input", (Fault("slow"),)),
    Case("wrong checksum", "upload_input", (Fault("damage_up", after=HALF),)),
    Case("wrong checksum", "download_results", (Fault("damage_down", after=HALF),)),
    Case("truncated file", "download_results", (Fault("truncate", after=HALF),)),
]
RUNNER_CASES = [
    Case(NONE, "run_simulation", carriers="itself"),
    Case(AWAY, "run_simulation", carriers="the next"),
    Case("reset after half the bytes", "run_simulation", (Fault("reset", after=HALF),), "the next"),
    Case("500 three times", "run_simulation", (Fault("busy"),) * 3, "the next"),
    Case(SLOW, "run_simulation", (Fault("slow"),), "itself"),
    Case("wrong checksum", "run_simulation", (Fault("damage_down", after=HALF),), "the next"),
    Case("truncated file", "run_simulation", (Fault("truncate", after=HALF),), "the next"),
    Case("silent", "run_simulation", (Fault("silent"),), "the next"),
]


def named(case: Case) -> str:
    return f"{case.fault}, {case.before}"


class Community:
    """A database of households whose ticks are computed one after the other.

    The steps use a login of the pipeline, which owns nothing.
    """

    def __init__(self, owner: str, pipeline: str) -> None:
        self.conninfo = pipeline
        self.tick = 0
        with solar_database.connect(owner) as connection:
            load_sample(connection, HOUSEHOLDS, seed=1)

    def cycle(self, befall: tuple[str, object]) -> tuple[str, float]:
        """Run the next tick's steps; the fault begins before one of them. Tick and seconds."""
        self.tick += 1
        tick = timestamp_text(solar_tick(self.tick))
        context = context_of(tick)
        query = operators.QueryHouseholdsOperator(task_id="query_households")
        handover = query.execute(context)
        before, begin = befall
        started = time.monotonic()
        for task_id, operator in STEPS.items():
            if task_id == before:
                begin()
            handover = attempt(operator, task_id, handover, context)
        assert "hunter2" not in json.dumps(handover) and SECRET not in json.dumps(handover)
        return tick, time.monotonic() - started

    def require_once(self, tick: str) -> tuple[str, str, str]:
        """Every household has its row of the tick, once; who carried input, results, and ran it."""
        with psycopg.connect(self.conninfo) as connection:
            counted = connection.execute(
                'SELECT count(*), count(DISTINCT user_id) FROM energy_data WHERE "timestamp" = %s',
                (f"{tick}+00",),
            ).fetchone()
            [run] = connection.execute(
                "SELECT status::text, rows_inserted, exchange, results_exchange, runner "
                "FROM simulation_runs WHERE tick = %s",
                (f"{tick}+00",),
            ).fetchall()
            [moves] = connection.execute(
                "SELECT array_agg(action ORDER BY log.id) FROM transfer_log AS log "
                "JOIN simulation_runs AS run ON run.id = simulation_run_id "
                "WHERE tick = %s AND actor IS NOT NULL AND role = 'worker'",
                (f"{tick}+00",),
            ).fetchone()
        assert counted == (HOUSEHOLDS, HOUSEHOLDS)
        assert run[:2] == ("completed", HOUSEHOLDS)
        remote = ["submit", "fetch"] if run[4].startswith("http") else []
        # a runner that takes the job and does not give the results has had the households, too
        assert [*dict.fromkeys(moves)] == ["query", "upload", *remote, "download", "insert"]
        return run[2:]


def solar_tick(number: int):
    from solar_model.ticks import parse_tick

    return parse_tick("2024-06-11T15:00:00") + number * timedelta(minutes=15)


@pytest.fixture(scope="module")
def community(postgres):
    schema = "whole_cycle"
    with psycopg.connect(postgres.dsn("solar"), autocommit=True) as owner:
        owner.execute(f"CREATE SCHEMA {schema}")
        conninfo = psycopg.conninfo.make_conninfo(
            postgres.dsn("solar"), options=f"-csearch_path={schema}"
        )
        upgrade(conninfo)
        owner.execute("CREATE ROLE worker LOGIN PASSWORD 'hunter2' IN ROLE solar_pipeline")
        worker = psycopg.conninfo.make_conninfo(conninfo, user="worker", password="hunter2")
        yield Community(conninfo, worker)
        owner.execute(f"DROP SCHEMA {schema} CASCADE")
        owner.execute("DROP ROLE worker")


@pytest.fixture
def configure(community, tmp_path, monkeypatch):
    """Sets what a worker's environment says; pauses between attempts are short without a table."""

    def set_(**variables: str) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection_json(community.conninfo))
        for name, value in {"HOME": str(tmp_path / "home"), "WEATHER": "0.9", **variables}.items():
            monkeypatch.setenv(f"SOLAR_{name}", value)
        settings.cache_clear()

    if not TABLE:
        monkeypatch.setattr(opening, "Patience", lambda: QUICK)
    yield set_
    settings.cache_clear()


@pytest.fixture(scope="module")
def table():
    """Collects what happened, for the documentation."""
    rows: list[tuple[str, ...]] = []
    yield rows
    if TABLE:
        head = ("through", "fault", "begins before", "what happened", "rows", "seconds")
        lines = ["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows)]
        Path(TABLE).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("place", NETWORKED, indirect=True)
@pytest.mark.parametrize("case", EXCHANGE_CASES, ids=named)
def test_through_every_store(
    place: Place, proxy, folder_place, case, community, configure, monkeypatch, table, caplog
):
    first, second = place.url_through(proxy.port), folder_place.url
    account = json.dumps(place.connection_through(proxy.port))
    monkeypatch.setenv(variable(place.connection_id), account)
    configure(EXCHANGES=f"{first},{second}")

    with caplog.at_level(logging.WARNING):
        tick, seconds = community.cycle((case.before, lambda: begin(proxy, case)))
    assert not proxy.faults, "the fault did not happen"
    sent, returned, runner = community.require_once(tick)
    who = {first: "itself", second: "the next"}
    assert (f"{who[sent]}, {who[returned]}", runner) == (case.carriers, "local")
    again = len(re.findall(r"attempt \d failed", caplog.text))
    assert (again > 0) == (case.fault not in (SLOW, NONE))
    happened = f"tried again: {again}; " if again else ""
    happened += f"input carried by {who[sent]}, results by {who[returned]}"
    table.append(row(place.kind, case, happened, seconds))


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    started = Runner(tmp_path_factory.mktemp("remote") / "state")
    yield started
    started.stop()


@pytest.mark.parametrize("case", RUNNER_CASES, ids=named)
def test_through_a_runner(runner, case, folder_place, community, configure, table):
    proxy = Proxy(runner.port)
    bad, good = f"http://127.0.0.1:{proxy.port}", runner.url
    configure(
        EXCHANGES=folder_place.url,
        RUNNER="http",
        RUNNER_URLS=f"{bad},{good}",
        RUNNER_SECRET=SECRET,
    )
    try:
        tick, seconds = community.cycle((case.before, lambda: begin(proxy, case)))
    finally:
        proxy.close()
    *_, carried = community.require_once(tick)
    who = {bad: "itself", good: "the next", "local": "the worker"}[carried]
    assert who == case.carriers
    table.append(row("HTTP runner", case, f"simulated by {who}", seconds))


def begin(proxy: Proxy, case: Case) -> None:
    if case.fault == AWAY:
        proxy.refuse()
    proxy.faults = list(case.faults)


def row(kind: str, case: Case, happened: str, seconds: float) -> tuple[str, ...]:
    # that the rows are there once was looked at before
    rows = f"{HOUSEHOLDS} of {HOUSEHOLDS}, once"
    return (kind, case.fault, f"`{case.before}`", happened, rows, f"{seconds:.1f}")
