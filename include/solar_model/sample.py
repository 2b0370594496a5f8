"""A plausible community of any size, for trials, tests and the first run.

Household i of a seed is the same in a community of ten and of a million.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from solar_model.community.draws import mix, seed_key, uniform
from solar_model.errors import InputError
from solar_model.settings import Settings, settings

Floats = NDArray[np.float64]

# In the order of their numbers: another order would draw another community.
_STREAMS = (
    "people", "size", "size_2", "panel", "inverter", "has_battery", "battery", "side",
    "north", "north_2", "east", "east_2", "tilt", "tilt_2", "azimuth",
)  # fmt: skip

HOUSEHOLD_SIZES = (1, 2, 3, 4, 5, 6)
HOUSEHOLD_SIZE_SHARES = (0.29, 0.35, 0.15, 0.12, 0.06, 0.03)
DC_MEDIAN_KW = 7.4
DC_LOG_SPREAD = 0.4
DC_RANGE_KW = (2.0, 25.0)
PANELS_W = (340.0, 370.0, 400.0, 420.0, 440.0)
PANEL_SHARES = (0.2, 0.2, 0.2, 0.2, 0.2)
DC_TO_AC = (1.05, 1.35)
INVERTER_STEP_KW = 0.2
BATTERY_SHARE = 1 / 3
BATTERIES_KWH = (5.0, 8.0, 10.0, 13.5, 27.0)
BATTERY_SHARES = (0.15, 0.15, 0.25, 0.35, 0.10)
TILT_MEAN_DEG, TILT_SPREAD_DEG, TILT_RANGE_DEG = 25.0, 8.0, (5.0, 50.0)
EQUATOR_WEST_EAST_SHARES = (0.55, 0.25, 0.20)
COMMUNITY_RADIUS_DEG = 0.05


def sample_households(n: int, seed: int = 0, site: Settings | None = None) -> pl.DataFrame:
    """Draw households with their systems, as rows of the input contract.

    Parameters
    ----------
    n : int
        Number of households, at least 1.
    seed : int
        The same seed gives the same households.
    site : Settings, optional
        Where they live; by default the settings of this process.

    Returns
    -------
    polars.DataFrame
        Rows of `UsersInput` without state of charge and time zone, which are left to their
        defaults.

    Raises
    ------
    InputError
        When ``n`` is no number of households.

    Notes
    -----
    Where each number comes from:

    - Household size: US Census Bureau, Current Population Survey 2022, table HH-4 (29, 35, 15,
      12, 6 and 3 % with one to five and with six or more people, rounded).
    - DC rating: log-normal, median 7.4 kW as residential systems of 2023 (Lawrence Berkeley
      National Laboratory, Tracking the Sun, 2024), 10 % of them below 4.4 kW.
    - Panels of 340 to 440 W: 1.8 to 2.1 m² at that report's median efficiency of 20.8 %.
    - Inverter: AC rating of the DC rating over 1.05 to 1.35, a usual inverter loading ratio, in
      steps of 200 W.
    - Battery in a third: between the 12 % of the United States' and the 95 % of Hawaii's systems
      of 2022 to 2023 (same report); sizes as sold, 13.5 kWh the most frequent.
    - Tilt: roofs of 5 to 50 degrees, around 25. Azimuth: more than half towards the equator,
      then west, then east, as in the same report; within 45 degrees of the middle.
    - Place: normally distributed around the site, standard deviation 0.05 degrees (about 5 km).
    """
    if n < 1:
        raise InputError("a community needs households", value=n, expected="1 or more")
    site = site or settings()
    keys = mix(seed_key(seed) ^ np.arange(n, dtype=np.uint64))
    draws = {name: uniform(keys, stream) for stream, name in enumerate(_STREAMS)}

    dc_kw = DC_MEDIAN_KW * np.exp(DC_LOG_SPREAD * _normal(draws["size"], draws["size_2"]))
    panel_w = _pick(draws["panel"], PANELS_W, PANEL_SHARES)
    panels = np.rint(np.clip(dc_kw, *DC_RANGE_KW) * 1000.0 / panel_w)
    ratio = DC_TO_AC[0] + (DC_TO_AC[1] - DC_TO_AC[0]) * draws["inverter"]
    inverter_steps = np.rint(panels * panel_w / 1000.0 / ratio / INVERTER_STEP_KW)
    battery_kwh = np.where(
        draws["has_battery"] < BATTERY_SHARE,
        _pick(draws["battery"], BATTERIES_KWH, BATTERY_SHARES),
        0.0,
    )
    equator_deg = 180.0 if site.site_latitude_deg >= 0 else 360.0
    side_deg = _pick(draws["side"], (equator_deg, 270.0, 90.0), EQUATOR_WEST_EAST_SHARES)
    tilt_deg = TILT_MEAN_DEG + TILT_SPREAD_DEG * _normal(draws["tilt"], draws["tilt_2"])
    north = _normal(draws["north"], draws["north_2"])
    east = _normal(draws["east"], draws["east_2"])
    latitude = site.site_latitude_deg + COMMUNITY_RADIUS_DEG * north
    longitude = site.site_longitude_deg + COMMUNITY_RADIUS_DEG * east
    return pl.DataFrame(
        {
            "user_id": _uuids(mix(keys ^ mix(1)), mix(keys ^ mix(2))),
            "panel_wattage": panel_w,
            "panel_count": panels.astype(np.int64),
            "battery_capacity_kwh": battery_kwh,
            "inverter_capacity_kw": np.round(inverter_steps * INVERTER_STEP_KW, 1),
            "household_size": _pick(draws["people"], HOUSEHOLD_SIZES, HOUSEHOLD_SIZE_SHARES),
            "latitude": np.round(np.clip(latitude, -90.0, 90.0), 4),
            "longitude": np.round((longitude + 180.0) % 360.0 - 180.0, 4),
            "tilt_deg": np.round(np.clip(tilt_deg, *TILT_RANGE_DEG), 1),
            "azimuth_deg": np.round((side_deg + 90.0 * (draws["azimuth"] - 0.5)) % 360.0, 1),
        }
    )


def _pick(draw: Floats, values: ArrayLike, shares: ArrayLike) -> Floats:
    """One of the values, each with its share."""
    options = np.asarray(values, dtype=np.float64)
    edges = np.cumsum(shares)[:-1]
    return options[np.searchsorted(edges, draw, side="right")]


def _normal(first: Floats, second: Floats) -> Floats:
    """Standard normal numbers from pairs of uniform ones (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log1p(-first))
    return np.asarray(radius * np.cos(2.0 * np.pi * second), dtype=np.float64)


def _uuids(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> pl.Series:
    """Random UUIDs, version 4 of RFC 9562, from 128 bits each."""
    version = (high & np.uint64(0xFFFFFFFFFFFF0FFF)) | np.uint64(0x4000)
    variant = (low & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(0x8000000000000000)
    octets = np.stack([version, variant], axis=1).astype(">u8").view("V16").ravel()
    digits = pl.Series(octets.tolist(), dtype=pl.Binary).bin.encode("hex")
    dashed = digits.str.replace(r"^(.{8})(.{4})(.{4})(.{4})(.{12})$", "$1-$2-$3-$4-$5")
    return dashed.alias("user_id")
