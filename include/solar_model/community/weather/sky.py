"""What the weather is, and what every provider of it can do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from solar_model.community.sun import Sun, sun_at

Floats = NDArray[np.float64]

# The ambient conditions of a module's nominal operating cell temperature (IEC 61215): the air and
# the wind where nothing else says what they are.
NOMINAL_TEMP_AIR_C = 20.0
NOMINAL_WIND_SPEED_M_S = 1.0

MAX_CLEAR_SKY_INDEX = 2.0


class Quantity(NamedTuple):
    """Least and greatest value that can be true, and their unit."""

    low: float
    high: float
    unit: str


# By the columns of weather files, in the order of the attributes of `Sky`. Irradiance a little
# below 0 is a sensor's offset at night, and counts as 0.
QUANTITIES = {
    "ghi": Quantity(-50.0, 1700.0, "W/m²"),
    "dni": Quantity(-50.0, 1500.0, "W/m²"),
    "dhi": Quantity(-50.0, 1300.0, "W/m²"),
    "temp_air": Quantity(-90.0, 70.0, "°C"),
    "wind_speed": Quantity(0.0, 110.0, "m/s"),
}


@dataclass(frozen=True, eq=False)
class Sky:
    """Weather of c location cells during one tick.

    Attributes
    ----------
    ghi_w_m2, dni_w_m2, dhi_w_m2 : numpy.ndarray of float64, shape (c,)
        Global horizontal, direct normal and diffuse horizontal irradiance [W/m²].
    temp_air_c : numpy.ndarray of float64, shape (c,)
        Temperature of the air [°C].
    wind_speed_m_s : numpy.ndarray of float64, shape (c,)
        Wind speed at 10 m [m/s].
    """

    ghi_w_m2: Floats
    dni_w_m2: Floats
    dhi_w_m2: Floats
    temp_air_c: Floats
    wind_speed_m_s: Floats


class WeatherProvider(Protocol):
    """Anything that knows the weather of a tick."""

    @property
    def name(self) -> str:
        """What an operator calls this weather, such as ``open-meteo``."""
        ...

    def sky(self, tick: int, sun: Sun) -> Sky:
        """Weather of one tick over the cells of its sun.

        Raises
        ------
        WeatherError
            When there is none to be had.
        """
        ...

    def record(self) -> Any:
        """What was used so far, ready for JSON; given to ``open_weather`` it is used again."""
        ...


def over_cells(sun: Sun, value: float) -> Floats:
    """One value for every cell."""
    return np.full(len(sun.latitude_deg), value)


def follow_clear_sky(
    mean_w_m2: tuple[float, float, float],
    first_tick: int,
    ticks: int,
    site: tuple[Floats, Floats],
    sun: Sun,
) -> tuple[Floats, Floats, Floats]:
    """Irradiance of one tick at the cells of a sun, from means over an interval at a site.

    Each mean becomes a clear-sky index, which holds for the whole interval and all cells: the
    beam's against DNI, that of global and diffuse light against GHI (an overcast sky has several
    times the diffuse light of a clear one, but hardly more than its global light). At the site,
    the ticks of an interval keep its energy. An index above ``MAX_CLEAR_SKY_INDEX`` comes from a
    sun that the file sees and the site's horizon does not, in the last minutes of light; it is
    cut off there: up to 0.13 % of a year's GHI and 0.8 % of its DNI in sound files.

    Parameters
    ----------
    mean_w_m2 : tuple of float
        Means of GHI, DNI and DHI at the site [W/m²].
    first_tick, ticks : int
        The interval.
    site : tuple of numpy.ndarray of float64, shape (1,) or (c,)
        Latitude and longitude of the site, or of one per cell [degrees].
    sun : Sun
        Of the tick and the cells.

    Returns
    -------
    ghi_w_m2, dni_w_m2, dhi_w_m2 : numpy.ndarray of float64, shape (c,)
        [W/m²].
    """
    latitude_deg, longitude_deg = site
    clear_ghi, clear_dni = _clear_sky_means(
        first_tick, ticks, latitude_deg.tobytes(), longitude_deg.tobytes()
    )
    ghi, dni, dhi = mean_w_m2
    return (
        _index(ghi, clear_ghi) * sun.ghi_w_m2,
        _index(dni, clear_dni) * sun.dni_w_m2,
        _index(dhi, clear_ghi) * sun.ghi_w_m2,
    )


# The ticks of an hour follow each other; more entries would only hold memory (one array per cell).
@lru_cache(maxsize=4)
def _clear_sky_means(
    first_tick: int, ticks: int, latitude: bytes, longitude: bytes
) -> tuple[Floats, Floats]:
    """Mean clear-sky GHI and DNI of places over an interval, each of shape (places,)."""
    window = first_tick + np.arange(ticks, dtype=np.int64)[:, None]
    sun = sun_at(window, np.frombuffer(latitude), np.frombuffer(longitude))
    return sun.ghi_w_m2.mean(axis=0), sun.dni_w_m2.mean(axis=0)


def _index(irradiance_w_m2: float, clear_sky_w_m2: Floats) -> Floats:
    """Irradiance over clear-sky irradiance, 0 where a clear sky would give none."""
    index = np.zeros_like(clear_sky_w_m2)
    np.divide(irradiance_w_m2, clear_sky_w_m2, out=index, where=clear_sky_w_m2 > 0.0)
    return np.minimum(index, MAX_CLEAR_SKY_INDEX)
