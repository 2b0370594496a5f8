"""Each tick's certificate proves conservation from the rows that are really there."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import polars as pl
import pytest
from tests.support.tasks import connection_json
from tests.unit.community.systems import user_ids
from typer.testing import CliRunner

from solar_model import run_simulation
from solar_model.cli import app
from solar_model.files import read_results, read_users
from solar_model.manifest import Manifest
from solar_model.pipeline import certificates, runs
from solar_model.pipeline.insertion import insert
from solar_model.ticks import TICK, ticks_from

MORNING = datetime(2024, 6, 11, 14, 0, tzinfo=UTC)
STEPS = 40


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Rows, households, and their weather: batteries fill, and empty again."""
    folder = tmp_path_factory.mktemp("day")
    source, output = folder / "users.csv", folder / "results.csv"
    source.write_text(
        "user_id,panel_wattage,panel_count,battery_capacity_kwh,inverter_capacity_kw,"
        "household_size,battery_soc_kwh\n"
        + "".join(f"{user},400,12,{i % 3 * 4},5,4,{i % 3}\n" for i, user in enumerate(user_ids(30)))
    )
    run_simulation(source, output, steps=STEPS, start_time=str(MORNING), weather=1.0, seed=1)
    return read_results(output), read_users(source), Manifest.read(output).weather


@pytest.fixture
def stored(connection, day):
    """The ticks in the database, with their certificates."""
    rows, users, weather = day
    ticks = ticks_from(MORNING, STEPS)
    run_id = runs.start(connection, tick=MORNING, airflow_run_id=str(uuid4()), seed=1, steps=STEPS)
    proof = certificates.certify(rows, users, ticks)
    insert(connection, run_id, rows, weather=weather, certificates_of=lambda: proof)
    return certificates.between(connection)


def test_energy_is_conserved_in_each_tick_and_over_the_day(stored):
    assert len(stored) == STEPS
    assert stored["holds"].all()
    assert stored["losses_kwh"].sum() > 1, "batteries were used"
    assert (stored["residual_kwh"].abs() <= stored["bound_kwh"]).all()
    # each tick goes on where the one before stopped
    assert stored["stored_before_kwh"][1:].equals(
        stored["stored_after_kwh"][:-1], check_names=False
    )
    whole = stored.sum()
    grown = stored["stored_after_kwh"][-1] - stored["stored_before_kwh"][0]
    left_over = (
        whole["generation_kwh"] + whole["grid_import_kwh"]
        - whole["consumption_kwh"] - whole["grid_export_kwh"] - whole["losses_kwh"]
    ).item() - grown  # fmt: skip
    assert abs(left_over) <= whole["bound_kwh"].item()


@pytest.mark.usefixtures("stored")
def test_the_totals_are_those_of_the_rows_in_the_database(connection):
    rows = connection.execute(
        """
        SELECT abs(known.generation_kwh - stored.generation_kwh)
             + abs(known.grid_export_kwh - stored.grid_export_kwh)
             + abs(known.stored_after_kwh - stored.battery_soc_kwh)
             + abs(known.households - stored.households)
        FROM energy_certificates AS known, LATERAL (
            SELECT count(*) AS households, sum(generation_kwh) AS generation_kwh,
                sum(grid_export_kwh) AS grid_export_kwh, sum(battery_soc_kwh) AS battery_soc_kwh
            FROM energy_data WHERE simulation_run_id = known.simulation_run_id
        ) AS stored
        """
    ).fetchall()
    assert len(rows) == STEPS
    assert all(difference < 1e-6 for (difference,) in rows)


@pytest.mark.parametrize("column", ["generation_kwh", "battery_soc_kwh", "grid_import_kwh"])
def test_energy_from_nowhere_is_seen_and_its_household_named(connection, day, column):
    rows, users, _ = day
    first = rows.filter(pl.col("timestamp") == MORNING)
    wrong = first.with_columns(
        pl.when(pl.int_range(pl.len()) == 4)
        .then(pl.col(column) + 0.01)
        .otherwise(column)
        .alias(column)
    )
    proof = certificates.certify(wrong, users, [MORNING])
    run_id = runs.start(connection, tick=MORNING, airflow_run_id="x", seed=1)
    insert(connection, run_id, wrong, certificates_of=lambda: proof)
    [row] = certificates.between(connection).to_dicts()
    assert row["holds"] is False
    assert row["worst_user_id"] == user_ids(5)[4]
    assert abs(row["worst_residual_kwh"]) == pytest.approx(0.01, abs=1e-5)


def test_shards_are_one_tick(connection, day):
    rows, users, _ = day
    first = rows.filter(pl.col("timestamp") == MORNING)
    whole = certificates.certify(first, users, [MORNING])[MORNING]
    for shard, part in enumerate((first[:20], first[20:])):
        run_id = runs.start(
            connection, tick=MORNING, airflow_run_id="x", seed=1, shard=shard, shards=2
        )
        proof = certificates.certify(part, users.join(part, on="user_id", how="semi"), [MORNING])
        insert(connection, run_id, part, certificates_of=lambda proof=proof: proof)
    [row] = certificates.between(connection, limit=96).to_dicts()
    assert (row["tick"], row["holds"], row["households"]) == (MORNING, True, 30)
    assert row["generation_kwh"] == pytest.approx(whole["generation_kwh"])
    assert row["worst_user_id"] == whole["worst_user_id"]
    assert row["worst_residual_kwh"] == whole["worst_residual_kwh"]
    # split into three: what two had says nothing until it was computed again
    runs.start(connection, tick=MORNING, airflow_run_id="y", seed=1, shard=2, shards=3)
    assert certificates.between(connection).is_empty()


@pytest.mark.usefixtures("stored")
def test_the_command_shows_and_draws_them(database, connection, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection_json(database.conninfo))
    picture = tmp_path / "conservation.png"
    shown = CliRunner().invoke(
        app, ["certificate", "--since", "2024-06-11T15:00:00", "-o", str(picture)]
    )
    assert shown.exit_code == 0, shown.output
    assert "2024-06-11 15:00" in shown.output and "2024-06-11 14:45" not in shown.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    nothing = CliRunner().invoke(app, ["certificate", "--since", "2030-01-01"])
    assert "No run has a certificate" in nothing.output
    connection.execute("UPDATE energy_certificates SET residual_kwh = 1")
    connection.commit()
    wrong = CliRunner().invoke(app, ["certificate", "--limit", "1"])
    assert (wrong.exit_code, "DOES NOT HOLD" in wrong.output) == (1, True)


def test_every_tick_of_a_span_is_judged(database, connection, day, monkeypatch):
    rows, users, _ = day
    first = rows.filter(pl.col("timestamp") == MORNING)
    proof = certificates.certify(first, users, [MORNING])[MORNING]
    for number in range(100):
        tick = MORNING + number * TICK
        run_id = runs.start(connection, tick=tick, airflow_run_id=str(tick), seed=1)
        runs.record(connection, run_id, rows_inserted=len(first))
        certificates.store(connection, run_id, proof | {"residual_kwh": 1.0 - min(number, 1)})
    connection.commit()
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection_json(database.conninfo))
    newest = CliRunner().invoke(app, ["certificate"])
    assert (newest.exit_code, len(newest.output.splitlines())) == (0, 1 + 96)
    span = CliRunner().invoke(app, ["certificate", "--since", "2024-06-11T16:00+02:00"])
    assert (span.exit_code, len(span.output.splitlines())) == (1, 1 + 100)
