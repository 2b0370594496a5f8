"""The ledger of runs: one row of ``simulation_runs`` per tick and shard.

A run over many ticks has a row for each; they share the Airflow run, the files and the timings. It
is named by the row of its first tick, and what is recorded of it is recorded in all of them.

A row says ``completed`` only from the transaction on that makes its energy rows visible. When a
tick is run again, ``attempt`` counts up; until the new rows replace the old ones, the columns
about results go on describing the old ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from solar_model import SCHEMA_VERSION, __version__
from solar_model.errors import ResultsError
from solar_model.ticks import ticks_from

Connection = psycopg.Connection[Any]

# The DAGs whose runs these are: of a tick, and of a day's ticks.
CYCLE_DAG = "solar_simulation"
DAILY_DAG = "solar_simulation_daily"
# Its tasks, in the order in which they run.
CYCLE_TASKS = (
    "query_households",
    "write_input_csv",
    "upload_input",
    "run_simulation",
    "download_results",
    "validate_results",
    "insert_results",
    "notify",
    "clean_up",
)

_JSON_COLUMNS = {"weather", "timings_s"}

# The rows of the run that is named by the row of its first tick.
ROWS_OF_RUN = sql.SQL(
    "(airflow_run_id, shard) = "
    "(SELECT airflow_run_id, shard FROM simulation_runs WHERE id = %(run_id)s)"
)

# Of ticks that were split into more parts than now.
_TOO_MANY = """
DELETE FROM simulation_runs WHERE id IN (
    SELECT id FROM simulation_runs
    WHERE tick = ANY(%(ticks)s) AND shard >= %(shards)s ORDER BY tick, shard FOR UPDATE
)
"""
# Those of all shards, by the first one that begins: one that never does is missed then.
_OPEN = """
INSERT INTO simulation_runs
    (tick, shard, shards, airflow_run_id, seed, model_version, schema_version)
SELECT tick, shard, %(shards)s, %(airflow_run_id)s, %(seed)s, %(model)s, %(schema)s
FROM unnest(%(ticks)s::timestamptz[]) AS tick, generate_series(0, %(shards)s - 1) AS shard
ORDER BY tick, shard
ON CONFLICT (tick, shard) DO NOTHING
"""
# Rows of ticks that were split otherwise are begun with the first of the new shards: they say
# nothing about the parts of now, and their results count again when their new part has come.
_REOPEN = """
WITH ours AS (
    SELECT id FROM simulation_runs
    WHERE tick = ANY(%(ticks)s) AND (shard = %(shard)s OR shards <> %(shards)s)
    ORDER BY tick, shard FOR UPDATE
)
UPDATE simulation_runs SET
    status = 'running',
    attempt = attempt + (airflow_run_id IS DISTINCT FROM %(airflow_run_id)s)::int,
    airflow_run_id = %(airflow_run_id)s,
    error = NULL,
    started_at = now(),
    finished_at = NULL,
    notified_at = NULL,
    timings_s = '{}',
    shards = %(shards)s,
    rows_inserted = CASE WHEN shards = %(shards)s THEN rows_inserted END,
    households_queried = CASE WHEN shards = %(shards)s THEN households_queried END,
    households_quarantined = CASE WHEN shards = %(shards)s THEN households_quarantined END
WHERE id IN (SELECT id FROM ours)
RETURNING shard, tick, id::text
"""


def start(
    connection: Connection,
    *,
    tick: datetime,
    airflow_run_id: str,
    seed: int,
    steps: int = 1,
    shard: int = 0,
    shards: int = 1,
) -> str:
    """Open the rows of ticks, or reopen them for another attempt; returns the id of the first.

    A retry of the same Airflow run is the same attempt.
    """
    given = {
        "airflow_run_id": airflow_run_id,
        "seed": seed,
        "model": __version__,
        "schema": SCHEMA_VERSION,
        "shard": shard,
        "shards": shards,
        "ticks": ticks_from(tick, steps),
    }
    connection.execute(_TOO_MANY, given)
    connection.execute(_OPEN, given)
    rows = connection.execute(_REOPEN, given).fetchall()
    connection.commit()
    return str(min((begun, row_id) for number, begun, row_id in rows if number == shard)[1])


def require_ours(
    connection: Connection, run_id: str, airflow_run_id: str, *, shard: int, shards: int
) -> None:
    """Hold what a step of a run was handed over against the ledger of now.

    Two runs of one tick share its rows of the ledger and its quarantine, so only the one that
    began last may go on: what the other has found of a household is not known any more.

    Raises
    ------
    ResultsError
        When the rows of the ledger have become those of a run of other ticks or households.
    """
    with connection.transaction():
        found = connection.execute(
            "SELECT shards, airflow_run_id FROM simulation_runs WHERE id = %s", (run_id,)
        ).fetchone()
    shards_now, begun_by = found or (None, None)
    if shards_now != shards:
        since = f"another run has split the community into {shards_now or 'fewer'} shards"
    elif begun_by != airflow_run_id:
        since = f"{begun_by} has begun ticks of this run"
    else:
        return
    raise ResultsError(
        f"{since} since: nothing of this one (shard {shard} of {shards}) is inserted. To have it "
        "all the same, clear it from query_households on."
    )


def hold(connection: Connection, run_id: str) -> dict[datetime, str]:
    """Lock the rows of a run until the caller commits; the id of each by its tick."""
    rows = connection.execute(
        sql.SQL(
            "SELECT tick, id::text FROM simulation_runs WHERE {} ORDER BY tick FOR UPDATE"
        ).format(ROWS_OF_RUN),
        {"run_id": run_id},
    ).fetchall()
    return dict(rows)


def shard_of(connection: Connection, run_id: str) -> dict[str, int]:
    """Which ``shard`` of how many ``shards`` a run is."""
    [(shard, shards)] = connection.execute(
        "SELECT shard, shards FROM simulation_runs WHERE id = %s", (run_id,)
    ).fetchall()
    return {"shard": shard, "shards": shards}


def record(connection: Connection, run_id: str, **columns: Any) -> None:
    """Set columns of a run's rows; the caller commits."""
    _set(connection, ROWS_OF_RUN, run_id, columns)


def record_tick(connection: Connection, row_id: str, **columns: Any) -> None:
    """Set columns of the row of one tick; the caller commits."""
    _set(connection, sql.SQL("id = %(run_id)s"), row_id, columns)


def _set(
    connection: Connection, rows: sql.Composable, run_id: str, columns: dict[str, Any]
) -> None:
    values = {
        name: Jsonb(value) if name in _JSON_COLUMNS else value for name, value in columns.items()
    }
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
    )
    connection.execute(
        sql.SQL("UPDATE simulation_runs SET {} WHERE {}").format(assignments, rows),
        {**values, "run_id": run_id},
    )


@contextmanager
def timed(connection: Connection, run_id: str | None, step: str) -> Iterator[None]:
    """Record how long a step took, in the run's ``timings_s``; nothing in a dry run."""
    begin = monotonic()
    yield
    record_time(connection, run_id, step, monotonic() - begin)


def record_time(connection: Connection, run_id: str | None, step: str, seconds: float) -> None:
    """Record how long a step took; nothing in a dry run."""
    if run_id is not None:
        connection.execute(
            sql.SQL(
                "UPDATE simulation_runs SET timings_s = timings_s || %(taken)s WHERE {}"
            ).format(ROWS_OF_RUN),
            {"taken": Jsonb({step: round(seconds, 3)}), "run_id": run_id},
        )
        connection.commit()


def outcome(connection: Connection, airflow_run_id: str) -> dict[str, Any] | None:
    """How a run ended, all shards together, in the words of the webhook; None before it began.

    What is not complete has failed. The id is that of the first shard, and the name of the file
    has a star for the number of the shard.
    """
    [(ids, status, file, rows)] = connection.execute(
        r"""
        SELECT
            array_agg(id::text ORDER BY shard, tick),
            CASE
                WHEN bool_and(status::text IN ('completed', 'degraded'))
                    AND count(DISTINCT shard) = max(shards)
                THEN max(status::text) ELSE 'failed'
            END,
            min(regexp_replace(results_file, '-\d{5}-of-', '-*-of-')),
            sum(rows_inserted)::bigint
        FROM simulation_runs WHERE airflow_run_id = %s
        """,
        (airflow_run_id,),
    ).fetchall()
    if ids is None:
        return None
    if status == "failed":
        return {"run_id": ids[0], "status": status, "result_file": None, "record_count": 0}
    return {"run_id": ids[0], "status": status, "result_file": file, "record_count": rows}


def unfinished(connection: Connection, airflow_run_id: str) -> list[int]:
    """Shards of an Airflow run that have not ended well: also those that never began."""
    with connection.transaction():
        rows = connection.execute(
            "SELECT DISTINCT shard FROM simulation_runs "
            "WHERE airflow_run_id = %s AND status::text IN ('running', 'failed') ORDER BY shard",
            (airflow_run_id,),
        ).fetchall()
    return [shard for (shard,) in rows]


def finish(connection: Connection, airflow_run_id: str, **columns: Any) -> None:
    """Set columns of all rows of an Airflow run; the caller commits."""
    _set(connection, sql.SQL("airflow_run_id = %(run_id)s"), airflow_run_id, columns)


def fail(
    connection: Connection,
    airflow_run_id: str,
    error: str,
    *,
    shard: int | None = None,
    again: bool = False,
) -> None:
    """Close the run of an Airflow run, or one shard of it, as failed.

    What it had inserted before stays. With ``again`` the error replaces an earlier one: a task
    that was cleared may fail for another reason.
    """
    connection.execute(
        """
        UPDATE simulation_runs SET status = 'failed', error = %(error)s, finished_at = now()
        WHERE airflow_run_id = %(run)s
            AND (status = 'running' OR %(again)s AND status = 'failed')
            AND (shard = %(shard)s OR %(shard)s::integer IS NULL)
        """,
        {"error": error[:10_000], "run": airflow_run_id, "shard": shard, "again": again},
    )
    connection.commit()
