"""Filling in the last day, while the database is away."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from solar_stack import history
from solar_stack.ports import HOST, free_port


def test_a_database_that_has_just_ended_is_no_end_of_the_filling_in():
    away = SimpleNamespace(
        solar_conninfo=f"host={HOST} port={free_port()} dbname=solar",
        started_at=datetime.now(tz=UTC),
    )
    assert history._is_filled(away) is False
