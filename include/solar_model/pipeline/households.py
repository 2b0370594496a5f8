"""From the operator's tables to the cycle's input file."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from solar_model.community.households import fill_from_site
from solar_model.errors import ConfigurationError
from solar_model.files import atomic_write, write_users
from solar_model.intake import split_households
from solar_model.manifest import Manifest
from solar_model.pipeline import quarantine, runs
from solar_model.pipeline.references import Cycle, FileReference
from solar_model.pipeline.repetition import weather_of
from solar_model.pipeline.work_folders import is_here
from solar_model.settings import Settings
from solar_model.ticks import input_file_name, timestamp_text

Connection = psycopg.Connection[Any]

log = logging.getLogger(__name__)

# A semicolon, and comments behind it, cannot stand inside of COPY (…).
_ENDING = re.compile(r"\s*;(\s|--[^\n]*)*\Z")

# The last tick before this one that has rows: an outage does not reset the batteries, nor does one
# of other shards.
_LAST_TICK = """
SELECT tick FROM simulation_runs
WHERE tick < %(tick)s
GROUP BY tick
HAVING bool_and(rows_inserted IS NOT NULL)
    OR bool_or(rows_inserted IS NOT NULL AND shards = %(shards)s AND shard = %(shard)s)
ORDER BY tick DESC LIMIT 1
"""

# Of a tick that Postgres knows when it plans: else it would read the whole day.
_STATES = """
COPY (
    SELECT user_id::text AS user_id, battery_soc_kwh AS previous_soc_kwh
    FROM energy_data
    WHERE source = 'SIMULATION'
      AND battery_soc_kwh IS NOT NULL
      AND (%(shards)s = 1 OR solar_shard(user_id::text, %(shards)s) = %(shard)s)
      AND "timestamp" = %(last)s::timestamptz
) TO STDOUT (FORMAT csv, HEADER)
"""


@dataclass(frozen=True)
class Snapshot:
    """What the database said at one moment, as two CSV files.

    Attributes
    ----------
    households : FileReference
        Rows of the household query, as Postgres writes them.
    states : FileReference
        The batteries' states at the end of the tick before.
    """

    households: FileReference
    states: FileReference


def query(
    connection: Connection,
    *,
    tick: datetime,
    sql_file: Path,
    folder: Path,
    shard: int = 0,
    shards: int = 1,
) -> Snapshot:
    """Stream the households and their batteries' states into files, from one snapshot.

    Parameters
    ----------
    connection : psycopg.Connection
        Outside a transaction.
    tick : datetime.datetime
        Tick to compute; states are those before it, whatever was computed after.
    sql_file : path
        The household query.
    folder : path
        Made when missing.
    shard, shards : int
        Which part of the community, of how many.

    Raises
    ------
    ConfigurationError
        When the query's file is missing or Postgres cannot run it.
    """
    statement = read_statement(sql_file)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    try:
        with connection.transaction():
            households = _copy_to_file(
                connection,
                _of_shard(statement, shard, shards),
                None,
                folder / "households.csv",
            )
            part = {"shard": shard, "shards": shards}
            before = connection.execute(_LAST_TICK, {"tick": tick, **part}).fetchone()
            states = _copy_to_file(
                connection,
                _STATES.encode(),
                {"last": before and before[0], **part},
                folder / "states.csv",
            )
    except (psycopg.ProgrammingError, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise ConfigurationError(
            f"Postgres cannot run the household query {sql_file}: {str(error).strip()}. "
            "Does it fit your tables, and has `solar db upgrade` run?"
        ) from error
    finally:
        connection.isolation_level = None
        connection.read_only = None
    return Snapshot(households, states)


def read_statement(sql_file: Path) -> str:
    """The household query, without what could not stand inside of another statement.

    Raises
    ------
    ConfigurationError
        When the file cannot be read.
    """
    try:
        return _ENDING.sub("", sql_file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"the household query {sql_file} cannot be read ({error.strerror}). "
            "Set SOLAR_HOUSEHOLDS_SQL to a readable SQL file."
        ) from error


def _of_shard(statement: str, shard: int, shards: int) -> sql.Composed:
    """The household query as COPY; of one shard where there are several."""
    ours: sql.Composable = sql.SQL(statement)  # the operator's own file
    if shards > 1:
        ours = sql.SQL(
            "SELECT * FROM (\n{}\n) AS households WHERE solar_shard(user_id::text, {}) = {}"
        ).format(ours, shards, shard)
    return sql.SQL("COPY (\n{}\n) TO STDOUT (FORMAT csv, HEADER)").format(ours)


def _copy_to_file(
    connection: Connection,
    statement: bytes | sql.Composed,
    parameters: dict[str, Any] | None,
    path: Path,
) -> FileReference:
    with atomic_write(path) as file, connection.cursor() as cursor:
        with cursor.copy(statement, parameters) as copy:
            for chunk in copy:
                file.write(chunk)
        rows = cursor.rowcount
    return FileReference.of(path, rows)


def write_input(
    connection: Connection, cycle: Cycle, snapshot: Snapshot, config: Settings
) -> tuple[FileReference, int]:
    """Write the contract's input file; set aside the households that break the contract.

    Parameters
    ----------
    connection : psycopg.Connection
        For the quarantine and the run's row; committed.
    cycle : Cycle
        The ticks.
    snapshot : Snapshot
        From :func:`query`; where another worker has it, the database is asked again.
    config : Settings
        The site of households that name none, so that every runner reads the same, and the
        weather of ticks for which none is asked and none recorded.

    Returns
    -------
    file : FileReference
        The input file, with its manifest beside it, sorted by user.
    quarantined : int
        Households set aside.
    """
    folder = Path(cycle.work_dir)
    if not all(is_here(file, folder) for file in (snapshot.households, snapshot.states)):
        log.info("Another worker has the households: asking the database again")
        snapshot = query(
            connection,
            tick=cycle.tick_start,
            sql_file=config.households_sql,
            folder=folder,
            shard=cycle.shard,
            shards=cycle.shards,
        )
    # as text: what is no number must reach the contract's check, not stop the reader
    good, rejected = split_households(
        pl.read_csv(folder / snapshot.households.name, infer_schema=False)
    )
    good = fill_from_site(_carry_states(good, folder / snapshot.states.name), config)
    path = folder / input_file_name(cycle.tick_start, cycle.part)
    write_users(good, path)
    manifest = Manifest.of(
        path,
        rows=len(good),
        tick=timestamp_text(cycle.tick_start),
        steps=cycle.steps,
        seed=cycle.seed,
        weather=weather_of(connection, cycle.ticks, cycle.weather, config.weather),
    )
    secret = config.seal_secret
    (manifest.sealed(secret) if secret else manifest).write(path)
    if cycle.run_id is not None:
        quarantine.store(connection, cycle.run_id, quarantine.INPUT, rejected)
        runs.record(
            connection,
            cycle.run_id,
            households_queried=snapshot.households.rows,
            households_quarantined=len(rejected),
        )
        connection.commit()
    return FileReference.of(path, len(good)), len(rejected)


def _carry_states(households: pl.DataFrame, states_file: Path) -> pl.DataFrame:
    """Give batteries without a known state the one that the tick before left them in."""
    states = pl.read_csv(states_file, schema={"user_id": pl.String, "previous_soc_kwh": pl.Float64})
    known = pl.col("battery_soc_kwh") if "battery_soc_kwh" in households.columns else pl.lit(None)
    carried = pl.when(pl.col("previous_soc_kwh").is_not_null()).then(
        # a smaller battery than a tick ago cannot hold more than it can hold
        pl.min_horizontal("previous_soc_kwh", "battery_capacity_kwh")
    )
    return (
        households.join(states, on="user_id", how="left")
        .with_columns(battery_soc_kwh=pl.coalesce(known, carried))
        .drop("previous_soc_kwh")
        # numbers sort faster than text, and text that is nearly in order is soon sorted
        .sort(pl.col("user_id").str.head(8).str.to_integer(base=16))
        .sort("user_id")
    )
