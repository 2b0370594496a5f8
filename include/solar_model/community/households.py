"""The community as columns: one array per property, one element per household."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Households:
    """Systems and people of n households, in the order of the input file.

    Attributes
    ----------
    user_id : polars.Series of str
        Canonical UUIDs, lower case with dashes.
    panel_wattage_w, panel_count : numpy.ndarray of float64, shape (n,)
        Rating of one panel [W] and number of panels.
    battery_capacity_kwh, battery_soc_kwh : numpy.ndarray of float64, shape (n,)
        Usable capacity [kWh], 0 without a battery, and energy stored at the start [kWh].
    inverter_capacity_kw : numpy.ndarray of float64, shape (n,)
        AC rating of the inverter [kW].
    household_size : numpy.ndarray of float64, shape (n,)
        People who live there.
    latitude_deg, longitude_deg : numpy.ndarray of float64, shape (n,)
        North and east positive [degrees].
    tilt_deg, azimuth_deg : numpy.ndarray of float64, shape (n,)
        Of the panels: 0 is flat; 0 is north, 90 east, 180 south [degrees].
    timezone : numpy.ndarray of int64, shape (n,)
        Index into ``timezones``.
    timezones : tuple of str
        IANA names, each used at least once.
    """

    user_id: pl.Series
    panel_wattage_w: Floats
    panel_count: Floats
    battery_capacity_kwh: Floats
    battery_soc_kwh: Floats
    inverter_capacity_kw: Floats
    household_size: Floats
    latitude_deg: Floats
    longitude_deg: Floats
    tilt_deg: Floats
    azimuth_deg: Floats
    timezone: NDArray[np.int64]
    timezones: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.user_id)

    @property
    def dc_capacity_kw(self) -> Floats:
        """DC rating of each array under standard test conditions [kW]."""
        return self.panel_wattage_w * self.panel_count / 1000.0

    def take(self, rows: slice) -> Households:
        """The households of a slice of rows, as views on the same memory."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        return Households(
            **{
                name: value if name == "timezones" else value[rows]
                for name, value in columns.items()
            }
        )
