"""What cannot be believed is set aside, the rest is there, and there is a way back."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from tests.support.tasks import connection_json, context_of
from typer.testing import CliRunner

from solar_airflow import ending, operators
from solar_model.cli import app
from solar_model.errors import InputError, ResultsError
from solar_model.files import read_results
from solar_model.manifest import Manifest
from solar_model.pipeline import quarantine, runs
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.references import FileReference
from solar_model.settings import load_settings
from solar_model.simulation import run_simulation
from solar_model.whole_files import sha256_of

TICK = "2024-06-11T17:15:00"
WHEN = datetime(2024, 6, 11, 17, 15, tzinfo=UTC)


class OneCycle:
    """The tasks of a cycle that validate and insert, on a results file that a test damages."""

    def __init__(self, database, folder: Path) -> None:
        self.database = database
        with database.connect() as connection:
            load_sample(connection, 120, seed=1)
        self.begin(context_of(TICK))
        given = FileReference(**self.handover["input"])
        self.path = folder / "results_20240611_1715.csv"
        run_simulation(given.path, self.path, start_time=TICK, weather=0.9, seed=7)
        self.users = read_results(self.path)["user_id"].to_list()

    def begin(self, context) -> None:
        self.context = context
        handover = operators.QueryHouseholdsOperator(task_id="query_households").execute(context)
        self.handover = self.step(operators.WriteInputCsvOperator, handover)

    def step(self, operator, handover):
        task = operator(task_id=operator.__name__, handover=json.loads(json.dumps(handover)))
        return task.execute(self.context)

    def run(self, damage=lambda frame: frame) -> None:
        """Validate and insert."""
        self.insert(self.validate(damage))

    def insert(self, handover) -> None:
        self.step(operators.InsertResultsOperator, handover)

    def validate(self, damage=lambda frame: frame) -> dict:
        before = Manifest.read(self.path)
        text = pl.read_csv(self.path, infer_schema=False)
        damage(text).write_csv(self.path)
        # as a runner that has written just this
        size_bytes, sha256 = self.path.stat().st_size, sha256_of(self.path)
        replace(before, size_bytes=size_bytes, sha256=sha256).write(self.path)
        reference = FileReference.of(self.path, before.rows).to_dict()
        handover = self.handover | {"downloaded": reference, "uploaded": reference}
        handover |= {"results": reference, "runner": "local"}
        return self.step(operators.ValidateResultsOperator, handover)

    def sql(self, statement: str, *values):
        with self.database.connect() as connection:
            return connection.execute(statement, values).fetchall()

    def run_row(self) -> tuple:
        [row] = self.sql(
            "SELECT status::text, rows_inserted, households_quarantined, results_rows, "
            "households_queried FROM simulation_runs WHERE tick = %s",
            WHEN,
        )
        return row

    def totals(self) -> list:
        return self.sql(
            """
            SELECT run.generation_kwh, run.consumption_kwh, stored.* FROM simulation_runs AS run,
            LATERAL (
                SELECT round(sum(generation_kwh)::numeric, 6)::float8,
                       round(sum(consumption_kwh)::numeric, 6)::float8, count(*)
                FROM energy_data WHERE simulation_run_id = run.id
            ) AS stored
            """
        )[0]


@pytest.fixture
def cycle(database, monkeypatch, tmp_path) -> OneCycle:
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection_json(database.conninfo))
    config = load_settings(home=tmp_path, seed=7)
    for module in ("operators", "ending"):
        monkeypatch.setattr(f"solar_airflow.{module}.settings", lambda: config)
    return OneCycle(database, tmp_path)


def cell(column: str, value: str, *rows: int):
    """A damage: the cells of these rows hold something else."""

    def damage(text: pl.DataFrame) -> pl.DataFrame:
        there = pl.int_range(pl.len()).is_in(rows)
        return text.with_columns(pl.when(there).then(pl.lit(value)).otherwise(column).alias(column))

    return damage


def solar(*arguments: str):
    return CliRunner().invoke(app, ["quarantine", *arguments])


def test_a_row_that_cannot_be_believed_degrades_the_run_and_stops_nobody_else(cycle):
    cycle.run(cell("consumption_kwh", "a lot", 5))
    assert cycle.run_row() == ("degraded", 119, 1, 120, 120)
    user = cycle.users[5]
    assert cycle.sql("SELECT * FROM energy_data WHERE user_id = %s", user) == []
    generation, consumption, *stored = cycle.totals()
    assert [generation, consumption, 119] == stored
    [(succeeded,)] = cycle.sql("SELECT succeeded FROM validations")
    assert succeeded is False

    shown = solar("list")
    assert (shown.exit_code, shown.output.count("\n")) == (0, 1)
    number = shown.output.split()[0]
    assert user in shown.output
    assert "consumption_kwh is a lot, expected a number" in shown.output
    shown = solar("show", number)
    assert "line       7 of results_20240611_1715.csv" in shown.output
    assert '"consumption_kwh": "a lot"' in shown.output
    assert '"panel_count"' in shown.output
    assert "by the rules of today it breaks consumption_kwh.type" in shown.output
    seen = cycle.sql(
        "SELECT place FROM transfer_log WHERE action = 'view' AND actor > '' ORDER BY id"
    )
    assert seen == [("quarantine",), (f"quarantine {number}",)]
    for options in ([], ["--because", "it is plausible"]):
        refused = solar("release", number, *options)
        assert refused.exit_code == 1, "no number cannot be inserted, whatever anybody says"
    assert "consumption_kwh is a lot" in refused.output
    assert cycle.run_row() == ("degraded", 119, 1, 120, 120)


def test_a_row_is_let_out_and_the_run_is_whole_again(cycle):
    before = cycle.path.read_text()
    cycle.run(cell("battery_soc_kwh", "60.0", 3))
    held = cycle.sql("SELECT id FROM quarantine")[0][0]
    refused = solar("release", str(held))
    assert refused.exit_code == 1
    assert "within_capacity" in refused.output and "--because" in refused.output
    released = solar("release", str(held + 1), str(held), "--because", "the battery is new")
    assert (released.exit_code, "completed" in released.output) == (1, True)
    assert "no such row in the quarantine" in released.output, "nor does it keep the other one in"
    assert cycle.run_row() == ("completed", 120, 0, 120, 120)
    generation, consumption, *stored = cycle.totals()
    assert [generation, consumption, 120] == stored
    [proof] = cycle.sql(
        "SELECT households, round(generation_kwh::numeric, 6)::float8, holds, "
        "worst_user_id::text FROM energy_certificates"
    )
    assert proof == (120, generation, False, cycle.users[3]), "60 kWh came from nowhere"
    [row] = cycle.sql("SELECT released_at IS NOT NULL, release_note FROM quarantine")
    assert row == (True, "the battery is new")
    assert solar("list").output == "Nothing is set aside.\n"
    assert "released" in solar("list", "--released").output
    again = solar("release", str(held), "--because", "once more")
    assert (again.exit_code, "before" in again.output) == (1, True)

    cycle.path.write_text(before)
    cycle.run()  # the tick is run again, and all is well
    assert cycle.run_row() == ("completed", 120, 0, 120, 120)
    assert cycle.sql("SELECT * FROM quarantine") == []


def test_a_row_that_passes_by_now_is_let_out_without_a_reason(cycle):
    cycle.run(cell("battery_soc_kwh", "1e3", 3))
    cycle.sql(
        "UPDATE quarantine SET row_values = row_values || "
        "jsonb_build_object('battery_soc_kwh', household->>'battery_soc_kwh', "
        "'battery_charge_kwh', '0', 'battery_discharge_kwh', '0', 'generation_kwh', '0', "
        "'grid_export_kwh', '0', 'consumption_kwh', '0.1', 'grid_import_kwh', '0.1', "
        "'surplus_kwh', '-0.1') RETURNING id"
    )
    [(held, household)] = cycle.sql("SELECT id, household FROM quarantine")
    if household.get("battery_soc_kwh") is None:
        half = household["battery_capacity_kwh"] / 2
        cycle.sql(
            "UPDATE quarantine SET row_values = row_values || "
            "jsonb_build_object('battery_soc_kwh', %s::text) RETURNING id",
            str(half),
        )
    released = solar("release", str(held))
    assert released.exit_code == 0, released.output
    assert cycle.run_row()[0] == "completed"


def test_what_a_run_has_set_aside_is_not_inserted_because_another_one_believes_it(cycle):
    ours = cycle.context
    good = cycle.path.with_name("good")
    shutil.copytree(cycle.path.parent, good, ignore=shutil.ignore_patterns("good", "work"))
    validated = cycle.validate(cell("consumption_kwh", "9999", 5))
    cycle.begin(context_of("2024-06-11T17:15:05"))
    cycle.path = good / cycle.path.name
    cycle.validate()
    cycle.context = ours
    with pytest.raises(ResultsError, match=r"T17:15:05 has begun .* nothing of this one"):
        cycle.insert(validated)
    assert cycle.sql("SELECT count(*) FROM energy_data") == [(0,)]


def test_who_lets_a_row_out_and_who_runs_its_tick_again_do_not_wait_for_each_other(cycle):
    cycle.run(cell("battery_soc_kwh", "60.0", 3))
    [(number, run_id)] = cycle.sql("SELECT id, simulation_run_id::text FROM quarantine")

    def let_out() -> None:
        with cycle.database.connect() as connection:
            quarantine.release(connection, number, by="me", note="the battery is new")

    with cycle.database.connect() as connection, ThreadPoolExecutor(1) as beside:
        runs.hold(connection, run_id)  # as who sets rows aside begins
        released = beside.submit(let_out)
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not (cycle.sql(waiting) or released.done()):
            time.sleep(0.05)
        quarantine.store(connection, run_id, quarantine.RESULTS, pl.DataFrame())
        connection.commit()
        with pytest.raises(InputError, match="no such row in the quarantine"):
            released.result(timeout=60)


def test_too_many_rows_fail_the_run_and_all_of_them_are_kept(cycle):
    with pytest.raises(ResultsError, match="2 of 120 households cannot be believed"):
        cycle.run(cell("consumption_kwh", "-1", 5, 9))
    assert cycle.sql("SELECT count(*) FROM energy_data") == [(0,)]
    assert cycle.sql("SELECT line FROM quarantine ORDER BY line") == [(7,), (11,)]
    assert cycle.sql("SELECT succeeded FROM validations") == [(False,)]
    ending.record_failure(
        {**cycle.context, "run_id": cycle.context["dag_run"].run_id}
        | {"task_instance": type("T", (), {"task_id": "validate_results"}), "exception": "no"}
    )
    [(held,)] = cycle.sql("SELECT min(id) FROM quarantine")
    refused = solar("release", str(held), "--because", "I say so")
    assert (refused.exit_code, "failed" in refused.output) == (1, True)


def test_harmless_defects_are_mended_inserted_and_said(cycle, capsys):
    cycle.run(
        lambda text: pl.concat([text, text.tail(1)]).with_columns(
            pl.col("user_id").str.to_uppercase(), timestamp=pl.lit("2024-06-11T19:15:00+02:00")
        )
    )
    assert cycle.run_row()[:3] == ("completed", 120, 0)
    stored = cycle.sql("SELECT user_id::text FROM energy_data ORDER BY user_id")
    assert [user for (user,) in stored] == cycle.users
    logged = capsys.readouterr().out
    for name in ("upper_case_id", "utc_offset", "duplicate_rows"):
        assert name in logged
    assert not any(user in logged for user in cycle.users)


def test_a_household_that_the_contract_keeps_out_degrades_nothing(cycle):
    cycle.sql(
        "UPDATE user_systems SET household_size = 0 WHERE user_id::text = %s RETURNING user_id",
        cycle.users[0],
    )
    handover = operators.QueryHouseholdsOperator(task_id="query_households").execute(cycle.context)
    cycle.handover = cycle.step(operators.WriteInputCsvOperator, handover)
    given = FileReference(**cycle.handover["input"])
    run_simulation(given.path, cycle.path, start_time=TICK, weather=0.9, seed=7)
    cycle.run()
    assert cycle.run_row() == ("completed", 119, 1, 119, 120)
    held = cycle.sql("SELECT id FROM quarantine")[0][0]
    assert "input" in solar("list").output
    refused = solar("release", str(held))
    assert refused.exit_code == 1
    assert "Mend the household" in refused.output


def test_rows_of_one_stage_are_listed_and_a_stage_that_is_none_is_refused(cycle):
    cycle.run(cell("consumption_kwh", "a lot", 5))
    assert cycle.users[5] in solar("list", "--stage", "results").output
    assert solar("list", "--stage", "input").output == "Nothing is set aside.\n"
    assert solar("list", "--stage", "result").exit_code == 2


def test_a_number_that_is_not_in_the_list_is_an_error(connection):
    with pytest.raises(InputError, match="no such row"):
        quarantine.entry(connection, 17)
    with pytest.raises(InputError, match="no such row"):
        quarantine.release(connection, 17, by="me")
