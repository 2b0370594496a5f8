"""Reading and writing the exchanged files: strict in, canonical out, whole or not at all."""

from __future__ import annotations

import codecs
import csv
import io
from difflib import get_close_matches
from pathlib import Path
from typing import IO

import pandera.polars as pa
import polars as pl

from solar_model.contracts import Results, UsersInput, columns_of
from solar_model.errors import InputError
from solar_model.intake import broken_rules, typed
from solar_model.ticks import TIMESTAMP_FORMAT
from solar_model.whole_files import Place, atomic_write, require_utf8

FIRST_ROW = 2  # line of the first row: the header is line 1
_HEAD_BYTES = 65_536


def read_users(path: Place) -> pl.DataFrame:
    """Read an input file that meets its contract.

    Parameters
    ----------
    path : str or path-like
        CSV with the columns of `UsersInput`; optional columns may be missing or empty.

    Returns
    -------
    polars.DataFrame
        In the order of the file; ``user_id`` in lower case, nothing filled in.

    Raises
    ------
    InputError
        Names the first line that breaks the contract, its column, its value, what was expected,
        and how many other rows do.
    """
    raw = read_text(path, UsersInput)
    try:
        frame, found = broken_rules(UsersInput, raw)
    except InputError as error:
        raise in_file(error, path) from None
    if not len(raw):
        raise InputError("there are no households", file=path, hint="The file has only a header")
    if found:
        first = min(found, key=lambda breach: int(breach.rows[0]))
        row, column = int(first.rows[0]), first.column or first.rule
        others = len(pl.concat([breach.rows for breach in found]).unique()) - 1
        also = f"Other rows that break the contract: {others:,}" if others else None
        if first.rule == "unique":
            users = frame["user_id"]
            same = first.rows.filter(users.gather(first.rows) == users[row]) + FIRST_ROW
            also = f"The same user is in lines {', '.join(map(str, same))}"
        raise InputError(
            "the household breaks the contract",
            file=path,
            line=row + FIRST_ROW,
            column=column,
            value=raw[column][row] or "nothing",
            expected=first.expected,
            hint=also,
        )
    return frame


def read_known(path: Place, model: type[pa.DataFrameModel], *names: str) -> pl.DataFrame:
    """Read a file that is known to meet its contract, as fast as it can be read.

    Parameters
    ----------
    path : str or path-like
        Our own file, or one that has been validated, not a byte changed since.
    model : UsersInput or Results
        The contract.
    *names : str
        Columns that are wanted; all, where none is named.

    Returns
    -------
    polars.DataFrame
        Those columns that the file has, as `read_users` and `read_results` return them.
    """
    types = {name: column.dtype.type for name, column in columns_of(model).items()}
    texts = {name: pl.String if dtype.is_temporal() else dtype for name, dtype in types.items()}
    rows = pl.scan_csv(Path(path), schema_overrides=texts)
    present = rows.collect_schema().names()
    return rows.select(
        pl.col(name).str.to_datetime(TIMESTAMP_FORMAT, time_unit="us", time_zone="UTC")
        if types[name].is_temporal()
        else name
        for name in names or types
        if name in present
    ).collect()


def write_users(frame: pl.DataFrame, path: Place) -> None:
    """Write an input file: the contract's columns, numbers that read back as the same numbers.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows that meet `UsersInput`, as `split_households` or `read_users` return them.
    path : str or path-like
        File to write or replace, atomically.
    """
    present = [name for name in columns_of(UsersInput) if name in frame.columns]
    size = frame["household_size"]
    whole = pl.Int64 if (size == size.round(0)).all() else pl.Float64
    with atomic_write(path) as file:
        frame.select(present).with_columns(pl.col("household_size").cast(whole)).write_csv(file)


def read_results(path: Place) -> pl.DataFrame:
    """Read a results file into the columns and types of `Results`.

    Only what cannot be read or is not there is an error here; whether the numbers make sense is
    the question of `validate_results`.

    Raises
    ------
    InputError
        Names line, column and value of the first cell that cannot be read.
    """
    raw = read_text(path, Results)
    try:
        frame, unreadable = typed(Results, raw)
    except InputError as error:
        raise in_file(error, path) from None
    incomplete = frame.select(pl.any_horizontal(pl.all().is_null()).arg_true()).to_series()
    if len(incomplete):
        row = int(incomplete[0])
        column = next(name for name in frame.columns if frame[name][row] is None)
        raise InputError(
            "the value cannot be read",
            file=path,
            line=row + FIRST_ROW,
            column=column,
            value=raw[column][row] or "nothing",
            expected=unreadable[column].expected if column in unreadable else "a value",
        )
    return frame


def write_results(frame: pl.DataFrame, path: Place) -> None:
    """Write a results file in canonical form, atomically."""
    with atomic_write(path) as file:
        append_results(frame, file, header=True)


def append_results(frame: pl.DataFrame, file: IO[bytes], *, header: bool) -> None:
    """Write rows of results in canonical form: exactly six decimals and no negative zero."""
    names = list(columns_of(Results))
    micro = (pl.selectors.float() * 1e6).round(0).cast(pl.Int64)
    frame.select(names).with_columns(micro / 1e6).write_csv(
        file, include_header=header, float_precision=6, datetime_format=TIMESTAMP_FORMAT
    )


def read_text(path: Place, model: type[pa.DataFrameModel]) -> pl.DataFrame:
    """Read a CSV file as text, no column of which is unknown to the contract.

    Raises
    ------
    InputError
        When there is no such file, or it is no CSV file, or has other columns.
    """
    file = Path(path)
    require_utf8(file)
    if not file.is_file():
        problem = "this is no ordinary file" if file.exists() else "there is no such file"
        raise InputError(problem, file=file)
    _require_text(file)
    try:
        raw = pl.read_csv(file, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from error
    known = list(columns_of(model))
    for name in raw.columns:
        if name not in known:
            raise _unknown_column(name, known, file)
    return raw


def _unknown_column(name: str, known: list[str], file: Path) -> InputError:
    if "\r" in name:
        problem = "the lines end with a carriage return alone"
        return InputError(problem, file=file, line=1, expected="a line feed at the end of each")
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "Separate columns with commas"
    return InputError(
        "the column is not part of the contract" if name else "a column has no name",
        file=file,
        line=1,
        column=name or None,
        expected=", ".join(known),
        hint=hint if name else "Is there a comma too many at the end of the line?",
    )


def _require_text(file: Path) -> None:
    """Refuse what the fast reader would unpack or take for text."""
    with file.open("rb") as opened:
        head = opened.read(_HEAD_BYTES)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last letter may be cut
    except UnicodeDecodeError as bad:
        line = head.count(b"\n", 0, bad.start) + 1
        raise InputError(
            "bytes that are not text", file=file, line=line, expected="UTF-8, not compressed"
        ) from None


def _unreadable(file: Path, error: Exception) -> InputError:
    """Find the line that the fast reader stumbled over."""
    if file.stat().st_size == 0:
        return InputError("the file is empty", file=file, expected="a header and rows")
    content = file.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as bad:
        line = content.count(b"\n", 0, bad.start) + 1
        return InputError("bytes that are not text", file=file, line=line, expected="UTF-8")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        width = len(next(rows))
        for row in rows:
            if len(row) > width:
                return InputError(
                    f"the row has {len(row)} fields",
                    file=file,
                    line=rows.line_num,
                    value=",".join(row),
                    expected=f"{width} as in the header",
                )
    except csv.Error as bad:
        return InputError(f"the row cannot be read ({bad})", file=file, line=rows.line_num)
    return InputError(f"this is no CSV file ({error})", file=file)


def in_file(error: InputError, path: Place) -> InputError:
    """The same error, of a file."""
    return InputError(
        error.problem,
        file=path,
        line=1,
        column=error.column,
        expected=error.expected,
        hint=error.hint,
    )
