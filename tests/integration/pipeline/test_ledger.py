"""What became of each quarter of an hour, judged from rows of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.ledger import add_run

from solar_model.pipeline import runs
from solar_model.pipeline.ledger import State, entries
from solar_model.settings import settings
from solar_model.ticks import TICK

TICK_0 = datetime(2024, 6, 11, 12, 0, tzinfo=UTC)
NOW = TICK_0 + timedelta(hours=6)


def state_of(connection, tick=TICK_0, now=NOW) -> State:
    [entry] = entries(connection, tick, tick, now)
    return entry.state


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"seconds": 40}, State.ON_TIME),
        ({"seconds": 300}, State.ON_TIME),
        ({"seconds": 301}, State.LATE),
        ({"seconds": 301, "households_quarantined": 2}, State.LATE),
        ({"seconds": 40, "households_quarantined": 2}, State.QUARANTINED),
        ({"begun": 900, "seconds": 940}, State.BACKFILLED),
        ({"begun": 900, "seconds": 940, "households_quarantined": 1}, State.QUARANTINED),
        ({"seconds": 40, "status": "failed"}, State.FAILED),
        ({"seconds": None, "status": "running"}, State.FAILED),  # whoever ran it is gone
        ({"begun": 6 * 3600 - 60, "seconds": None, "status": "running"}, State.RUNNING),
    ],
)
def test_a_run_has_one_state(connection, facts, expected):
    add_run(connection, TICK_0, **facts)
    assert state_of(connection) is expected


def test_how_long_a_cycle_may_take_is_a_setting(connection, monkeypatch):
    add_run(connection, TICK_0, seconds=301)
    monkeypatch.setenv("SOLAR_CYCLE_LIMIT", "PT10M")
    settings.cache_clear()
    assert state_of(connection) is State.ON_TIME
    assert state_of(connection, TICK_0 + TICK, TICK_0 + 1.5 * TICK) is State.PENDING


def test_the_shards_of_a_tick_are_as_good_as_the_worst_and_as_fast_as_the_slowest(connection):
    add_run(connection, TICK_0, seconds=40)
    add_run(connection, TICK_0, shard=1, seconds=310, households_quarantined=3)
    [entry] = entries(connection, TICK_0, TICK_0, NOW)
    assert (entry.state, entry.seconds, entry.quarantined) == (State.LATE, 310, 3)
    add_run(connection, TICK_0, shard=2, seconds=20, status="failed")
    assert state_of(connection) is State.FAILED


def test_a_failed_run_of_a_tick_that_was_stored_before_says_so(connection):
    add_run(connection, TICK_0, status="failed", rows_inserted=1000)
    add_run(connection, TICK_0 + TICK, status="failed", rows_inserted=None)
    stored = [entry.stored for entry in entries(connection, TICK_0, TICK_0 + TICK, NOW)]
    assert stored == [True, False]


def test_a_task_that_is_cleared_and_fails_again_says_why_anew(connection):
    add_run(connection, TICK_0, status="running", airflow_run_id="manual__x")
    runs.fail(connection, "manual__x", "download_results: the exchange is away")
    runs.fail(connection, "manual__x", "insert_results: the disk is full", again=True)
    runs.fail(connection, "manual__x", "the run took longer than it may")
    told = connection.execute("SELECT error FROM simulation_runs").fetchall()
    assert told == [("insert_results: the disk is full",)]


def test_a_day_that_is_worked_on_has_not_failed(connection):
    add_run(connection, TICK_0, status="running")
    for hours, state in ((2, State.RUNNING), (4, State.FAILED)):
        connection.execute(
            "UPDATE simulation_runs SET started_at = %s", (NOW - timedelta(hours=hours),)
        )
        assert state_of(connection) is state


def test_a_tick_without_a_run_is_missing_only_when_it_is_due(connection):
    add_run(connection, TICK_0, seconds=40)
    found = entries(connection, TICK_0 - TICK, TICK_0 + 3 * TICK, TICK_0 + 2 * TICK)
    assert [entry.state for entry in found] == [
        State.BEFORE,
        State.ON_TIME,
        State.MISSING,
        State.PENDING,
        State.FUTURE,
    ]
    due = TICK_0 + 2 * TICK + timedelta(seconds=301)
    assert state_of(connection, TICK_0 + 2 * TICK, due) is State.MISSING


def test_a_day_of_long_ago_that_is_filled_in_makes_no_other_tick_due(connection):
    add_run(connection, TICK_0 - 400 * TICK, airflow_run_id="backfill__x")
    add_run(connection, TICK_0, seconds=40)
    [*before, _] = entries(connection, TICK_0 - 2 * TICK, TICK_0, NOW)
    assert [entry.state for entry in before] == [State.BEFORE, State.BEFORE]


def test_with_an_empty_ledger_nothing_is_missing(connection):
    assert state_of(connection) is State.BEFORE
