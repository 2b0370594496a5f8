"""Validated results into ``energy_data``: one transaction, by COPY in Postgres's binary form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter

from solar_model.community.draws import uuid_words
from solar_model.community.weather.record import record_of_tick
from solar_model.contracts import ENERGY_COLUMNS, is_ascending
from solar_model.pipeline import certificates, runs
from solar_model.ticks import tick_index

SOURCE = "SIMULATION"
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
        *_field("source", ("source", f"S{len(SOURCE)}")),
        *_field("run_id", ("run_id", "V16")),
    ]
)
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"


# Rows of results that were set aside make it degraded; households that the contract of the input
# keeps out do not: nothing was computed for them.
_COMPLETE = """
UPDATE simulation_runs AS run SET
    finished_at = clock_timestamp(),
    status = CASE WHEN held.results > 0 THEN 'degraded' ELSE 'completed' END::simulation_status,
    households_quarantined = held.input + held.results,
    results_rows = rows_inserted + held.results
FROM (
    SELECT
        run_id,
        count(DISTINCT coalesce(user_id, quarantine.id::text))
            FILTER (WHERE stage = 'input') AS input,
        count(DISTINCT user_id) FILTER (WHERE stage = 'results') AS results
    FROM unnest(%s::uuid[]) AS run_id
    LEFT JOIN quarantine ON simulation_run_id = run_id AND released_at IS NULL
    GROUP BY run_id
) AS held
WHERE run.id = held.run_id
"""


def insert(
    connection: psycopg.Connection[Any],
    run_id: str,
    results: pl.DataFrame,
    *,
    weather: Any = None,
    certificates_of: Callable[[], Mapping[datetime, Mapping[str, Any]]] | None = None,
    **facts: Any,
) -> int:
    """Replace the simulated rows of a run's ticks and complete it, together or not at all.

    Rows go straight into the partition of their day; the transaction is the safety net that a
    staging table would be, and each row is written once instead of twice.

    Parameters
    ----------
    connection : psycopg.Connection
        Outside a transaction.
    run_id : str
        The run, see :mod:`solar_model.pipeline.runs`.
    results : polars.DataFrame
        Valid results: the columns of :class:`solar_model.contracts.Results`.
    weather : object
        Record of the weather of all ticks.
    certificates_of : callable, optional
        Gives the energy certificates by tick, see
        :func:`solar_model.pipeline.certificates.certify`; called when rows have been sent.
    **facts
        More columns of the run's rows, made visible in the same instant.

    Returns
    -------
    int
        Rows inserted.
    """
    in_order = is_ascending(results, "timestamp", "user_id")
    ordered = results if in_order else results.sort("timestamp", "user_id")
    partition_of = _partitions(connection, ordered["timestamp"].dt.date().unique())
    inserted = 0
    with connection.transaction():
        # a second run of the same ticks waits here, and then replaces what this one wrote
        held = runs.hold(connection, run_id)
        # nothing is touched of which there are no results
        row_of = {tick: held[tick] for tick in ordered["timestamp"].unique() if tick in held}
        connection.execute(
            """
            DELETE FROM energy_data
            WHERE "timestamp" = ANY(%(ticks)s) AND source = %(source)s
                AND (%(shards)s = 1 OR solar_shard(user_id::text, %(shards)s) = %(shard)s)
            """,
            {"ticks": list(row_of), "source": SOURCE} | runs.shard_of(connection, run_id),
        )
        for (tick,), rows in ordered.group_by("timestamp", maintain_order=True):
            if tick not in row_of:  # another run has begun it since
                continue
            _copy(connection, partition_of[tick.date()], row_of[tick], rows)
            runs.record_tick(
                connection,
                row_of[tick],
                error=None,
                rows_inserted=len(rows),
                weather=record_of_tick(weather, tick_index(tick)),
                **_totals(rows),
                **facts,
            )
            if certificates_of:
                certificates.store(connection, row_of[tick], certificates_of()[tick])
            inserted += len(rows)
        connection.execute(_COMPLETE, (list(row_of.values()),))
    return inserted


def _partitions(connection: psycopg.Connection[Any], days: pl.Series) -> dict[date, str]:
    """The partition of each day; committed, as a new one locks out others until then."""
    with connection.transaction():
        return dict(
            connection.execute(
                "SELECT day, energy_data_partition(day) FROM unnest(%s::date[]) AS day",
                (days.sort().to_list(),),
            ).fetchall()
        )


def _totals(tick: pl.DataFrame) -> dict[str, float]:
    """Community totals of a tick."""
    totals = tick.select(ENERGY_COLUMNS).sum().row(0, named=True)
    return {name: round(value, 6) for name, value in totals.items()}


def _copy(
    connection: psycopg.Connection[Any], partition: str, run_id: str, rows: pl.DataFrame
) -> None:
    columns = ("timestamp", "user_id", *ENERGY_COLUMNS, "source", "simulation_run_id")
    statement = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT binary)").format(
        sql.Identifier(partition), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    cursor = connection.cursor()
    # a block is made while the one before is on its way
    with cursor.copy(statement, writer=QueuedLibpqWriter(cursor)) as copy:
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
    block["source"] = SOURCE.encode()
    block["run_id"] = np.void(UUID(run_id).bytes)
    return block


def _lengths() -> Iterator[tuple[str, int]]:
    widths = dict.fromkeys(("timestamp", *ENERGY_COLUMNS), 8)
    widths |= {"user_id": 16, "source": len(SOURCE), "run_id": 16}
    for name, width in widths.items():
        yield f"{name}_length", width
