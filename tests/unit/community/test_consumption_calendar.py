"""Diary days: every tick in exactly one, through clock changes in any zone."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pvlib
import pytest

from solar_model.community.consumption.calendar import TICK_MINUTES, diary_day
from solar_model.community.consumption.daylight import (
    at_latitude,
    half_day_minutes,
    noon_utc_minutes,
)
from solar_model.ticks import tick_index, tick_start

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # changes by half an hour
    "Asia/Kathmandu",  # 5:45 ahead
    "America/Santiago",  # changes at midnight
    "UTC",
)


def ticks_of(year: int) -> range:
    return range(tick_index(datetime(year, 1, 1)), tick_index(datetime(year + 1, 1, 1)))


@pytest.mark.parametrize("zone", ZONES)
def test_days_follow_each_other_without_gap_or_overlap(zone: str) -> None:
    days = list(dict.fromkeys(diary_day(tick, zone) for tick in ticks_of(2024)))
    for today, tomorrow in pairwise(days):
        assert tomorrow.number == today.number + 1
        assert tomorrow.first_minute == today.first_minute + today.minutes


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_holds_the_ticks_that_belong_to_it_and_starts_at_four(zone: str) -> None:
    for tick in ticks_of(2024)[::7]:
        day = diary_day(tick, zone)
        assert day.holds(tick)
        assert not day.holds(tick + day.minutes // TICK_MINUTES)
        start = datetime.fromtimestamp(day.first_minute * 60, tz=UTC).astimezone(ZoneInfo(zone))
        assert (start.hour, start.minute) == (4, 0)


@pytest.mark.parametrize(
    ("date", "hours"), [("2024-03-30", 23), ("2024-03-31", 24), ("2024-10-26", 25)]
)
def test_the_night_of_a_clock_change_belongs_to_a_day_of_23_or_25_hours(
    date: str, hours: int
) -> None:
    noon = datetime.fromisoformat(f"{date}T12:00+01:00")
    assert diary_day(tick_index(noon), "Europe/Berlin").minutes == hours * 60


def test_a_calendar_day_that_never_was_does_not_stop_the_clock() -> None:
    # Samoa went from 29 to 31 December 2011
    first = tick_index(datetime(2011, 12, 28))
    for tick in range(first, first + 4 * 96):
        assert diary_day(tick, "Pacific/Apia").holds(tick)


def test_late_evenings_belong_to_the_day_they_end() -> None:
    late = tick_index(datetime.fromisoformat("2024-06-09T01:30+02:00"))
    day = diary_day(late, "Europe/Berlin")
    assert day == diary_day(tick_index(datetime(2024, 6, 8, 12)), "Europe/Berlin")
    assert day.is_free
    assert day.week == diary_day(late + 96, "Europe/Berlin").week


@pytest.mark.parametrize(
    ("date", "is_free", "is_late"),
    [
        ("2024-06-06", False, False),  # Thursday
        ("2024-06-07", False, True),  # Friday
        ("2024-06-08", True, True),  # Saturday
        ("2024-06-09", True, False),  # Sunday
        ("2024-05-01", True, False),  # a Wednesday, Labour Day
        ("2024-12-24", False, True),
        ("2024-12-25", True, True),
        ("2024-12-26", True, False),
    ],
)
def test_weekends_and_public_holidays_are_free(date: str, is_free: bool, is_late: bool) -> None:
    day = diary_day(tick_index(datetime.fromisoformat(f"{date}T12:00")), "Europe/Berlin")
    assert (day.is_free, day.is_late) == (is_free, is_late)


@pytest.mark.parametrize("date", ["2024-01-15", "2024-03-20", "2024-06-21", "2024-11-02"])
@pytest.mark.parametrize(("latitude", "longitude"), [(51.3, 10.7), (-33.9, 151.2), (64.9, -21.9)])
def test_sunset_agrees_with_the_solar_position_algorithm(
    date: str, latitude: float, longitude: float
) -> None:
    reference = pvlib.solarposition.sun_rise_set_transit_spa(
        pd.DatetimeIndex([date], tz="UTC"), latitude, longitude
    ).iloc[0]
    day = datetime.fromisoformat(date).timetuple().tm_yday
    half_day = at_latitude(
        half_day_minutes(day)[np.newaxis], np.zeros(1, np.int64), np.array([latitude])
    )[0]
    sunset = noon_utc_minutes(day) - 4 * longitude + half_day
    expected = (reference["sunset"] - pd.Timestamp(date, tz="UTC")).total_seconds() / 60
    assert (sunset - expected + 720) % 1440 - 720 == pytest.approx(0, abs=4)


def test_the_sun_stays_up_or_down_beyond_the_polar_circle() -> None:
    june, december = half_day_minutes(172), half_day_minutes(355)
    assert june[-1] == 720 and june[0] == 0
    assert december[-1] == 0 and december[0] == 720
    assert june[90] == pytest.approx(december[90], abs=1)


def test_seasons_turn_with_the_year() -> None:
    cold = [diary_day(tick, "UTC").northern_cold for tick in ticks_of(2023)[::96]]
    coldest = tick_start(ticks_of(2023)[::96][int(np.argmax(cold))])
    assert coldest.month == 1
    assert min(cold) < -0.99
