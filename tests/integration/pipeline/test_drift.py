"""What is usual at a time of day comes from the same ticks of the days before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.ledger import add_run

from solar_model.pipeline import drift
from solar_model.ticks import TICK

NOON = datetime(2024, 9, 11, 12, 0, tzinfo=UTC)


def test_nothing_is_unusual_before_three_days_are_known(connection):
    for days in (1, 2):
        add_run(connection, NOON - timedelta(days=days))
    add_run(connection, NOON - timedelta(days=8))  # too long ago
    add_run(connection, NOON - timedelta(days=3), status="failed")
    add_run(connection, NOON - timedelta(days=3) + TICK)
    assert drift.usual(connection, [NOON], 1000) == {}


def test_the_bounds_are_those_of_the_days_before_and_grow_with_the_community(connection):
    for days, generation in ((1, 400.0), (2, 100.0), (3, 200.0)):
        add_run(connection, NOON - timedelta(days=days), generation_kwh=generation)
    usual = drift.usual(connection, [NOON], 1000)
    assert set(usual) == set(drift.COLUMNS)
    assert usual["generation_kwh"] == pytest.approx((100 / 3 - 50, 400 * 3 + 50))
    twice = drift.usual(connection, [NOON], 2000)
    assert twice["generation_kwh"] == pytest.approx((200 / 3 - 100, 800 * 3 + 100))


def test_ticks_of_a_day_are_added_up_where_all_of_them_are_known(connection):
    for days in (1, 2, 3, 4):
        add_run(connection, NOON - timedelta(days=days), consumption_kwh=300.0)
        if days < 4:
            add_run(connection, NOON + TICK - timedelta(days=days), consumption_kwh=100.0)
    usual = drift.usual(connection, [NOON, NOON + TICK], 1000)
    assert usual["consumption_kwh"] == pytest.approx((400 / 3 - 100, 400 * 3 + 100))
