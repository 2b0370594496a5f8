"""The rows of a weather file: text that knows its line, and from it a year of numbers."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from solar_model.community.weather.sky import QUANTITIES, Floats
from solar_model.errors import InputError
from solar_model.ticks import TICK_MINUTES, TICKS_PER_DAY

COLUMNS = tuple(QUANTITIES)
# What stands for a missing value, where it cannot be one: codes of TMY3 (-9900), of EPW (9999, 99.9
# and 999) and of loggers, and what programs write.
MISSING_CODES = (-9999.0, -9900.0, -999.0, -99.0, 99.9, 999.0, 9999.0, 99999.0, 999999.0)
MISSING_WORDS = ("", "nan", "na", "n/a", "null", "none")
MAX_GAP_HOURS = 3

_DAYS_BEFORE_MONTH = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])


def day_of_common_year(month: ArrayLike, day: ArrayLike) -> NDArray[np.int64]:
    """Day of a year without 29 February, counted from 0; that day takes the 28th."""
    month, day = np.asarray(month), np.asarray(day)
    leap_day = (month == 2) & (day == 29)
    return np.asarray(_DAYS_BEFORE_MONTH[month - 1] + day - 1 - leap_day)


class Table:
    """Rows of a weather file as text.

    Numbers are made of the text here and not by the CSV reader, which would take a mistyped one
    for a missing one.

    Parameters
    ----------
    path : Path
        Of the file, for messages.
    text : str
        Its content.
    lines_before : int
        Lines before the first row.
    **options
        How pandas finds the rows and the columns.

    Attributes
    ----------
    frame : pandas.DataFrame of str
        The rows.
    """

    def __init__(self, path: Path, text: str, lines_before: int, **options: Any) -> None:
        self._path, self._text, self._lines_before = path, text, lines_before
        try:
            self.frame = pd.read_csv(
                StringIO(text), dtype=str, keep_default_na=False, **options
            ).fillna("")
        except ValueError as error:
            raise InputError(
                "weather file cannot be parsed", file=path, hint=str(error).strip()
            ) from error
        if not isinstance(self.frame.index, pd.RangeIndex):  # pandas makes one of the first field
            raise InputError(
                "the rows have more fields than the header",
                file=path,
                line=lines_before + 1,
                value=text.split("\n")[lines_before],
                hint="A decimal comma makes two fields of one; a comma at the end makes one, too",
            )
        if self.frame.empty:
            raise InputError("the weather file has a header and no rows", file=path)

    def line(self, row: int) -> int:
        """Line of a row; empty lines are no rows."""
        lines = enumerate(self._text.split("\n"), start=1)
        return [at for at, line in lines if at > self._lines_before and line][row]

    def refuse(
        self, bad: ArrayLike, problem: str, column: str, expected: str | None = None
    ) -> None:
        """Say what is wrong with the first of some rows, if there are any."""
        rows = np.flatnonzero(bad)
        if len(rows):
            raise InputError(
                problem,
                file=self._path,
                line=self.line(rows[0]),
                column=column,
                value=self.frame[column].iloc[rows[0]],
                expected=expected,
            )

    def require(self, columns: tuple[str, ...]) -> None:
        """Refuse a file that lacks columns."""
        absent = [name for name in columns if name not in self.frame.columns]
        if absent:
            raise InputError(
                f"missing columns: {', '.join(absent)}",
                file=self._path,
                value=",".join(self.frame.columns),
                expected="the columns " + ", ".join(columns) + ", with commas between them",
            )

    def integers(self, column: str, low: int, high: int) -> NDArray[np.int64]:
        """A column as whole numbers within limits."""
        values = pd.to_numeric(self.frame[column], errors="coerce").to_numpy(dtype=np.float64)
        good = (values >= low) & (values <= high) & (values % 1.0 == 0.0)
        self.refuse(~good, f"no {column} from {low} to {high}", column)
        return np.asarray(values, dtype=np.int64)

    def values(self) -> Floats:
        """The five columns of weather as numbers; NaN where a value is missing."""
        values = np.stack([self._numbers(name) for name in COLUMNS], axis=1)
        values[:, :3] = np.maximum(values[:, :3], 0.0)
        return values

    def _numbers(self, name: str) -> Floats:
        low, high, unit = QUANTITIES[name]
        text = self.frame[name].str.strip()
        numbers = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)
        possible = (numbers >= low) & (numbers <= high)
        missing = np.isin(numbers, MISSING_CODES) | text.str.lower().isin(MISSING_WORDS).to_numpy()
        expected = f"{low:g} to {high:g} {unit}, or nothing or 9999 where none is known"
        bad = ~possible & ~missing
        self.refuse(bad & np.isnan(numbers), "a value that is no number", name, expected)
        self.refuse(bad, "an impossible value", name, expected)
        self.refuse(missing & ~possible.any(), "all values are missing", name, expected)
        return np.where(possible, numbers, np.nan)

    def year(
        self, month: ArrayLike, day: ArrayLike, start_minute: ArrayLike, ticks_per_row: int
    ) -> Floats:
        """Rows at their place in the year, shape (365, rows per day, 5)."""
        month, day, minute = np.asarray(month), np.asarray(day), np.asarray(start_minute)
        rows_per_day = TICKS_PER_DAY // ticks_per_row
        size = 365 * rows_per_day
        of_day = minute // (ticks_per_row * TICK_MINUTES)
        kept = np.flatnonzero(~((month == 2) & (day == 29)))
        place = (day_of_common_year(month, day) * rows_per_day + of_day)[kept]
        twice = np.flatnonzero(np.bincount(place, minlength=size) > 1)
        if len(twice):
            first, row = kept[np.flatnonzero(place == twice[0])[:2]]
            clock = f"{minute[row] // 60:02}:{minute[row] % 60:02}"
            raise InputError(
                "two rows for the same time of the year",
                file=self._path,
                line=self.line(row),
                value=f"month {month[row]}, day {day[row]}, {clock}",
                expected="one year at most, one row for each interval",
                hint=f"The other one is line {self.line(first)}",
            )
        year = np.full((size, len(COLUMNS)), np.nan)
        year[place] = self.values()[kept]
        return bridge_gaps(year.reshape(365, rows_per_day, len(COLUMNS)))


def bridge_gaps(year: Floats) -> Floats:
    """Fill short gaps by a straight line in time; 31 December goes on in 1 January.

    Parameters
    ----------
    year : numpy.ndarray of float64, shape (365, rows per day, 5)
        NaN where a value is missing.
    """
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
