"""The ledger of runs: one row of ``simulation_runs`` per tick.

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

from solar_model import __version__
from solar_model.contracts import SCHEMA_VERSION
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


def start(
    connection: Connection,
    *,
    tick: datetime,
    airflow_run_id: str,
    seed: int,
    steps: int = 1,
) -> str:
    """Open the rows of ticks, or reopen them for another attempt; returns the id of the first.

    A retry of the same Airflow run is the same attempt.
    """
    rows = connection.execute(
        """
        INSERT INTO simulation_runs AS run
            (tick, airflow_run_id, seed, model_version, schema_version)
        SELECT tick, %s, %s, %s, %s
        FROM unnest(%s::timestamptz[]) AS tick
        ON CONFLICT (tick, shard) DO UPDATE SET
            status = 'running',
            attempt = run.attempt
                + (run.airflow_run_id IS DISTINCT FROM excluded.airflow_run_id)::int,
            airflow_run_id = excluded.airflow_run_id,
            error = NULL,
            started_at = now(),
            finished_at = NULL,
            notified_at = NULL,
            timings_s = '{}'
        RETURNING tick, id::text
        """,
        (airflow_run_id, seed, __version__, SCHEMA_VERSION, ticks_from(tick, steps)),
    ).fetchall()
    connection.commit()
    return str(min(rows)[1])


def hold(connection: Connection, run_id: str) -> dict[datetime, str]:
    """Lock the rows of a run until the caller commits; the id of each by its tick."""
    rows = connection.execute(
        sql.SQL(
            "SELECT tick, id::text FROM simulation_runs WHERE {} ORDER BY tick FOR UPDATE"
        ).format(ROWS_OF_RUN),
        {"run_id": run_id},
    ).fetchall()
    return dict(rows)


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


def outcome(connection: Connection, run_id: str) -> dict[str, Any]:
    """How a run ended, in the words of the webhook; what is not complete has failed."""
    [(status, file, rows)] = connection.execute(
        sql.SQL(
            """
            SELECT
                CASE WHEN bool_and(status::text IN ('completed', 'degraded'))
                    THEN max(status::text) END,
                min(results_file),
                sum(rows_inserted)::bigint
            FROM simulation_runs WHERE {}
            """
        ).format(ROWS_OF_RUN),
        {"run_id": run_id},
    ).fetchall()
    if status is None:
        return {"run_id": run_id, "status": "failed", "result_file": None, "record_count": 0}
    return {"run_id": run_id, "status": status, "result_file": file, "record_count": rows}


def fail(connection: Connection, airflow_run_id: str, error: str) -> None:
    """Close the run of an Airflow run as failed; what it had inserted before stays."""
    connection.execute(
        """
        UPDATE simulation_runs SET status = 'failed', error = %s, finished_at = now()
        WHERE airflow_run_id = %s AND status = 'running'
        """,
        (error[:10_000], airflow_run_id),
    )
    connection.commit()
