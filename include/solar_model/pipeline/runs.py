"""The ledger of runs: one row of ``simulation_runs`` per tick.

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

import polars as pl
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from solar_model import __version__
from solar_model.contracts import SCHEMA_VERSION

Connection = psycopg.Connection[Any]

# The DAG whose runs these are.
CYCLE_DAG = "solar_simulation"

_JSON_COLUMNS = {"weather", "timings_s"}


def start(
    connection: Connection,
    *,
    tick: datetime,
    airflow_run_id: str,
    seed: int,
) -> str:
    """Open the row of a tick, or reopen it for another attempt; returns its id.

    A retry of the same Airflow run is the same attempt.
    """
    [(run_id,)] = connection.execute(
        """
        INSERT INTO simulation_runs AS run
            (tick, airflow_run_id, seed, model_version, schema_version)
        VALUES (%s, %s, %s, %s, %s)
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
        RETURNING id::text
        """,
        (
            tick,
            airflow_run_id,
            seed,
            __version__,
            SCHEMA_VERSION,
        ),
    ).fetchall()
    connection.commit()
    return str(run_id)


def recorded(connection: Connection, tick: datetime) -> tuple[int | None, Any]:
    """Seed and weather that a tick was last computed with; None where nothing is recorded."""
    with connection.transaction():  # leaves none open behind it
        row = connection.execute(
            "SELECT seed, weather FROM simulation_runs WHERE tick = %s", (tick,)
        ).fetchone()
    return row or (None, None)


def record(connection: Connection, run_id: str, **columns: Any) -> None:
    """Set columns of a run's row; the caller commits."""
    values = {
        name: Jsonb(value) if name in _JSON_COLUMNS else value for name, value in columns.items()
    }
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
    )
    connection.execute(
        sql.SQL("UPDATE simulation_runs SET {} WHERE id = {}").format(
            assignments, sql.Placeholder("run_id")
        ),
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
            "UPDATE simulation_runs SET timings_s = timings_s || %s WHERE id = %s",
            (Jsonb({step: round(seconds, 3)}), run_id),
        )
        connection.commit()


def outcome(connection: Connection, run_id: str) -> dict[str, Any]:
    """How a run ended, in the words of the webhook; what is not complete has failed."""
    [(status, file, rows)] = connection.execute(
        "SELECT status::text, results_file, rows_inserted FROM simulation_runs WHERE id = %s",
        (run_id,),
    ).fetchall()
    if status != "completed":
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


def quarantine(connection: Connection, run_id: str, stage: str, rejected: pl.DataFrame) -> None:
    """Set rows aside with their reasons, in place of those of an earlier attempt.

    Parameters
    ----------
    connection : psycopg.Connection
        The caller commits.
    run_id : str
        The run.
    stage : str
        Where they stood out: ``input`` or ``results``.
    rejected : polars.DataFrame
        From :func:`solar_model.intake.split_households`.
    """
    connection.execute(
        "DELETE FROM quarantine WHERE simulation_run_id = %s AND stage = %s", (run_id, stage)
    )
    with connection.cursor().copy(
        "COPY quarantine (simulation_run_id, stage, user_id, reasons, row_values) FROM STDIN"
    ) as copy:
        # the few rows that were set aside, not the community
        for row in rejected.select("user_id", "reasons", "raw").iter_rows():
            copy.write_row((run_id, stage, *row))
