"""Every constant of household consumption, and where it comes from.

Sources
-------
[BDEW] Bundesverband der Energie- und Wasserwirtschaft: electricity by household size (2020: 1900,
    2890, 3720 and 4084 kWh a year for 1 to 4 people) and by use (2018: process heat 30 %, cold
    22 %, electronics 17 %, hot water 12 %, light 8 %).
[VDEW] Verband der Elektrizitätswirtschaft, by household size (2005: 1790, 3030, 3880, 4430 kWh).
[CREST] Richardson, Thomson, Infield, Clifford 2010, "Domestic electricity use: a high-resolution
    energy demand model", doi:10.1016/j.enbuild.2010.05.023: power, length and yearly number of
    cycles of each appliance.
[OCC] Richardson, Thomson, Infield 2008, "A high-resolution domestic building occupancy model for
    energy demand simulations", doi:10.1016/j.enbuild.2008.02.006: loads follow active occupants,
    people at home and awake.
[HETUS] Eurostat, Harmonised European Time Use Surveys: when people get up, work, eat and sleep.

Where a source gives an average, the number here is of that size; how it spreads between
households, and whatever names no source, is set so that the load meets the ranges of
``docs/model-consumption.md``.

Times are minutes since 04:00 local time, powers are watts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


def clock(hour: int, minute: int = 0) -> int:
    """Minutes since 04:00, the start of the diary day."""
    return (hour * 60 + minute - 240) % 1440


@dataclass(frozen=True)
class Phase:
    """A stretch of constant power within an appliance's run.

    Attributes
    ----------
    minutes : tuple of int
        Shortest and longest, drawn for each run [min].
    watts : tuple of int
        Least and most, drawn for each household and kept [W].
    """

    minutes: tuple[int, int]
    watts: tuple[int, int]


@dataclass(frozen=True)
class Appliance:
    """One thing that a person switches on at most once a day.

    Attributes
    ----------
    name : str
        For people who read plans.
    person : int
        Who uses it: 0 and 1 are the adults, 2 is everybody else.
    anchor : {"wake", "clock"}
        What ``usual_start`` counts from: that person getting up, or 04:00.
    usual_start : tuple of int
        Earliest and latest of the households' usual starts [min].
    mood : int
        How far a day's start strays from the usual one [min], to both sides.
    when_away : {"skip", "wait"}
        What becomes of a start while that person is out: nothing, or it waits for the return.
    phases : tuple of Phase
        What it draws.
    per_day : float
        Runs per day of a household of one.
    per_day_each : float
        Runs per day that each further person adds. Beyond once a day, runs get longer instead.
    is_attended : bool
        Whether it stops when the person goes out or to bed.
    owners : tuple of float
        Share of households that have it, for 1, 2, 3, and 5 or more people.
    on_free_days, in_winter : float
        Relative change of the runs per day on free days, and on the coldest day (the opposite on
        the warmest).
    """

    name: str
    person: int
    anchor: Literal["wake", "clock"]
    usual_start: tuple[int, int]
    mood: int
    when_away: Literal["skip", "wait"]
    phases: tuple[Phase, ...]
    per_day: float
    per_day_each: float
    is_attended: bool = True
    owners: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    on_free_days: float = 0.0
    in_winter: float = 0.0


# [CREST] gives for a run: kettle 2 kW and 3 min, hob 2.4 kW and 16 min, oven 2.1 kW and 27 min,
# microwave 1.25 kW and 30 min, dish washer 1.1 kW and 60 min, washing machine 0.4 kW and 138 min,
# tumble dryer 2.5 kW and 60 min, vacuum cleaner 2 kW and 20 min, iron 1 kW and 30 min, television
# 124 W and 73 min, computer 141 W and 300 min. Here a meal is all that is used for it, at its mean
# power, so it lasts longer and draws less; a washing machine heats first. Meals and evenings are at
# the times of day of [HETUS]. Runs a day, shares of owners and spreads are calibrated.
APPLIANCES = (
    Appliance(
        "breakfast", 0, "wake", (8, 40), 8, "skip",
        (Phase((12, 28), (600, 1400)),),
        per_day=0.95, per_day_each=0.16, in_winter=0.05,
    ),
    Appliance(
        "second breakfast", 1, "wake", (8, 50), 10, "skip",
        (Phase((10, 22), (400, 1100)),),
        per_day=0.5, per_day_each=0.1,
    ),
    Appliance(
        "bathroom", 0, "wake", (5, 35), 10, "skip",
        (Phase((8, 18), (500, 1200)),),
        per_day=0.35, per_day_each=0.12,
    ),
    Appliance(
        "lunch", 0, "clock", (clock(10, 30), clock(13, 10)), 25, "skip",
        (Phase((40, 80), (450, 1250)),),
        per_day=0.48, per_day_each=0.08, on_free_days=0.05, in_winter=0.12,
    ),
    Appliance(
        "second lunch", 1, "clock", (clock(11, 30), clock(13, 30)), 25, "skip",
        (Phase((15, 30), (500, 1100)),),
        per_day=0.3, per_day_each=0.06, in_winter=0.05,
    ),
    Appliance(
        "afternoon coffee", 0, "clock", (clock(14, 30), clock(17)), 30, "skip",
        (Phase((8, 16), (600, 1200)),),
        per_day=0.65, per_day_each=0.08, on_free_days=0.15,
    ),
    Appliance(
        "baking", 0, "clock", (clock(10, 30), clock(17, 30)), 60, "skip",
        (Phase((40, 75), (900, 1700)),),
        per_day=0.08, per_day_each=0.03, on_free_days=0.6, in_winter=0.25,
    ),
    Appliance(
        "meal with guests", 0, "clock", (clock(11), clock(19, 30)), 60, "skip",
        (Phase((50, 100), (1800, 3700)),),
        per_day=0.045, per_day_each=0.003, on_free_days=0.6, in_winter=0.2,
    ),
    Appliance(
        "dinner", 0, "clock", (clock(17), clock(20, 40)), 25, "wait",
        (Phase((35, 70), (500, 1500)),),
        per_day=0.47, per_day_each=0.04, in_winter=0.15,
    ),
    Appliance(
        "dinner in the oven", 1, "clock", (clock(16, 50), clock(20)), 30, "wait",
        (Phase((35, 65), (900, 1600)),),
        per_day=0.09, per_day_each=0.03, on_free_days=0.2, in_winter=0.15,
    ),
    Appliance(
        "evening tea", 0, "clock", (clock(19), clock(22, 40)), 30, "wait",
        (Phase((8, 16), (600, 1200)),),
        per_day=0.4, per_day_each=0.06, in_winter=0.2,
    ),
    Appliance(
        "dishwasher", 0, "clock", (clock(8), clock(22)), 60, "wait",
        (Phase((60, 100), (550, 1100)),),
        per_day=0.38, per_day_each=0.14, is_attended=False,
        owners=(0.5, 0.72, 0.78, 0.92),
    ),
    Appliance(
        "washing machine", 0, "clock", (clock(7), clock(17, 30)), 90, "wait",
        (Phase((25, 45), (900, 1500)), Phase((50, 80), (150, 300))),
        per_day=0.20, per_day_each=0.17, is_attended=False, on_free_days=0.3,
    ),
    Appliance(
        "tumble dryer", 0, "clock", (clock(9), clock(19)), 100, "wait",
        (Phase((70, 120), (700, 2500)),),
        per_day=0.13, per_day_each=0.095, is_attended=False,
        owners=(0.25, 0.38, 0.44, 0.66), on_free_days=0.3, in_winter=0.3,
    ),
    Appliance(
        "vacuum cleaner or iron", 0, "clock", (clock(9), clock(18)), 120, "wait",
        (Phase((20, 50), (500, 1300)),),
        per_day=0.2, per_day_each=0.06, on_free_days=0.3,
    ),
    Appliance(
        "television", 0, "clock", (clock(17, 30), clock(21)), 30, "wait",
        (Phase((100, 240), (60, 160)),),
        per_day=0.85, per_day_each=0.05, in_winter=0.12,
    ),
    Appliance(
        "second screen", 1, "clock", (clock(17, 30), clock(21)), 45, "wait",
        (Phase((60, 180), (60, 200)),),
        per_day=0.55, per_day_each=0.05, in_winter=0.08,
    ),
    Appliance(
        "computer games", 2, "clock", (clock(14), clock(20)), 60, "wait",
        (Phase((75, 180), (100, 400)),),
        per_day=0.0, per_day_each=0.14, in_winter=0.12,
    ),
    Appliance(
        "home office or hobby", 1, "clock", (clock(8, 30), clock(16)), 60, "skip",
        (Phase((120, 300), (100, 400)),),
        per_day=0.6, per_day_each=0.05,
    ),
)  # fmt: skip


# ── People [HETUS], [OCC] ────────────────────────────────────────────────────────────────────────
# Shares of households of 1, 2, 3, and 5 or more people in which nobody goes out to work, and of
# adults of the others who have work away from home.
RETIRED_SHARE = (0.36, 0.40, 0.05, 0.03)
ADULT_WORKS = (0.58, 0.84)
# Work away from home on a working day, the rest being leave, illness and work at home.
WORKDAY_SHARE = 0.80
WORKDAY_WAKE = (clock(5), clock(7, 30))
SCHOOL_WAKE = (clock(6, 10), clock(7, 20))
FREE_WAKE = (clock(6, 20), clock(9, 40))
WAKE_MOOD_MINUTES = 25
LEAVE_AFTER_WAKE = (35, 100)
WORK_AWAY = (360, 640)
SCHOOL_AWAY = (390, 600)
AWAY_MOOD_MINUTES = 60
SLEEP = (clock(21, 40), clock(1))
SLEEP_MOOD_MINUTES = 45
LATE_EVENING_MINUTES = 40
# Nobody goes to bed sooner after coming home; what waited for the return starts within this time.
EVENING_AT_LEAST_MINUTES = 90
# Days without work: an outing of some hours, less often in the cold.
OUTING_SHARE = 0.75
OUTING_IN_WINTER = -0.1
OUTING_LEAVE = (clock(9), clock(17))
OUTING_AWAY = (60, 330)
# Whole weeks away from home.
HOLIDAY_WEEK_SHARE = 0.045
HOLIDAY_WEEK_IN_WINTER = -0.5

# ── Seasons ──────────────────────────────────────────────────────────────────────────────────────
# They swing less towards the equator; fully from this latitude on.
FULL_SEASON_LATITUDE_DEG = 45.0

# ── What runs without a start ────────────────────────────────────────────────────────────────────
# Standby and always-on devices, calibrated to the load of the night.
STANDBY_W = 29.0
STANDBY_EACH_W = 29.0
# Fridge and freezer as one compressor [CREST: a fridge-freezer 190 W for 22 min, a freezer 190 W
# for 14 min at a time]; as efficient ones use 8 % of the electricity, where [BDEW] counts 22 %.
FRIDGE_W = (65.0, 120.0)
FRIDGE_PERIOD_MINUTES = (35.0, 75.0)
FRIDGE_DUTY = (0.25, 0.40)
FRIDGE_DUTY_EACH = 0.035
# Pump and controls of the heating, for homes with their own.
PUMP_SHARE = 0.8
PUMP_W = (25.0, 85.0)
PUMP_MILDEST = -0.45  # it stands still below this cold, on the scale of ``northern_cold``
# Light, of the first person at home and awake in the dark and of each further one:
# 8 % of the electricity, as in [BDEW].
LIGHT_W = 116.0
LIGHT_EACH_W = 24.0
# Light is switched on from this long before sunset, fully after the second time has passed.
DUSK_LEAD_MINUTES = 40.0
DUSK_MINUTES = 80.0
# Small electronics of the first person at home and awake, and of each further one.
ELECTRONICS_W = 52.0
ELECTRONICS_EACH_W = 22.0

# ── Spread between households: sigma of a log-normal with mean 1 ─────────────────────────────────
USE_SIGMA = 0.37
STANDBY_SIGMA = 0.55
APPLIANCE_SIGMA = 0.35
LIGHT_SIGMA = 0.40
ELECTRONICS_SIGMA = 0.40
