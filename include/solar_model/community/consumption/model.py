"""Household consumption, tick by tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from solar_model.community.consumption import constants as c
from solar_model.community.consumption.calendar import (
    MINUTES_PER_DAY,
    DiaryDay,
    diary_day,
)
from solar_model.community.consumption.daylight import (
    at_latitude,
    half_day_minutes,
    noon_utc_minutes,
)
from solar_model.community.consumption.plan import DayPlan, Days, plan_day
from solar_model.community.consumption.traits import I16, PEOPLE, draw_traits
from solar_model.community.draws import F32
from solar_model.community.households import Households
from solar_model.ticks import TICK_MINUTES

Floats = NDArray[np.float64]
Scalar = TypeVar("Scalar", bound=np.generic)

_WATT_MINUTES_PER_KWH = 60_000.0


class Consumption:
    """What a block of households uses.

    Occupants wake, leave, return and sleep; appliances start because somebody is at home and
    awake; standby and a cycling fridge never stop; light follows darkness. Every number comes from
    a draw keyed by (seed, user, day), so a tick of a household depends on nothing but the seed,
    its user_id, its size, its place and its time zone: not on the block, nor on other ticks.

    Parameters
    ----------
    households : Households
        A block.
    seed : int
        Seed of the run.

    Notes
    -----
    The plan of the current local day is kept and made anew for the next; with the traits it takes
    about 0.4 kB per household.

    Household size: one and two people are adults with their own schedules; everybody else shares a
    third one. A fractional size is an average over weeks: 2.5 people are three in half of the
    weeks, drawn per week. 0 is an empty home, where standby, fridge and heating pump run. People
    beyond six add what the sixth did to runs, light, electronics and standby, not to the fridge.
    """

    def __init__(self, households: Households, seed: int) -> None:
        self._zones = households.timezones
        self._zone = households.timezone
        self._latitude_deg = households.latitude_deg
        self._longitude_deg = households.longitude_deg
        self._season = np.clip(
            households.latitude_deg / c.FULL_SEASON_LATITUDE_DEG, -1.0, 1.0
        ).astype(np.float32)
        self._traits = draw_traits(households, seed)
        self._days: list[DiaryDay] = []

    def energy_kwh(self, tick: int) -> Floats:
        """Energy used in a tick [kWh].

        Parameters
        ----------
        tick : int
            Index of the tick, see ``solar_model.ticks``.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
        """
        if not self._days or not all(day.holds(tick) for day in self._days):
            self._begin([diary_day(tick, zone) for zone in self._zones])
        minute = self._per_zone(
            [tick * TICK_MINUTES - day.first_minute for day in self._days], np.int16
        )
        appliances = _appliance_watt_minutes(self._plan, self._traits.appliances.watts, minute)
        return (
            appliances + self._ambient_watt_minutes(minute) + self._fridge_watt_minutes(tick)
        ) / _WATT_MINUTES_PER_KWH

    def _begin(self, days: list[DiaryDay]) -> None:
        self._days = days
        cold = self._per_zone([day.northern_cold for day in days], np.float32) * self._season
        self._plan = plan_day(
            self._traits,
            Days(
                number=self._per_zone([day.number for day in days], np.int64),
                week=self._per_zone([day.week for day in days], np.int64),
                is_free=self._per_zone([day.is_free for day in days], np.bool_),
                is_late=self._per_zone([day.is_late for day in days], np.bool_),
                minutes=self._per_zone([day.minutes for day in days], np.int16),
                cold=cold,
            ),
        )
        heating = np.clip((cold - c.PUMP_MILDEST) / (1.0 - c.PUMP_MILDEST), 0.0, 1.0)
        self._always_w = self._traits.standby_w + self._traits.pump_w * heating
        tables = np.stack([half_day_minutes(day.day_of_year) for day in days])
        self._half_day = at_latitude(tables, self._zone, self._latitude_deg).astype(np.float32)
        noon = self._per_zone(
            [noon_utc_minutes(day.day_of_year) - day.first_minute for day in days], np.float64
        )
        noon = noon - 4.0 * self._longitude_deg
        self._noon = (noon - np.floor(noon / MINUTES_PER_DAY) * MINUTES_PER_DAY).astype(np.float32)

    def _per_zone(self, values: Sequence[float], dtype: type[Scalar]) -> NDArray[Scalar]:
        return np.array(values, dtype=dtype)[self._zone]

    def _ambient_watt_minutes(self, minute: I16) -> F32:
        """Standby and heating pump, and what people draw by being at home and awake."""
        plan = self._plan
        end = minute + np.int16(TICK_MINUTES)
        present = np.zeros(len(minute), dtype=np.float32)
        for person in range(PEOPLE):
            minutes = _overlap(plan.wake[person], plan.leave[person], minute, end)
            minutes += _overlap(plan.back[person], plan.sleep[person], minute, end)
            if person < PEOPLE - 1:
                present += minutes
            else:
                present += minutes * np.maximum(plan.people - np.float32(person), np.float32(0.0))
        first = np.minimum(present, np.float32(TICK_MINUTES))
        further = present - first

        from_noon = np.abs(minute + np.float32(TICK_MINUTES / 2) - self._noon)
        from_noon = np.minimum(from_noon, np.float32(MINUTES_PER_DAY) - from_noon)
        darkness = np.clip(
            (from_noon - self._half_day + np.float32(c.DUSK_LEAD_MINUTES))
            / np.float32(c.DUSK_MINUTES),
            np.float32(0.0),
            np.float32(1.0),
        )
        light = first * np.float32(c.LIGHT_W) + further * np.float32(c.LIGHT_EACH_W)
        electronics = first * np.float32(c.ELECTRONICS_W) + further * np.float32(
            c.ELECTRONICS_EACH_W
        )
        watt_minutes: F32 = self._always_w * np.float32(TICK_MINUTES)
        watt_minutes += light * darkness * self._traits.light
        watt_minutes += electronics * self._traits.electronics
        return watt_minutes

    def _fridge_watt_minutes(self, tick: int) -> Floats:
        fridges = self._traits.fridges
        cycle = fridges.phase + tick * TICK_MINUTES * fridges.cycles_per_minute
        later = cycle + TICK_MINUTES * fridges.cycles_per_minute
        cycles_on = _cycles_on(later, fridges.duty) - _cycles_on(cycle, fridges.duty)
        return fridges.watts * cycles_on / fridges.cycles_per_minute


def _appliance_watt_minutes(plan: DayPlan, watts: I16, minute: I16) -> NDArray[np.int32]:
    end = minute + np.int16(TICK_MINUTES)
    total = np.zeros(len(minute), dtype=np.int32)
    for phase_start, phase_end, phase_watts in zip(plan.start, plan.end, watts, strict=True):
        minutes = _overlap(phase_start, phase_end, minute, end)
        total += minutes.astype(np.int32) * phase_watts
    return total


def _overlap(start: I16, end: I16, tick_start: I16, tick_end: I16) -> I16:
    minutes: I16 = np.minimum(end, tick_end) - np.maximum(start, tick_start)
    return np.maximum(minutes, np.int16(0), out=minutes)


def _cycles_on(cycle: Floats, duty: Floats) -> Floats:
    """Time that a compressor has run up to a point in its cycles, in cycles."""
    whole = np.floor(cycle)
    return whole * duty + np.minimum(cycle - whole, duty)
