"""Do results keep their contract? Every failed check, with all of its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from solar_model.contracts import Breach, Results, UsersInput, is_ascending
from solar_model.errors import InputError
from solar_model.files import read_text, read_users
from solar_model.intake import broken_rules
from solar_model.physics import RULES, beside_systems
from solar_model.settings import settings
from solar_model.ticks import timestamp_text
from solar_model.whole_files import Place

EXAMPLES = 5


@dataclass(frozen=True)
class Failure:
    """A check that failed.

    Attributes
    ----------
    check : str
        Name of the check.
    message : str
        What was expected.
    rows : polars.DataFrame
        All rows that fail it, with ``row`` (counted from 1); for missing households their
        ``user_id`` and ``timestamp``; no rows when the file itself cannot be read.
    column : str or None
        Column that the check is about, None when it is about whole rows.
    """

    check: str
    message: str
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    column: str | None = None

    @property
    def count(self) -> int:
        """Number of rows that fail, at least 1."""
        return max(len(self.rows), 1)

    @property
    def examples(self) -> list[dict[str, Any]]:
        """The first few rows that fail."""
        return self.rows.head(EXAMPLES).to_dicts()

    def __str__(self) -> str:
        if self.rows.is_empty():
            return f"{self.check}: {self.message}"
        wanted = ["row", "user_id", "timestamp", self.column] if self.column else self.rows.columns
        shown = [
            ", ".join(f"{name} {row[name]}" for name in wanted if name in row)
            for row in self.examples[:2]
        ]
        return f"{self.check}: {self.message}; fails {self.count:,} rows: {'; '.join(shown)}"


@dataclass(frozen=True)
class Report(Sequence[Failure]):
    """All failed checks; empty, and false, when all is well."""

    failures: tuple[Failure, ...]

    def __getitem__(self, index: Any) -> Any:
        return self.failures[index]

    def __len__(self) -> int:
        return len(self.failures)

    def __iter__(self) -> Iterator[Failure]:
        return iter(self.failures)

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "all checks passed"

    @property
    def bad_rows(self) -> pl.Series:
        """Rows of the results that fail any check, counted from 1, each once."""
        rows = [failure.rows["row"] for failure in self if "row" in failure.rows.columns]
        return pl.concat(rows).unique().sort() if rows else pl.Series("row", [], dtype=pl.Int64)


def validate_results(
    results: pl.DataFrame | Place | Any,
    households: pl.DataFrame | Place | Any | None = None,
) -> Report:
    """Check results against their contract and, if given, against the households they are for.

    Parameters
    ----------
    results : polars.DataFrame, pandas.DataFrame or path
        A results file or its rows.
    households : polars.DataFrame, pandas.DataFrame or path, optional
        The input of the run. With it: every household in every tick, nobody else, and what the
        panels, the inverter and the battery of each can do (:mod:`solar_model.physics`).

    Returns
    -------
    Report
        Every failed check with all its rows; empty and false when all is well.

    Raises
    ------
    InputError
        When the households cannot be read or break their own contract.
    """
    try:
        raw = _rows_of(results, lambda path: read_text(path, Results))
        frame, found = broken_rules(Results, raw)
    except InputError as error:
        return Report((Failure("readable", str(error)),))
    users = None if households is None else _users(_rows_of(households, read_users))
    return _examined(raw, frame, found, users, None).report


@dataclass(frozen=True)
class Examination:
    """What a closer look at results gave.

    Attributes
    ----------
    report : Report
        Every failed check.
    beside : polars.DataFrame
        The rows beside their systems, see :func:`solar_model.physics.beside_systems`.
    """

    report: Report
    beside: pl.DataFrame


def examine(results: pl.DataFrame, users: pl.DataFrame, ticks: Sequence[datetime]) -> Examination:
    """Check results as `validate_results` does, and against the ticks that were asked for.

    Parameters
    ----------
    results : polars.DataFrame
        At least the columns of `Results`; text where something cannot be read.
    users : polars.DataFrame
        The input, as `read_users` returns it.
    ticks : sequence of datetime.datetime
        In order.
    """
    frame, found = broken_rules(Results, results)
    return _examined(results, frame, found, users, ticks)


def _examined(
    raw: pl.DataFrame,
    frame: pl.DataFrame,
    found: list[Breach],
    users: pl.DataFrame | None,
    ticks: Sequence[datetime] | None,
) -> Examination:
    numbered = _numbered(frame)
    failures = [
        Failure(
            check=f"{breach.column}.{breach.rule}" if breach.column else breach.rule,
            message=f"expected {breach.expected}",
            rows=(_numbered(raw) if breach.rule == "type" else numbered)[breach.rows],
            column=breach.column,
        )
        for breach in found
    ]
    if frame.is_empty():
        failures.append(Failure("not_empty", "expected at least one row"))
    beside = numbered
    if users is not None:
        known = _known_ticks(frame["timestamp"]) if ticks is None else ticks
        beside = beside_systems(numbered, users, known, settings())
        failures.extend(_against(numbered, users, beside, ticks))
    return Examination(Report(tuple(failures)), beside)


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_row_index("row", offset=1).cast({"row": pl.Int64})


def _known_ticks(stamps: pl.Series) -> list[datetime]:
    """Timestamps that are ticks."""
    stamps = stamps.drop_nulls().unique().sort()
    return stamps.filter(stamps.dt.truncate("15m") == stamps).to_list()


def _rows_of(source: Any, read: Callable[[Place], pl.DataFrame]) -> pl.DataFrame:
    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, str | os.PathLike):
        return read(source)
    if not hasattr(source, "select_dtypes"):
        raise InputError(
            "these are no rows",
            value=type(source).__name__,
            expected="a path, a polars.DataFrame or a pandas.DataFrame",
        )
    return pl.DataFrame([_from_pandas(column, str(name)) for name, column in source.items()])


def _from_pandas(column: Any, name: str) -> pl.Series:
    """A column of pandas; UUIDs and mixed objects as the text they show."""
    try:
        values: pl.Series = pl.from_pandas(column)
    except (TypeError, ValueError):  # pyarrow wants one type per column
        values = pl.Series(dtype=pl.Binary)
    if values.dtype == pl.Binary:
        known = column.notna()
        values = pl.Series(
            [str(one) if ok else None for one, ok in zip(column, known, strict=True)]
        )
    return values.alias(name)


def _users(raw: pl.DataFrame) -> pl.DataFrame:
    users, broken = broken_rules(UsersInput, raw)
    if broken:
        raise InputError("the households break their own contract", expected=broken[0].expected)
    return users


def _against(
    results: pl.DataFrame,
    users: pl.DataFrame,
    beside: pl.DataFrame,
    ticks: Sequence[datetime] | None,
) -> Iterator[Failure]:
    """Checks that need to know who was simulated, with which system."""
    stamp = pl.col("timestamp")
    if ticks is None:
        asked = results.select(stamp.drop_nulls().unique().sort())
    else:
        asked = pl.DataFrame({"timestamp": pl.Series(ticks, dtype=results.schema["timestamp"])})
    other = results.filter(~stamp.is_in(asked["timestamp"].implode()))
    if len(other) and ticks:
        first, last = timestamp_text(ticks[0]), timestamp_text(ticks[-1])
        words = f"expected {first}" + (f" to {last}" if len(ticks) > 1 else "")
        yield Failure("asked_tick", words, other, "timestamp")
    strangers = results.filter(beside["battery_capacity_kwh"].is_null())
    if len(strangers):
        yield Failure("stranger", "expected only households of the input", strangers, "user_id")
    # where each row is another one of those asked for, their number says that none is missing
    complete = (
        len(results) == len(users) * len(asked)
        and not len(other)
        and not len(strangers)
        and is_ascending(results, "timestamp", "user_id")
    )
    if not complete:
        absent = (
            users.select("user_id")
            .join(asked, how="cross")
            .join(results, on=["user_id", "timestamp"], how="anti")
        )
        if len(absent):
            yield Failure("coverage", "expected every household in every tick", absent)
    for rule in RULES:
        rows = results.filter(beside.select(rule.headroom_kwh < 0).to_series())
        if len(rows):
            yield Failure(rule.name, f"expected {rule.expected}", rows, rule.column)
