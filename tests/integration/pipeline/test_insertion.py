"""Results become rows once, all at once, or not at all."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from tests.support.sessions import wait_until_waiting

from solar_model import run_simulation
from solar_model.contracts import ENERGY_COLUMNS
from solar_model.files import read_results
from solar_model.pipeline import runs
from solar_model.pipeline.insertion import insert

TICK = datetime(2024, 9, 11, 23, 45, tzinfo=UTC)
HEADER = (
    "user_id,panel_wattage,panel_count,battery_capacity_kwh,inverter_capacity_kw,household_size\n"
)


def simulated(folder, households=50, steps=1, weather=0.9):
    source = folder / "users.csv"
    if not source.exists():
        source.write_text(
            HEADER
            + "".join(
                f"{uuid4()},400,{6 + i % 20},{i % 3 * 5},5,{1 + i % 5}\n" for i in range(households)
            )
        )
    output = folder / "results.csv"
    run_simulation(source, output, steps=steps, start_time=str(TICK), weather=weather, seed=1)
    return read_results(output)


def started(connection, steps=1) -> str:
    return runs.start(connection, tick=TICK, airflow_run_id=str(uuid4()), seed=1, steps=steps)


def stored(connection) -> list[tuple]:
    columns = ", ".join(ENERGY_COLUMNS)
    return connection.execute(
        f'SELECT user_id::text, "timestamp", {columns} FROM energy_data '
        "WHERE source = 'SIMULATION' ORDER BY 2, 1"
    ).fetchall()


def test_every_number_arrives_as_it_was_written(connection, tmp_path):
    results = simulated(tmp_path)
    run_id = started(connection)
    assert insert(connection, run_id, results, checks_passed=20) == 50
    assert (
        stored(connection)
        == results.sort("timestamp", "user_id")
        .select("user_id", "timestamp", *ENERGY_COLUMNS)
        .rows()
    )
    run = connection.execute(
        "SELECT status::text, rows_inserted, checks_passed, generation_kwh, consumption_kwh, "
        "finished_at IS NOT NULL FROM simulation_runs WHERE id = %s",
        (run_id,),
    ).fetchone()
    totals = results.select("generation_kwh", "consumption_kwh").sum().row(0)
    assert run[:3] == ("completed", 50, 20)
    assert run[3:5] == pytest.approx(totals, abs=5e-7)
    assert run[5]


def test_rows_past_midnight_lie_in_their_own_day(connection, tmp_path):
    insert(connection, started(connection, steps=2), simulated(tmp_path, steps=2))
    days = connection.execute(
        "SELECT tableoid::regclass::text, count(*) FROM energy_data GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert days == [("energy_data_20240911", 50), ("energy_data_20240912", 50)]


def test_doing_it_twice_changes_nothing(connection, tmp_path):
    results = simulated(tmp_path)
    run_id = started(connection)
    insert(connection, run_id, results)
    before = stored(connection)
    insert(connection, run_id, results)
    assert stored(connection) == before


def test_running_the_tick_again_replaces_its_rows_and_nobody_elses(connection, tmp_path):
    insert(connection, started(connection), simulated(tmp_path))
    meter = (uuid4(), TICK)
    connection.execute(
        'INSERT INTO energy_data (user_id, "timestamp", generation_kwh, consumption_kwh, '
        "surplus_kwh, source) VALUES (%s, %s, 1, 2, -1, 'METER')",
        meter,
    )
    connection.commit()
    again = simulated(tmp_path, weather=0.3).head(20)
    insert(connection, started(connection), again)
    assert [row[0] for row in stored(connection)] == again["user_id"].sort().to_list()
    assert connection.execute(
        "SELECT user_id, \"timestamp\" FROM energy_data WHERE source = 'METER'"
    ).fetchall() == [meter]
    [run] = connection.execute("SELECT status::text, attempt FROM simulation_runs").fetchall()
    assert run == ("completed", 2)


def test_what_fails_at_the_last_moment_leaves_everything_as_it_was(connection, tmp_path):
    results = simulated(tmp_path)
    run_id = started(connection)
    insert(connection, run_id, results)
    before = stored(connection)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        insert(connection, run_id, simulated(tmp_path, weather=0.1), no_such_column=1)
    assert stored(connection) == before


def test_a_client_that_dies_in_the_middle_leaves_no_row(database, connection, tmp_path):
    results = simulated(tmp_path)
    run_id = started(connection)
    victim = database.connect()
    pid = victim.info.backend_pid
    blocker = database.connect()
    last = (TICK, results["user_id"].max())
    failure = []

    def work():
        try:
            insert(victim, run_id, results)
        except psycopg.OperationalError as error:
            failure.append(error)

    connection.execute("SELECT energy_data_partition(%s)", (TICK.date(),))
    connection.commit()
    # The victim copies 49 rows; at the last it waits to see whether this one is committed.
    blocker.execute(
        'INSERT INTO energy_data ("timestamp", user_id, generation_kwh, consumption_kwh, '
        "battery_soc_kwh, battery_charge_kwh, battery_discharge_kwh, grid_import_kwh, "
        "grid_export_kwh, surplus_kwh, source, simulation_run_id) "
        "VALUES (%s, %s, 0, 0, 0, 0, 0, 0, 0, 0, 'SIMULATION', gen_random_uuid())",
        last,
    )
    thread = threading.Thread(target=work)
    thread.start()
    assert wait_until_waiting(connection, pid).startswith("COPY")
    connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
    connection.commit()
    thread.join(10)
    blocker.rollback()
    blocker.close()
    assert failure
    assert stored(connection) == []
    insert(connection, run_id, results)
    assert len(stored(connection)) == 50


def test_two_at_once_end_with_one_set_of_rows(database, connection, tmp_path):
    results = simulated(tmp_path)
    run_id = started(connection)
    errors = []

    def work():
        try:
            with database.connect() as own:
                insert(own, run_id, results)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(stored(connection)) == 50
