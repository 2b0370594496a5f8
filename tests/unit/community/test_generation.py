from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pvlib
import pytest
from docs.scripts.generation_reference import (
    System,
    model_hourly_kwh,
    monthly,
    pvwatts_hourly_kwh,
)
from hypothesis import given
from hypothesis import strategies as st
from pvlib import (
    atmosphere,
    iam,
    inverter,
    irradiance,
    pvsystem,
    spectrum,
    temperature,
)
from pvlib.location import Location
from pvlib.modelchain import ModelChain
from pvlib.pvsystem import PVSystem
from tests.unit.community.systems import households
from tests.unit.community.weather_files import write_epw

from solar_model.community.generation import SPECTRAL_COEFFICIENTS, SYSTEM_LOSSES, PvArrays
from solar_model.community.households import Households
from solar_model.community.sun import location_cells, sun_at
from solar_model.community.weather import open_weather
from solar_model.community.weather.files import read_weather_file

GREENSBORO = Path(str(files(pvlib) / "data" / "723170TYA.CSV"))
SAND_POINT = Path(str(files(pvlib) / "data" / "703165TY.csv"))

PLACES = [(36.1, -79.95), (52.5, 13.4), (-33.85, 151.2), (0.0, 0.0), (69.65, 18.95)]


def energy_kwh(members: Households, tick: int, weather: object = 1.0) -> np.ndarray:
    cells = location_cells(members.latitude_deg, members.longitude_deg)
    sun = sun_at(tick, *cells[:2])
    sky = open_weather(weather, seed=1).sky(tick, sun)
    return PvArrays(members).energy_kwh(sun, sky, cells[2])


def mixed_households(n: int, seed: int = 1) -> Households:
    """Panels of every orientation at several places."""
    draw = np.random.default_rng(seed)
    place = np.array(PLACES)[draw.integers(0, len(PLACES), n)]
    return households(
        latitude_deg=place[:, 0],
        longitude_deg=place[:, 1],
        tilt_deg=draw.uniform(0.0, 90.0, n),
        azimuth_deg=draw.uniform(0.0, 360.0, n),
        panel_count=draw.integers(4, 60, n).astype(float),
        inverter_capacity_kw=draw.uniform(1.0, 12.0, n),
    )


def first_tick(day: str) -> int:
    return int(pd.Timestamp(day, tz="UTC").timestamp()) // 900


ticks_of_2024 = st.integers(first_tick("2024-01-01"), first_tick("2025-01-01") - 1)


@given(tick=ticks_of_2024, seed=st.integers(0, 1000))
def test_never_negative_never_above_the_rating_nothing_at_night(tick: int, seed: int) -> None:
    members = mixed_households(200, seed)
    energy = energy_kwh(members, tick, 1.2)
    assert (energy >= 0.0).all()
    assert (energy <= members.inverter_capacity_kw * 0.25).all()
    cells = location_cells(members.latitude_deg, members.longitude_deg)
    is_down = (sun_at(tick, *cells[:2]).zenith_deg >= 90.0)[cells[2]]
    assert (energy[is_down] == 0.0).all()


@given(tick=ticks_of_2024)
def test_more_sun_never_gives_less_power(tick: int) -> None:
    members = mixed_households(300)
    before = np.zeros(len(members))
    for factor in np.linspace(0.0, 1.2, 13):
        now = energy_kwh(members, tick, float(factor))
        assert (now >= before - 1e-12).all()
        before = now


def test_given_irradiance_lights_nobody_when_the_sun_is_down() -> None:
    members = households(azimuth_deg=np.array([180.0]))
    midnight = first_tick("2024-06-21")
    bright = {"ghi": 800, "dni": 800, "dhi": 100}
    assert energy_kwh(members, midnight, bright) == 0.0
    assert energy_kwh(members, midnight + 44, bright) > 0.5


def test_a_small_inverter_clips_and_a_missing_one_gives_nothing() -> None:
    members = households(inverter_capacity_kw=np.array([8.0, 3.0, 0.001, 0.0]))
    noon = energy_kwh(members, first_tick("2024-06-21") + 44)
    assert noon[0] > 1.0
    assert noon[1] == pytest.approx(0.75)
    assert noon[2] == pytest.approx(0.00025)
    assert noon[3] == 0.0


def test_warm_air_costs_and_wind_helps() -> None:
    members = households(azimuth_deg=np.array([180.0]))
    noon = first_tick("2024-06-21") + 44
    sky = {"clear_sky_index": 1.0, "temp_air": 20.0, "wind_speed": 1.0}
    usual = energy_kwh(members, noon, sky)
    warm = energy_kwh(members, noon, sky | {"temp_air": 30.0})
    windy = energy_kwh(members, noon, sky | {"wind_speed": 8.0})
    assert warm == pytest.approx(usual * (1.0 - 10 * 0.0037), rel=0.01)
    assert windy > usual * 1.02


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_household_gets_the_same_whoever_else_is_there(size: int) -> None:
    members = mixed_households(4001)
    for tick in (first_tick("2024-06-21") + 40, first_tick("2024-12-21") + 9):
        together = energy_kwh(members, tick, "stochastic")
        for first in range(0, 4001 - size, 997):
            rows = slice(first, first + size)
            np.testing.assert_array_equal(
                energy_kwh(members.take(rows), tick, "stochastic"), together[rows]
            )
        assert together.max() > 0.2


def step_by_step_kwh(members: Households, tick: int, weather: object) -> np.ndarray:
    """The same chain, written with pvlib's functions for one plane at a time."""
    latitude, longitude, cell = location_cells(members.latitude_deg, members.longitude_deg)
    sun = sun_at(tick, latitude, longitude)
    sky = open_weather(weather, seed=1).sky(tick, sun)
    energy = []
    for at, here in enumerate(cell):
        tilt, azimuth = members.tilt_deg[at], members.azimuth_deg[at]
        zenith, sun_azimuth = sun.zenith_deg[here], sun.azimuth_deg[here]
        ghi, dni, dhi = sky.ghi_w_m2[here], sky.dni_w_m2[here], sky.dhi_w_m2[here]
        diffuse = irradiance.perez_driesse(
            tilt,
            azimuth,
            dhi,
            dni,
            sun.dni_extra_w_m2[here],
            zenith,
            sun_azimuth,
            sun.airmass[here],
            return_components=True,
        )
        aoi = irradiance.aoi(tilt, azimuth, zenith, sun_azimuth)
        direct = dni * max(np.cos(np.radians(aoi)), 0.0) + diffuse["poa_circumsolar"]
        dome = max(diffuse["poa_isotropic"] + diffuse["poa_horizon"], 0.0)
        ground = irradiance.get_ground_diffuse(tilt, ghi, albedo=0.2)
        sky_aoi = 59.7 - 0.1388 * tilt + 0.001497 * tilt**2
        ground_aoi = 90.0 - 0.5788 * tilt + 0.002693 * tilt**2
        absorbed = sum(
            light * iam.physical(angle, n=1.526, n_ar=1.3)
            for light, angle in ((direct, aoi), (dome, sky_aoi), (ground, ground_aoi))
        )
        airmass = atmosphere.get_absolute_airmass(
            min(sun.airmass[here], 12.3), atmosphere.alt2pres(sun.altitude_m[here])
        )
        absorbed *= spectrum.spectral_factor_sapm(airmass, SPECTRAL_COEFFICIENTS)
        temp_cell = temperature.noct_sam(
            direct + dome + ground,
            sky.temp_air_c[here],
            sky.wind_speed_m_s[here],
            noct=49.0,
            module_efficiency=0.19,
        )
        rating_w = members.inverter_capacity_kw[at] * 1000.0
        pdc0 = members.dc_capacity_kw[at] * 1000.0 * (1.0 - SYSTEM_LOSSES)
        dc = pvsystem.pvwatts_dc(absorbed, temp_cell, pdc0, -0.0037, k=0.0035)
        energy.append(inverter.pvwatts(dc, rating_w / 0.96) / 4000.0)
    return np.array(energy)


@pytest.mark.parametrize("weather", [1.0, 0.2, "stochastic"])
def test_all_at_once_equals_one_after_the_other(weather: object) -> None:
    members = mixed_households(120)
    members = replace(members, latitude_deg=np.full(120, 36.1), longitude_deg=np.full(120, -79.95))
    for step in (47, 60, 68, 80, 94):
        tick = first_tick("2024-06-21") + step
        expected = step_by_step_kwh(members, tick, weather)
        np.testing.assert_allclose(energy_kwh(members, tick, weather), expected, rtol=1e-9)
        assert expected.max() > 0.0


def pvlib_chain_kwh(members: Households, day: str, temp_air: float) -> np.ndarray:
    """A clear day by pvlib's own ModelChain: Ineichen, Hay-Davies, PVWatts; shape (n,)."""
    times = pd.date_range(day, periods=96, freq="15min", tz="UTC") + pd.Timedelta("7.5min")
    totals = []
    for at in range(len(members)):
        site = Location(members.latitude_deg[at], members.longitude_deg[at])
        system = PVSystem(
            surface_tilt=members.tilt_deg[at],
            surface_azimuth=members.azimuth_deg[at],
            albedo=0.2,
            module_parameters={
                "pdc0": members.dc_capacity_kw[at] * 1000.0,
                "gamma_pdc": -0.0037,
            },
            inverter_parameters={"pdc0": members.inverter_capacity_kw[at] * 1000.0 / 0.96},
            temperature_model_parameters={"noct": 45.0, "module_efficiency": 0.19},
            losses_parameters={},
        )
        chain = ModelChain(
            system,
            site,
            aoi_model="physical",
            spectral_model="no_loss",
            temperature_model="noct_sam",
            losses_model="pvwatts",
            transposition_model="haydavies",
        )
        weather = site.get_clearsky(times).assign(temp_air=temp_air, wind_speed=1.0)
        totals.append(chain.run_model(weather).results.ac.sum() / 4000.0)
    return np.array(totals)


@pytest.mark.parametrize("day", ["2024-03-20", "2024-06-21", "2024-09-11", "2024-12-21"])
def test_clear_days_agree_with_pvlib(day: str) -> None:
    towards_equator = [(36.1, -79.95, 180.0), (52.5, 13.4, 180.0), (-33.85, 151.2, 0.0)]
    kinds = [
        (latitude, longitude, tilt, turn)
        for latitude, longitude, equator in towards_equator
        for tilt, turn in ((30.0, equator), (25.0, 270.0), (25.0, 90.0), (10.0, equator))
    ]
    latitude, longitude, tilt, azimuth = np.array(kinds).T
    members = households(
        latitude_deg=latitude, longitude_deg=longitude, tilt_deg=tilt, azimuth_deg=azimuth
    )
    weather = {"clear_sky_index": 1.0, "temp_air": 15.0, "wind_speed": 1.0}
    ours = sum(energy_kwh(members, first_tick(day) + step, weather) for step in range(96))
    np.testing.assert_allclose(ours, pvlib_chain_kwh(members, day, 15.0), rtol=0.08)


def test_losses_are_those_of_pvwatts() -> None:
    assert pytest.approx(0.1408, abs=5e-5) == SYSTEM_LOSSES


def southern_twin(path: Path) -> Path:
    """Greensboro on the southern hemisphere: the same real weather half a year later, as EPW."""
    rows = read_weather_file(GREENSBORO).rows.reshape(8760, 5)
    return write_epw(path, np.roll(rows, 182 * 24, axis=0), latitude=-36.1)


@pytest.mark.slow
@pytest.mark.parametrize("site", ["Greensboro", "Sand Point", "Southern twin"])
def test_a_year_agrees_with_pvwatts(site: str, tmp_path: Path) -> None:
    weather_file = {"Greensboro": GREENSBORO, "Sand Point": SAND_POINT}.get(site)
    weather_file = weather_file or southern_twin(tmp_path / "south.epw")
    equator = 0.0 if site == "Southern twin" else 180.0
    systems = [
        System("equator", 30.0, equator, 5.0, 5.0),
        System("steep", 45.0, equator, 5.0, 5.0),
        System("west", 25.0, 270.0, 5.0, 4.5),
        System("clipped", 30.0, equator, 5.0, 3.2),
    ]
    model = model_hourly_kwh(weather_file, systems)
    reference = pvwatts_hourly_kwh(weather_file, systems)
    np.testing.assert_allclose(model.sum(axis=0), reference.sum(axis=0), rtol=0.02)
    np.testing.assert_allclose(monthly(model), monthly(reference), rtol=0.07)
    assert model[:, 3].max() == pytest.approx(3.2)
    assert np.corrcoef(model[:, 0], reference[:, 0])[0, 1] > 0.99
