"""From raw rows to rows of a contract: types first, then rules; what breaks one is set aside."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from solar_model.contracts import Breach, UsersInput, breaches, columns_of, required_columns
from solar_model.errors import InputError
from solar_model.ticks import FIRST_YEAR, LAST_YEAR, TIMESTAMP_FORMAT


def typed(
    model: type[pa.DataFrameModel], raw: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, Breach]]:
    """Columns of a contract in its types and order, and the values that cannot be read.

    Parameters
    ----------
    model : UsersInput or Results
        The contract.
    raw : polars.DataFrame
        Text from a file or typed columns from a database; other columns are left out.

    Returns
    -------
    frame : polars.DataFrame
        What cannot be read is null.
    unreadable : dict of str to Breach
        By column, only columns with such values.

    Raises
    ------
    InputError
        When a required column is missing.
    """
    missing = [name for name in required_columns(model) if name not in raw.columns]
    if missing:
        raise InputError(
            "column is missing" if len(missing) == 1 else "columns are missing",
            column=", ".join(missing),
            expected=", ".join(required_columns(model)),
            hint=f"The columns found are: {', '.join(raw.columns)[:300]}",
        )
    types = {name: c.dtype.type for name, c in columns_of(model).items() if name in raw.columns}
    frame = raw.select(_read_as(name, raw.schema[name], dtype) for name, dtype in types.items())
    unreadable = {}
    for name, dtype in types.items():
        if frame[name].null_count() > raw[name].null_count():
            rows = (raw[name].is_not_null() & frame[name].is_null()).arg_true()
            unreadable[name] = Breach("type", name, _TYPE_IN_WORDS[dtype.base_type()], rows)
    return frame, unreadable


_TYPE_IN_WORDS = {
    pl.Float64: "a number",
    pl.Int64: "a whole number",
    pl.String: "text",
    pl.Datetime: "a time such as 2024-09-11T14:15:00 (UTC)",
}


def _read_as(name: str, found: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if name == "user_id":
        return column.cast(pl.String).str.to_lowercase()
    if wanted == pl.Int64 and not found.is_integer():
        number = column.cast(pl.Float64, strict=False)  # "12.0" is a whole number too
        return pl.when(number == number.round(0)).then(number.cast(pl.Int64, strict=False))
    if wanted.is_temporal():
        if found == pl.String:
            column = column.str.to_datetime(
                TIMESTAMP_FORMAT, time_unit="us", time_zone="UTC", strict=False
            )
        elif isinstance(found, pl.Datetime) and found.time_zone is None:
            column = column.dt.replace_time_zone("UTC")
        time = column.cast(wanted, strict=False)
        # no tick is in another year, and some of those Python cannot even show
        return pl.when(time.dt.year().is_between(FIRST_YEAR, LAST_YEAR)).then(time)
    return column.cast(wanted, strict=False)


def broken_rules(
    model: type[pa.DataFrameModel], raw: pl.DataFrame
) -> tuple[pl.DataFrame, list[Breach]]:
    """Rows in the contract's types (see `typed`), and every rule that some of them break."""
    frame, unreadable = typed(model, raw)
    found = list(unreadable.values())
    for breach in breaches(model, frame):
        rows = breach.rows
        if breach.rule == "unique":  # no user, or no time, is not the same one twice
            keys = frame.select(pl.col("^(user_id|timestamp)$").is_not_null())
            rows = rows.filter(keys[rows].select(pl.all_horizontal(pl.all())).to_series())
        elif breach.rule == "not_null" and breach.column in unreadable:
            rows = rows.filter(~rows.is_in(unreadable[breach.column].rows.implode()))
        if len(rows):
            found.append(Breach(breach.rule, breach.column, breach.expected, rows))
    return frame, found


def split_households(raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the households that meet the input contract from those that do not.

    Parameters
    ----------
    raw : polars.DataFrame
        Household rows as they come out of an operator's database, at least with the required
        columns of `UsersInput`; text where numbers should be is allowed.

    Returns
    -------
    good : polars.DataFrame
        Rows and columns of the contract, in the order they came.
    rejected : polars.DataFrame
        ``user_id`` (as it came), ``row`` (counted from 1), ``reasons`` (list of str) and ``raw``
        (the row as JSON, every value as text). A user who appears twice is set aside with all
        rows: nobody can say which one is right.

    Raises
    ------
    InputError
        When a required column is missing.
    """
    frame, found = broken_rules(UsersInput, raw)
    reasons = pl.concat(
        [pl.DataFrame(schema={"index": pl.UInt32, "reason": pl.String})]
        + [_reasons(raw, frame, breach) for breach in found]
    )
    by_row = reasons.group_by("index", maintain_order=True).agg("reason").sort("index")
    index = by_row["index"]
    texts = raw[index].select(pl.all().cast(pl.String))
    rejected = pl.DataFrame(
        {
            "user_id": texts["user_id"],
            "row": (index + 1).cast(pl.Int64),
            "reasons": by_row["reason"],
            "raw": texts.select(pl.struct(pl.all()).struct.json_encode()).to_series(),
        },
        schema_overrides={"reasons": pl.List(pl.String)},
    )
    return frame.filter(~pl.int_range(pl.len()).is_in(index.implode())), rejected


def _reasons(raw: pl.DataFrame, frame: pl.DataFrame, breach: Breach) -> pl.DataFrame:
    rows = breach.rows.alias("index").to_frame()
    if breach.rule == "unique":
        users = rows.with_columns(frame["user_id"].gather(breach.rows))
        others = (pl.col("index") + 1).cast(pl.String).str.join(", ").over("user_id")
        return users.select(
            "index", pl.format("user_id appears in rows {}, expected once", others).alias("reason")
        )
    column = breach.column or breach.rule
    value = raw[column].gather(breach.rows).cast(pl.String).fill_null("empty").alias("value")
    return rows.with_columns(
        pl.format(f"{column} is {{}}, expected {{}}", value, pl.lit(breach.expected)).alias(
            "reason"
        )
    )
