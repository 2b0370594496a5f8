"""The community as columns: one array per property, one element per household."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from solar_model.settings import Settings

Floats = NDArray[np.float64]


def fill_from_site(frame: pl.DataFrame, site: Settings) -> pl.DataFrame:
    """Rows of an input file with the site's values wherever a household names none.

    What is filled in no longer depends on whose settings the file is read with.
    """

    def known(name: str, otherwise: pl.Expr) -> pl.Expr:
        return otherwise if name not in frame.columns else pl.col(name).fill_null(otherwise)

    facing_equator = pl.when(pl.col("latitude") >= 0).then(180.0).otherwise(0.0)
    azimuth_deg = site.site_azimuth_deg
    return frame.with_columns(
        latitude=known("latitude", pl.lit(site.site_latitude_deg)),
        longitude=known("longitude", pl.lit(site.site_longitude_deg)),
        tilt_deg=known("tilt_deg", pl.lit(site.site_tilt_deg)),
        timezone=known("timezone", pl.lit(site.site_timezone)),
    ).with_columns(
        azimuth_deg=known(
            "azimuth_deg", facing_equator if azimuth_deg is None else pl.lit(azimuth_deg)
        )
    )


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
        Usable capacity [kWh], 0 without a battery, and energy stored at the start [kWh], NaN
        where nothing is known.
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

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, site: Settings) -> Households:
        """Households of rows that meet the input contract, gaps filled with the site's values.

        Parameters
        ----------
        frame : polars.DataFrame
            As `read_users` or `split_households` return it.
        site : Settings
            Where households are and which way their panels face, unless they say so themselves.
        """

        rows = fill_from_site(frame, site)
        if "battery_soc_kwh" not in rows.columns:
            rows = rows.with_columns(battery_soc_kwh=pl.lit(None, pl.Float64))
        timezones = rows["timezone"].unique().sort()

        def floats(name: str) -> Floats:
            return rows[name].cast(pl.Float64).to_numpy()

        return cls(
            user_id=rows["user_id"],
            panel_wattage_w=floats("panel_wattage"),
            panel_count=floats("panel_count"),
            battery_capacity_kwh=floats("battery_capacity_kwh"),
            # polars gives NaN for what is null
            battery_soc_kwh=floats("battery_soc_kwh"),
            inverter_capacity_kw=floats("inverter_capacity_kw"),
            household_size=floats("household_size"),
            latitude_deg=floats("latitude"),
            longitude_deg=floats("longitude"),
            tilt_deg=floats("tilt_deg"),
            azimuth_deg=floats("azimuth_deg"),
            timezone=timezones.search_sorted(rows["timezone"]).cast(pl.Int64).to_numpy(),
            timezones=tuple(timezones),
        )

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
