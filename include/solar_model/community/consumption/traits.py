"""What a household is like for good: its people's habits and its appliances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from solar_model.community.consumption import constants as c
from solar_model.community.draws import F32, U64, draw_bits, four_uniforms, household_keys
from solar_model.community.households import Households

I16 = NDArray[np.int16]

PEOPLE = 3
"""Schedules per household: two adults, and one that all further people share."""

_HOME, _POWER, _FRIDGE, _PERSON, _APPLIANCE = 1, 2, 3, 10, 100


@dataclass(frozen=True)
class Traits:
    """Traits of n households, each a pure function of seed, user and household size.

    Attributes
    ----------
    keys : numpy.ndarray of uint64, shape (n,)
    size : numpy.ndarray of float32, shape (n,)
        People, never below 0.
    works : numpy.ndarray of bool, shape (3, n)
        Whether the person has work, or school, away from home.
    wake_workday, wake_free, leave_after, away, sleep : numpy.ndarray of int16, shape (3, n)
        Habits of each person [min]; ``leave_after`` getting up, ``away`` for work.
    habit : numpy.ndarray of int16, shape (appliances, n)
        Usual start of each appliance, from its anchor [min].
    use : numpy.ndarray of float32, shape (appliances, n)
        Factor on its runs per day; 0 where the household has none.
    watts : numpy.ndarray of int16, shape (phases, n)
        Power of each phase of each appliance, in the order of ``constants.APPLIANCES`` [W].
    standby_w, pump_w, light, electronics : numpy.ndarray of float32, shape (n,)
        Always on; heating pump at full heating; factors on light and electronics.
    fridge_w, fridge_duty : numpy.ndarray of float64, shape (n,)
        Power of the compressor and the share of time it runs.
    fridge_cycles_per_minute, fridge_phase : numpy.ndarray of float64, shape (n,)
        Where it is in its cycle at minute t: the fraction of ``phase + t * cycles_per_minute``.
    """

    keys: U64
    size: F32
    works: NDArray[np.bool_]
    wake_workday: I16
    wake_free: I16
    leave_after: I16
    away: I16
    sleep: I16
    habit: I16
    use: F32
    watts: I16
    standby_w: F32
    pump_w: F32
    light: F32
    electronics: F32
    fridge_w: NDArray[np.float64]
    fridge_duty: NDArray[np.float64]
    fridge_cycles_per_minute: NDArray[np.float64]
    fridge_phase: NDArray[np.float64]


def draw_traits(households: Households, seed: int) -> Traits:
    """Traits of households under a seed."""
    keys = household_keys(households.user_id, seed)
    size = np.maximum(households.household_size, 0.0).astype(np.float32)
    use_level, light_level, retired_level, has_pump = four_uniforms(keys, _HOME)
    standby_level, pump_level, electronics_level, _ = four_uniforms(keys, _POWER)
    use = _log_normal(use_level, c.USE_SIGMA)
    return Traits(
        keys=keys,
        size=size,
        **_people(keys, size, retired_level),
        **_appliances(keys, size, use),
        standby_w=(np.float32(c.STANDBY_W) + np.float32(c.STANDBY_EACH_W) * size)
        * _log_normal(standby_level, c.STANDBY_SIGMA),
        pump_w=_between(c.PUMP_W, pump_level) * (has_pump < c.PUMP_SHARE),
        light=use * _log_normal(light_level, c.LIGHT_SIGMA),
        electronics=use * _log_normal(electronics_level, c.LIGHT_SIGMA),
        **_fridge(keys, size),
    )


def _people(keys: U64, size: F32, retired_level: F32) -> dict[str, NDArray[np.generic]]:
    shape = (PEOPLE, len(keys))
    works = np.ones(shape, dtype=np.bool_)
    times = {
        name: np.empty(shape, dtype=np.int16)
        for name in ("wake_workday", "wake_free", "leave_after", "away", "sleep")
    }
    employed = retired_level >= _by_size(c.RETIRED_SHARE, size)
    for person in range(PEOPLE):
        job, wake, away, sleep = four_uniforms(keys, _PERSON + person)
        is_pupil = person == 2
        if not is_pupil:
            share = (c.FIRST_ADULT_WORKS, c.SECOND_ADULT_WORKS)[person]
            works[person] = employed & (job < share)
        times["wake_workday"][person] = _between(c.PUPIL_WAKE if is_pupil else c.WORKDAY_WAKE, wake)
        times["wake_free"][person] = _between(c.FREE_WAKE, wake)
        times["leave_after"][person] = _between(c.LEAVE_AFTER_WAKE, job)
        times["away"][person] = _between(c.SCHOOL_AWAY if is_pupil else c.WORK_AWAY, away)
        times["sleep"][person] = _between(c.SLEEP, sleep)
    return {"works": works, **times}


def _appliances(keys: U64, size: F32, use_factor: F32) -> dict[str, NDArray[np.generic]]:
    n = len(keys)
    phases = [phase for appliance in c.APPLIANCES for phase in appliance.phases]
    habit = np.empty((len(c.APPLIANCES), n), dtype=np.int16)
    use = np.empty((len(c.APPLIANCES), n), dtype=np.float32)
    watts = np.empty((len(phases), n), dtype=np.int16)
    row = 0
    for index, appliance in enumerate(c.APPLIANCES):
        time, owned, preference, power = four_uniforms(keys, _APPLIANCE + index)
        habit[index] = _between(appliance.habit, time)
        use[index] = use_factor * _log_normal(preference, c.APPLIANCE_SIGMA)
        if min(appliance.owners) < 1.0:
            use[index] *= owned < _by_size(appliance.owners, size)
        for phase in appliance.phases:
            watts[row] = _between(phase.watts, power)
            row += 1
    return {"habit": habit, "use": use, "watts": watts}


def _fridge(keys: U64, size: F32) -> dict[str, NDArray[np.float64]]:
    power, period, duty, _ = four_uniforms(keys, _FRIDGE)
    more_people = np.clip(size - np.float32(1.0), 0.0, 5.0)
    return {
        "fridge_w": _between(c.FRIDGE_W, power).astype(np.float64),
        "fridge_duty": (
            _between(c.FRIDGE_DUTY, duty) + np.float32(c.FRIDGE_DUTY_EACH) * more_people
        ).astype(np.float64),
        "fridge_cycles_per_minute": 1.0
        / _between(c.FRIDGE_PERIOD_MINUTES, period).astype(np.float64),
        "fridge_phase": (draw_bits(keys, _FRIDGE, 1) >> np.uint64(11)).astype(np.float64)
        * 2.0**-53,
    }


def _between(ends: tuple[float, float], level: F32) -> F32:
    return np.float32(ends[0]) + np.float32(ends[1] - ends[0]) * level


def _by_size(shares: tuple[float, float, float, float], size: F32) -> F32:
    return np.interp(size, (1.0, 2.0, 3.0, 4.0), shares).astype(np.float32)


# A table, not a formula: a look-up gives the same bits on every processor.
_QUANTILES = 1024
_NORMAL = [NormalDist().inv_cdf((i + 0.5) / _QUANTILES) for i in range(_QUANTILES)]
_LOG_NORMAL = {
    sigma: np.array([math.exp(sigma * z - sigma * sigma / 2) for z in _NORMAL], dtype=np.float32)
    for sigma in {c.USE_SIGMA, c.STANDBY_SIGMA, c.APPLIANCE_SIGMA, c.LIGHT_SIGMA}
}


def _log_normal(level: F32, sigma: float) -> F32:
    return _LOG_NORMAL[sigma][(level * np.float32(_QUANTILES)).astype(np.int16)]
