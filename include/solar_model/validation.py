"""Do results keep their contract? Every failed check, with all of its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from solar_model.contracts import Breach, Results, UsersInput
from solar_model.errors import InputError, ResultsError
from solar_model.files import Place, read_text, read_users
from solar_model.intake import broken_rules
from solar_model.physics import RULES, beside_systems
from solar_model.settings import settings
from solar_model.ticks import FIRST_YEAR, LAST_YEAR

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

    def raise_if_any(self) -> None:
        """Raise `ResultsError` with every failed check, unless all is well."""
        if self:
            raise ResultsError(f"the results fail {len(self)} checks:\n{self}")


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
    failures = _of_the_contract(raw, frame, found)
    if households is not None:
        users, broken = broken_rules(UsersInput, _rows_of(households, read_users))
        if broken:
            raise InputError("the households break their own contract", expected=broken[0].expected)
        ticks = _known_ticks(frame["timestamp"].drop_nulls().unique().sort())
        beside = beside_systems(frame, users, ticks, settings())
        failures += _against(_numbered(frame), users, beside)
    return Report(tuple(failures))


def failed_checks(results: pl.DataFrame, users: pl.DataFrame, beside: pl.DataFrame) -> Report:
    """The same for results and households that were read by this package.

    Parameters
    ----------
    results : polars.DataFrame
        As `read_results` reads them.
    users : polars.DataFrame
        As `read_users` reads them.
    beside : polars.DataFrame
        Both, from :func:`solar_model.physics.beside_systems`.
    """
    frame, found = broken_rules(Results, results)
    failures = _of_the_contract(results, frame, found)
    return Report((*failures, *_against(_numbered(frame), users, beside)))


def _of_the_contract(
    raw: pl.DataFrame, frame: pl.DataFrame, found: Sequence[Breach]
) -> list[Failure]:
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
    return failures


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_row_index("row", offset=1).cast({"row": pl.Int64})


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


def _against(results: pl.DataFrame, users: pl.DataFrame, beside: pl.DataFrame) -> Iterator[Failure]:
    """Checks that need to know who was simulated, with which system."""
    ticks = results.select(pl.col("timestamp").drop_nulls().unique().sort())
    absent = (
        users.select("user_id")
        .join(ticks, how="cross")
        .join(results, on=["user_id", "timestamp"], how="anti")
    )
    if len(absent):
        yield Failure("coverage", "expected every household in every tick", absent)
    strangers = results.filter(beside["battery_capacity_kwh"].is_null())
    if len(strangers):
        yield Failure("stranger", "expected only households of the input", strangers)
    for rule in RULES:
        rows = results.filter(beside.select(rule.headroom_kwh < 0).to_series())
        if len(rows):
            yield Failure(rule.name, f"expected {rule.expected}", rows, rule.column)


def _known_ticks(stamps: pl.Series) -> list[datetime]:
    """Timestamps that are ticks of years in which the sun's place is known."""
    years = stamps.dt.year().is_between(FIRST_YEAR, LAST_YEAR)
    return stamps.filter(years & (stamps.dt.truncate("15m") == stamps)).to_list()
