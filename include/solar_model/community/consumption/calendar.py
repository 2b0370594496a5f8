"""Local civil time: which diary day a tick belongs to, and what kind of day it is.

A diary day runs from 04:00 to 04:00 local time, as the diaries of time use surveys do (Eurostat,
Harmonised European Time Use Surveys, 2018 guidelines, KS-GQ-19-003): nearly everybody is
asleep then, so a late evening belongs to the day that it ends, and a tick needs one plan only.
Minutes count the time that really passes since 04:00. Clocks change before 04:00, nearly everywhere
at night, so a day is shorter or longer at its sleepy end, and no event is lost or happens twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from solar_model.ticks import TICK_MINUTES, tick_start

DIARY_START = time(4)
MINUTES_PER_DAY = 1440

# Days off in nearly all of Europe, as (month, day). They are lived like a Sunday; movable feasts
# and national days are lived like any other day.
PUBLIC_HOLIDAYS = frozenset({(1, 1), (5, 1), (12, 25), (12, 26)})

# The coldest day of a typical year comes about four weeks after the winter solstice.
COLDEST_DAY_OF_YEAR = 17


@dataclass(frozen=True)
class DiaryDay:
    """One local day of a time zone, 04:00 to 04:00.

    Attributes
    ----------
    number : int
        Days from 1970-01-01 to the civil date on which it starts.
    first_minute : int
        Its start, in UTC minutes since 1970-01-01T00:00.
    minutes : int
        Its length: 1440, or less or more (nearly everywhere by 60) where the clocks change.
    is_free : bool
        Saturday, Sunday or public holiday.
    is_late : bool
        The next day is free, so people stay up.
    northern_cold : float
        Season of the northern hemisphere: 1 on the coldest day, −1 half a year later.
    """

    number: int
    first_minute: int
    minutes: int
    is_free: bool
    is_late: bool
    northern_cold: float

    @property
    def week(self) -> int:
        """Number of the week, Monday to Sunday, since the one of 1970-01-01."""
        return (self.number + 3) // 7

    @property
    def day_of_year(self) -> int:
        """1 on 1 January."""
        return (date(1970, 1, 1) + timedelta(self.number)).timetuple().tm_yday

    def holds(self, tick: int) -> bool:
        """Whether a tick starts in this day."""
        return 0 <= tick * TICK_MINUTES - self.first_minute < self.minutes


def diary_day(tick: int, zone: str) -> DiaryDay:
    """Diary day of an IANA time zone in which a tick starts.

    Raises
    ------
    zoneinfo.ZoneInfoNotFoundError
        When there is no such zone.
    """
    minute = tick * TICK_MINUTES
    wall = tick_start(tick).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    day = (wall - timedelta(hours=DIARY_START.hour)).date()
    # the wall clock can be set across 04:00 in some zones; the instant decides
    while _first_minute(day, zone) > minute:
        day -= timedelta(1)
    while _first_minute(day + timedelta(1), zone) <= minute:
        day += timedelta(1)
    return _diary_day(day, zone)


@lru_cache(maxsize=1024)
def _first_minute(day: date, zone: str) -> int:
    start = datetime.combine(day, DIARY_START, ZoneInfo(zone))
    return int(start.astimezone(UTC).timestamp() // 60)


@lru_cache(maxsize=1024)
def _diary_day(day: date, zone: str) -> DiaryDay:
    tomorrow = day + timedelta(1)
    first_minute = _first_minute(day, zone)
    angle = 2 * math.pi * (day.timetuple().tm_yday - COLDEST_DAY_OF_YEAR) / 365.25
    return DiaryDay(
        number=(day - date(1970, 1, 1)).days,
        first_minute=first_minute,
        minutes=_first_minute(tomorrow, zone) - first_minute,
        is_free=_is_free(day),
        is_late=_is_free(tomorrow),
        northern_cold=math.cos(angle),
    )


def _is_free(day: date) -> bool:
    return day.weekday() >= 5 or (day.month, day.day) in PUBLIC_HOLIDAYS
