"""What a system can do bounds its results: good ones keep each rule, each rule finds its row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import hypothesis
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.community.systems import user_ids

from solar_model import run_simulation, validate_results
from solar_model.community.sun import location_cells, sun_at
from solar_model.files import read_results, write_users
from solar_model.physics import RULES, beside_systems
from solar_model.settings import settings
from solar_model.ticks import TICK, tick_index

NOON = datetime(2024, 6, 11, 17, 0, tzinfo=UTC)
MIDNIGHT = datetime(2024, 6, 11, 5, 0, tzinfo=UTC)


def community(n: int = 40, **columns: object) -> pl.DataFrame:
    usual = {
        "user_id": user_ids(n),
        "panel_wattage": [400.0] * n,
        "panel_count": [12] * n,
        "battery_capacity_kwh": [float(i % 3 * 6) for i in range(n)],
        "inverter_capacity_kw": [5.0] * n,
        "household_size": [3.0] * n,
        "battery_soc_kwh": [float(i % 3 * 3) for i in range(n)],
        "latitude": [36.0 + i % 5 for i in range(n)],
        "longitude": [-80.0 + i % 7 for i in range(n)],
    }
    return pl.DataFrame(usual | columns)


def simulated(folder, users: pl.DataFrame, start: datetime, steps: int = 1, weather=1.0):
    write_users(users, folder / "users.csv")
    run_simulation(
        folder / "users.csv",
        folder / "results.csv",
        steps=steps,
        start_time=start,
        weather=weather,
        seed=3,
    )
    return read_results(folder / "results.csv")


def checks(report) -> dict[str, int]:
    return {failure.check: failure.count for failure in report}


@pytest.mark.parametrize("weather", [0.0, 0.35, 1.2, "stochastic"])
@pytest.mark.parametrize("without_state", [False, True])
def test_a_simulated_day_keeps_every_rule(tmp_path, weather, without_state):
    users = community(30)
    if without_state:
        users = users.drop("battery_soc_kwh", "latitude", "longitude")
    results = simulated(tmp_path, users, MIDNIGHT, steps=96, weather=weather)
    assert not validate_results(results, users)


systems = st.fixed_dictionaries(
    {
        "battery_soc_kwh": st.floats(0, 6),
        "battery_capacity_kwh": st.floats(6, 20),
        "inverter_capacity_kw": st.floats(0.1, 12),
        "household_size": st.integers(1, 8).map(float),
    }
)


@hypothesis.settings(max_examples=10)
@given(st.lists(systems, min_size=20, max_size=20))
def test_odd_batteries_and_inverters_keep_every_rule(tmp_path_factory, drawn):
    users = community(len(drawn), **{name: [system[name] for system in drawn] for name in drawn[0]})
    results = simulated(tmp_path_factory.mktemp("day"), users, NOON, steps=8)
    assert not validate_results(results, users)


def changed(results: pl.DataFrame, user: str, **values: float) -> pl.DataFrame:
    """One household's row with other values."""
    return results.with_columns(
        pl.when(pl.col("user_id") == user).then(pl.lit(value)).otherwise(name).alias(name)
        for name, value in values.items()
    )


USER = user_ids(3)[2]  # with the largest battery: 12 kWh, half full
DAMAGES = {
    # 4.8 kW of panels: not more than 1.8 kWh in any quarter of an hour, the inverter allows 1.25
    "within_panels": (NOON, {"generation_kwh": 1.9}),
    "within_inverter": (NOON, {"generation_kwh": 1.3}),
    "zero_at_night": (MIDNIGHT, {"generation_kwh": 0.000001}),
    "within_capacity": (NOON, {"battery_soc_kwh": 12.1}),
    "within_battery_power": (NOON, {"battery_charge_kwh": 1.3}),
    "state_follows": (NOON, {"battery_soc_kwh": 5.9}),
}


def test_each_rule_has_its_damage():
    assert set(DAMAGES) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", DAMAGES)
def test_the_row_that_breaks_a_rule_is_found_and_no_other(tmp_path, rule):
    start, values = DAMAGES[rule]
    users = community()
    report = validate_results(changed(simulated(tmp_path, users, start), USER, **values), users)
    assert rule in checks(report)
    assert report.bad_rows.to_list() == [3]


def test_the_state_follows_from_the_row_before_not_from_the_input(tmp_path):
    users = community()
    results = simulated(tmp_path, users, NOON, steps=3)
    second = pl.col("timestamp") == NOON + TICK
    wrong = results.with_columns(
        pl.when(second & (pl.col("user_id") == USER))
        .then(pl.col("battery_soc_kwh") - 1)
        .otherwise("battery_soc_kwh")
        .alias("battery_soc_kwh")
    )
    report = validate_results(wrong, users)
    # it does not follow, and what comes next does not follow from it
    assert checks(report) == {"state_follows": 2}
    assert report[0].rows["timestamp"].to_list() == [NOON + TICK, NOON + 2 * TICK]


def test_the_last_micro_of_a_kwh_is_no_error_and_a_hundredth_of_a_watt_hour_is():
    users = community(1, battery_capacity_kwh=[10.0], battery_soc_kwh=[5.0])
    row = pl.DataFrame(
        {
            "user_id": user_ids(1),
            "timestamp": [NOON],
            "battery_charge_kwh": [0.5],
            "battery_discharge_kwh": [0.0],
            "generation_kwh": [0.5],
        },
        schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
    )
    [follows] = [rule for rule in RULES if rule.name == "state_follows"]
    for soc, keeps in ((5.475, True), (5.475001, True), (5.475010, False), (5.5, False)):
        beside = beside_systems(
            row.with_columns(battery_soc_kwh=pl.lit(soc)), users, [NOON], settings()
        )
        assert (beside.select(follows.headroom_kwh >= 0).item()) is keeps


def test_day_and_night_are_those_of_each_household_s_own_place(tmp_path):
    there = datetime(2024, 3, 20, 12, 0, tzinfo=UTC)
    users = community(2, longitude=[0.0, 170.0], latitude=[50.0, 50.0])
    results = simulated(tmp_path, users, there)
    beside = beside_systems(results, users, [there], settings())
    assert beside["sun_is_up"].to_list() == [True, False]
    cells = location_cells(users["latitude"].to_numpy(), users["longitude"].to_numpy())
    zenith = sun_at(tick_index(there), *cells[:2]).zenith_deg[cells[2]]
    assert (zenith < 90).tolist() == [True, False]


def test_who_is_unknown_and_what_was_not_asked_for_is_left_to_other_rules(tmp_path):
    users = community(3)
    results = simulated(tmp_path, users, NOON)
    stranger = results.with_columns(user_id=pl.lit("00000000-0000-4000-8000-000000000000"))
    beside = beside_systems(
        pl.concat([results, stranger.head(1)]), users, [NOON - timedelta(hours=1)], settings()
    )
    assert beside["sun_is_up"].to_list() == [None] * 4
    assert beside["soc_before_kwh"].to_list() == [None] * 4
    assert beside["battery_capacity_kwh"].is_null().to_list() == [False, False, False, True]
