"""``simulation_log_YYYYMMDD.log``: one JSON line for each cycle (and shard) that ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

_RUN = """
SELECT jsonb_build_object(
    'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'tick', to_char(tick AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS'),
    'shard', shard,
    'status', status,
    'attempt', attempt,
    'airflow_run_id', airflow_run_id,
    'runner', runner,
    'rows_inserted', rows_inserted,
    'households_quarantined', households_quarantined,
    'seconds', round(extract(epoch FROM coalesce(finished_at, now()) - started_at)::numeric, 3),
    'timings_s', timings_s,
    'error', error)
FROM simulation_runs WHERE airflow_run_id = %s ORDER BY tick, shard
"""


def note(connection: psycopg.Connection[Any], airflow_run_id: str, folder: Path) -> Path:
    """Append how the ticks of an Airflow run ended, as the ledger tells it.

    Parameters
    ----------
    connection : psycopg.Connection
        To the solar database.
    airflow_run_id : str
        The run.
    folder : path
        Where the file of the UTC day lies; made when it is missing.

    Returns
    -------
    path
        The file.
    """
    with connection.transaction():
        told = connection.execute(_RUN, (airflow_run_id,)).fetchall()
    target = folder / f"simulation_log_{datetime.now(tz=UTC):%Y%m%d}.log"
    folder.mkdir(parents=True, exist_ok=True)
    # in one piece: other processes append to the same file
    with target.open("ab", buffering=0) as file:
        file.write("".join(json.dumps(run) + "\n" for (run,) in told).encode())
    return target
