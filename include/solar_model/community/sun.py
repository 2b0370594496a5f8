"""Where the sun stands and what a clear sky would give, for the cells in which households live.

Households share the sun of their location cell, 0.05 degrees wide (about 5 km): the sun moves by
that much in twelve seconds. A cell's sun is a function of the tick and of the cell alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import cast

import h5py
import numpy as np
import pvlib
from numpy.typing import ArrayLike, NDArray
from pvlib import atmosphere, clearsky, irradiance, spa

from solar_model.ticks import TICK_SECONDS, TICKS_PER_DAY

Floats = NDArray[np.float64]

CELLS_PER_DEGREE = 20

# For the refraction of the atmosphere, as in pvlib: a hot day moves a sun at 5 degrees of elevation
# by 0.01 degrees.
_TEMPERATURE_C = 12.0
_REFRACTION_AT_HORIZON_DEG = 0.5667

_MID_MONTH_DAYS = np.cumsum([0, 31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30]) + 15.5


@dataclass(frozen=True, eq=False)
class Sun:
    """Sun and clear sky of c location cells in the middle of a tick.

    Attributes
    ----------
    latitude_deg, longitude_deg : numpy.ndarray of float64, shape (c,)
        Centres of the cells, north and east positive [degrees].
    altitude_m : numpy.ndarray of float64, shape (c,)
        Height above sea level [m].
    zenith_deg, azimuth_deg : numpy.ndarray of float64, shape (c,)
        Refraction-corrected zenith angle, 90 and more when the centre of the sun is below the
        geometric horizon, and azimuth, 0 north, 90 east [degrees].
    dni_extra_w_m2 : numpy.ndarray of float64, shape (c,)
        Extraterrestrial normal irradiance [W/m²].
    airmass : numpy.ndarray of float64, shape (c,)
        Relative airmass, NaN at night.
    ghi_w_m2, dni_w_m2, dhi_w_m2 : numpy.ndarray of float64, shape (c,)
        Global horizontal, direct normal and diffuse horizontal irradiance of a cloudless sky
        [W/m²].
    """

    latitude_deg: Floats
    longitude_deg: Floats
    altitude_m: Floats
    zenith_deg: Floats
    azimuth_deg: Floats
    dni_extra_w_m2: Floats
    airmass: Floats
    ghi_w_m2: Floats
    dni_w_m2: Floats
    dhi_w_m2: Floats

    @property
    def cos_zenith(self) -> Floats:
        """Cosine of the zenith angle, 0 when the sun is down."""
        return np.maximum(np.cos(np.radians(self.zenith_deg)), 0.0) * (self.zenith_deg < 90.0)


def location_cells(
    latitude_deg: Floats, longitude_deg: Floats
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """The location cells of households, each cell once.

    Parameters
    ----------
    latitude_deg, longitude_deg : numpy.ndarray of float64, shape (n,)
        Of the households, north and east positive [degrees].

    Returns
    -------
    cell_latitude_deg, cell_longitude_deg : numpy.ndarray of float64, shape (c,)
        Centres of the cells [degrees]; a household's depends on its own coordinates only.
    cell_index : numpy.ndarray of int, shape (n,)
        The cell of each household.
    """
    around = 360 * CELLS_PER_DEGREE
    row = np.rint(np.asarray(latitude_deg) * CELLS_PER_DEGREE).astype(np.int64)
    column = np.rint(np.asarray(longitude_deg) * CELLS_PER_DEGREE).astype(np.int64)
    column = (column + around // 2) % around - around // 2
    code, cell_index = np.unique(row * around + column, return_inverse=True)
    row = (code + around // 2) // around
    return row / CELLS_PER_DEGREE, (code - row * around) / CELLS_PER_DEGREE, cell_index


def sun_at(tick: int | NDArray[np.int64], latitude_deg: ArrayLike, longitude_deg: ArrayLike) -> Sun:
    """Sun and clear sky in the middle of a tick.

    Position: NREL's solar position algorithm (Reda and Andreas 2004,
    doi:10.1016/j.solener.2003.12.003) without the parallax of 0.002 degrees. Clear sky: Ineichen
    and Perez 2002, doi:10.1016/S0038-092X(02)00045-2, with the monthly Linke turbidity and the
    altitude of pvlib's tables. Airmass: Kasten and Young 1989, doi:10.1364/AO.28.004735.

    Parameters
    ----------
    tick : int, or numpy.ndarray of int, shape (t, 1)
        Index of the tick; with an array, every attribute but the coordinates has shape (t, c).
    latitude_deg, longitude_deg : array_like, shape (c,)
        Of the cells, north and east positive [degrees].

    Returns
    -------
    Sun
    """
    latitude = np.ascontiguousarray(latitude_deg, dtype=np.float64)
    longitude = np.ascontiguousarray(longitude_deg, dtype=np.float64)
    altitude, turbidity_by_month = _ground(latitude.tobytes(), longitude.tobytes())
    sidereal, ascension, declination, dni_extra, month = _geocentric(tick)

    hour_angle = spa.local_hour_angle(sidereal, longitude, ascension)
    elevation = spa.topocentric_elevation_angle_without_atmosphere(
        latitude, declination, hour_angle
    )
    pressure_pa = atmosphere.alt2pres(altitude)
    refraction = spa.atmospheric_refraction_correction(
        pressure_pa / 100.0, _TEMPERATURE_C, elevation, _REFRACTION_AT_HORIZON_DEG
    )
    zenith = 90.0 - elevation - np.where(elevation > 0.0, refraction, 0.0)
    azimuth = spa.topocentric_azimuth_angle(
        spa.topocentric_astronomers_azimuth(hour_angle, declination, latitude)
    )
    airmass = atmosphere.get_relative_airmass(zenith, model="kastenyoung1989")
    before = np.floor(month).astype(np.int64)
    share = month - before
    cell = np.arange(len(latitude))
    turbidity = (
        turbidity_by_month[before % 12, cell] * (1.0 - share)
        + turbidity_by_month[(before + 1) % 12, cell] * share
    )
    with np.errstate(divide="ignore"):  # by the cosine of the zenith angle, at night
        sky = clearsky.ineichen(
            zenith,
            atmosphere.get_absolute_airmass(airmass, pressure_pa),
            turbidity,
            altitude=altitude,
            dni_extra=dni_extra,
        )
    up = zenith < 90.0
    return Sun(
        latitude_deg=latitude,
        longitude_deg=longitude,
        altitude_m=altitude,
        zenith_deg=zenith,
        azimuth_deg=azimuth,
        dni_extra_w_m2=np.broadcast_to(dni_extra, zenith.shape),
        airmass=airmass,
        ghi_w_m2=sky["ghi"] * up,
        dni_w_m2=sky["dni"] * up,
        dhi_w_m2=sky["dhi"] * up,
    )


def _geocentric(tick: int | NDArray[np.int64]) -> Floats:
    """What does not depend on the place, one row each, of the shape of ``tick``."""
    ticks = np.asarray(tick, dtype=np.int64)
    day = ticks // TICKS_PER_DAY
    days = np.unique(day)
    table = np.concatenate([_geocentric_day(int(one)) for one in days], axis=1)
    return table[:, np.searchsorted(days, day) * TICKS_PER_DAY + ticks % TICKS_PER_DAY]


@lru_cache(maxsize=64)
def _geocentric_day(day: int) -> Floats:
    """The geocentric sun at the mid-ticks of a UTC day since 1970.

    A whole day costs as much as one instant, and computing it whole keeps a tick's numbers the
    same whichever ticks are asked for.

    Returns
    -------
    numpy.ndarray of float64, shape (5, 96)
        Apparent sidereal time, right ascension, declination [degrees], extraterrestrial normal
        irradiance [W/m²], and the position among the middles of the months, 0 being January's.
    """
    date = datetime.fromtimestamp(day * 86400, tz=UTC)
    mid_tick = day * 86400.0 + (np.arange(TICKS_PER_DAY) + 0.5) * TICK_SECONDS
    sidereal, ascension, declination = spa.solar_position_numpy(
        mid_tick,
        lat=None,  # with sst, of no place: sidereal time, right ascension and declination
        lon=None,
        elev=None,
        pressure=None,
        temp=None,
        delta_t=spa.calculate_deltat(date.year, date.month),
        atmos_refract=None,
        numthreads=None,
        sst=True,
    )
    day_of_year = date.timetuple().tm_yday
    middles = np.concatenate([[_MID_MONTH_DAYS[-1] - 365.25], _MID_MONTH_DAYS, [365.25 + 15.5]])
    month = np.interp(day_of_year, middles, np.arange(-1.0, 13.0))
    dni_extra = irradiance.get_extra_radiation(day_of_year, method="spencer")
    one = np.ones(TICKS_PER_DAY)
    return np.stack([sidereal, ascension, declination, dni_extra * one, month * one])


@lru_cache(maxsize=64)
def _ground(latitude: bytes, longitude: bytes) -> tuple[Floats, Floats]:
    """Altitude [m], shape (c,), and Linke turbidity by month, shape (12, c), of cells."""
    row = _grid_index(np.frombuffer(latitude), start_deg=90.0, span_deg=-180.0, size=2160)
    column = _grid_index(np.frombuffer(longitude), start_deg=-180.0, span_deg=360.0, size=4320)
    steps = _grid_values("Altitude", row, column).astype(np.float64)
    altitude = np.where(steps == 255.0, 0.0, steps * 28.0 - 450.0)
    turbidity = _grid_values("LinkeTurbidity", row, column).T / 20.0
    return altitude, np.ascontiguousarray(turbidity)


def _grid_index(degrees: Floats, start_deg: float, span_deg: float, size: int) -> NDArray[np.intp]:
    """Nearest grid line, calculated as pvlib does so that ties fall on the same side."""
    per_degree = size / span_deg
    first_deg = start_deg + 1.0 / per_degree / 2.0
    return np.clip(np.rint((degrees - first_deg) * per_degree).astype(np.intp), 0, size - 1)


def _grid_values(name: str, row: NDArray[np.intp], column: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Values of one of pvlib's world grids of 5 arc minutes, read tile by tile."""
    file_name = {"Altitude": "Altitude.h5", "LinkeTurbidity": "LinkeTurbidities.h5"}[name]
    with h5py.File(str(files(pvlib) / "data" / file_name), "r") as file:
        grid = file[name]
        high, wide = grid.chunks[:2]
        tile = (row // high) * grid.shape[1] + column // wide
        values = np.empty((len(row), *grid.shape[2:]), dtype=grid.dtype)
        for one in np.unique(tile):
            top, left = one // grid.shape[1] * high, one % grid.shape[1] * wide
            here = tile == one
            block = grid[top : top + high, left : left + wide]
            values[here] = block[row[here] - top, column[here] - left]
    return cast(NDArray[np.uint8], values)
