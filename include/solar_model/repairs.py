"""Harmless defects of a results file, each mended by a rule with a name.

A repair never guesses: what a row says is the same before and after it. Whatever else is wrong
with a row is left for :mod:`solar_model.validation` to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from solar_model.contracts import (
    ENERGY_COLUMNS,
    EXACT_KWH,
    RESIDUALS,
    SURPLUS_TOLERANCE_KWH,
    Results,
    columns_of,
    is_ascending,
)
from solar_model.errors import InputError
from solar_model.files import FIRST_ROW, in_file, read_text
from solar_model.intake import typed
from solar_model.ticks import TIMESTAMP_FORMAT
from solar_model.whole_files import Place

# What can be mended, by name, in words.
REPAIRS = {
    "byte_order_mark": "the mark that some editors put before UTF-8 is left out",
    "line_ends": "lines that end as in Windows (CR LF) are read as others",
    "column_order": "the contract's columns in another order are read by their names",
    "upper_case_id": "upper-case letters of user_id become lower-case",
    "utc_offset": "a timestamp with an offset from UTC (or Z) becomes the same time in UTC",
    "negative_zero": "-0.0 becomes 0.0",
    "surplus_rounding": f"a surplus that is less than {SURPLUS_TOLERANCE_KWH} kWh off becomes "
    "generation − consumption",
    "duplicate_rows": "of rows that are identical the first is kept",
}

_NAMES = list(columns_of(Results))
_WITH_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"
_HEAD_BYTES = 65_536
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class Repair:
    """A repair that was made.

    Attributes
    ----------
    name : str
        A key of `REPAIRS`.
    rows : int
        Rows that it changed; 0 where it is about the file.
    line : int
        The first line that it changed.
    """

    name: str
    rows: int
    line: int

    def __str__(self) -> str:
        where = f"{self.rows:,} rows, the first in line {self.line}" if self.rows else "the file"
        return f"{self.name} ({REPAIRS[self.name]}): {where}"


@dataclass(frozen=True)
class Mended:
    """A results file after all repairs.

    Attributes
    ----------
    rows : polars.DataFrame
        The contract's columns in its types, what cannot be read being null.
    told : polars.DataFrame
        The same rows in the same order, columns that hold what cannot be read as the text that
        the file holds.
    line : polars.Series of int
        Line of each row in the file.
    repairs : tuple of Repair
        What was mended.
    """

    rows: pl.DataFrame
    told: pl.DataFrame
    line: pl.Series
    repairs: tuple[Repair, ...]

    def as_text(self, index: pl.Series) -> pl.DataFrame:
        """Some of the rows, every value as text that a database can hold, times as in files."""
        texts = self.told[index].select(
            pl.selectors.datetime().dt.strftime(TIMESTAMP_FORMAT),
            (~pl.selectors.datetime()).cast(pl.String).str.replace_all("\0", "␀", literal=True),
        )
        long = pl.col(pl.String).str.len_chars() > _SHOWN_CHARACTERS
        cut = pl.col(pl.String).str.head(_SHOWN_CHARACTERS) + "…"
        return texts.with_columns(pl.when(long).then(cut).otherwise(pl.col(pl.String))).select(
            self.told.columns
        )


def mend_results(path: Place) -> Mended:
    """Read a results file and mend what is harmless.

    Raises
    ------
    InputError
        When it is no CSV file of the contract's columns.
    """
    raw = read_text(path, Results)
    made = list(_of_file(path, raw))
    raw, text_repairs = _mend_text(raw)
    try:
        rows, unreadable = typed(Results, raw)
    except InputError as error:
        raise in_file(error, path) from None
    rows, number_repairs = _mend_numbers(rows)
    line = (pl.int_range(len(rows), eager=True) + FIRST_ROW).alias("line")
    first = _first_of_identical(rows)
    made += text_repairs + number_repairs
    if not first.all():
        made.append(_repair("duplicate_rows", ~first))
        rows, raw, line = rows.filter(first), raw.filter(first), line.filter(first)
    told = rows.with_columns(raw[name] for name in unreadable)
    return Mended(rows, told, line, tuple(made))


def _of_file(path: Place, raw: pl.DataFrame) -> Iterator[Repair]:
    with Path(path).open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"\xef\xbb\xbf"):
        yield Repair("byte_order_mark", 0, 1)
    if b"\r\n" in head:
        yield Repair("line_ends", 0, 1)
    if raw.columns != _NAMES and sorted(raw.columns) == sorted(_NAMES):
        yield Repair("column_order", 0, 1)


def _repair(name: str, rows: pl.Series) -> Repair:
    return Repair(name, int(rows.sum()), int(rows.arg_max() or 0) + FIRST_ROW)


def _mend_text(raw: pl.DataFrame) -> tuple[pl.DataFrame, list[Repair]]:
    made = []
    if {"user_id", "timestamp"} <= set(raw.columns):
        lower = raw["user_id"].str.to_lowercase()
        upper = (lower != raw["user_id"]).fill_null(False)
        if upper.any():
            made.append(_repair("upper_case_id", upper))
            raw = raw.with_columns(lower)
        offset = raw["timestamp"].str.contains(_WITH_OFFSET).fill_null(False)
        if offset.any():
            utc = raw["timestamp"].str.to_datetime(
                "%+", time_unit="us", time_zone="UTC", strict=False
            )
            known = offset & utc.is_not_null()
            if known.any():
                made.append(_repair("utc_offset", known))
                text = utc.dt.strftime(TIMESTAMP_FORMAT)
                raw = raw.with_columns(
                    pl.when(known).then(text).otherwise("timestamp").alias("timestamp")
                )
    return raw, made


def _mend_numbers(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Repair]]:
    made = []
    negative_zero = rows.select(
        # one over it tells its sign
        pl.any_horizontal((pl.col(name) == 0) & (1.0 / pl.col(name) < 0) for name in ENERGY_COLUMNS)
    ).to_series()
    if negative_zero.any():
        made.append(_repair("negative_zero", negative_zero))
        rows = rows.with_columns(pl.col(name) + 0.0 for name in ENERGY_COLUMNS)
    residual = RESIDUALS["surplus"][0].abs()
    off = rows.select(
        ((residual > EXACT_KWH) & (residual < SURPLUS_TOLERANCE_KWH)).fill_null(False)
    ).to_series()
    if off.any():
        made.append(_repair("surplus_rounding", off))
        exact = (pl.col("generation_kwh") - pl.col("consumption_kwh")).round(6)
        rows = rows.with_columns(
            pl.when(off).then(exact).otherwise("surplus_kwh").alias("surplus_kwh")
        )
    return rows, made


def _first_of_identical(rows: pl.DataFrame) -> pl.Series:
    """Whether a row is the first of its kind; rows with something unreadable are of no kind."""
    if is_ascending(rows, "timestamp", "user_id"):
        return pl.repeat(True, len(rows), eager=True)
    again = ~rows.select(pl.struct("user_id", "timestamp").is_first_distinct()).to_series()
    if again.any():
        whole = rows.select(pl.all_horizontal(pl.all().is_not_null())).to_series()
        kind = rows.select(pl.struct(pl.all()).is_first_distinct()).to_series()
        again = whole & ~kind
    return ~again
