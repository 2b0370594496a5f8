"""What people do in one diary day: when they are at home and awake, and what they switch on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solar_model.community.consumption import constants as c
from solar_model.community.consumption.calendar import MINUTES_PER_DAY
from solar_model.community.consumption.traits import I16, PEOPLE, Traits, between
from solar_model.community.draws import F32, U64, draw_bits, four_uniforms

_DAY, _WEEK, _APPLIANCE = 1_000, 1_001, 100


@dataclass(frozen=True)
class Days:
    """The diary day of each of n households, one element per household.

    Attributes
    ----------
    number, week : numpy.ndarray of int64, shape (n,)
        Day and week since 1970.
    is_free, is_late : numpy.ndarray of bool, shape (n,)
        No work today; none tomorrow.
    minutes : numpy.ndarray of int16, shape (n,)
        Length of the day.
    cold : numpy.ndarray of float32, shape (n,)
        Season where the household is: 1 on the coldest day, −1 on the warmest, 0 at the equator.
    """

    number: NDArray[np.int64]
    week: NDArray[np.int64]
    is_free: NDArray[np.bool_]
    is_late: NDArray[np.bool_]
    minutes: I16
    cold: F32


@dataclass(frozen=True)
class DayPlan:
    """Plans of n households for one day, in minutes since 04:00 local time.

    Attributes
    ----------
    people : numpy.ndarray of float32, shape (n,)
        Whole people who live there this week; 0 while all are on holiday.
    wake, leave, back, sleep : numpy.ndarray of int16, shape (3, n)
        A person is at home and awake in [wake, leave) and in [back, sleep).
    start, end : numpy.ndarray of int16, shape (phases, n)
        Each phase of each appliance; end = start where it does not run.
    """

    people: F32
    wake: I16
    leave: I16
    back: I16
    sleep: I16
    start: I16
    end: I16


def plan_day(traits: Traits, days: Days) -> DayPlan:
    """Plans of all households for their diary days."""
    keys = draw_bits(traits.keys, _DAY, days.number)
    people = _people_this_week(traits, days)
    at_home = _occupants(traits, days, keys, people)
    start, end = _appliance_runs(traits, days, keys, people, at_home)
    return DayPlan(people, *at_home, start, end)


def _people_this_week(traits: Traits, days: Days) -> F32:
    extra, holiday, _, _ = four_uniforms(traits.keys, _WEEK, days.week)
    whole = np.floor(traits.size)
    people = whole + (extra < traits.size - whole)
    share = np.float32(c.HOLIDAY_WEEK_SHARE) * (
        np.float32(1.0) + np.float32(c.HOLIDAY_WEEK_IN_WINTER) * days.cold
    )
    return people * (holiday >= share)


def _occupants(traits: Traits, days: Days, keys: U64, people: F32) -> tuple[I16, I16, I16, I16]:
    shape = (PEOPLE, len(keys))
    wake, leave, back, sleep = (np.empty(shape, dtype=np.int16) for _ in range(4))
    outing_share = np.float32(c.OUTING_SHARE) * (
        np.float32(1.0) + np.float32(c.OUTING_IN_WINTER) * days.cold
    )
    late = np.float32(c.LATE_EVENING_MINUTES) * days.is_late
    for person in range(PEOPLE):
        goes, rise, stay, tire = four_uniforms(keys, person)
        to_work = traits.habits.works[person] & ~days.is_free & (goes < c.WORKDAY_SHARE)
        goes_out = to_work | (goes < outing_share)
        up = np.where(
            to_work, traits.habits.wake_workday[person], traits.habits.wake_free[person]
        ) + _around(c.WAKE_MOOD_MINUTES, rise)
        out = up + traits.habits.leave_after[person]
        # who gets up late goes out late
        out = np.where(to_work, out, np.maximum(out, between(c.OUTING_LEAVE, rise)))
        away = np.where(
            to_work,
            traits.habits.away[person] + _around(c.AWAY_MOOD_MINUTES, stay),
            between(c.OUTING_AWAY, stay),
        )
        home = out + away
        to_bed = traits.habits.sleep[person] + late + _around(c.SLEEP_MOOD_MINUTES, tire)
        to_bed = np.where(goes_out, np.maximum(to_bed, home + c.EVENING_AT_LEAST_MINUTES), to_bed)
        lives_here = people > person
        wake[person] = up * lives_here
        leave[person] = np.where(goes_out, out, to_bed) * lives_here
        back[person] = np.where(goes_out, home, to_bed) * lives_here
        sleep[person] = to_bed * lives_here
    return wake, leave, back, sleep


def _appliance_runs(
    traits: Traits, days: Days, keys: U64, people: F32, at_home: tuple[I16, I16, I16, I16]
) -> tuple[I16, I16]:
    appliances = traits.appliances
    starts, ends = np.empty_like(appliances.watts), np.empty_like(appliances.watts)
    others = np.maximum(people - np.float32(1.0), np.float32(0.0))
    row = 0
    for index, appliance in enumerate(c.APPLIANCES):
        wake, leave, back, sleep = (times[appliance.person] for times in at_home)
        runs, mood, delay, length = four_uniforms(keys, _APPLIANCE + index)
        per_day = appliances.use[index] * (
            np.float32(appliance.per_day) + np.float32(appliance.per_day_each) * others
        )
        if appliance.on_free_days:
            per_day = per_day * (
                np.float32(1.0) + np.float32(appliance.on_free_days) * days.is_free
            )
        if appliance.in_winter:
            per_day = per_day * (np.float32(1.0) + np.float32(appliance.in_winter) * days.cold)

        start = (appliances.usual_start[index] + _around(appliance.mood, mood)).astype(np.int16)
        if appliance.anchor == "wake":
            start += wake
        is_out = (start >= leave) & (start < back)
        if appliance.when_away == "wait":
            on_return = back + (delay * np.float32(c.EVENING_AT_LEAST_MINUTES)).astype(np.int16)
            start = np.where(is_out, on_return, start)
            is_out = np.False_
        is_on = (start >= wake) & (start < sleep) & ~is_out & (runs < per_day)

        # more than once a day is one longer run
        stretch = np.maximum(per_day, np.float32(1.0)) * is_on
        limit = np.where(start < leave, leave, sleep) if appliance.is_attended else days.minutes
        for phase in appliance.phases:
            minutes = stretch * between(phase.minutes, length)
            minutes = np.minimum(minutes, np.float32(MINUTES_PER_DAY)).astype(np.int16)
            starts[row] = start
            start = np.maximum(start, np.minimum(start + minutes, limit))
            ends[row] = start
            row += 1
    return starts, ends


def _around(most: int, level: F32) -> F32:
    return np.float32(most) * (level + level - np.float32(1.0))
