"""The cycle's own tasks on a real Postgres, and the least that any way through it must cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.apart import Measured, apart, medians, timed
from benchmarks.server import Server
from solar_airflow import ending
from solar_airflow import operators as solar
from solar_airflow.simulation import RunSimulationOperator
from solar_model.pipeline import runs
from solar_model.pipeline.database import connect
from solar_model.pipeline.references import FileReference
from solar_model.settings import settings
from solar_model.ticks import TICK, timestamp_text
from solar_stack.show import step

Connection = psycopg.Connection[Any]

_STATES = b'SELECT user_id::text, battery_soc_kwh FROM energy_data WHERE "timestamp" = %s'

# As dags/solar_simulation.py names and orders them.
TASKS = {
    "query_households": solar.QueryHouseholdsOperator,
    "write_input_csv": solar.WriteInputCsvOperator,
    "upload_input": solar.UploadInputOperator,
    "run_simulation": RunSimulationOperator,
    "download_results": solar.DownloadResultsOperator,
    "validate_results": solar.ValidateResultsOperator,
    "insert_results": solar.InsertResultsOperator,
    "clean_up": ending.CleanUpOperator,
}


def settle(info: str, households: int) -> None:
    """Let the first so many households of the sample community live in the backend's tables."""
    from solar_model.pipeline.backend import load_sample

    with connect(info) as connection:
        [(known,)] = connection.execute("SELECT to_regclass('user_systems')").fetchall()
        if known:
            [(there,)] = connection.execute("SELECT count(*) FROM user_systems").fetchall()
            if there == households:
                return
            connection.execute("TRUNCATE users, user_systems")
        load_sample(connection, households, settings().seed)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE users, user_systems")


def cycle(
    server: Server, tick: datetime, upto: str | None = None
) -> tuple[dict[str, Measured], dict[str, Any]]:
    """Run the tasks of a tick one after the other, each apart.

    Parameters
    ----------
    server : Server
        The Postgres.
    tick : datetime.datetime
        The tick.
    upto : str, optional
        The last task to run.

    Returns
    -------
    tasks : dict of str to dict
        What each took: see `apart`, and ``server_cpu_s`` of Postgres.
    handover : dict
        Of the last task.
    """
    run_id = f"manual__{timestamp_text(tick)}"
    run = SimpleNamespace(run_id=run_id, run_type="manual", logical_date=tick)
    context = {"dag_run": run, "params": {"seed": None, "weather": None, "dry_run": False}}
    measured: dict[str, Measured] = {}
    handover: dict[str, Any] = {}
    for task_id, operator in TASKS.items():
        goes_on = handover and issubclass(operator, solar.CycleOperator)
        given = {"handover": handover} if goes_on else {}
        task = operator(task_id=task_id, execution_timeout=timedelta(minutes=10), **given)
        postgres: Measured = {}
        with server.timed(postgres, "server_cpu"):
            done, taken = apart(lambda task=task: task.execute(context))
        measured[task_id] = {**taken, **postgres}
        handover = done or handover
        if task_id == upto:
            break
    return measured, handover


def cycles(info: str, households: int, first: datetime, repeat: int) -> dict[str, Any]:
    """Consecutive ticks of a community, and the floor beside them.

    The first tick is not counted: its batteries have no state before it.
    """
    with step(f"A community of {households:,} households"):
        apart(lambda: settle(info, households))
    server = Server(info)
    cycle(server, first)
    taken, floors = [], []
    for n in range(1, repeat + 1):
        with step(f"Task by task: {households:,} households, {n} of {repeat}"):
            tasks, handover = cycle(server, first + n * TICK)
            taken.append(tasks)
            floors.append(apart(lambda n=n: floor(info, server, first + n * TICK))[0])
    return {
        "tasks": {name: medians([tasks[name] for tasks in taken]) for name in TASKS},
        "floor": medians(floors),
        "bytes": {name: handover[name]["bytes"] for name in ("input", "results")},
    }


def floor(info: str, server: Server, tick: datetime) -> Measured:
    """What Postgres alone takes: households and states out, and COPY of a tick's rows as they are.

    What is read is put into text and thrown away in the server. The rows go into a day that is
    empty.
    """
    measured: Measured = {}
    query = settings().households_sql.read_text(encoding="utf-8").encode()
    explain = b"EXPLAIN (ANALYZE, SERIALIZE TEXT, TIMING OFF)\n"
    with connect(info) as connection:
        with server.timed(measured, "query_cpu"), timed(measured, "query"):
            connection.execute(explain + query)
            connection.execute(explain + _STATES, (tick,))
        rows = b"".join(_binary_rows(connection, tick))
        day = tick.date() - timedelta(days=1000)
        [(partition,)] = connection.execute("SELECT energy_data_partition(%s)", (day,)).fetchall()
        connection.commit()
        with server.timed(measured, "copy_cpu"), timed(measured, "copy"):
            with connection.cursor().copy(
                sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(partition))
            ) as copy:
                copy.write(rows)
            connection.commit()
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(partition)))
    return measured


def _binary_rows(connection: Connection, tick: datetime) -> Iterator[bytes]:
    [(columns,)] = connection.execute(
        "SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute "
        "WHERE attrelid = 'energy_data'::regclass AND attnum > 1 AND NOT attisdropped"
    ).fetchall()
    select = sql.SQL(
        """COPY (SELECT "timestamp" - interval '1000 days', {} FROM energy_data
        WHERE "timestamp" = {} ORDER BY "timestamp", user_id) TO STDOUT (FORMAT binary)"""
    ).format(sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(tick))
    with connection.cursor().copy(select) as copy:
        yield from map(bytes, copy)


def growth(info: str, households: int, first: datetime, ticks: int) -> dict[str, Any]:
    """How long the insert of a tick takes while the table grows, tick by tick.

    Returns
    -------
    dict
        ``inserts``, a list: ``rows`` that were there before and what each insert took; and
        ``bytes_per_row`` on the disk, with the index, and ``log_bytes_per_row`` of Postgres's
        write-ahead log.
    """
    server = Server(info)
    _, handover = cycle(server, first, upto="download_results")
    results = FileReference(**handover["downloaded"]).path
    log_before = _log_bytes(info)
    inserts = []
    with step(f"Growth: {households:,} rows at a time") as detail:
        for n in range(ticks):
            detail(f"{n * households:,} rows are there")
            postgres: Measured = {}
            # in a process of its own: nothing of the last insert is left
            with server.timed(postgres, "server_cpu"):
                insert, around = apart(lambda n=n: _insert(info, results, first + n * TICK))
            more = {"peak_mib": around["peak_mib"], "rows": n * households}
            inserts.append({**insert, **postgres, **more})
    rows = households * ticks
    grown = {
        "inserts": inserts,
        "bytes_per_row": _table_bytes(info, first) / rows,
        "log_bytes_per_row": (_log_bytes(info) - log_before) / rows,
    }
    _forget(info, first)
    return grown


def _forget(info: str, tick: datetime) -> None:
    """Drop the rows of a day: millions of them fill the memory that others are to have."""
    with connect(info) as connection:
        [(partition,)] = connection.execute(
            "SELECT energy_data_partition(%s)", (tick.date(),)
        ).fetchall()
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(partition)))


def _log_bytes(info: str) -> int:
    with connect(info) as connection:
        [(position,)] = connection.execute(
            "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
        ).fetchall()
    return int(position)


def _table_bytes(info: str, tick: datetime) -> int:
    with connect(info) as connection:
        [(size,)] = connection.execute(
            "SELECT pg_total_relation_size(energy_data_partition(%s)::regclass)", (tick.date(),)
        ).fetchall()
    return int(size)


def _insert(info: str, results_file: Path, tick: datetime) -> Measured:
    import polars as pl

    from solar_model.files import read_results
    from solar_model.pipeline.insertion import insert

    measured: Measured = {}
    stamp = pl.lit(tick).cast(pl.Datetime("us", "UTC"))
    results = read_results(results_file).with_columns(timestamp=stamp)
    with connect(info) as connection:
        run_id = runs.start(
            connection, tick=tick, airflow_run_id=f"manual__{timestamp_text(tick)}", seed=0
        )
        with timed(measured, "insert"):
            insert(connection, run_id, results)
    return measured
