"""What a household is like for good: its people's habits and its appliances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from solar_model.community.consumption import constants as c
from solar_model.community.draws import F32, U64, four_uniforms, household_keys
from solar_model.community.households import Households

I16 = NDArray[np.int16]
F64 = NDArray[np.float64]

PEOPLE = 3
"""Schedules per household: two adults, and one that all further people share."""

_HOME, _POWER, _FRIDGE, _PERSON, _APPLIANCE = 1, 2, 3, 10, 100


@dataclass(frozen=True)
class Habits:
    """What the people of n households do on a usual day, in minutes since 04:00.

    Attributes
    ----------
    works : numpy.ndarray of bool, shape (3, n)
        Whether the person has work, or school, away from home.
    wake_workday, wake_free, sleep : numpy.ndarray of int16, shape (3, n)
        When they get up and go to bed [min].
    leave_after, away : numpy.ndarray of int16, shape (3, n)
        From getting up to leaving, and how long work keeps them [min].
    """

    works: NDArray[np.bool_]
    wake_workday: I16
    wake_free: I16
    leave_after: I16
    away: I16
    sleep: I16


@dataclass(frozen=True)
class Appliances:
    """What n households own, in the order of ``constants.APPLIANCES``.

    Attributes
    ----------
    usual_start : numpy.ndarray of int16, shape (appliances, n)
        From the appliance's anchor [min].
    use : numpy.ndarray of float32, shape (appliances, n)
        Factor on its runs per day; 0 where the household has none.
    watts : numpy.ndarray of int16, shape (phases, n)
        Power of each phase of each appliance [W].
    """

    usual_start: I16
    use: F32
    watts: I16


@dataclass(frozen=True)
class Fridges:
    """Fridges and freezers of n households, as one compressor each.

    Attributes
    ----------
    watts, duty : numpy.ndarray of float64, shape (n,)
        Power while it runs [W], and the share of time it does.
    cycles_per_minute, phase : numpy.ndarray of float64, shape (n,)
        At minute t since 1970 it is ``phase + t * cycles_per_minute`` cycles along, and runs while
        the fraction of that is below the duty.
    """

    watts: F64
    duty: F64
    cycles_per_minute: F64
    phase: F64


@dataclass(frozen=True)
class Traits:
    """What n households are like, each a pure function of seed, user and household size.

    Attributes
    ----------
    keys : numpy.ndarray of uint64, shape (n,)
        From ``draws.household_keys``.
    size : numpy.ndarray of float32, shape (n,)
        People, never below 0.
    habits : Habits
    appliances : Appliances
    fridges : Fridges
    standby_w, pump_w : numpy.ndarray of float32, shape (n,)
        Always on, and of the heating pump in full winter [W].
    light, electronics : numpy.ndarray of float32, shape (n,)
        Factors on what a person at home and awake draws.
    """

    keys: U64
    size: F32
    habits: Habits
    appliances: Appliances
    fridges: Fridges
    standby_w: F32
    pump_w: F32
    light: F32
    electronics: F32


def draw_traits(households: Households, seed: int) -> Traits:
    """Traits of households under a seed."""
    keys = household_keys(households.user_id, seed)
    size = np.maximum(households.household_size, 0.0).astype(np.float32)
    use_level, light_level, retired_level, pump_owner = four_uniforms(keys, _HOME)
    standby_level, pump_level, electronics_level, _ = four_uniforms(keys, _POWER)
    use = _log_normal(use_level, c.USE_SIGMA)
    standby_w = np.float32(c.STANDBY_W) + np.float32(c.STANDBY_EACH_W) * size
    return Traits(
        keys=keys,
        size=size,
        habits=_habits(keys, retired_level < _by_size(c.RETIRED_SHARE, size)),
        appliances=_appliances(keys, size, use),
        fridges=_fridges(keys, size),
        standby_w=standby_w * _log_normal(standby_level, c.STANDBY_SIGMA),
        pump_w=between(c.PUMP_W, pump_level) * (pump_owner < np.float32(c.PUMP_SHARE)),
        light=use * _log_normal(light_level, c.LIGHT_SIGMA),
        electronics=use * _log_normal(electronics_level, c.ELECTRONICS_SIGMA),
    )


def _habits(keys: U64, is_retired: NDArray[np.bool_]) -> Habits:
    shape = (PEOPLE, len(keys))
    works = np.ones(shape, dtype=np.bool_)
    wake_workday, wake_free, leave_after, away, sleep = (
        np.empty(shape, dtype=np.int16) for _ in range(5)
    )
    for person in range(PEOPLE):
        job_level, wake_level, away_level, sleep_level = four_uniforms(keys, _PERSON + person)
        if person < len(c.ADULT_WORKS):
            works[person] = ~is_retired & (job_level < np.float32(c.ADULT_WORKS[person]))
            usual_wake, usual_away = c.WORKDAY_WAKE, c.WORK_AWAY
        else:
            usual_wake, usual_away = c.SCHOOL_WAKE, c.SCHOOL_AWAY
        # one level for both: who gets up early for work does so on free days
        wake_workday[person] = between(usual_wake, wake_level)
        wake_free[person] = between(c.FREE_WAKE, wake_level)
        leave_after[person] = between(c.LEAVE_AFTER_WAKE, job_level)
        away[person] = between(usual_away, away_level)
        sleep[person] = between(c.SLEEP, sleep_level)
    return Habits(works, wake_workday, wake_free, leave_after, away, sleep)


def _appliances(keys: U64, size: F32, use_factor: F32) -> Appliances:
    n = len(keys)
    usual_start = np.empty((len(c.APPLIANCES), n), dtype=np.int16)
    use = np.empty((len(c.APPLIANCES), n), dtype=np.float32)
    watts = np.empty((sum(len(a.phases) for a in c.APPLIANCES), n), dtype=np.int16)
    row = 0
    for index, appliance in enumerate(c.APPLIANCES):
        start_level, owner, use_level, watts_level = four_uniforms(keys, _APPLIANCE + index)
        usual_start[index] = between(appliance.usual_start, start_level)
        use[index] = use_factor * _log_normal(use_level, c.APPLIANCE_SIGMA)
        if min(appliance.owners) < 1.0:
            use[index] *= owner < _by_size(appliance.owners, size)
        for phase in appliance.phases:
            watts[row] = between(phase.watts, watts_level)
            row += 1
    return Appliances(usual_start, use, watts)


def _fridges(keys: U64, size: F32) -> Fridges:
    watts_level, period_level, duty_level, phase = four_uniforms(keys, _FRIDGE)
    further_people = np.clip(size - np.float32(1.0), np.float32(0.0), np.float32(5.0))
    duty = between(c.FRIDGE_DUTY, duty_level) + np.float32(c.FRIDGE_DUTY_EACH) * further_people
    return Fridges(
        watts=between(c.FRIDGE_W, watts_level).astype(np.float64),
        duty=duty.astype(np.float64),
        cycles_per_minute=1.0 / between(c.FRIDGE_PERIOD_MINUTES, period_level).astype(np.float64),
        phase=phase.astype(np.float64),
    )


def between(ends: tuple[float, float], level: F32) -> F32:
    """Numbers spread evenly over a range by levels in [0, 1)."""
    return np.float32(ends[0]) + np.float32(ends[1] - ends[0]) * level


def _by_size(shares: tuple[float, float, float, float], size: F32) -> F32:
    return np.interp(size, (1.0, 2.0, 3.0, 5.0), shares).astype(np.float32)


# A table, not a formula: a look-up gives the same bits on every processor.
_QUANTILES = 1024
_NORMAL = [NormalDist().inv_cdf((i + 0.5) / _QUANTILES) for i in range(_QUANTILES)]
_LOG_NORMAL = {
    sigma: np.array([math.exp(sigma * z - sigma * sigma / 2) for z in _NORMAL], dtype=np.float32)
    for sigma in (
        c.USE_SIGMA,
        c.STANDBY_SIGMA,
        c.APPLIANCE_SIGMA,
        c.LIGHT_SIGMA,
        c.ELECTRONICS_SIGMA,
    )
}


def _log_normal(level: F32, sigma: float) -> F32:
    return _LOG_NORMAL[sigma][(level * np.float32(_QUANTILES)).astype(np.int16)]
