"""Weather files: TMY3, EPW and CSV, told apart by their first lines, as a table of a year."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pvlib import iotools

from solar_model.community.weather.sky import Floats
from solar_model.errors import InputError
from solar_model.ticks import TICKS_PER_DAY

COLUMNS = ("ghi", "dni", "dhi", "temp_air", "wind_speed")
# What a value may be; beyond it stand the formats' codes for a missing value (-9900 in TMY3;
# 9999, 99.9 and 999 in EPW). Irradiance a little below 0 is a sensor's offset at night, and 0.
LOW = np.array([-50.0, -50.0, -50.0, -90.0, 0.0])
HIGH = np.array([1700.0, 1500.0, 1300.0, 70.0, 110.0])
MAX_GAP_HOURS = 3

_DAYS_BEFORE_MONTH = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
_TICK_MINUTES = 15
_TIME_COLUMNS = ("timestamp", "time", "datetime", "date", "")


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
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError("weather file cannot be read", file=path, hint=str(error)) from error
    first, _, rest = text.partition("\n")
    if first.upper().startswith("LOCATION,"):
        return _read(path, iotools.read_epw, stamps_end=False)
    if rest.startswith("Date (MM/DD/YYYY)"):
        return _read(path, partial(iotools.read_tmy3, map_variables=True), stamps_end=True)
    if "ghi" in first.lower():
        return _read_csv(path)
    raise InputError(
        "this is no weather file",
        file=path,
        line=1,
        value=first,
        expected="a TMY3 file, an EPW file, or a CSV with the columns " + ", ".join(COLUMNS),
    )


def _read(path: Path, reader: Callable[[str], Any], stamps_end: bool) -> WeatherFile:
    """A TMY3 or EPW file: 8760 hours of standard time at a site."""
    try:
        frame, site = reader(str(path))
    except Exception as error:  # the readers of pvlib fail in many ways on broken files
        raise InputError("weather file cannot be parsed", file=path, hint=f"{error}") from error
    stamps = pd.DatetimeIndex(frame.index).tz_localize(None)
    rows = _year(path, _values(path, frame), stamps, ticks_per_row=4, stamps_end=stamps_end)
    return WeatherFile(
        rows=rows,
        utc_offset_ticks=round(site["TZ"] * 4),
        site=(np.array([site["latitude"]]), np.array([site["longitude"]])),
    )


def _read_csv(path: Path) -> WeatherFile:
    try:
        frame = pd.read_csv(path, skipinitialspace=True)
    except ValueError as error:
        raise InputError("weather file cannot be parsed", file=path, hint=f"{error}") from error
    first = str(frame.columns[0]).strip()
    named = "" if first.startswith("Unnamed:") else first.lower()
    frame.columns = [str(name).strip().lower() for name in frame.columns]
    values = _values(path, frame)
    if named not in _TIME_COLUMNS:
        rows_per_day = len(frame) / 365
        if rows_per_day not in (24, 48, 96):
            raise InputError(
                f"{len(frame)} rows and no time stamps",
                file=path,
                expected="a first column timestamp, or 8760, 17520 or 35040 rows",
            )
        rows = _bridge_gaps(values.reshape(365, int(rows_per_day), len(COLUMNS)))
        return WeatherFile(rows=rows, utc_offset_ticks=0, site=None)

    stamp_text = frame.iloc[:, 0]
    try:
        first_stamp = pd.Timestamp(stamp_text.iloc[0])
        stamps = pd.DatetimeIndex(pd.to_datetime(stamp_text, utc=True, format="ISO8601"))
    except (ValueError, IndexError) as error:
        raise InputError(
            "time stamps cannot be read",
            file=path,
            column=first,
            expected="ISO 8601 such as 2024-09-11T14:00:00 or 2024-09-11T14:00:00-05:00",
            hint=str(error),
        ) from error
    offset = first_stamp.utcoffset()
    offset_minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    local = (stamps + pd.Timedelta(minutes=offset_minutes)).tz_localize(None)
    step_minutes = _step_minutes(path, first, local)
    rows = _year(path, values, local, ticks_per_row=step_minutes // _TICK_MINUTES, stamps_end=False)
    return WeatherFile(rows=rows, utc_offset_ticks=offset_minutes // _TICK_MINUTES, site=None)


def _step_minutes(path: Path, column: str, stamps: pd.DatetimeIndex) -> int:
    minutes = stamps.hour.to_numpy() * 60 + stamps.minute.to_numpy()
    steps = np.unique(np.diff(stamps.to_numpy()).astype("timedelta64[s]").astype(int))
    shortest = int(steps[0]) // 60 if len(steps) else 60
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
    path: Path, values: Floats, stamps: pd.DatetimeIndex, ticks_per_row: int, stamps_end: bool
) -> Floats:
    """Values at their place in the year, shape (365, rows per day, 5)."""
    rows_per_day = TICKS_PER_DAY // ticks_per_row
    month, day = stamps.month.to_numpy(), stamps.day.to_numpy()
    minute = stamps.hour.to_numpy() * 60 + stamps.minute.to_numpy()
    place = day_of_common_year(month, day) * rows_per_day + minute // (
        ticks_per_row * _TICK_MINUTES
    )
    place = (place - stamps_end) % (365 * rows_per_day)
    keep = ~((month == 2) & (day == 29))
    counts = np.bincount(place[keep], minlength=365 * rows_per_day)
    if counts.max(initial=0) > 1:
        again = int(np.flatnonzero(counts > 1)[0])
        raise InputError(
            "two rows for the same time of the year",
            file=path,
            value=f"day {again // rows_per_day + 1}, row {again % rows_per_day + 1} of the day",
            expected="one year at most, a row for each interval",
        )
    year = np.full((365 * rows_per_day, len(COLUMNS)), np.nan)
    year[place[keep]] = values[keep]
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
