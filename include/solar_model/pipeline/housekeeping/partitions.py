"""The partitions of ``energy_data``, one for each UTC day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg

from solar_model.settings import Settings

Connection = psycopg.Connection[Any]

DAYS_AHEAD = 7
# Who makes or drops a day waits no longer than this for a cycle, and holds none up for longer.
LOCK_TIMEOUT = "5s"

_DAYS = """
SELECT to_date(substring(child.relname FROM '[0-9]{8}$'), 'YYYYMMDD')
FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'energy_data'::regclass AND child.relname ~ '^energy_data_[0-9]{8}$'
ORDER BY 1
"""
# A row of no real moment, such as -infinity, stays: it belongs to no day.
_PAST_WITHOUT_PARTITION = """
SELECT DISTINCT ("timestamp" AT TIME ZONE 'UTC')::date FROM energy_data_default
WHERE "timestamp" >= %s AND "timestamp" < %s ORDER BY 1
"""


def days(connection: Connection) -> list[date]:
    """UTC days that have a partition, the oldest first."""
    with connection.transaction():
        return [day for (day,) in connection.execute(_DAYS).fetchall()]


def make_days_ahead(connection: Connection, config: Settings, now: datetime) -> str:  # noqa: ARG001
    """Make the partitions of the days to come, so that no cycle has to; says what was made."""
    today = now.astimezone(UTC).date()
    before = set(days(connection))
    wanted = [today + timedelta(days=number) for number in range(DAYS_AHEAD + 1)]
    for day in wanted:
        _make(connection, day)
    made = [day for day in wanted if day not in before]
    return f"{len(made)} partitions made, up to {wanted[-1]}"


def make_past_days(connection: Connection, today: date) -> list[date]:
    """Make the partitions of past days for which only a meter has rows, so that they end, too."""
    bounds = [datetime.combine(day, time.min, UTC) for day in (date.min, today)]
    with connection.transaction():
        found = [day for (day,) in connection.execute(_PAST_WITHOUT_PARTITION, bounds)]
    for day in found:
        _make(connection, day)
    return found


def _make(connection: Connection, day: date) -> None:
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
        connection.execute("SELECT energy_data_partition(%s)", (day,))
