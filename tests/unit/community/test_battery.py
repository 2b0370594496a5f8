"""Battery and meters: the invariants of every tick, whatever the households do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.unit.community.systems import households

from solar_model.community.battery import (
    CHARGE_EFFICIENCY,
    DISCHARGE_EFFICIENCY,
    INITIAL_STATE_OF_CHARGE,
    MAX_C_RATE_PER_H,
    Batteries,
    Flows,
)
from solar_model.settings import PROJECT_ROOT
from solar_model.ticks import TICK_HOURS

N = 8
MICRO = 1e-6
FLOAT_ROOM = 1e-9  # of binary floating point, far below a micro-kWh


def floats(low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    number = st.floats(low, high, allow_subnormal=False)
    return hnp.arrays(np.float64, N, elements=number | st.sampled_from([low, high]))


@st.composite
def ticks(draw: st.DrawFn) -> tuple[Flows, np.ndarray, dict[str, np.ndarray]]:
    """Systems, a state, and what one tick did to them."""
    capacity = draw(floats(0, 30))
    inverter = draw(floats(0.1, 20))
    before = capacity * draw(floats(0, 1))
    generation = inverter * TICK_HOURS * draw(floats(0, 1))
    consumption = draw(floats(0, 4))
    batteries = Batteries(
        households(
            battery_capacity_kwh=capacity, inverter_capacity_kw=inverter, battery_soc_kwh=before
        )
    )
    start = stored_kwh(batteries)
    flows = batteries.step(generation, consumption)
    assert np.array_equal(stored_kwh(batteries), flows.battery_soc_kwh)
    return flows, start, {"capacity": capacity, "inverter": inverter}


def stored_kwh(batteries: Batteries) -> np.ndarray:
    """What the batteries hold, by a tick in which nothing flows."""
    return batteries.step(np.zeros(1), np.zeros(1)).battery_soc_kwh


def micro(kwh: np.ndarray) -> np.ndarray:
    """Whole micro-kWh of written numbers."""
    return np.array([int(f"{x:.6f}".replace(".", "")) for x in kwh])


@given(ticks())
def test_energy_balance_is_exact_in_the_written_decimals(tick):
    flows = Flows(*map(micro, tick[0]))
    sources = flows.generation_kwh + flows.battery_discharge_kwh + flows.grid_import_kwh
    sinks = flows.consumption_kwh + flows.battery_charge_kwh + flows.grid_export_kwh
    assert np.array_equal(sources, sinks)
    assert np.array_equal(flows.surplus_kwh, flows.generation_kwh - flows.consumption_kwh)


@given(ticks())
def test_numbers_have_at_most_six_decimals(tick):
    for kwh in tick[0]:
        assert np.array_equal(kwh, [float(f"{x:.6f}") for x in kwh])


@given(ticks())
def test_state_stays_within_the_battery(tick):
    flows, _, system = tick
    assert (flows.battery_soc_kwh >= 0).all()
    assert (flows.battery_soc_kwh <= system["capacity"]).all()


@given(ticks())
def test_state_equation_holds_in_the_written_numbers(tick):
    flows, before, _ = tick
    expected = (
        before
        + flows.battery_charge_kwh * CHARGE_EFFICIENCY
        - flows.battery_discharge_kwh / DISCHARGE_EFFICIENCY
    )
    error = np.abs(flows.battery_soc_kwh - expected)
    assert (error <= np.where(flows.battery_charge_kwh > 0, MICRO, MICRO / 2) + FLOAT_ROOM).all()


@given(ticks())
def test_power_limits_are_kept(tick):
    flows, _, system = tick
    limit = np.minimum(MAX_C_RATE_PER_H * system["capacity"], system["inverter"]) * TICK_HOURS
    assert (flows.battery_charge_kwh <= limit + FLOAT_ROOM).all()
    assert (flows.battery_discharge_kwh <= limit + FLOAT_ROOM).all()
    through_inverter = flows.generation_kwh + flows.battery_discharge_kwh
    assert (through_inverter <= system["inverter"] * TICK_HOURS + FLOAT_ROOM).all()


@given(ticks())
def test_nothing_flows_both_ways(tick):
    flows, _, _ = tick
    assert (np.minimum(flows.battery_charge_kwh, flows.battery_discharge_kwh) == 0).all()
    assert (np.minimum(flows.grid_import_kwh, flows.grid_export_kwh) == 0).all()


@given(ticks())
def test_the_battery_serves_only_its_own_household_and_charges_only_from_the_sun(tick):
    flows, _, _ = tick
    assert (np.minimum(flows.battery_discharge_kwh, flows.grid_export_kwh) == 0).all()
    assert (np.minimum(flows.battery_charge_kwh, flows.grid_import_kwh) == 0).all()
    assert (flows.battery_discharge_kwh <= flows.consumption_kwh).all()
    assert (flows.battery_charge_kwh <= flows.generation_kwh).all()


@given(ticks())
def test_energy_is_exported_only_when_the_battery_is_full_or_at_its_limit(tick):
    flows, _, system = tick
    exporting = flows.grid_export_kwh > 0
    full = flows.battery_soc_kwh >= system["capacity"] - MICRO
    limit = np.minimum(MAX_C_RATE_PER_H * system["capacity"], system["inverter"]) * TICK_HOURS
    at_limit = flows.battery_charge_kwh >= limit - MICRO
    assert (~exporting | full | at_limit).all()


@given(ticks())
def test_energy_is_imported_only_when_the_battery_is_empty_or_at_its_limit(tick):
    flows, _, system = tick
    importing = flows.grid_import_kwh > 0
    empty = flows.battery_soc_kwh <= 2 * MICRO
    limit = np.minimum(MAX_C_RATE_PER_H * system["capacity"], system["inverter"]) * TICK_HOURS
    at_limit = flows.battery_discharge_kwh >= limit - MICRO
    room = system["inverter"] * TICK_HOURS - flows.generation_kwh
    inverter_busy = flows.battery_discharge_kwh >= room - MICRO
    assert (~importing | empty | at_limit | inverter_busy).all()


def test_zero_capacity_is_no_battery():
    batteries = Batteries(households(battery_capacity_kwh=np.zeros(3)))
    flows = batteries.step(np.array([1.0, 0.5, 0.0]), np.array([0.25, 0.5, 0.75]))
    assert flows.battery_soc_kwh.tolist() == [0, 0, 0]
    assert flows.battery_charge_kwh.tolist() == flows.battery_discharge_kwh.tolist() == [0, 0, 0]
    assert flows.grid_export_kwh.tolist() == [0.75, 0, 0]
    assert flows.grid_import_kwh.tolist() == [0, 0, 0.75]


def test_unknown_state_is_half_of_the_capacity():
    batteries = Batteries(
        households(battery_capacity_kwh=np.array([9.0]), battery_soc_kwh=np.array([np.nan]))
    )
    assert stored_kwh(batteries).tolist() == [4.5]


def test_idle_battery_loses_nothing():
    batteries = Batteries(
        households(battery_capacity_kwh=np.array([10.0]), battery_soc_kwh=np.array([7.654321]))
    )
    for _ in range(96):
        flows = batteries.step(np.array([0.3]), np.array([0.3]))
    assert flows.battery_soc_kwh.tolist() == [7.654321]


@settings(max_examples=30)
@given(st.floats(0.01, 1.0), st.booleans(), st.integers(2, 12))
def test_losses_follow_energy_and_not_the_number_of_steps(energy, charging, parts):
    def after(pieces: int) -> float:
        batteries = Batteries(
            households(battery_capacity_kwh=np.array([20.0]), battery_soc_kwh=np.array([10.0]))
        )
        for _ in range(pieces):
            flow, none = np.array([energy / pieces]), np.zeros(1)
            batteries.step(*((flow, none) if charging else (none, flow)))
        return float(stored_kwh(batteries)[0])

    # each step rounds its energy and its state to a micro-kWh
    assert after(parts) == pytest.approx(after(1), abs=2 * (parts + 1) * MICRO)


def test_round_trip_gives_back_what_the_efficiencies_say():
    batteries = Batteries(
        households(
            battery_capacity_kwh=np.array([10.0]),
            inverter_capacity_kw=np.array([10.0]),
            battery_soc_kwh=np.array([0.0]),
        )
    )
    flows = batteries.step(np.array([1.0]), np.array([0.0]))
    assert flows.battery_charge_kwh.tolist() == [1.0]
    flows = batteries.step(np.array([0.0]), np.array([2.0]))
    assert flows.battery_discharge_kwh[0] == pytest.approx(0.9025, abs=MICRO)
    assert stored_kwh(batteries)[0] == pytest.approx(0.0, abs=MICRO)


@given(ticks(), st.permutations(range(N)))
@settings(max_examples=20)
def test_rows_do_not_know_each_other(tick, order):
    _, start, system = tick
    everyone = households(
        battery_capacity_kwh=system["capacity"],
        inverter_capacity_kw=system["inverter"],
        battery_soc_kwh=start,
    )
    generation, consumption = system["inverter"] * 0.1, system["capacity"] * 0.1
    shuffled = replace(
        everyone,
        battery_capacity_kwh=system["capacity"][order],
        inverter_capacity_kw=system["inverter"][order],
        battery_soc_kwh=start[order],
    )
    together = Batteries(everyone).step(generation, consumption)
    apart = Batteries(shuffled).step(generation[order], consumption[order])
    assert all(np.array_equal(a[order], b) for a, b in zip(together, apart, strict=True))


def test_the_model_page_states_the_constants_of_the_code():
    rows = dict(
        line.strip("| ").split(" | ")[:2]
        for line in (PROJECT_ROOT / "docs" / "model.md").read_text().splitlines()
        if line.count(" | ") == 2
    )
    assert rows["charge efficiency η_c"] == str(CHARGE_EFFICIENCY)
    assert rows["discharge efficiency η_d"] == str(DISCHARGE_EFFICIENCY)
    assert rows["highest C-rate"] == f"{MAX_C_RATE_PER_H} per hour"
    assert rows["state where none is known"] == f"{INITIAL_STATE_OF_CHARGE} of the capacity"
