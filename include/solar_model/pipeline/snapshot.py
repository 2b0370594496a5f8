"""One consistent look at the operator's tables, streamed into files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from solar_model.errors import ConfigurationError
from solar_model.pipeline.references import FileReference
from solar_model.whole_files import atomic_write

Connection = psycopg.Connection[Any]

# A semicolon, and comments behind it, cannot stand inside of COPY (…).
_ENDING = re.compile(r"\s*;(\s|--[^\n]*)*\Z")

# The newest tick before this one that has ended well, with all shards or with this one as it is cut
# now: an outage does not reset the batteries. Where later ticks failed, some of their households
# have rows all the same: those of other shards, and those of before when a tick was run again. One
# that was to be split otherwise then has rows though the ledger counts none; to look at them takes
# long, so only of the newest.
_LAST_TICKS = """
WITH ended AS (
    SELECT tick FROM (
        SELECT
            tick, shard, shards,
            rows_inserted IS NOT NULL AND status::text IN ('completed', 'degraded') AS well
        FROM simulation_runs WHERE tick < %(tick)s
    ) AS runs
    GROUP BY tick
    HAVING count(*) = max(shards) AND bool_and(well)
        OR bool_or(well AND shards = %(shards)s AND shard = %(shard)s)
    ORDER BY tick DESC LIMIT 1
), later AS (
    SELECT * FROM simulation_runs
    WHERE tick < %(tick)s AND tick > coalesce((SELECT tick FROM ended), '-infinity')
)
SELECT tick FROM ended
UNION SELECT max(tick) FROM later WHERE rows_inserted IS NOT NULL GROUP BY shards, shard
UNION SELECT tick FROM (
    SELECT tick FROM later
    WHERE attempt > 1 AND EXISTS (
        SELECT FROM energy_data WHERE "timestamp" = tick AND source = 'SIMULATION'
    )
    ORDER BY tick DESC LIMIT 1
) AS again
ORDER BY tick DESC
"""

# All lines of the CSV file as one text: a row costs more on its way than what is in it. A text may
# have a gigabyte, which is 25 million lines. Of a tick that Postgres knows when it plans: else it
# would read the whole day.
_STATES = """
SELECT count(*), string_agg(user_id || ',' || battery_soc_kwh, E'\\n')
FROM energy_data
WHERE source = 'SIMULATION'
  AND battery_soc_kwh IS NOT NULL
  AND (%(shards)s = 1 OR solar_shard(user_id::text, %(shards)s) = %(shard)s)
  AND "timestamp" = %(last)s::timestamptz
"""
# Who was set aside in that tick has no row in it: the battery is where it was before.
_STATES_SET_ASIDE = """
SELECT count(*), string_agg(user_id || ',' || state, E'\\n')
FROM (
    SELECT DISTINCT ON (household->>'user_id')
        household->>'user_id' AS user_id, household->>'battery_soc_kwh' AS state
    FROM quarantine JOIN simulation_runs AS run ON run.id = simulation_run_id
    WHERE tick = %(last)s AND released_at IS NULL
    ORDER BY household->>'user_id', quarantine.id DESC
) AS held
WHERE state IS NOT NULL
  AND (%(shards)s = 1 OR solar_shard(user_id, %(shards)s) = %(shard)s)
"""
_STATES_HEADER = b"user_id,previous_soc_kwh\n"


@dataclass(frozen=True)
class Snapshot:
    """What the database said at one moment, as two CSV files.

    Attributes
    ----------
    households : FileReference
        Rows of the household query, as Postgres writes them.
    states : FileReference
        The batteries' states at the end of the tick before; of those set aside, at its start. Where
        a household has several, the first is the newest.
    """

    households: FileReference
    states: FileReference


def take_snapshot(
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
        When the query's file is missing, or Postgres cannot run it.
    """
    statement = read_statement(sql_file)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    try:
        with connection.transaction():
            households = _write_households(
                connection, _of_shard(statement, shard, shards), folder / "households.csv"
            )
            part = {"shard": shard, "shards": shards}
            before = connection.execute(_LAST_TICKS, {"tick": tick, **part}).fetchall()
            states = _write_states(
                connection, [{"last": last, **part} for (last,) in before], folder / "states.csv"
            )
    except (
        psycopg.ProgrammingError,
        psycopg.NotSupportedError,
        psycopg.DataError,  # a cast of the query's own that a row does not bear
        psycopg.errors.ReadOnlySqlTransaction,
    ) as error:
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
        # with the mark that some editors put before UTF-8, Postgres would not know the first word
        return _ENDING.sub("", sql_file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
        raise ConfigurationError(
            f"the household query {sql_file} cannot be read ({reason}). "
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


def _write_households(connection: Connection, statement: sql.Composed, path: Path) -> FileReference:
    with atomic_write(path) as file, connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for row in copy:
                file.write(row)
        rows = cursor.rowcount
    return FileReference.of(path, rows)


def _write_states(connection: Connection, ticks: list[dict[str, Any]], path: Path) -> FileReference:
    rows = 0
    with atomic_write(path) as file:
        file.write(_STATES_HEADER)
        for which, statement in product(ticks, (_STATES, _STATES_SET_ASIDE)):
            [(found, lines)] = connection.execute(statement, which).fetchall()
            if found:
                file.write(f"{lines}\n".encode())
            rows += found
    return FileReference.of(path, rows)
