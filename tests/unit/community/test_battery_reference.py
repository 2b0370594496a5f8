"""A year of batteries against NREL's: what is bought and fed in agrees within 3 %."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import numpy as np
import pvlib
import PySAM.Battery as SamBattery
import pytest
from docs.scripts.generation_reference import System, model_kwh
from PySAM import BatteryTools

from solar_model.community.battery import (
    CHARGE_EFFICIENCY,
    DISCHARGE_EFFICIENCY,
    INITIAL_STATE_OF_CHARGE,
    MAX_C_RATE_PER_H,
    Batteries,
)
from solar_model.community.consumption import Consumption
from solar_model.community.households import Households
from solar_model.sample import sample_households
from solar_model.settings import settings
from solar_model.ticks import TICK_HOURS, tick_index

TYPICAL_YEAR = Path(str(files(pvlib) / "data" / "723170TYA.CSV"))  # of Greensboro
MIDNIGHT = tick_index(datetime(2023, 1, 1, 5, tzinfo=UTC))  # there, when the file's year begins
INVERTER_KW = 25.0
CAPACITIES_KWH = (5.0, 10.0, 20.0)
LOWEST_SOC, HIGHEST_SOC = 10.0, 90.0  # [%] between which SAM's battery is used


def sam_battery(capacity_kwh: float) -> SamBattery.Battery:
    """SAM's behind-the-meter battery for self-consumption, with our efficiencies and limits."""
    sam = SamBattery.default("CustomGenerationBatteryResidential")
    sam.Lifetime.system_use_lifetime_output = 0
    sam.Lifetime.analysis_period = 1
    power_kw = MAX_C_RATE_PER_H * capacity_kwh
    bank_kwh = capacity_kwh * 100 / (HIGHEST_SOC - LOWEST_SOC)
    BatteryTools.battery_model_sizing(sam, power_kw, bank_kwh, 48)
    for name, value in {
        "batt_ac_or_dc": 1,
        "batt_ac_dc_efficiency": CHARGE_EFFICIENCY * 100,
        "batt_dc_ac_efficiency": DISCHARGE_EFFICIENCY * 100,
        "batt_inverter_efficiency_cutoff": 0,
        "batt_current_choice": 1,
        "batt_power_charge_max_kwac": power_kw,
        "batt_power_discharge_max_kwac": power_kw,
        "batt_power_charge_max_kwdc": power_kw * CHARGE_EFFICIENCY,
        "batt_power_discharge_max_kwdc": power_kw / DISCHARGE_EFFICIENCY,
        "batt_losses_charging": [0] * 12,
        "batt_losses_discharging": [0] * 12,
        "batt_losses_idle": [0] * 12,
        "batt_replacement_option": 0,
        # cells that neither age nor lose, at a constant voltage: the losses are the converters'
        "batt_minimum_SOC": LOWEST_SOC,
        "batt_maximum_SOC": HIGHEST_SOC,
        "batt_initial_SOC": LOWEST_SOC + INITIAL_STATE_OF_CHARGE * (HIGHEST_SOC - LOWEST_SOC),
        "batt_minimum_modetime": 0,
        "batt_calendar_choice": 0,
        "batt_life_model": 0,
        "batt_lifetime_matrix": [[20, 0, 100], [20, 5000, 100], [80, 0, 100], [80, 5000, 100]],
        "batt_resistance": 1e-5,
        "batt_voltage_choice": 1,
        "batt_voltage_matrix": [[0, 3.9801], [50, 3.98], [100, 3.9799]],
        "cap_vs_temp": [[-20, 100], [0, 100], [25, 100], [45, 100]],
        "batt_dispatch_choice": 5,
        "batt_dispatch_auto_can_gridcharge": 0,
        "batt_dispatch_auto_can_charge": 1,
        "batt_dispatch_charge_only_system_exceeds_load": 1,
        "batt_dispatch_discharge_only_load_exceeds_system": 1,
    }.items():
        sam.value(name, value)
    return sam


def usable_kwh(capacity_kwh: float) -> float:
    """What SAM makes of a capacity: whole strings of whole cells."""
    bank_kwh = sam_battery(capacity_kwh).value("batt_computed_bank_capacity")
    return float(bank_kwh) * (HIGHEST_SOC - LOWEST_SOC) / 100


@pytest.mark.slow
def test_a_year_s_imports_and_exports_are_those_of_sam():
    households = replace(
        Households.from_frame(sample_households(len(CAPACITIES_KWH), seed=3), settings()),
        battery_capacity_kwh=np.array([usable_kwh(capacity) for capacity in CAPACITIES_KWH]),
        battery_soc_kwh=np.full(len(CAPACITIES_KWH), np.nan),
        # SAM's inverter serves the battery alone: one that never limits both together
        inverter_capacity_kw=np.full(len(CAPACITIES_KWH), INVERTER_KW),
    )
    generation = model_kwh(TYPICAL_YEAR, systems_of(households))
    load, batteries = Consumption(households, seed=1), Batteries(households)
    consumption, bought, fed_in = np.empty((3, *generation.shape))
    for tick in range(len(generation)):
        flows = batteries.step(generation[tick], load.energy_kwh(MIDNIGHT + tick))
        consumption[tick] = flows.consumption_kwh
        bought[tick] = flows.grid_import_kwh
        fed_in[tick] = flows.grid_export_kwh
    for row, capacity in enumerate(CAPACITIES_KWH):
        sam = sam_battery(capacity)
        sam.value("gen", list(generation[:, row] / TICK_HOURS))
        sam.value("load", list(consumption[:, row] / TICK_HOURS))
        sam.value("crit_load", [0.0] * len(generation))
        sam.execute(0)
        grid_kwh = np.array(sam.Outputs.grid_power) * TICK_HOURS
        assert bought[:, row].sum() == pytest.approx(-grid_kwh[grid_kwh < 0].sum(), rel=0.03)
        assert fed_in[:, row].sum() == pytest.approx(grid_kwh[grid_kwh > 0].sum(), rel=0.03)
        # and the battery matters: without it, much more would be bought
        without = np.maximum(consumption[:, row] - generation[:, row], 0).sum()
        assert bought[:, row].sum() < 0.8 * without


def systems_of(households: Households) -> list[System]:
    """The panels of households."""
    dc_kw = households.panel_wattage_w * households.panel_count / 1000.0
    inverters = households.inverter_capacity_kw
    columns = (households.tilt_deg, households.azimuth_deg, dc_kw, inverters)
    return [System("", *map(float, one)) for one in zip(*columns, strict=True)]
