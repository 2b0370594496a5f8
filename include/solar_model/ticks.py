"""Ticks: UTC quarters of an hour, named by their start, and the file names made from them.

The row stamped ``14:15:00`` holds the energy of [14:15, 14:30). Inside the model a tick is its
index, the number of quarters since 1970-01-01T00:00 UTC: integers compare, hash and subtract
without a time zone in sight.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from solar_model.errors import InputError

TICK = timedelta(minutes=15)
TICK_SECONDS = 900
TICK_MINUTES = 15
TICK_HOURS = 0.25
TICKS_PER_HOUR = 4
TICKS_PER_DAY = 96
# Far enough from the ends of Python's calendar, and within the tables of the earth's rotation.
FIRST_YEAR, LAST_YEAR = 1900, 2999
INPUT_NAME = re.compile(r"users_input_(?P<day>\d{8})_(?P<time>\d{6})(?P<part>(?:-[\w-]+)?)\.csv")
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
    if FIRST_YEAR <= when.year <= LAST_YEAR:  # not pandas's NaT
        start = tick_start(tick_index(when))
        if FIRST_YEAR <= start.year <= LAST_YEAR:  # in UTC, too
            return start
    raise InputError(
        "start time is out of range",
        value=start_time,
        expected=f"a year from {FIRST_YEAR} to {LAST_YEAR}",
    )


def timestamp_text(tick: datetime) -> str:
    """A tick as it is written in files: ISO 8601, UTC, without offset."""
    return tick.astimezone(UTC).strftime(TIMESTAMP_FORMAT)


def ticks_from(first: datetime, steps: int) -> list[datetime]:
    """Starts of consecutive ticks."""
    return [first + step * TICK for step in range(steps)]


def past_ticks_of_day(tick: datetime, now: datetime) -> list[datetime]:
    """The ticks of a tick's UTC day that are over, the first at midnight."""
    day = tick_start(tick_index(tick) // TICKS_PER_DAY * TICKS_PER_DAY)
    return ticks_from(day, min(max((now - day) // TICK, 0), TICKS_PER_DAY))


def input_file_name(tick: datetime, part: str = "") -> str:
    """``users_input_YYYYMMDD_HHMMSS.csv`` of a tick.

    Parameters
    ----------
    tick : datetime
        The first tick that the file is for.
    part : str
        Stands before the extension where the file is for more than this tick, or for a part of
        the community, such as ``-96-ticks`` or ``-00003-of-00016``.
    """
    return f"{tick.astimezone(UTC):users_input_%Y%m%d_%H%M%S}{part}.csv"


def shard_part(shard: int, shards: int) -> str:
    """What the name of a shard's file says: ``-00003-of-00016``; nothing when there is only one."""
    return "" if shards == 1 else f"-{shard:05d}-of-{shards:05d}"


def results_of(input_name: str) -> str:
    """``results_YYYYMMDD_HHMM.csv``: name of the results that answer an input file, by its name."""
    found = INPUT_NAME.fullmatch(input_name)
    if found is None:
        raise InputError(
            "this is no name of an input file",
            value=input_name,
            expected="such as users_input_20240911_141500.csv",
        )
    return f"results_{found['day']}_{found['time'][:4]}{found['part']}.csv"
