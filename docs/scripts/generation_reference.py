"""A year of PV generation by this model and by NREL's PVWatts version 8, on the same weather file.

PVWatts is the independent reference: another organisation's code (the SAM simulation core, by
PySAM), fed with the file itself.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import PySAM.Pvwattsv8 as Pvwatts
from numpy.typing import NDArray

from solar_model.community.generation import PvArrays
from solar_model.community.households import Households
from solar_model.community.sun import Sun, location_cells, sun_at
from solar_model.community.weather import open_weather
from solar_model.community.weather.files import read_weather_file
from solar_model.community.weather.sky import Sky
from solar_model.ticks import tick_index

Floats = NDArray[np.float64]
T = TypeVar("T", Sun, Sky)

YEAR = 2023
HOURS = 8760
FIXED_ROOF_MOUNT = 1
MONTH_STARTS_H = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30]) * 24


@dataclass(frozen=True)
class System:
    """One array and its inverter."""

    name: str
    tilt_deg: float
    azimuth_deg: float
    dc_kw: float
    inverter_kw: float


def equator_azimuth_deg(weather_file: Path) -> float:
    """South on the northern hemisphere, north on the southern."""
    [latitude_deg], _ = _site(weather_file)
    return 180.0 if latitude_deg >= 0.0 else 0.0


def households(weather_file: Path, systems: list[System]) -> Households:
    """The systems as households at the site of the file."""
    [latitude_deg], [longitude_deg] = _site(weather_file)
    count = len(systems)
    none = np.zeros(count)
    return Households(
        user_id=pl.Series([system.name for system in systems]),
        panel_wattage_w=np.full(count, 100.0),
        panel_count=np.array([system.dc_kw * 10.0 for system in systems]),
        battery_capacity_kwh=none,
        battery_soc_kwh=none,
        inverter_capacity_kw=np.array([system.inverter_kw for system in systems]),
        household_size=np.ones(count),
        latitude_deg=np.full(count, latitude_deg),
        longitude_deg=np.full(count, longitude_deg),
        tilt_deg=np.array([system.tilt_deg for system in systems]),
        azimuth_deg=np.array([system.azimuth_deg for system in systems]),
        timezone=np.zeros(count, dtype=np.int64),
        timezones=("UTC",),
    )


def model_hourly_kwh(weather_file: Path, systems: list[System]) -> Floats:
    """Energy of each hour of the file's year by this model, shape (8760, systems)."""
    return model_kwh(weather_file, systems).reshape(HOURS, 4, -1).sum(axis=1)


def model_kwh(weather_file: Path, systems: list[System]) -> Floats:
    """Energy of each tick of the file's year by this model, shape (35040, systems).

    Each tick with sun is a place of its own, so that a year is one call of the model.
    """
    *site, _ = location_cells(*_site(weather_file))
    weather = open_weather(f"file:{weather_file}", seed=0)
    offset_ticks = read_weather_file(weather_file).utc_offset_ticks
    ticks = tick_index(datetime(YEAR, 1, 1, tzinfo=UTC)) - offset_ticks + np.arange(HOURS * 4)
    year = sun_at(ticks[:, None], *site)
    day = np.flatnonzero(year.zenith_deg[:, 0] < 90.0)
    suns = [_in_row(year, step) for step in day]
    skies = [weather.sky(int(ticks[step]), sun) for step, sun in zip(day, suns, strict=True)]
    sun, sky = _side_by_side(suns), _side_by_side(skies)
    energy = np.zeros((len(ticks), len(systems)))
    for column, system in enumerate(systems):
        arrays = PvArrays(households(weather_file, [system] * len(day)))
        energy[day, column] = arrays.energy_kwh(sun, sky, np.arange(len(day)))
    return energy


def _in_row(suns: Sun, row: int) -> Sun:
    """One tick of a sun of many."""
    values = {field.name: getattr(suns, field.name) for field in fields(suns)}
    return Sun(**{name: value[row] if value.ndim == 2 else value for name, value in values.items()})


def _side_by_side(parts: list[T]) -> T:
    """The values of many, for one place each, as those of one for many places."""
    names = [field.name for field in fields(parts[0])]
    return replace(
        parts[0],
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names},
    )


def pvwatts_hourly_kwh(weather_file: Path, systems: list[System]) -> Floats:
    """Energy of each hour of the file's year by PVWatts, shape (8760, systems)."""
    columns = []
    for system in systems:
        pvwatts = Pvwatts.default("PVWattsNone")
        pvwatts.SolarResource.solar_resource_file = str(weather_file)
        pvwatts.SystemDesign.system_capacity = system.dc_kw
        pvwatts.SystemDesign.dc_ac_ratio = system.dc_kw / system.inverter_kw
        pvwatts.SystemDesign.tilt = system.tilt_deg
        pvwatts.SystemDesign.azimuth = system.azimuth_deg
        pvwatts.SystemDesign.array_type = FIXED_ROOF_MOUNT
        pvwatts.execute()
        columns.append(np.array(pvwatts.Outputs.ac) / 1000.0)
    return np.stack(columns, axis=1)


def monthly(hourly_kwh: Floats) -> Floats:
    """Energy by month, shape (12, systems)."""
    return np.add.reduceat(hourly_kwh, MONTH_STARTS_H, axis=0)


def _site(weather_file: Path) -> tuple[Floats, Floats]:
    """Its latitude and longitude, each shape (1,) [degrees]."""
    site = read_weather_file(weather_file).site
    if site is None:
        raise ValueError(f"{weather_file} names no site: PVWatts needs one")
    return site
