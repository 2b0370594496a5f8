"""What a community's load must look like: the figures of a year and the ranges they must meet.

Ranges for Central Europe without electric heating, after the yearly use by household size of BDEW
and VDEW, the measured households of CLNR and SimBench, and the standard load profile BDEW H25.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from solar_model.ticks import TICK_HOURS, TICK_SECONDS, TICKS_PER_DAY

Floats = NDArray[np.float64]

ANNUAL_KWH = {
    1: (1500, 2600),
    2: (2500, 3600),
    3: (3100, 4300),
    4: (3600, 5000),
    5: (4300, 6200),
    6: (4800, 7200),
}
MAX_DEMAND_KW = {1: (3.5, 8.0), 10: (1.4, 2.8), 100: (0.8, 1.6), 1000: (0.7, 1.4)}
GROUPS_PER_SIZE = 30  # random groups of which the maximum demand is the mean
PAIRED_HOUSEHOLDS = 200  # whose pairs give the mean correlation


@dataclass(frozen=True)
class Calendar:
    """Quarter of an hour of the day (0–95), weekday (Monday 0) and month (1–12) of each tick."""

    quarter: NDArray[np.int64]
    weekday: NDArray[np.int64]
    month: NDArray[np.int64]


@dataclass(frozen=True)
class YearOfLoad:
    """The load of n households over all ticks of a local calendar year.

    Attributes
    ----------
    power_kw : numpy.ndarray of float32, shape (ticks, n)
        Mean power of each tick.
    household_size : numpy.ndarray, shape (n,)
        People, whole numbers from 1 to 6.
    year : int
    zone : str
        IANA time zone in which days, weekends and seasons are told.
    """

    power_kw: NDArray[np.float32]
    household_size: NDArray[np.int64]
    year: int
    zone: str

    @cached_property
    def annual_kwh(self) -> Floats:
        """Energy of each household."""
        return np.asarray(self.power_kw.sum(axis=0, dtype=np.float64) * TICK_HOURS)

    @cached_property
    def mean_kw(self) -> Floats:
        """Mean load of a household, tick by tick."""
        return np.asarray(self.power_kw.mean(axis=1, dtype=np.float64))

    @cached_property
    def calendar(self) -> Calendar:
        """Local calendar of the ticks."""
        zone = ZoneInfo(self.zone)
        start = int(datetime(self.year, 1, 1, tzinfo=zone).timestamp())
        times = [
            datetime.fromtimestamp(start + tick * TICK_SECONDS, tz=zone)
            for tick in range(len(self.power_kw))
        ]
        return Calendar(
            quarter=np.array([when.hour * 4 + when.minute // 15 for when in times]),
            weekday=np.array([when.weekday() for when in times]),
            month=np.array([when.month for when in times]),
        )


@dataclass(frozen=True)
class Check:
    """One figure and the range that it must lie in, ends included."""

    name: str
    value: float
    low: float
    high: float

    @property
    def is_met(self) -> bool:
        """Whether the figure lies in its range; one that is not a number does not."""
        return bool(self.low <= self.value <= self.high)


def check_load(load: YearOfLoad) -> Iterator[Check]:
    """All figures of a year of load, each with its range.

    Parameters
    ----------
    load : YearOfLoad
        With 1000 households or more, of every size.
    """
    random = np.random.default_rng(0)  # of the groups and pairs
    yield from _yearly_use(load)
    yield from _household_load(load)
    yield from _community_shape(load)
    yield from _diversity(load, random)


def day_shape(
    load: YearOfLoad, ticks: NDArray[np.bool_], households: NDArray[np.bool_] | None = None
) -> Floats:
    """Mean load of a household by quarter of an hour of the local day [kW].

    Parameters
    ----------
    load : YearOfLoad
    ticks : numpy.ndarray of bool, shape (ticks,)
        Which ticks count.
    households : numpy.ndarray of bool, shape (n,), optional
        Which households count; all by default.
    """
    if households is None:
        mean_kw = load.mean_kw
    else:
        mean_kw = load.power_kw[:, households].mean(axis=1, dtype=np.float64)
    quarter = load.calendar.quarter
    return np.array([mean_kw[ticks & (quarter == q)].mean() for q in range(TICKS_PER_DAY)])


def max_demand_kw(load: YearOfLoad, group: int, random: np.random.Generator) -> float:
    """After-diversity maximum demand: yearly maximum of the mean load of ``group`` households.

    The mean over random groups; for a group of one over every household.
    """
    households = load.power_kw.shape[1]
    if group == 1:
        return float(load.power_kw.max(axis=0).mean())
    groups = GROUPS_PER_SIZE if group <= households // 4 else 3
    peaks = [
        load.power_kw[:, random.choice(households, group, replace=False)].mean(axis=1).max()
        for _ in range(groups)
    ]
    return float(np.mean(peaks))


def _yearly_use(load: YearOfLoad) -> Iterator[Check]:
    means = []
    for people, (low, high) in ANNUAL_KWH.items():
        kwh = load.annual_kwh[load.household_size == people]
        means.append(float(kwh.mean()))
        yield Check(f"annual energy, {people} people [kWh]", means[-1], low, high)
        yield Check(f"spread of it (CV), {people} people", float(kwh.std() / kwh.mean()), 0.2, 0.6)
    least_step = min(after / before for before, after in pairwise(means))
    yield Check("least step of it from one size to the next", least_step, np.nextafter(1, 2), 2.0)


def _household_load(load: YearOfLoad) -> Iterator[Check]:
    kw = load.power_kw
    mean, deviation, peak = kw.mean(axis=0), kw.std(axis=0), kw.max(axis=0)
    yield Check("CV of load, median household", float(np.median(deviation / mean)), 0.75, 1.6)
    for name, lag, low, high in (
        ("15 min", 1, 0.5, 0.9),
        ("1 h", 4, 0.2, 0.7),
        ("24 h", TICKS_PER_DAY, 0.12, 0.5),
    ):
        products = np.zeros(kw.shape[1])
        for first in range(0, len(kw) - lag, 5000):  # bounded memory
            last = min(first + 5000, len(kw) - lag)
            here, later = kw[first:last] - mean, kw[first + lag : last + lag] - mean
            products += (here * later).sum(axis=0, dtype=np.float64)
        correlation = products / (len(kw) - lag) / deviation**2
        yield Check(f"autocorrelation at {name}, median", float(np.median(correlation)), low, high)
    yield Check("load factor, median household", float(np.median(mean / peak)), 0.05, 0.16)


def _community_shape(load: YearOfLoad) -> Iterator[Check]:
    weekend = load.calendar.weekday >= 5
    shape = day_shape(load, ~weekend)
    shape /= shape.mean()

    def part(first_hour: float, last_hour: float) -> Floats:
        return shape[int(first_hour * 4) : int(last_hour * 4)]

    yield Check("weekday night 02–05 over mean", float(part(2, 5).mean()), 0.30, 0.65)
    yield Check("weekday morning peak 06–10 over mean", float(part(6, 10).max()), 0.9, 1.6)
    yield Check("weekday noon 11:30–13:30 over mean", float(part(11.5, 13.5).mean()), 0.85, 1.4)
    yield Check("weekday evening peak over mean", float(shape.max()), 1.35, 2.1)
    yield Check("time of the evening peak [h]", float(shape.argmax()) / 4, 17.5, 21.0)
    mean_kw = load.mean_kw
    days = mean_kw[weekend].mean() / mean_kw[~weekend].mean()
    yield Check("weekend over weekday", float(days), 1.0, 1.2)
    winter, summer = (np.isin(load.calendar.month, months) for months in ((12, 1, 2), (6, 7, 8)))
    seasons = mean_kw[winter].mean() / mean_kw[summer].mean()
    yield Check("winter over summer", float(seasons), 1.1, 1.6)


def _diversity(load: YearOfLoad, random: np.random.Generator) -> Iterator[Check]:
    demands = []
    for group, (low, high) in MAX_DEMAND_KW.items():
        demands.append(max_demand_kw(load, group, random))
        yield Check(f"maximum demand per household, N = {group} [kW]", demands[-1], low, high)
    least_fall = min(before / after for before, after in pairwise(demands))
    yield Check("least fall of it from one N to the next", least_fall, np.nextafter(1, 2), 10.0)
    households = load.power_kw.shape[1]
    chosen = random.choice(households, min(PAIRED_HOUSEHOLDS, households), replace=False)
    correlation = np.asarray(np.corrcoef(load.power_kw[:, chosen].T))
    pairs = correlation[np.triu_indices(len(chosen), 1)]
    yield Check("correlation between two households, mean", float(pairs.mean()), 0.05, 0.35)
