"""Ticks: UTC quarters of an hour, named by their start, and the file names made from them.

The row stamped ``14:15:00`` holds the energy of [14:15, 14:30). Inside the model a tick is its
index, the number of quarters since 1970-01-01T00:00 UTC: integers compare, hash and subtract
without a time zone in sight.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from solar_model.errors import InputError

TICK = timedelta(minutes=15)
TICK_SECONDS = 900
TICK_HOURS = 0.25
TICKS_PER_DAY = 96
# Far enough from the ends of Python's calendar, and within the tables of the earth's rotation.
FIRST_YEAR, LAST_YEAR = 1900, 2999
TIMESTAMP_FORMAT = "%Y-%m-%dT%H:%M:%S"


def tick_index(when: datetime) -> int:
    """Index of the tick that contains an instant (a naive one is UTC)."""
    aware = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    return int(aware.timestamp() // TICK_SECONDS)


def tick_start(index: int) -> datetime:
    """Start of a tick, as an aware UTC datetime."""
    return datetime.fromtimestamp(index * TICK_SECONDS, tz=UTC)


def parse_tick(start_time: str | datetime | None) -> datetime:
    """Start of the tick that contains ``start_time``.

    Parameters
    ----------
    start_time : str, datetime or None
        ISO 8601 text or a datetime; without an offset it is UTC. None is now.

    Returns
    -------
    datetime
        Aware, UTC, rounded down to a quarter of an hour.

    Raises
    ------
    InputError
        When it is no date and time, or one for which nobody knows where the sun stands.
    """
    if start_time is None:
        when = datetime.now(tz=UTC)
    elif isinstance(start_time, datetime):
        when = start_time
    else:
        try:
            when = datetime.fromisoformat(start_time)
        except (TypeError, ValueError) as error:
            raise InputError(
                "start time cannot be read",
                value=start_time,
                expected="ISO 8601 such as 2024-09-11T14:15:00 (UTC) or 2024-09-11T16:15:00+02:00",
            ) from error
    if not FIRST_YEAR <= when.year <= LAST_YEAR:  # also pandas's NaT
        raise InputError(
            "start time is out of range",
            value=start_time,
            expected=f"a year from {FIRST_YEAR} to {LAST_YEAR}",
        )
    return tick_start(tick_index(when))


def timestamp_text(tick: datetime) -> str:
    """A tick as it is written in files: ISO 8601, UTC, without offset."""
    return tick.astimezone(UTC).strftime(TIMESTAMP_FORMAT)


def input_file_name(tick: datetime) -> str:
    """``users_input_YYYYMMDD_HHMMSS.csv`` of a tick."""
    return tick.astimezone(UTC).strftime("users_input_%Y%m%d_%H%M%S.csv")


def results_file_name(tick: datetime) -> str:
    """``results_YYYYMMDD_HHMM.csv`` of a tick."""
    return tick.astimezone(UTC).strftime("results_%Y%m%d_%H%M.csv")
