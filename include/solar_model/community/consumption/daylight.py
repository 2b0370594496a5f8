"""Where the sun is when people reach for the light switch.

Declination and equation of time are Spencer's (1971), as in pvlib.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pvlib
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LATITUDES_DEG = np.arange(-90.0, 91.0)
_SUNSET_ELEVATION_DEG = -0.833  # refraction and the sun's radius


@lru_cache(maxsize=8)
def half_day_minutes(day_of_year: int) -> Floats:
    """Minutes between solar noon and sunset at each whole degree of latitude, from −90 to 90.

    Parameters
    ----------
    day_of_year : int
        1 on 1 January.

    Returns
    -------
    numpy.ndarray of float64, shape (181,)
        0 in the polar night and 720 under a midnight sun.

    Notes
    -----
    cos h = (sin e − sin φ sin δ) / (cos φ cos δ) with latitude φ, declination δ and the elevation e
    of the sun's centre at sunset, −0.833°.
    """
    declination = pvlib.solarposition.declination_spencer71(day_of_year)
    latitude = np.radians(np.clip(_LATITUDES_DEG, -89.9, 89.9))
    cosine = (
        np.sin(np.radians(_SUNSET_ELEVATION_DEG)) - np.sin(latitude) * np.sin(declination)
    ) / (np.cos(latitude) * np.cos(declination))
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) * 4.0)


def at_latitude(tables: Floats, row: NDArray[np.int64], latitude_deg: Floats) -> Floats:
    """Values between whole degrees of latitude.

    Parameters
    ----------
    tables : numpy.ndarray of float64, shape (rows, 181)
        From ``half_day_minutes`` [min].
    row : numpy.ndarray of int64, shape (n,)
        The table of each household.
    latitude_deg : numpy.ndarray of float64, shape (n,)
        Of each household, north positive [degrees].

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        [min].
    """
    degree = np.clip(np.floor(latitude_deg), -90.0, 89.0)
    column = (degree + 90.0).astype(np.int64)
    part = latitude_deg - degree
    return np.asarray(tables[row, column] * (1.0 - part) + tables[row, column + 1] * part)


def noon_utc_minutes(day_of_year: int) -> float:
    """Minutes from 00:00 UTC to solar noon at longitude 0; each degree east is 4 minutes less."""
    return 720.0 - float(pvlib.solarposition.equation_of_time_spencer71(day_of_year))
