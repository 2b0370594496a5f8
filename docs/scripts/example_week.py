"""A week of the sample community, for the pictures of the dashboard.

The energy is simulated. The ledger is set to what a week of cycles leaves behind: nobody waits a
week for a picture, nor for a picture of each thing that can go wrong.
"""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from solar_model import run_simulation
from solar_model.files import read_results
from solar_model.pipeline import households, runs
from solar_model.pipeline.dashboard import shown_range
from solar_model.pipeline.insertion import insert
from solar_model.pipeline.references import Cycle
from solar_model.pipeline.snapshot import take_snapshot
from solar_model.settings import Settings
from solar_model.ticks import TICK, timestamp_text

_TIMINGS_S = {
    "query_households": 0.08,
    "write_input_csv": 0.31,
    "upload_input": 0.07,
    "run_simulation": 0.62,
    "download_results": 0.06,
    "validate_results": 0.94,
    "insert_results": 0.27,
}
_AWAY = (
    'insert_results: connection to server at "db.example.org", port 5432 failed: '
    "Connection refused. Is the server running on that host and accepting TCP/IP connections?"
)
_REASON = "inverter_capacity_kw is nan, expected a number above 0"

# As of the end of the week, in ticks: from, to, and what is set.
FAILED = 29
_EVENTS = (
    (61, 61, "seconds = 402"),
    (62, 62, "seconds = 318"),
    (FAILED - 1, FAILED, "status = 'failed', seconds = 148"),
    (210, 213, "begun = 40000, seconds = 40005"),
    (214, 217, "begun = 40000, seconds = 40005"),
    (300, 306, "status = 'degraded'"),
    (440, 440, "seconds = 351"),
)
_MISSING = ((30, 36), (150, 150), (390, 391))
_SET_ASIDE = ((1, 12), (305, 330))


def fill(connection: psycopg.Connection, config: Settings, now: datetime) -> datetime:
    """Store the week before the current tick; returns a tick that has failed."""
    first, last = shown_range(now)
    steps = (last - first) // TICK
    run_id = runs.start(connection, tick=first, airflow_run_id="week", seed=1, steps=steps)
    with tempfile.TemporaryDirectory(prefix="solar-week-") as folder:
        results = _simulate(connection, config, Path(folder), first, steps, run_id)
        insert(
            connection,
            run_id,
            read_results(results),
            weather=config.weather,
            runner="local",
            exchange=config.exchange_urls[0],
            households_quarantined=0,
            checks_passed=31,
        )
    _tell_the_story(connection, last)
    connection.commit()
    return last - FAILED * TICK


def _simulate(
    connection: psycopg.Connection,
    config: Settings,
    folder: Path,
    first: datetime,
    steps: int,
    run_id: str,
) -> Path:
    cycle = Cycle(timestamp_text(first), run_id, 1, config.weather, str(folder), steps)
    snapshot = take_snapshot(connection, tick=first, sql_file=config.households_sql, folder=folder)
    given, _ = households.write_input(connection, cycle, snapshot, config)
    results = folder / "results.csv"
    run_simulation(given.path, results, steps, first, config.weather, seed=1)
    return results


def _tell_the_story(connection: psycopg.Connection, last: datetime) -> None:
    connection.execute(
        """
        CREATE TEMPORARY TABLE story ON COMMIT DROP AS
        SELECT
            id, tick, extract(epoch FROM %s - tick)::int / 900 AS back, status::text,
            0.4::float8 AS begun, 3.1 + abs(hashtext(tick::text)) %% 100 / 80.0 AS seconds
        FROM simulation_runs WHERE airflow_run_id = 'week'
        """,
        (last,),
    )
    for newest, oldest, change in _EVENTS:
        connection.execute(
            sql.SQL("UPDATE story SET {} WHERE back BETWEEN %s AND %s").format(sql.SQL(change)),
            (newest, oldest),
        )
    connection.execute(
        """
        UPDATE simulation_runs AS run SET
            status = story.status::simulation_status,
            airflow_run_id = CASE WHEN begun > 900 THEN 'backfill__' ELSE 'scheduled__' END
                || to_char(run.tick, 'YYYY-MM-DD"T"HH24:MI:SS+00:00'),
            started_at = run.tick + begun * interval '1 second',
            finished_at = run.tick + seconds * interval '1 second',
            timings_s = %s,
            input_file = to_char(run.tick, '"users_input_"YYYYMMDD_HH24MISS".csv"'),
            results_file = to_char(run.tick, '"results_"YYYYMMDD_HH24MI".csv"')
        FROM story WHERE story.id = run.id
        """,
        (Jsonb(_TIMINGS_S),),
    )
    for newest, oldest in _SET_ASIDE:
        connection.execute(
            """
            WITH affected AS (
                UPDATE simulation_runs AS run
                SET households_quarantined = 2, rows_inserted = run.rows_inserted - 2
                FROM story WHERE story.id = run.id AND back BETWEEN %s AND %s
                RETURNING run.id
            )
            INSERT INTO quarantine (simulation_run_id, stage, user_id, reasons, row_values)
            SELECT id, 'input', gen_random_uuid()::text, ARRAY[%s], '{}'
            FROM affected, generate_series(1, 2)
            """,
            (newest, oldest, _REASON),
        )
    connection.execute(
        """
        UPDATE simulation_runs SET
            error = %s, rows_inserted = NULL, results_file = NULL, checks_passed = NULL,
            generation_kwh = NULL, consumption_kwh = NULL, grid_import_kwh = NULL,
            grid_export_kwh = NULL
        WHERE status = 'failed'
        """,
        (_AWAY,),
    )
    for newest, oldest in _MISSING:
        connection.execute(
            "DELETE FROM simulation_runs USING story "
            "WHERE story.id = simulation_runs.id AND back BETWEEN %s AND %s",
            (newest, oldest),
        )
