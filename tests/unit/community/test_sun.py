from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from pvlib.location import Location

from solar_model.community.sun import Sun, location_cells, sun_at

SITES = {
    "Greensboro": (36.1, -79.95),
    "Berlin": (52.5, 13.4),
    "Sydney": (-33.85, 151.2),
    "Quito": (-0.2, -78.5),
    "Tromsø": (69.65, 18.95),
    "La Paz": (-16.5, -68.15),
}
LATITUDES = np.array([latitude for latitude, _ in SITES.values()])
LONGITUDES = np.array([longitude for _, longitude in SITES.values()])
DAYS = ["2024-01-03", "2024-02-29", "2024-06-21", "2023-09-11", "2025-12-31"]
PER_CELL = [field.name for field in fields(Sun) if field.name not in ("latitude_deg", "altitude_m")]


def first_tick(day: str) -> int:
    return int(pd.Timestamp(day, tz="UTC").timestamp()) // 900


@pytest.mark.parametrize("day", DAYS)
def test_position_and_clear_sky_agree_with_pvlib(day: str) -> None:
    ticks = first_tick(day) + np.arange(96)[:, None]
    mid_ticks = pd.DatetimeIndex(pd.to_datetime(ticks[:, 0] * 900 + 450, unit="s", utc=True))
    sun = sun_at(ticks, LATITUDES, LONGITUDES)
    for cell, (latitude, longitude) in enumerate(SITES.values()):
        site = Location(latitude, longitude)
        assert sun.altitude_m[cell] == site.altitude
        position = site.get_solarposition(mid_ticks)
        up = position["elevation"].to_numpy() > 0.05
        down = position["elevation"].to_numpy() < -0.05
        assert (sun.zenith_deg[up, cell] < 90.0).all()
        assert (sun.zenith_deg[down, cell] >= 90.0).all()
        np.testing.assert_allclose(
            sun.zenith_deg[up, cell], position["apparent_zenith"][up], atol=0.02
        )
        turn = (sun.azimuth_deg[up, cell] - position["azimuth"][up] + 180.0) % 360.0 - 180.0
        near_zenith = position["zenith"][up] < 2.0
        assert (np.abs(turn[~near_zenith]) < 0.05).all()
        clear_sky = site.get_clearsky(mid_ticks)
        for name in ("ghi", "dni", "dhi"):
            np.testing.assert_allclose(
                getattr(sun, f"{name}_w_m2")[up, cell], clear_sky[name][up], atol=6.0, rtol=0.01
            )


def test_nothing_shines_while_the_sun_is_below_the_horizon() -> None:
    ticks = first_tick("2024-06-21") + np.arange(96)[:, None]
    sun = sun_at(ticks, LATITUDES, LONGITUDES)
    down = sun.zenith_deg >= 90.0
    assert down[:, 0].any()
    assert not down[:, list(SITES).index("Tromsø")].any(), "midnight sun"
    for name in ("ghi_w_m2", "dni_w_m2", "dhi_w_m2", "cos_zenith"):
        np.testing.assert_array_equal(getattr(sun, name)[down], 0.0)
        assert (getattr(sun, name)[~down] >= 0.0).all()


def test_a_cell_has_the_same_sun_whoever_asks() -> None:
    tick = first_tick("2024-09-11") + 57
    together = sun_at(tick, LATITUDES, LONGITUDES)
    for cell in range(len(SITES)):
        alone = sun_at(tick, LATITUDES[cell : cell + 1], LONGITUDES[cell : cell + 1])
        for name in PER_CELL:
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[cell])


def test_a_tick_has_the_same_sun_alone_and_in_a_range_over_midnight() -> None:
    ticks = first_tick("2024-02-29") + np.arange(-10, 10)[:, None]
    in_range = sun_at(ticks, LATITUDES, LONGITUDES)
    for at in (0, 9, 10, 19):
        alone = sun_at(int(ticks[at, 0]), LATITUDES, LONGITUDES)
        for name in ("zenith_deg", "azimuth_deg", "ghi_w_m2", "dni_w_m2", "dni_extra_w_m2"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(in_range, name)[at])


def test_cells_are_near_their_households_and_do_not_depend_on_the_others() -> None:
    draw = np.random.default_rng(1)
    latitude = np.concatenate([draw.uniform(-90, 90, 500), [90.0, -90.0, 0.0, 52.51, 52.52]])
    longitude = np.concatenate([draw.uniform(-180, 180, 500), [180.0, -180.0, 0.0, 13.4, 13.41]])
    cell_latitude, cell_longitude, cell = location_cells(latitude, longitude)
    assert len(np.unique(cell_latitude + 1j * cell_longitude)) == len(cell_latitude)
    assert cell[-1] == cell[-2], "neighbours share a cell"
    assert np.abs(cell_latitude[cell] - latitude).max() <= 0.025 + 1e-9
    apart = (cell_longitude[cell] - longitude + 180.0) % 360.0 - 180.0
    assert np.abs(apart).max() <= 0.025 + 1e-9
    for one in range(0, len(latitude), 7):
        alone_latitude, alone_longitude, _ = location_cells(
            latitude[one : one + 1], longitude[one : one + 1]
        )
        assert alone_latitude[0] == cell_latitude[cell[one]]
        assert alone_longitude[0] == cell_longitude[cell[one]]


def test_both_sides_of_the_date_line_are_one_cell() -> None:
    cells = location_cells(np.array([10.0, 10.0]), np.array([180.0, -180.0]))
    assert len(cells[0]) == 1
