"""Household consumption: a pure function of seed, user, size, place and tick, led by people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from docs.scripts.consumption_page import PAGE, with_code_parts
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.unit.community.systems import households, user_ids

from solar_model.community.consumption import Consumption
from solar_model.community.consumption.constants import APPLIANCES
from solar_model.community.consumption.plan import DayPlan, Days, plan_day
from solar_model.community.consumption.traits import draw_traits
from solar_model.community.households import Households
from solar_model.ticks import tick_index

Floats = NDArray[np.float64]


def tick(local: str) -> int:
    return tick_index(datetime.fromisoformat(local))


def community(n: int = 400, size: Any = 3.0, **columns: Any) -> Households:
    return households(household_size=np.broadcast_to(np.float64(size), n).copy(), **columns)


def mixed(n: int) -> Households:
    """All sizes, both hemispheres, three time zones."""
    rows = np.arange(n)
    everywhere = households(
        household_size=(rows % 8) * 0.75,
        latitude_deg=np.array([52.5, -33.9, 40.7])[rows % 3],
        longitude_deg=np.array([13.4, 151.2, -74.0])[rows % 3],
    )
    zones = ("Europe/Berlin", "Australia/Sydney", "America/New_York")
    return Households(**(vars(everywhere) | {"timezone": rows % 3, "timezones": zones}))


def rows_of(block: Households, rows: list[int]) -> Households:
    columns = {
        name: value if name == "timezones" else value[rows] for name, value in vars(block).items()
    }
    return Households(**columns)


def day_kwh(consumption: Consumption, first: int, ticks: int = 96) -> Floats:
    """Energy of each household over some ticks."""
    return np.sum([consumption.energy_kwh(first + k) for k in range(ticks)], axis=0)


# ── Random access ────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=30)
@given(
    rows=st.lists(st.integers(0, 59), min_size=1, max_size=60, unique=True),
    when=st.integers(tick("2023-01-01T00:00"), tick("2026-01-01T00:00")),
)
def test_a_household_does_not_depend_on_who_else_is_in_the_block(
    rows: list[int], when: int
) -> None:
    together = Consumption(mixed(60), seed=7).energy_kwh(when)
    some = Consumption(rows_of(mixed(60), rows), seed=7).energy_kwh(when)
    np.testing.assert_array_equal(some, together[rows])


@settings(max_examples=15)
@given(ticks=st.lists(st.integers(0, 300), min_size=1, max_size=8))
def test_a_tick_does_not_depend_on_ticks_before_it(ticks: list[int]) -> None:
    first = tick("2024-03-29T20:00")  # three days around a clock change
    used = Consumption(mixed(30), seed=7)
    for offset in ticks:
        fresh = Consumption(mixed(30), seed=7)
        np.testing.assert_array_equal(
            used.energy_kwh(first + offset), fresh.energy_kwh(first + offset)
        )


def test_a_block_of_several_zones_equals_blocks_of_one() -> None:
    block, first = mixed(30), tick("2024-03-30T12:00")
    together = Consumption(block, seed=7)
    for index, zone in enumerate(block.timezones):
        rows = list(range(index, 30, 3))
        local = vars(rows_of(block, rows)) | {
            "timezones": (zone,),
            "timezone": np.zeros(len(rows), dtype=np.int64),
        }
        alone = Consumption(Households(**local), seed=7)
        for when in range(first, first + 100, 9):
            np.testing.assert_array_equal(together.energy_kwh(when)[rows], alone.energy_kwh(when))


def test_seed_and_user_decide_and_the_case_of_the_user_id_does_not() -> None:
    block, when = community(200), tick("2024-05-14T17:00")
    usual = Consumption(block, seed=1).energy_kwh(when)
    shouted = Households(**(vars(block) | {"user_id": block.user_id.str.to_uppercase()}))
    np.testing.assert_array_equal(Consumption(shouted, seed=1).energy_kwh(when), usual)
    assert np.mean(Consumption(block, seed=2).energy_kwh(when) == usual) < 0.05
    others = pl.Series("user_id", user_ids(400)[200:])
    strangers = Households(**(vars(block) | {"user_id": others}))
    assert np.mean(Consumption(strangers, seed=1).energy_kwh(when) == usual) < 0.05


def test_a_plan_is_kept_in_few_bytes() -> None:
    model = Consumption(mixed(1000), seed=1)
    model.energy_kwh(tick("2024-05-14T17:00"))
    assert _bytes_held(model) / 1000 < 512


def _bytes_held(thing: object) -> int:
    if isinstance(thing, np.ndarray):
        return thing.nbytes
    return sum(_bytes_held(part) for part in getattr(thing, "__dict__", {}).values())


# ── People and appliances ────────────────────────────────────────────────────────────────────────


def plan_of(block: Households, **day: Any) -> DayPlan:
    n = len(block)
    usual = {
        "number": np.full(n, 19_850),
        "week": np.full(n, 2836),
        "is_free": np.zeros(n, np.bool_),
        "is_late": np.zeros(n, np.bool_),
        "minutes": np.full(n, 1440, np.int16),
        "cold": np.zeros(n, np.float32),
    }
    return plan_day(draw_traits(block, seed=3), Days(**(usual | day)))


@pytest.mark.parametrize("number", [19_850, 19_855, 20_100])
def test_appliances_start_because_somebody_is_at_home_and_awake(number: int) -> None:
    block = community(3000, np.resize(np.arange(1.0, 7.0), 3000))
    plan = plan_of(block, number=np.full(3000, number))
    row, runs = 0, 0
    for appliance in APPLIANCES:
        wake, leave, back, sleep = (
            times[appliance.person] for times in (plan.wake, plan.leave, plan.back, plan.sleep)
        )
        start = plan.start[row]
        row += len(appliance.phases)
        end = plan.end[row - 1]
        is_on = end > start
        in_first, in_second = (wake <= start) & (start < leave), (back <= start) & (start < sleep)
        assert np.all((in_first | in_second)[is_on]), appliance.name
        if appliance.is_attended:
            stops = np.where(in_first, leave, sleep)
            assert np.all((end <= stops)[is_on]), appliance.name
        runs += is_on.sum()
    assert row == len(plan.start)
    assert runs > 3000 * 3  # each household switches something on, most of them often


def test_work_does_not_keep_the_laundry_from_being_done() -> None:
    names = [appliance.name for appliance in APPLIANCES for _ in appliance.phases]
    plan = plan_of(community(6000, 3.0))
    row = names.index("washing machine")
    is_washing = plan.end[row] > plan.start[row]
    is_out = plan.back[0] - plan.leave[0] > 300
    after_work = plan.start[row] >= plan.back[0]
    assert is_washing[is_out].mean() > 0.85 * is_washing[~is_out].mean()
    assert after_work[is_washing & is_out].mean() > 0.5


def test_nobody_is_awake_outside_the_day_even_when_it_is_short() -> None:
    block = community(5000, 4.0)
    free = np.ones(5000, np.bool_)
    plan = plan_of(block, minutes=np.full(5000, 1380, np.int16), is_free=free, is_late=free)
    for earlier, later in (
        (0, plan.wake),
        (plan.wake, plan.leave),
        (plan.leave, plan.back),
        (plan.back, plan.sleep),
        (plan.sleep, 1380),
    ):
        assert np.all(np.less_equal(earlier, later))
    assert np.all(plan.end <= 1380)


@pytest.mark.parametrize("minutes", [1380, 1500])
def test_a_clock_change_takes_and_adds_nothing_but_sleep(minutes: int) -> None:
    block = community(3000, 4.0)
    usual = plan_of(block)
    changed = plan_of(block, minutes=np.full(3000, minutes, np.int16))
    for name in ("wake", "leave", "back", "sleep", "start", "end"):
        np.testing.assert_array_equal(getattr(changed, name), getattr(usual, name))


@pytest.mark.parametrize(
    ("start", "week_before", "ticks"),
    [
        ("2024-03-30T04:00+01:00", "2024-03-23T04:00+01:00", 92),
        ("2024-10-26T04:00+02:00", "2024-10-19T04:00+02:00", 100),
    ],
)
def test_the_day_of_a_clock_change_uses_a_night_hour_less_or_more(
    start: str, week_before: str, ticks: int
) -> None:
    consumption = Consumption(community(2000), seed=1)
    changed = np.array([consumption.energy_kwh(tick(start) + k).mean() for k in range(ticks)])
    usual = day_kwh(consumption, tick(week_before)).mean()
    night_hour = changed[80:84].mean() * 4  # 00:00 to 01:00, before the change
    assert changed.sum() == pytest.approx(usual + night_hour * (ticks - 96) / 4, rel=0.04)
    # the ticks around the change are an ordinary night: nobody's evening happens twice
    assert changed[86:].max() < 0.6 * usual / 96


def test_standby_and_fridge_never_stop() -> None:
    consumption = Consumption(community(300, np.resize([0.0, 1.0, 6.0], 300)), seed=5)
    first = tick("2024-07-10T00:00+02:00")
    for k in range(96):
        kwh = consumption.energy_kwh(first + k)
        assert np.all(np.isfinite(kwh))
        assert np.all(kwh > 0.001)


@pytest.mark.parametrize("year", [1980, 2024, 2090])
def test_a_fridge_cycles_with_a_constant_mean_however_far_from_1970(year: int) -> None:
    block, first = community(300, 0.0), tick(f"{year}-07-10T00:00")
    empty, traits = Consumption(block, seed=5), draw_traits(block, seed=5)
    load = np.array([empty.energy_kwh(first + k) for k in range(96)])
    assert np.median(np.ptp(load, axis=0) * 4000) > 30  # W, on and off
    fridges = traits.fridges
    mean_w = traits.standby_w + fridges.watts * fridges.duty
    part_of_a_cycle = 0.25 * fridges.watts / fridges.cycles_per_minute / 60_000
    np.testing.assert_array_less(abs(load.sum(axis=0) - mean_w * 0.024), part_of_a_cycle + 1e-6)


# ── Household size ───────────────────────────────────────────────────────────────────────────────


def test_an_empty_home_runs_its_standby_and_fridge_only() -> None:
    empty = Consumption(community(500, 0.0), seed=2)
    evening, night = (
        np.mean([empty.energy_kwh(tick(f"2024-06-1{day}T{hour}+02:00")) for day in range(10)])
        for hour in ("19:30", "03:00")
    )
    assert evening == pytest.approx(night, rel=0.02)
    lived_in = Consumption(community(500, 1.0), seed=2)
    assert lived_in.energy_kwh(tick("2024-06-11T19:30+02:00")).mean() > 3 * evening


@pytest.mark.parametrize("sizes", [(0.0, 0.5, 1.0), (2.0, 2.5, 3.0), (5.0, 5.2, 6.0)])
def test_a_fractional_size_lies_between_the_whole_ones(sizes: tuple[float, ...]) -> None:
    week = range(tick("2024-04-01T00:00"), tick("2024-04-29T00:00"), 5)
    low, middle, high = (
        np.mean([consumption.energy_kwh(when).mean() for when in week])
        for consumption in (Consumption(community(600, size), seed=4) for size in sizes)
    )
    share = (sizes[1] - sizes[0]) / (sizes[2] - sizes[0])
    assert middle == pytest.approx(low + share * (high - low), abs=0.25 * (high - low))


def test_more_than_six_people_go_on_using_more() -> None:
    week = range(tick("2024-04-01T00:00"), tick("2024-04-08T00:00"), 5)
    means = [
        np.mean([consumption.energy_kwh(when).mean() for when in week])
        for consumption in (Consumption(community(500, size), seed=4) for size in (6.0, 8.0, 12.0))
    ]
    assert means[0] * 1.05 < means[1] < means[0] * 1.5
    assert means[1] * 1.05 < means[2]


def test_what_a_crowd_needs_more_than_once_a_day_runs_longer() -> None:
    six, twelve, crowd = (plan_of(community(500, size)) for size in (6.0, 12.0, 10_000.0))
    dishwasher = [a.name for a in APPLIANCES for _ in a.phases].index("dishwasher")
    runs = [plan.end[dishwasher] - plan.start[dishwasher] for plan in (six, twelve, crowd)]
    means = [minutes[minutes > 0].mean() for minutes in runs]
    assert means[1] > 1.3 * means[0]
    is_on = runs[2] > 0
    assert np.count_nonzero(is_on) >= np.count_nonzero(runs[1])
    assert np.all(crowd.end[dishwasher][is_on] == 1440)  # all day, and no longer
    load = Consumption(community(50, 10_000.0), seed=4).energy_kwh(tick("2024-04-01T19:00"))
    assert np.all(np.isfinite(load)) and np.all(load > 0)


# ── Seasons, light, weekends ─────────────────────────────────────────────────────────────────────


def mean_of_days(consumption: Consumption, month: str, days: range = range(1, 29, 3)) -> float:
    firsts = [tick(f"{month}-{day:02d}T00:00") for day in days]
    return float(np.mean([day_kwh(consumption, first).mean() for first in firsts]))


@pytest.mark.parametrize(
    ("latitude", "zone", "low", "high"),
    [
        (51.0, "Europe/Berlin", 1.15, 1.6),
        (0.3, "Africa/Kampala", 0.95, 1.05),
        (-36.8, "Pacific/Auckland", 1 / 1.6, 1 / 1.12),
    ],
)
def test_winter_comes_when_it_does_there(
    latitude: float, zone: str, low: float, high: float
) -> None:
    block = community(400, latitude_deg=np.full(400, latitude))
    consumption = Consumption(Households(**(vars(block) | {"timezones": (zone,)})), seed=6)
    ratio = mean_of_days(consumption, "2023-01") / mean_of_days(consumption, "2023-07")
    assert low < ratio < high


def test_light_follows_the_local_sun() -> None:
    longitudes = {"east": 20.0, "west": 0.0}
    at_dusk = tick("2024-03-12T18:00+01:00")
    loads = {
        name: Consumption(
            community(2000, longitude_deg=np.full(2000, longitude)), seed=6
        ).energy_kwh(at_dusk)
        for name, longitude in longitudes.items()
    }
    # the same people do the same; only the sun sets 80 minutes earlier in the east
    assert np.all(loads["east"] >= loads["west"])
    assert np.mean(loads["east"] - loads["west"]) * 4000 > 20


def test_people_stay_at_home_on_free_days() -> None:
    consumption = Consumption(community(2000), seed=6)
    late_morning = {
        date: consumption.energy_kwh(tick(f"{date}T10:30+01:00")).mean()
        for date in ("2024-01-30", "2024-01-31", "2024-01-28", "2024-12-25")
    }
    weekday = (late_morning["2024-01-30"] + late_morning["2024-01-31"]) / 2
    assert late_morning["2024-01-28"] > 1.15 * weekday  # a Sunday
    assert late_morning["2024-12-25"] > 1.15 * weekday  # a Wednesday, Christmas


def test_the_page_repeats_the_constants_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_code_parts(page) == page, "run python -m docs.scripts.validate_consumption"
