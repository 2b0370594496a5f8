"""Weather files: TMY3, EPW and CSV, told apart by their first lines, as a table of a year."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from solar_model.community.weather.sky import Floats
from solar_model.community.weather.tables import COLUMNS, Table, bridge_gaps
from solar_model.errors import InputError
from solar_model.ticks import TICK_SECONDS, TICKS_PER_DAY, TICKS_PER_HOUR

_EPW_HEADER = (
    "LOCATION", "city", "state", "country", "source", "station",
    "latitude", "longitude", "time zone", "elevation",
)  # fmt: skip
_EPW_HEADER_LINES = 8
_DAYS_OF_MONTH = np.array([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_EPW_COLUMNS = {
    1: "month",
    2: "day",
    3: "hour",
    6: "temp_air",
    13: "ghi",
    14: "dni",
    15: "dhi",
    21: "wind_speed",
}
_TMY3_HEADER = ("station", "name", "state", "time zone", "latitude", "longitude", "elevation")
_TMY3_DATE, _TMY3_TIME = "Date (MM/DD/YYYY)", "Time (HH:MM)"
# Spreadsheets write 1:00 and 24:00:00 for 01:00 and 24:00.
_TMY3_HOURS = {
    form.format(hour): hour
    for hour in range(1, 25)
    for form in ("{:02}:00", "{}:00", "{:02}:00:00", "{}:00:00")
}
_TMY3_COLUMNS = {
    _TMY3_DATE: "date",
    _TMY3_TIME: "time",
    "GHI (W/m^2)": "ghi",
    "DNI (W/m^2)": "dni",
    "DHI (W/m^2)": "dhi",
    "Dry-bulb (C)": "temp_air",
    "Wspd (m/s)": "wind_speed",
}


@dataclass(frozen=True)
class WeatherFile:
    """A year of weather by day and time of day.

    Attributes
    ----------
    rows : numpy.ndarray of float64, shape (365, rows per day, 5)
        GHI, DNI, DHI [W/m²], air temperature [°C] and wind speed [m/s]; NaN where the file has
        none. The first day is 1 January, without 29 February.
    utc_offset_ticks : int
        The file's standard time ahead of UTC, in ticks.
    site : tuple of numpy.ndarray of shape (1,), or None
        Latitude and longitude of the file's site [degrees].
    """

    rows: Floats
    utc_offset_ticks: int
    site: tuple[Floats, Floats] | None

    @property
    def ticks_per_row(self) -> int:
        """Length of a row's interval in ticks."""
        return int(TICKS_PER_DAY // self.rows.shape[1])


def read_weather_file(path: Path) -> WeatherFile:
    """Read a TMY3, EPW or CSV file.

    TMY3 stamps the end of an hour, EPW and CSV the start. A CSV has the columns ghi, dni, dhi,
    temp_air and wind_speed, and a first column with ISO 8601 stamps, UTC unless they carry an
    offset, every 15, 30 or 60 minutes; without stamps its rows are a whole year from 1 January
    00:00 UTC. Missing values up to three hours are bridged by a straight line; longer gaps stay
    open. Slightly negative irradiance counts as 0; an impossible value is an error.

    Raises
    ------
    InputError
        Names the file, and the line and column where they can be told.
    """
    # Names of stations come in any encoding; what is read here is ASCII.
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    if "\0" in text:
        raise InputError(
            "the file is no text",
            file=path,
            line=text[: text.index("\0")].count("\n") + 1,
            value="a NUL byte",
            hint="It is damaged, or was saved as UTF-16; save it as UTF-8",
        )
    first, _, rest = text.partition("\n")
    if first.upper().startswith("LOCATION,"):
        return _read_epw(path, text)
    if rest.startswith("Date (MM/DD/YYYY)"):
        return _read_tmy3(path, text)
    if "ghi" in first.lower():
        return _read_csv(path, text)
    raise InputError(
        "this is no weather file",
        file=path,
        line=1,
        value=first,
        expected="a TMY3 file, an EPW file, or a CSV with the columns " + ", ".join(COLUMNS),
    )


def _read_epw(path: Path, text: str) -> WeatherFile:
    """EnergyPlus weather: eight lines of header, hours 1 to 24 that end then."""
    utc_offset_ticks, site = _place(path, text, _EPW_HEADER)
    table = Table(
        path,
        text,
        lines_before=_EPW_HEADER_LINES,
        skiprows=_EPW_HEADER_LINES,
        header=None,
        usecols=list(_EPW_COLUMNS),
        names=list(_EPW_COLUMNS.values()),
    )
    month, day = table.integers("month", 1, 12), table.integers("day", 1, 31)
    table.refuse(day > _DAYS_OF_MONTH[month - 1], "a day that its month does not have", "day")
    start_minute = (table.integers("hour", 1, 24) - 1) * 60
    return WeatherFile(table.year(month, day, start_minute, TICKS_PER_HOUR), utc_offset_ticks, site)


def _read_tmy3(path: Path, text: str) -> WeatherFile:
    """NREL's typical meteorological year, version 3: hours stamped 01:00 to 24:00 at their end."""
    utc_offset_ticks, site = _place(path, text, _TMY3_HEADER)
    table = Table(path, text, lines_before=2, skiprows=1, usecols=list(_TMY3_COLUMNS))
    date = pd.to_datetime(table.frame[_TMY3_DATE], format="%m/%d/%Y", errors="coerce")
    hour = table.frame[_TMY3_TIME].map(_TMY3_HOURS)
    table.refuse(
        date.isna(), "a date that cannot be read", _TMY3_DATE, "MM/DD/YYYY such as 01/31/1988"
    )
    table.refuse(hour.isna(), "a time that cannot be read", _TMY3_TIME, "01:00 to 24:00")
    start_minute = (hour.to_numpy(dtype=np.int64) - 1) * 60
    table.frame = table.frame.rename(columns=_TMY3_COLUMNS)
    rows = table.year(date.dt.month, date.dt.day, start_minute, TICKS_PER_HOUR)
    return WeatherFile(rows, utc_offset_ticks, site)


def _place(path: Path, text: str, names: tuple[str, ...]) -> tuple[int, tuple[Floats, Floats]]:
    """Standard time ahead of UTC in ticks, and the site, of a header of one line."""
    first = text[: text.find("\n")].rstrip(", ")
    try:
        fields = next(csv.reader([first]))
    except csv.Error as error:
        raise InputError("the header cannot be read", file=path, line=1, hint=str(error)) from error
    if len(fields) != len(names):  # such as a decimal comma, which would move the rest
        raise InputError(
            f"the header has {len(fields)} fields instead of {len(names)}",
            file=path,
            line=1,
            value=first,
            expected=", ".join(names),
        )
    header = dict(zip(names, fields, strict=True))

    def number(name: str, low: float, high: float) -> float:
        value = pd.to_numeric(header[name].strip(), errors="coerce")
        if not low <= value <= high:
            raise InputError(
                "an impossible place",
                file=path,
                line=1,
                column=name,
                value=header[name],
                expected=f"a number from {low:g} to {high:g}",
            )
        return float(value)

    offset_ticks = round(number("time zone", -12.0, 14.0) * TICKS_PER_HOUR)
    latitude_deg, longitude_deg = (
        number("latitude", -90.0, 90.0),
        number("longitude", -180.0, 180.0),
    )
    return offset_ticks, (np.array([latitude_deg]), np.array([longitude_deg]))


def _read_csv(path: Path, text: str) -> WeatherFile:
    table = Table(path, text, lines_before=1, skipinitialspace=True)
    frame = table.frame
    frame.columns = [str(name).strip().lower() for name in frame.columns]
    table.require(COLUMNS)
    if frame.columns[0] in COLUMNS:
        rows_per_day = len(frame) // 365
        if len(frame) != rows_per_day * 365 or rows_per_day not in (24, 48, 96):
            raise InputError(
                f"{len(frame)} rows and no time stamps",
                file=path,
                expected="a first column timestamp, or 8760, 17520 or 35040 rows",
            )
        values = table.values().reshape(365, rows_per_day, len(COLUMNS))
        return WeatherFile(rows=bridge_gaps(values), utc_offset_ticks=0, site=None)

    column = frame.columns[0]
    stamps = pd.to_datetime(frame[column], utc=True, format="ISO8601", errors="coerce")
    table.refuse(
        stamps.isna(),
        "a time stamp that cannot be read",
        column,
        "ISO 8601 such as 2024-09-11T14:00:00 or 2024-09-11T14:00:00-05:00",
    )
    offset = pd.Timestamp(frame[column].iloc[0]).utcoffset()
    offset_ticks = 0 if offset is None else round(offset.total_seconds() / TICK_SECONDS)
    local = pd.DatetimeIndex(stamps + offset_ticks * pd.Timedelta(seconds=TICK_SECONDS))
    second = np.asarray(local.hour * 3600 + local.minute * 60 + local.second)
    step = _step_seconds(table, column, local)
    table.refuse(
        second % step != 0,
        "time stamps are not regular: this one begins no interval",
        column,
        f"rows every {step // 60} minutes, one of them on the full hour of the first row's offset",
    )
    return WeatherFile(
        rows=table.year(local.month, local.day, second // 60, step // TICK_SECONDS),
        utc_offset_ticks=offset_ticks,
        site=None,
    )


def _step_seconds(table: Table, column: str, stamps: pd.DatetimeIndex) -> int:
    """Length of an interval: the shortest step between rows that follow each other."""
    steps = np.diff(stamps.to_numpy()).astype("timedelta64[s]").astype(np.int64)
    # the months of a typical year are from different years, so stamps may step back
    shortest = int(min(steps[steps > 0], default=3600))
    if shortest not in (900, 1800, 3600):
        table.refuse(
            np.insert(steps == shortest, 0, False),
            f"time stamps are not regular: {shortest / 60:g} minutes after the row before",
            column,
            "a row every 15, 30 or 60 minutes",
        )
    return shortest
