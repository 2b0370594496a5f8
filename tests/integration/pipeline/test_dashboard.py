"""What the dashboard reads: totals per tick, never rows of households."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb
from tests.support.ledger import add_run

from solar_model.pipeline import dashboard
from solar_model.ticks import TICK

TICK_0 = datetime(2024, 6, 11, 12, 0, tzinfo=UTC)
SECOND_0 = int(TICK_0.timestamp())


def test_energy_has_a_place_for_each_tick_and_sums_shards(connection):
    add_run(connection, TICK_0)
    add_run(connection, TICK_0, shard=1, generation_kwh=100.5, households_queried=500)
    add_run(connection, TICK_0 + 2 * TICK, status="failed")
    found = dashboard.energy(connection, TICK_0 - TICK, TICK_0 + 2 * TICK)
    assert found["tick"] == [SECOND_0 + step * 900 for step in (-1, 0, 1, 2)]
    assert found["generation_kwh"] == [None, 500.5, None, None]
    assert found["households_queried"] == [None, 1500, None, None]
    assert found["rows_inserted"] == [None, 2000, None, None]


def test_energy_of_a_tick_that_failed_when_it_was_repeated_stays(connection):
    add_run(connection, TICK_0, status="failed", rows_inserted=10, grid_import_kwh=7.0)
    assert dashboard.energy(connection, TICK_0, TICK_0)["grid_import_kwh"] == [7.0]


def test_cycle_times_are_those_of_cycles_that_began_in_their_quarter(connection):
    add_run(connection, TICK_0, begun=2, seconds=30, timings_s={"insert_results": 5.0})
    add_run(connection, TICK_0, shard=1, begun=1, seconds=40, timings_s={"insert_results": 8.0})
    add_run(connection, TICK_0 + TICK, begun=3, seconds=320, timings_s={"insert_results": 10.0})
    add_run(connection, TICK_0 + 2 * TICK, begun=7200, seconds=7230)
    found = dashboard.cycle_times(connection, TICK_0, TICK_0 + 2 * TICK)
    assert found["limit_s"] == 300
    assert found["cycles"] == {"tick": [SECOND_0, SECOND_0 + 900], "seconds": [40.0, 320.0]}
    assert {task["task"]: (task["median_s"], task["longest_s"]) for task in found["tasks"]} == {
        "insert_results": (8.0, 10.0),
        "": (1.0, 3.0),
    }


def test_a_tick_tells_its_runs_and_why_households_were_set_aside(connection):
    run_id = add_run(connection, TICK_0, households_quarantined=3, timings_s={"notify": 0.5})
    for user, reasons in (
        ("a", ["panel_count is -1, expected 0 or more"]),
        ("b", ["panel_count is -7, expected 0 or more", "household_size is , expected 1 or more"]),
        ("c", ["user_id appears in rows 3, 4, expected once"]),
    ):
        connection.execute(
            "INSERT INTO quarantine (simulation_run_id, stage, user_id, reasons, row_values) "
            "VALUES (%s, 'input', %s, %s, %s)",
            (run_id, user, reasons, Jsonb({})),
        )
    [run] = dashboard.tick_runs(connection, TICK_0)
    assert run["id"] == run_id
    assert run["timings_s"] == {"notify": 0.5}
    assert run["started_at"] == "2024-06-11T12:00:01+00:00"
    assert dashboard.reasons(connection, TICK_0) == [
        {"reason": "panel_count: expected 0 or more", "households": 2},
        {"reason": "household_size: expected 1 or more", "households": 1},
        {"reason": "user_id: expected once", "households": 1},
    ]
    assert dashboard.tick_runs(connection, TICK_0 + TICK) == []


@pytest.mark.parametrize("table", ["energy_data", "user_systems", "users"])
def test_the_first_page_reads_no_household(connection, table):
    add_run(connection, TICK_0)
    connection.execute(f"DROP TABLE IF EXISTS {table} CASCADE")
    dashboard.overview(connection, TICK_0)
    dashboard.tick_detail(connection, TICK_0, TICK_0)


def test_the_overview_is_of_seven_whole_days_up_to_now(connection):
    add_run(connection, TICK_0, households_quarantined=1, rows_inserted=999)
    add_run(connection, TICK_0 + TICK, status="failed")
    found = dashboard.overview(connection, TICK_0 + TICK + timedelta(minutes=6))
    energy, ledger = found["energy"], found["ledger"]
    assert len(ledger["tick"]) == 7 * 96
    assert ledger["tick"][0] == energy["tick"][0] == SECOND_0 - 6 * 86400 - 12 * 3600
    assert energy["tick"][-1] == SECOND_0 + 900
    at = ledger["tick"].index(SECOND_0)
    assert ledger["state"][at - 1 : at + 3] == ["before", "quarantined", "failed", "future"]
    assert (ledger["seconds"][at], ledger["set_aside"][at]) == (30.0, 1)
    assert found["cycles"]["cycles"]["tick"] == [SECOND_0, SECOND_0 + 900]


def test_the_overview_of_an_empty_ledger_is_empty(connection):
    found = dashboard.overview(connection, TICK_0)
    assert set(found["ledger"]["state"]) == {"before", "pending", "future"}
    assert set(found["energy"]["generation_kwh"]) == {None}
    assert found["cycles"]["tasks"] == []


def test_the_detail_of_a_tick_says_what_became_of_it(connection):
    add_run(connection, TICK_0, status="failed", rows_inserted=1000, error="insert_results: away")
    found = dashboard.tick_detail(connection, TICK_0, TICK_0 + TICK)
    assert (found["tick"], found["state"], found["stored"]) == (SECOND_0, "failed", True)
    assert [run["error"] for run in found["runs"]] == ["insert_results: away"]
    missing = dashboard.tick_detail(connection, TICK_0 + TICK, TICK_0 + 3 * TICK)
    assert (missing["state"], missing["runs"], missing["reasons"]) == ("missing", [], [])
