"""One household: its last days, its system, and whether it was set aside."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from solar_model.errors import InputError
from solar_model.pipeline.snapshot import read_statement
from solar_model.ticks import TICK

Connection = psycopg.Connection[Any]

_MAX_FOUND = 8
_UUID_DIGITS = 32

# By the key of the newest tick: as quick among a million households as among ten. Those of a shard
# that failed are in the newest one of all shards.
_SEARCH = """
SELECT DISTINCT found.user_id::text
FROM (VALUES
    ((SELECT max(tick) FROM simulation_runs WHERE rows_inserted IS NOT NULL)),
    ((
        SELECT tick FROM simulation_runs
        GROUP BY tick HAVING bool_and(rows_inserted IS NOT NULL) ORDER BY tick DESC LIMIT 1
    ))
) AS newest (tick), LATERAL (
    SELECT user_id
    FROM energy_data
    WHERE "timestamp" = newest.tick
      AND source = 'SIMULATION'
      AND user_id BETWEEN %(first)s AND %(last)s
    ORDER BY user_id
    LIMIT %(most)s
) AS found
ORDER BY 1
LIMIT %(most)s
"""

_ENERGY = (
    "generation_kwh",
    "consumption_kwh",
    "battery_soc_kwh",
    "grid_import_kwh",
    "grid_export_kwh",
)

# Each tick by its key: a range of ticks would read everybody's rows.
_HISTORY = sql.SQL(
    """
    SELECT extract(epoch FROM tick)::bigint, {columns}
    FROM unnest(%(ticks)s::timestamptz[]) AS tick
    LEFT JOIN (
        SELECT "timestamp" AS tick, {columns}
        FROM energy_data
        WHERE "timestamp" = ANY(%(ticks)s) AND user_id = %(user_id)s AND source = 'SIMULATION'
    ) AS stored USING (tick)
    ORDER BY 1
    """
).format(columns=sql.SQL(", ").join(map(sql.Identifier, _ENERGY)))

# The id as the backend has it: in small letters or in capitals, each found by the index.
_SET_ASIDE = """
SELECT extract(epoch FROM run.tick)::bigint AS tick, quarantine.stage, quarantine.reasons
FROM quarantine JOIN simulation_runs AS run ON run.id = simulation_run_id
WHERE quarantine.user_id IN (%(user_id)s, upper(%(user_id)s))
  AND run.tick BETWEEN %(first)s AND %(last)s
  AND quarantine.released_at IS NULL
ORDER BY run.tick DESC
LIMIT %(most)s
"""


def search(connection: Connection, prefix: str) -> list[str]:
    """The first households of the newest tick whose id begins so.

    Raises
    ------
    InputError
        When no UUID begins so.
    """
    digits = prefix.strip().lower().replace("-", "")
    if len(digits) > _UUID_DIGITS or set(digits) - set("0123456789abcdef"):
        raise InputError("no household's id begins so", value=prefix, expected="digits of a UUID")
    first, last = (UUID(digits.ljust(_UUID_DIGITS, fill)) for fill in "0f")
    asked = {"first": first, "last": last, "most": _MAX_FOUND}
    return [user_id for (user_id,) in connection.execute(_SEARCH, asked)]


def history(
    connection: Connection, user_id: UUID, first: datetime, last: datetime
) -> dict[str, Any]:
    """What a household did in a range of ticks, both ends included.

    Returns
    -------
    dict
        ``energy``, columns with ``tick`` [s since 1970] and energies [kWh], None where it has no
        row; ``set_aside``, the newest ticks at which it was, with ``stage`` and ``reasons``.
    """
    ticks = [first + step * TICK for step in range((last - first) // TICK + 1)]
    rows = connection.execute(_HISTORY, {"ticks": ticks, "user_id": user_id}).fetchall()
    columns = zip(*rows, strict=True)
    with connection.cursor(row_factory=dict_row) as cursor:
        asked = {"user_id": str(user_id), "first": first, "last": last, "most": _MAX_FOUND}
        aside = cursor.execute(_SET_ASIDE, asked).fetchall()
    return {
        "energy": dict(zip(("tick", *_ENERGY), map(list, columns), strict=True)),
        "set_aside": aside,
    }


def system(connection: Connection, user_id: UUID, sql_file: Path) -> dict[str, Any] | None:
    """What the household query says of a household now; None when it does not find it.

    Raises
    ------
    ConfigurationError
        When the query's file cannot be read.
    """
    # the operator's own statement, in which a per cent sign is no placeholder
    households = sql.SQL(read_statement(sql_file).replace("%", "%%"))
    statement = sql.SQL(
        "SELECT * FROM (\n{}\n) AS household WHERE lower(user_id::text) = %s LIMIT 1"
    ).format(households)
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        connection.execute("SET TRANSACTION READ ONLY")
        return cursor.execute(statement, (str(user_id),)).fetchone()
