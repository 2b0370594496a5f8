"""Backfills as an operator makes them: from the UI's API and from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from tests.conftest import ROOT
from tests.end_to_end.conftest import DAG

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(900)]

FIRST, LAST = "2024-07-01T16:00:00Z", "2024-07-01T16:30:00Z"
TICKS = [datetime.fromisoformat(FIRST) + i * timedelta(minutes=15) for i in range(3)]
# Generous: the machine may be busy with something else.
BACKFILL_SECONDS = 600
DAILY = "solar_simulation_daily"
DAY = datetime(2024, 7, 5, tzinfo=UTC)


def finished(cycle, dag: str, first: str, last: str) -> None:
    """Wait until a range's runs have ended; that its backfill has, Airflow notices later."""
    deadline = time.monotonic() + BACKFILL_SECONDS
    asked = {"logical_date_gte": first, "logical_date_lte": last}
    while True:
        runs = cycle.api.request("GET", f"dags/{dag}/dagRuns", params=asked)["dag_runs"]
        states = {run["dag_run_id"]: run["state"] for run in runs}
        if states and set(states.values()) <= {"success", "failed"}:
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.3)


def ledger(cycle) -> list[tuple]:
    return cycle.sql(
        "SELECT status::text, attempt, seed, rows_inserted, airflow_run_id, started_at, "
        "finished_at FROM simulation_runs WHERE tick BETWEEN %s AND %s ORDER BY tick",
        FIRST,
        LAST,
    )


def stored(cycle) -> list[tuple]:
    return cycle.sql(
        'SELECT * FROM energy_data WHERE "timestamp" BETWEEN %s AND %s ORDER BY 1, 2', FIRST, LAST
    )


def one_after_the_other(runs: list[tuple]) -> bool:
    return all(before[-1] <= after[-2] for before, after in pairwise(runs))


@pytest.fixture(scope="module")
def filled(cycle) -> list[tuple]:
    """A range of ticks, asked for as the form of the UI does, and a live tick beside it."""
    cycle.post(
        "backfills",
        {"dag_id": DAG, "from_date": FIRST, "to_date": LAST, "max_active_runs": 3},
    )
    # what is no backfill waits for none
    cycle.run("2024-07-03T16:00:00Z")
    finished(cycle, DAG, FIRST, LAST)
    return stored(cycle)


@pytest.mark.usefixtures("filled")
def test_ticks_are_filled_in_order_though_all_may_run_at_once(cycle):
    runs = ledger(cycle)
    assert [run[0] for run in runs] == ["completed"] * 3
    assert [run[3] for run in runs] == [1000] * 3
    assert all(run[4].startswith("backfill__") for run in runs)
    assert one_after_the_other(runs)


@pytest.mark.usefixtures("filled")
def test_each_tick_starts_from_the_batteries_of_the_one_before(cycle):
    import polars as pl

    exchange = cycle.settings.home / "exchange"
    for before, tick in pairwise(TICKS):
        given = pl.read_csv(exchange / f"users_input_{tick:%Y%m%d_%H%M%S}.csv")
        left = {
            str(user): soc
            for user, soc in cycle.sql(
                'SELECT user_id, battery_soc_kwh FROM energy_data WHERE "timestamp" = %s', before
            )
        }
        assert dict(given.select("user_id", "battery_soc_kwh").iter_rows()) == left


@pytest.mark.usefixtures("filled")
def test_the_live_schedule_waits_for_no_backfill(cycle):
    [(began,)] = cycle.sql(
        "SELECT started_at FROM simulation_runs WHERE tick = '2024-07-03T16:00:00Z'"
    )
    assert began < ledger(cycle)[-1][-1]


@pytest.fixture(scope="module")
def days(cycle) -> tuple[list[tuple], list[tuple], bytes]:
    """Some ticks of a day as the 15-minute DAG computes them, then two whole days."""
    tick = DAY + timedelta(minutes=15)
    for one in (DAY, tick):
        cycle.run(one.isoformat())
    before = of_range(cycle, DAY, tick)
    exchange = cycle.settings.home / "exchange"
    files = [exchange / f"results_{one:%Y%m%d_%H%M}.csv" for one in (DAY, tick)]
    written = b"".join(file.read_bytes().split(b"\n", 1)[1] for file in files)
    end = DAY + timedelta(days=1, hours=5)
    cycle.api.backfill(DAILY, DAY, end)
    finished(cycle, DAILY, DAY.isoformat(), end.isoformat())
    return before, of_range(cycle, DAY, tick), written


def of_range(cycle, first: datetime, last: datetime) -> list[tuple]:
    return cycle.sql(
        'SELECT * FROM energy_data WHERE "timestamp" BETWEEN %s AND %s ORDER BY 1, 2', first, last
    )


def test_a_whole_day_at_once_is_byte_for_byte_what_its_ticks_alone_are(cycle, days):
    before, after, written = days
    assert len(before) == 2000
    assert after == before
    day = cycle.settings.home / "exchange" / "results_20240705_0000-96-ticks.csv"
    assert day.read_bytes().split(b"\n", 1)[1].startswith(written)


@pytest.mark.usefixtures("days")
def test_each_tick_of_the_days_has_its_rows_and_its_entry_in_the_ledger(cycle):
    last = DAY + timedelta(days=2)
    runs = cycle.sql(
        "SELECT tick, status::text, rows_inserted, weather, checks_passed > 0, results_file, "
        "airflow_run_id, (SELECT count(*) FROM validations WHERE simulation_run_id = run.id) "
        "FROM simulation_runs AS run WHERE tick >= %s AND tick < %s ORDER BY tick",
        DAY,
        last,
    )
    assert [run[0] for run in runs] == [DAY + i * timedelta(minutes=15) for i in range(192)]
    assert {run[1:5] for run in runs} == {("completed", 1000, "stochastic", True)}
    assert {run[7] for run in runs} == {1}
    assert len({run[5] for run in runs}) == len({run[6] for run in runs}) == 2
    [(rows, per_tick)] = cycle.sql(
        'SELECT count(*), count(DISTINCT ("timestamp", user_id)) FROM energy_data '
        'WHERE "timestamp" >= %s AND "timestamp" < %s',
        DAY,
        last,
    )
    assert rows == per_tick == 192_000


@pytest.mark.usefixtures("days")
def test_a_day_starts_from_the_batteries_of_the_day_before(cycle):
    import polars as pl

    file = cycle.settings.home / "exchange" / "users_input_20240706_000000-96-ticks.csv"
    left = {
        str(user): soc
        for user, soc in cycle.sql(
            'SELECT user_id, battery_soc_kwh FROM energy_data WHERE "timestamp" = %s',
            DAY + timedelta(hours=23, minutes=45),
        )
    }
    assert dict(pl.read_csv(file).select("user_id", "battery_soc_kwh").iter_rows()) == left


def test_no_day_is_filled_by_itself(cycle):
    assert cycle.api.request("GET", f"dags/{DAILY}")["next_dagrun_run_after"] is None
    assert {run["run_type"] for run in cycle.api.runs(DAILY)} <= {"backfill"}


def test_from_the_command_line_it_replaces_what_was_there(cycle, filled):
    command = [sys.executable, "-m", "solar_stack", "airflow", "backfill", "create"]
    command += ["--dag-id", DAG, "--from-date", FIRST, "--to-date", LAST]
    command += ["--reprocess-behavior", "completed", "--dag-run-conf", '{"seed": 7}']
    environment = os.environ | {
        "SOLAR_HOME": str(cycle.settings.home),
        "SOLAR_PORT": str(cycle.settings.port),
        "PYTHONPATH": str(ROOT / "include"),
    }
    for name in [name for name in environment if name.startswith("AIRFLOW")]:
        del environment[name]
    while cycle.api.has_backfill(DAG):  # Airflow would refuse another one
        time.sleep(0.3)
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    finished(cycle, DAG, FIRST, LAST)

    runs = ledger(cycle)
    assert [run[:4] for run in runs] == [("completed", 1, 7, 1000)] * 3
    assert one_after_the_other(runs)
    now = stored(cycle)
    assert len(now) == len(filled) == 3000
    assert [row[:2] for row in now] == [row[:2] for row in filled]
    assert now != filled
