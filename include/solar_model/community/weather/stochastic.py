"""Passing clouds from seeded noise: like weather in space and time, and known for any tick alone.

The noise has a value at each node of a lattice in space and time, hashed from the seed and the
node; between nodes it is smooth. The globe turns in that lattice, so that no map's edge or
distortion shows. Octaves from weather systems to single cloud fields add up and drift with the
wind, so what clouds one town reaches the next some time later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from solar_model.community.draws import seed_key, uniform
from solar_model.community.sun import Sun
from solar_model.community.weather.sky import Floats, Sky
from solar_model.ticks import TICK_HOURS, TICKS_PER_DAY, tick_start

EARTH_RADIUS_KM = 6371.0
TILT_RAD = 1.0


@dataclass(frozen=True)
class _Octave:
    """One layer of noise: its size in space and time, its share, its drift at the equator."""

    km: float
    hours: float
    weight: float
    east_km_h: float


# Weather systems, rain bands, cloud fields. Sizes and life times after the spectrum of mesoscale
# motion (Orlanski 1975, doi:10.1175/1520-0477-56.5.527); the drift is a westerly, of 20 to 25 km/h
# at 45 degrees.
_CLOUDS = (
    _Octave(km=400.0, hours=40.0, weight=1.0, east_km_h=35.0),
    _Octave(km=80.0, hours=6.0, weight=0.7, east_km_h=35.0),
    _Octave(km=15.0, hours=1.0, weight=0.5, east_km_h=28.0),
)
_AIR = (_Octave(km=600.0, hours=60.0, weight=1.0, east_km_h=28.0),)
_WIND = (
    _Octave(km=300.0, hours=24.0, weight=1.0, east_km_h=35.0),
    _Octave(km=50.0, hours=3.0, weight=0.6, east_km_h=35.0),
)

_OCTAVES = (*_CLOUDS, *_AIR, *_WIND)

# The clear-sky index gathers around two values, cloudless and overcast (Skartveit and Olseth 1992,
# Solar Energy 49, 477).
CLOUDLESS_INDEX = 1.0
OVERCAST_INDEX = 0.25
# Plausible for an inland site: day-to-day spread of the temperature, log-normal wind.
TEMP_SPREAD_K = 4.0
MEAN_WIND_M_S = 3.5
WIND_SPREAD = 0.5


class StochasticClouds:
    """Weather from noise.

    Parameters
    ----------
    seed : int
        Of the run: the same seed gives the same weather.
    """

    name = "stochastic"

    def __init__(self, seed: int) -> None:
        self._key = seed_key(seed)

    def sky(self, tick: int, sun: Sun) -> Sky:
        """Weather of one tick; each cell's depends on the seed, the tick and the cell alone."""
        layers = self._layers(tick, sun)
        overcast = _smooth_step((_sum(_CLOUDS, layers) + 0.5) / 1.3)
        index = CLOUDLESS_INDEX + (OVERCAST_INDEX - CLOUDLESS_INDEX) * overcast
        ghi = sun.ghi_w_m2 * index
        # the beam is gone long before the light is
        dni = sun.dni_w_m2 * (1.0 - overcast) ** 2
        return Sky(
            ghi_w_m2=ghi,
            dni_w_m2=dni,
            dhi_w_m2=np.maximum(ghi - dni * sun.cos_zenith, 0.0),
            temp_air_c=climate_temp_c(tick, sun) + TEMP_SPREAD_K * _sum(_AIR, layers),
            wind_speed_m_s=MEAN_WIND_M_S
            * np.exp(WIND_SPREAD * _sum(_WIND, layers) - WIND_SPREAD**2 / 2.0),
        )

    def record(self) -> str:
        """The specification: with the run's seed it says everything."""
        return self.name

    def _layers(self, tick: int, sun: Sun) -> Floats:
        """Noise of each octave at each cell, shape (octaves, c): mean 0, variance 1."""
        hours = (tick + 0.5) * TICK_HOURS
        km, period, east_km_h = (
            np.array([getattr(octave, name) for octave in _OCTAVES])[:, None]
            for name in ("km", "hours", "east_km_h")
        )
        # Where each cell is in the lattice, in which the globe turns against the drift. Its axis is
        # tilted: upright, some latitudes would keep to the nodes and others to what is between.
        north = np.radians(sun.latitude_deg)
        east = np.radians(sun.longitude_deg) - east_km_h * hours / EARTH_RADIUS_KM
        radius = EARTH_RADIUS_KM / km
        across, up = radius * np.cos(north) * np.sin(east), radius * np.sin(north)
        t, t_share = _neighbours(hours / period)
        x, x_share = _neighbours(radius * np.cos(north) * np.cos(east))
        y, y_share = _neighbours(across * math.cos(TILT_RAD) - up * math.sin(TILT_RAD))
        z, z_share = _neighbours(across * math.sin(TILT_RAD) + up * math.cos(TILT_RAD))
        # The nodes around it: time and place, two in each direction.
        along_t, along_x = np.s_[:, :, None, None, None], np.s_[:, None, :, None, None]
        along_y, along_z = np.s_[:, None, None, :, None], np.s_[:, None, None, None, :]
        layer = np.arange(len(_OCTAVES))[:, None, None, None, None, None]
        value = uniform(self._key, layer, t[along_t], x[along_x], y[along_y], z[along_z])
        weight = t_share[along_t] * x_share[along_x] * y_share[along_y] * z_share[along_z]
        # Between nodes several are averaged, which varies less than one: undo that, and the
        # variance of 1/12 of a uniform number.
        total, squares = (weight * (value - 0.5)), weight**2
        return _sum_nodes(total) * np.sqrt(12.0 / _sum_nodes(squares))


def _neighbours(position: Floats) -> tuple[Floats, Floats]:
    """Lattice nodes before and after positions (octaves, c), and their shares: (octaves, 2, c)."""
    before = np.floor(position)
    after_share = _smooth_step(position - before)
    return (
        np.stack([before, before + 1.0], axis=1),
        np.stack([1.0 - after_share, after_share], axis=1),
    )


def _sum_nodes(values: Floats) -> Floats:
    """Sum over the nodes, in a fixed order whatever the number of cells."""
    nodes = values.reshape(len(values), 2**4, -1)
    return np.asarray(sum(nodes[:, node] for node in range(2**4)))


def _sum(octaves: tuple[_Octave, ...], layers: Floats) -> Floats:
    """Weighted sum of some octaves, shape (c,): mean 0, variance 1."""
    rows = [(octave.weight, layers[_OCTAVES.index(octave)]) for octave in octaves]
    norm = math.sqrt(sum(weight**2 for weight, _ in rows))
    return np.asarray(sum(weight * row for weight, row in rows) / norm)


def climate_temp_c(tick: int, sun: Sun) -> Floats:
    """Mean air temperature by latitude, altitude, season and solar time.

    A round climate, not a reanalysis: 27 °C at the equator falling to 9.5 °C at 50 degrees, a
    seasonal swing of 0.2 °C per degree of latitude that peaks five weeks after the solstice, a
    daily swing of 4 °C that peaks at 15:00 solar time, and the standard atmosphere's 6.5 °C per
    kilometre (ISO 2533).

    Parameters
    ----------
    tick : int
        Index of the tick.
    sun : Sun
        Of its cells.

    Returns
    -------
    numpy.ndarray of float64, shape (c,)
        [°C].
    """
    day_of_year = tick_start(tick).timetuple().tm_yday
    solar_hour = (tick % TICKS_PER_DAY + 0.5) * TICK_HOURS + sun.longitude_deg / 15.0
    season = np.cos(2.0 * np.pi * (day_of_year - 207) / 365.25)
    time_of_day = np.cos(2.0 * np.pi * (solar_hour - 15.0) / 24.0)
    return np.asarray(
        27.0
        - 0.007 * sun.latitude_deg**2
        - 0.0065 * sun.altitude_m
        + 0.2 * sun.latitude_deg * season
        + 4.0 * time_of_day
    )


def _smooth_step(share: Floats) -> Floats:
    x = np.clip(share, 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x))
