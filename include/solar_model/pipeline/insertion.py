"""Validated results into ``energy_data``: one transaction, by COPY in Postgres's binary form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from solar_model.community.draws import uuid_words
from solar_model.contracts import Results, columns_of
from solar_model.pipeline import runs

ENERGY_COLUMNS = tuple(name for name in columns_of(Results) if name.endswith("_kwh"))

_SOURCE = b"SIMULATION"
_BLOCK_ROWS = 131_072
# Postgres counts microseconds from 2000-01-01
_POSTGRES_EPOCH_US = 946_684_800_000_000


def _field(name: str, *values: tuple[str, str]) -> list[tuple[str, str]]:
    return [(f"{name}_length", ">i4"), *values]


# One row of "COPY … WITH (FORMAT binary)": the number of fields, then each field behind its
# length. No field is null or varies in length, so a block of rows is one numpy array.
# https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        *_field("timestamp", ("timestamp", ">i8")),
        *_field("user_id", ("user_high", ">u8"), ("user_low", ">u8")),
        *(part for name in ENERGY_COLUMNS for part in _field(name, (name, ">f8"))),
        *_field("source", ("source", f"S{len(_SOURCE)}")),
        *_field("run_id", ("run_id", "V16")),
    ]
)
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"


def insert(
    connection: psycopg.Connection[Any], run_id: str, results: pl.DataFrame, **facts: Any
) -> int:
    """Replace a tick's simulated rows and complete its run, together or not at all.

    Rows go straight into the partition of their day; the transaction is the safety net that a
    staging table would be, and each row is written once instead of twice.

    Parameters
    ----------
    connection : psycopg.Connection
        Outside a transaction.
    run_id : str
        Row of ``simulation_runs``.
    results : polars.DataFrame
        Valid results: the columns of :class:`solar_model.contracts.Results`.
    **facts
        More columns of the run's row, made visible in the same instant.

    Returns
    -------
    int
        Rows inserted.
    """
    ordered = results.sort("timestamp", "user_id")
    days = ordered.group_by(pl.col("timestamp").dt.date().alias("day"), maintain_order=True)
    first, last = ordered["timestamp"].min(), ordered["timestamp"].max()
    with connection.transaction():
        # a second run of the same tick waits here, and then replaces what this one wrote
        connection.execute("SELECT id FROM simulation_runs WHERE id = %s FOR UPDATE", (run_id,))
        connection.execute(
            'DELETE FROM energy_data WHERE "timestamp" BETWEEN %s AND %s AND source = %s',
            (first, last, _SOURCE.decode()),
        )
        for (day,), rows in days:
            [(partition,)] = connection.execute(
                "SELECT energy_data_partition(%s)", (day,)
            ).fetchall()
            _copy(connection, partition, run_id, rows)
        runs.record(
            connection,
            run_id,
            status="completed",
            error=None,
            rows_inserted=len(ordered),
            results_rows=len(ordered),
            **_totals(ordered),
            **facts,
        )
        connection.execute(
            "UPDATE simulation_runs SET finished_at = clock_timestamp() WHERE id = %s", (run_id,)
        )
    return len(ordered)


def _totals(results: pl.DataFrame) -> dict[str, float]:
    """Community totals over the run; the state of charge is that of the last tick."""
    totals = results.select(ENERGY_COLUMNS).sum()
    stored = results.filter(pl.col("timestamp") == pl.col("timestamp").max())
    totals = totals.with_columns(battery_soc_kwh=pl.lit(stored["battery_soc_kwh"].sum()))
    return {name: round(value, 6) for name, value in totals.row(0, named=True).items()}


def _copy(
    connection: psycopg.Connection[Any], partition: str, run_id: str, rows: pl.DataFrame
) -> None:
    columns = ("timestamp", "user_id", *ENERGY_COLUMNS, "source", "simulation_run_id")
    statement = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary)").format(
        sql.Identifier(partition), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor().copy(statement) as copy:
        copy.write(_HEADER)
        for block in rows.iter_slices(_BLOCK_ROWS):
            copy.write(_binary(block, run_id).tobytes())
        copy.write(_TRAILER)


def _binary(rows: pl.DataFrame, run_id: str) -> NDArray[np.void]:
    block = np.empty(len(rows), dtype=_ROW)
    block["fields"] = sum(name.endswith("_length") for name in _ROW.names or ())
    for name, length in _lengths():
        block[name] = length
    block["timestamp"] = rows["timestamp"].dt.epoch("us").to_numpy() - _POSTGRES_EPOCH_US
    block["user_high"], block["user_low"] = uuid_words(rows["user_id"])
    for name in ENERGY_COLUMNS:
        block[name] = rows[name].to_numpy()
    block["source"] = _SOURCE
    block["run_id"] = np.void(UUID(run_id).bytes)
    return block


def _lengths() -> Iterator[tuple[str, int]]:
    widths = dict.fromkeys(("timestamp", *ENERGY_COLUMNS), 8)
    widths |= {"user_id": 16, "source": len(_SOURCE), "run_id": 16}
    for name, width in widths.items():
        yield f"{name}_length", width
