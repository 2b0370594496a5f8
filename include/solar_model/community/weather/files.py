"""Weather files: TMY3, EPW and CSV, told apart by their first lines, as a table of a year."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from solar_model.community.weather.sky import Floats
from solar_model.errors import InputError
from solar_model.ticks import TICK_SECONDS, TICKS_PER_DAY

COLUMNS = ("ghi", "dni", "dhi", "temp_air", "wind_speed")
# What a value may be; beyond it stand the formats' codes for a missing value (-9900 in TMY3;
# 9999, 99.9 and 999 in EPW). Irradiance a little below 0 is a sensor's offset at night, and 0.
LOW = np.array([-50.0, -50.0, -50.0, -90.0, 0.0])
HIGH = np.array([1700.0, 1500.0, 1300.0, 70.0, 110.0])
MAX_GAP_HOURS = 3

TICK_MINUTES = TICK_SECONDS // 60
_DAYS_BEFORE_MONTH = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
_EPW_HEADER_FIELDS = 10
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
_TMY3_COLUMNS = {
    "Date (MM/DD/YYYY)": "date",
    "Time (HH:MM)": "time",
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


def day_of_common_year(month: ArrayLike, day: ArrayLike) -> NDArray[np.int64]:
    """Day of a year without 29 February, counted from 0; that day takes the 28th."""
    month, day = np.asarray(month), np.asarray(day)
    leap_day = (month == 2) & (day == 29)
    return np.asarray(_DAYS_BEFORE_MONTH[month - 1] + day - 1 - leap_day)


def read_weather_file(path: Path) -> WeatherFile:
    """Read a TMY3, EPW or CSV file.

    TMY3 stamps the end of an hour, EPW and CSV the start. A CSV has the columns ghi, dni, dhi,
    temp_air and wind_speed, and a first column with ISO 8601 stamps, UTC unless they carry an
    offset, every 15, 30 or 60 minutes; without stamps its rows are a whole year from 1 January
    00:00 UTC. Missing values up to three hours are bridged by a straight line; longer gaps stay
    open. Slightly negative irradiance counts as 0.

    Raises
    ------
    InputError
        Names the file, and the line and column where they can be told.
    """
    # Names of stations come in any encoding; what is read here is ASCII.
    text = path.read_text(encoding="utf-8", errors="replace")
    first, _, rest = text.partition("\n")
    try:
        if first.upper().startswith("LOCATION,"):
            return _read_epw(path, text)
        if rest.startswith("Date (MM/DD/YYYY)"):
            return _read_tmy3(path, text)
        if "ghi" in first.lower():
            return _read_csv(path, text)
    except (ValueError, IndexError, KeyError) as error:
        raise InputError("weather file cannot be parsed", file=path, hint=f"{error}") from error
    raise InputError(
        "this is no weather file",
        file=path,
        line=1,
        value=first,
        expected="a TMY3 file, an EPW file, or a CSV with the columns " + ", ".join(COLUMNS),
    )


def _read_epw(path: Path, text: str) -> WeatherFile:
    """EnergyPlus weather: eight lines of header, hours 1 to 24 that end then."""
    header = next(csv.reader([text[: text.index("\n")].rstrip(", \r")]))
    if len(header) != _EPW_HEADER_FIELDS:  # such as a decimal comma, which would move the rest
        raise ValueError(
            f"line 1 has {len(header)} fields instead of {_EPW_HEADER_FIELDS}: LOCATION, city, "
            "state, country, source, station, latitude, longitude, time zone, elevation"
        )
    frame = pd.read_csv(StringIO(text), skiprows=8, header=None, usecols=list(_EPW_COLUMNS))
    frame = frame.rename(columns=_EPW_COLUMNS)
    start_minute = (frame["hour"].to_numpy() - 1) * 60
    return WeatherFile(
        rows=_year(path, frame, frame["month"], frame["day"], start_minute, ticks_per_row=4),
        utc_offset_ticks=round(float(header[8]) * 4),
        site=_site(header[6], header[7]),
    )


def _read_tmy3(path: Path, text: str) -> WeatherFile:
    """NREL's typical meteorological year, version 3: hours stamped 01:00 to 24:00 at their end."""
    header = next(csv.reader([text[: text.index("\n")]]))
    frame = pd.read_csv(StringIO(text), skiprows=1, usecols=list(_TMY3_COLUMNS))
    frame = frame.rename(columns=_TMY3_COLUMNS)
    month, day = (frame["date"].str.slice(at, at + 2).astype(int) for at in (0, 3))
    start_minute = (frame["time"].str.slice(0, 2).astype(int).to_numpy() - 1) * 60
    return WeatherFile(
        rows=_year(path, frame, month, day, start_minute, ticks_per_row=4),
        utc_offset_ticks=round(float(header[3]) * 4),
        site=_site(header[4], header[5]),
    )


def _site(latitude: str, longitude: str) -> tuple[Floats, Floats]:
    return np.array([float(latitude)]), np.array([float(longitude)])


def _read_csv(path: Path, text: str) -> WeatherFile:
    frame = pd.read_csv(StringIO(text), skipinitialspace=True)
    first = str(frame.columns[0]).strip()
    frame.columns = [str(name).strip().lower() for name in frame.columns]
    if first.lower() in COLUMNS:
        rows_per_day = len(frame) // 365
        if len(frame) != rows_per_day * 365 or rows_per_day not in (24, 48, 96):
            raise InputError(
                f"{len(frame)} rows and no time stamps",
                file=path,
                expected="a first column timestamp, or 8760, 17520 or 35040 rows",
            )
        values = _values(path, frame).reshape(365, rows_per_day, len(COLUMNS))
        return WeatherFile(rows=_bridge_gaps(values), utc_offset_ticks=0, site=None)

    stamp_text = frame.iloc[:, 0].astype(str)
    try:
        offset = pd.Timestamp(stamp_text.iloc[0]).utcoffset()
        stamps = pd.DatetimeIndex(pd.to_datetime(stamp_text, utc=True, format="ISO8601"))
    except (ValueError, IndexError) as error:
        raise InputError(
            "time stamps cannot be read",
            file=path,
            column=first,
            expected="ISO 8601 such as 2024-09-11T14:00:00 or 2024-09-11T14:00:00-05:00",
            hint=str(error),
        ) from error
    offset_ticks = 0 if offset is None else round(offset.total_seconds() / TICK_SECONDS)
    local = (stamps + offset_ticks * pd.Timedelta(seconds=TICK_SECONDS)).tz_localize(None)
    return WeatherFile(
        rows=_year(
            path,
            frame,
            local.month,
            local.day,
            local.hour.to_numpy() * 60 + local.minute.to_numpy(),
            ticks_per_row=_step_minutes(path, first, local) // TICK_MINUTES,
        ),
        utc_offset_ticks=offset_ticks,
        site=None,
    )


def _step_minutes(path: Path, column: str, stamps: pd.DatetimeIndex) -> int:
    minutes = stamps.hour.to_numpy() * 60 + stamps.minute.to_numpy()
    steps = np.unique(np.diff(stamps.to_numpy()).astype("timedelta64[s]").astype(int))
    # the months of a typical year are from different years, so stamps may step back
    forward = steps[steps > 0]
    shortest = int(forward[0]) // 60 if len(forward) else 60
    if shortest not in (15, 30, 60) or (minutes % shortest).any():
        raise InputError(
            "time stamps are not regular",
            file=path,
            column=column,
            value=f"a shortest step of {shortest} minutes",
            expected="a row every 15, 30 or 60 minutes, on the quarter, half or full hour",
        )
    return shortest


def _values(path: Path, frame: pd.DataFrame) -> Floats:
    """The five columns as numbers; NaN where a value is missing or cannot be true."""
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(
            f"missing columns: {', '.join(missing)}",
            file=path,
            expected="the columns " + ", ".join(COLUMNS),
        )
    numbers = frame[list(COLUMNS)].apply(pd.to_numeric, errors="coerce")
    values = numbers.to_numpy(dtype=np.float64)
    with np.errstate(invalid="ignore"):
        values = np.where((values >= LOW) & (values <= HIGH), values, np.nan)
    values[:, :3] = np.maximum(values[:, :3], 0.0)
    return values


def _year(
    path: Path,
    frame: pd.DataFrame,
    month: ArrayLike,
    day: ArrayLike,
    start_minute: ArrayLike,
    ticks_per_row: int,
) -> Floats:
    """Rows at their place in the year, shape (365, rows per day, 5)."""
    rows_per_day = TICKS_PER_DAY // ticks_per_row
    size = 365 * rows_per_day
    month, day = np.asarray(month), np.asarray(day)
    of_day = np.asarray(start_minute) // (ticks_per_row * TICK_MINUTES)
    place = (day_of_common_year(month, day) * rows_per_day + of_day) % size
    keep = ~((month == 2) & (day == 29))
    twice = np.flatnonzero(np.bincount(place[keep], minlength=size) > 1)
    if len(twice):
        row = int(np.flatnonzero(place == twice[0])[1])
        raise InputError(
            "two rows for the same time of the year",
            file=path,
            value=f"data row {row + 1}: month {month[row]}, day {day[row]}",
            expected="one year at most, one row for each interval",
        )
    year = np.full((size, len(COLUMNS)), np.nan)
    year[place[keep]] = _values(path, frame)[keep]
    return _bridge_gaps(year.reshape(365, rows_per_day, len(COLUMNS)))


def _bridge_gaps(year: Floats) -> Floats:
    """Fill short gaps by a straight line in time; 31 December goes on in 1 January."""
    days, rows_per_day, _ = year.shape
    longest = MAX_GAP_HOURS * rows_per_day // 24
    flat = pd.DataFrame(year.reshape(days * rows_per_day, len(COLUMNS)))
    if not flat.isna().to_numpy().any():
        return year
    edge = longest + 1
    around = pd.concat([flat.iloc[-edge:], flat, flat.iloc[:edge]], ignore_index=True)
    filled = around.interpolate(limit_area="inside")
    for column in around:
        gap = around[column].isna()
        length = gap.groupby((~gap).cumsum()).transform("sum")
        filled[column] = filled[column].where(~gap | (length <= longest))
    return np.ascontiguousarray(filled.iloc[edge:-edge].to_numpy().reshape(year.shape))
