"""Which rows of a frame break a contract, and the limits of a contract in words."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.backends.polars.checks import PolarsCheckBackend
from pandera.errors import SchemaErrors

from solar_model.contracts.models import columns_of

_LIMITS: dict[str, tuple[str, str, Callable[[Any, Any], Any]]] = {
    "greater_than_or_equal_to": ("at least {:,}", "min_value", operator.ge),
    "greater_than": ("more than {:,}", "min_value", operator.gt),
    "less_than_or_equal_to": ("at most {:,}", "max_value", operator.le),
}


def _in_words(check: Any) -> str:
    if check.name in _LIMITS:
        words, limit, _ = _LIMITS[check.name]
        return words.format(check.statistics[limit])
    return "a UUID with dashes" if check.name == "str_matches" else str(check.error)


def limits_of(column: pa.Column) -> dict[str, float]:
    """Least and greatest value of a column, as far as it has them: ``min_value``, ``max_value``."""
    found = {}
    for check in column.checks:
        if check.name in _LIMITS:
            _, limit, _ = _LIMITS[check.name]
            found[limit] = check.statistics[limit]
    return found


def limits_in_words(column: pa.Column) -> str:
    """The checks of a column, in words."""
    return ", ".join(_in_words(check) for check in column.checks)


@dataclass(frozen=True)
class Breach:
    """A rule of a contract and the rows of one frame that break it.

    Attributes
    ----------
    rule : str
        Name of the rule.
    column : str or None
        Column that the rule is about, None when it is about the whole row.
    expected : str
        What the contract asks for, in words.
    rows : polars.Series of uint32
        Rows that break it, counted from 0.
    """

    rule: str
    column: str | None
    expected: str
    rows: pl.Series


def breaches(model: type[pa.DataFrameModel], frame: pl.DataFrame) -> Iterator[Breach]:
    """Rules of a contract that rows of a frame break.

    Parameters
    ----------
    model : UsersInput or Results
        The contract.
    frame : polars.DataFrame
        Rows to look at, with the contract's columns and types (see ``intake.typed``).
    """
    if _is_clean(model, frame):
        return
    try:
        model.validate(frame, lazy=True)
    except SchemaErrors as errors:
        for error in errors.schema_errors:
            yield _breach(error, columns_of(model))


def _is_clean(model: type[pa.DataFrameModel], frame: pl.DataFrame) -> bool:
    """Whether no rule is broken: the same checks in one pass, without saying which and where.

    Pandera looks at each check on its own, which takes 30 ms for a file of any size.
    """
    schema, lazy = model.to_schema(), frame.lazy()
    columns = {n: c for n, c in schema.columns.items() if c.required or n in frame.columns}
    types = {name: column.dtype.type for name, column in columns.items()}
    if list(frame.schema.items()) != list(types.items()):
        return False
    known = [name for name, column in columns.items() if not column.nullable]
    if any(frame[name].null_count() for name in known):
        return False
    unique = [[name] for name, column in columns.items() if column.unique]
    unique += [schema.unique] if schema.unique else []
    checks = [(name, check) for name, column in columns.items() for check in column.checks]
    checks += [("*", check) for check in schema.checks]
    within = [_is_within(name, check) for name, check in checks if check.name in _LIMITS]
    within += [pl.col(name).is_not_nan() for name in known if types[name].is_float()]
    passed = [lazy.select(rows.all().alias(str(i)) for i, rows in enumerate(within))]
    passed += [
        PolarsCheckBackend(check).apply(PolarsData(lazy, name)).select(pl.all().all())
        for name, check in checks
        if check.name not in _LIMITS
    ]
    # what is null passes, as in pandera
    outcomes = pl.collect_all(passed)
    return all(all(outcome.row(0)) for outcome in outcomes) and all(
        is_ascending(frame, *reversed(names)) or frame.n_unique(names) == len(frame)
        for names in unique
    )


def _is_within(name: str, check: Any) -> pl.Expr:
    """A limit of a column, in one expression with all others: a query of its own takes longer."""
    _, limit, holds = _LIMITS[check.name]
    return cast(pl.Expr, holds(pl.col(name), check.statistics[limit]))


def is_ascending(frame: pl.DataFrame, *names: str) -> bool:
    """Whether each row comes after the one before, by columns of which the first counts most.

    Then none is there twice, which takes much longer to find out by counting.
    """
    after = pl.lit(False)
    for name in reversed(names):
        before = pl.col(name).shift()
        after = (pl.col(name) > before) | ((pl.col(name) == before) & after)
    return bool(frame.select(after.slice(1).fill_null(False).all()).item())


def _breach(error: Any, columns: dict[str, pa.Column]) -> Breach:
    if error.check_output is None:  # about the frame as a whole
        raise TypeError(f"not a frame of the contract: {error}")
    column = error.schema.name if error.schema.name in columns else None
    reason = error.reason_code.name
    if reason in ("SERIES_CONTAINS_DUPLICATES", "DUPLICATES"):
        rule, expected = "unique", "each household once (in a tick)"
    elif reason == "SERIES_CONTAINS_NULLS":
        number = column is not None and columns[column].dtype.type in (pl.Float64, pl.Int64)
        rule, expected = "not_null", "a finite number" if number else "a value"
    else:
        rule, expected = error.check.name, _in_words(error.check)
    passed = error.check_output["check_output"].fill_null(True)
    return Breach(rule, column, expected, (~passed).arg_true())
