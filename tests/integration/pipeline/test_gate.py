"""Nothing that breaks a rule passes the gate, and each of its guards sees what it should."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import polars as pl
import pytest

from solar_model import run_simulation
from solar_model.contracts import RESIDUALS
from solar_model.errors import ResultsError
from solar_model.files import read_results, read_users
from solar_model.manifest import Manifest
from solar_model.physics import RULES, beside_systems
from solar_model.pipeline import gate, runs, validations
from solar_model.pipeline.suite import ENERGIES, FLOWS, Asked, evidence, suite, validate
from solar_model.settings import settings
from solar_model.ticks import TICK as TICK_LENGTH

TICK = datetime(2024, 6, 11, 17, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def tick(tmp_path_factory):
    """Households and their results on a bright noon."""
    folder = tmp_path_factory.mktemp("tick")
    source, output = folder / "users.csv", folder / "results.csv"
    source.write_text(
        "user_id,panel_wattage,panel_count,battery_capacity_kwh,inverter_capacity_kw,"
        "household_size\n" + "".join(f"{uuid4()},400,12,{i % 2 * 8},5,2\n" for i in range(40))
    )
    run_simulation(source, output, start_time=str(TICK), weather=1.0, seed=1)
    return read_results(output), read_users(source), Manifest.read(output)


def asked(manifest: Manifest, **more) -> Asked:
    return Asked(40, [TICK], **{"totals_kwh": manifest.totals_kwh, **more})


def judge(tick, results: pl.DataFrame, **more) -> gate.Verdict:
    _, households, manifest = tick
    return gate.judge(results, households, asked(manifest, **more))


def great_expectations(tick, results: pl.DataFrame, **more):
    """What the suite says on its own."""
    _, households, manifest = tick
    beside = beside_systems(results, households, [TICK], settings())
    return validate(evidence(beside, [TICK]), asked(manifest, **more))


def first(column: str, value) -> pl.Expr:
    """The first row's value replaced."""
    there = pl.int_range(pl.len()) == 0
    return pl.when(there).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)


def test_what_the_model_makes_passes_every_check(tick):
    verdict = judge(tick, tick[0])
    assert verdict.refusal is None
    verdict.raise_if_refused()
    found = verdict.validation
    assert found.succeeded
    assert found.passed == len(suite(asked(tick[2])).expectations)
    assert found.statistics["rows"] == 40
    assert found.statistics["warnings"] == found.statistics["blocking"] == 0


def test_the_suite_asks_for_every_rule_of_the_contract_and_of_physics(tick):
    asked_for = {one.column for one in suite(asked(tick[2])).expectations if hasattr(one, "column")}
    rules = {f"{rule.name}_headroom_kwh" for rule in RULES}
    residuals = {f"{name}_residual_kwh" for name in RESIDUALS}
    marks = {"known_household", "asked_tick", "repeated"}
    assert asked_for == {*ENERGIES, *rules, *residuals, *marks}


DAMAGES = {
    "negative generation": ("generation_kwh", -0.5, "generation_kwh"),
    "negative consumption": ("consumption_kwh", -0.5, "consumption_kwh"),
    "negative import": ("grid_import_kwh", -0.5, "grid_import_kwh"),
    "negative export": ("grid_export_kwh", -0.5, "grid_export_kwh"),
    "surplus that is no difference": ("surplus_kwh", 77.0, "surplus"),
    "energy from nowhere": ("grid_export_kwh", 77.0, "balance"),
    "no number": ("consumption_kwh", float("nan"), "consumption_kwh"),
    "infinite state": ("battery_soc_kwh", float("inf"), "battery_soc_kwh"),
    "more stored than fits": ("battery_soc_kwh", 9.0, "capacity"),
    "no UUID": ("user_id", "somebody", "user_id"),
    "nobody": ("user_id", None, "user_id"),
    "a stranger": ("user_id", "00000000-0000-4000-8000-000000000000", "coverage"),
}


@pytest.mark.parametrize(("column", "value", "named"), DAMAGES.values(), ids=DAMAGES)
def test_one_damaged_value_stops_the_file_and_is_shown(tick, column, value, named):
    with pytest.raises(ResultsError) as error:
        judge(tick, tick[0].with_columns(first(column, value))).raise_if_refused()
    assert named in str(error.value)
    if value is not None:
        assert str(value) in str(error.value)


# a damage, and where Great Expectations sees it without help
SEEN = {
    "repeated": lambda frame: frame.with_columns(first("user_id", frame["user_id"][1])),
    "known_household": lambda frame: frame.with_columns(first("user_id", "somebody")),
    "asked_tick": lambda frame: frame.with_columns(pl.col("timestamp").dt.offset_by("15m")),
    "row_count": lambda frame: frame.head(39),
    "grid_import_kwh": lambda frame: frame.with_columns(first("grid_import_kwh", -0.5)),
    "consumption_kwh": lambda frame: frame.with_columns(first("consumption_kwh", float("nan"))),
    "battery_soc_kwh": lambda frame: frame.with_columns(first("battery_soc_kwh", float("inf"))),
    "surplus_residual": lambda frame: frame.with_columns(first("surplus_kwh", 77.0)),
    "energy_balance_residual": lambda frame: frame.with_columns(first("grid_export_kwh", 77.0)),
    "within_inverter": lambda frame: frame.with_columns(first("generation_kwh", 1.3)),
    "within_panels": lambda frame: frame.with_columns(first("generation_kwh", 77.0)),
    "within_capacity": lambda frame: frame.with_columns(first("battery_soc_kwh", 8.1)),
    "within_battery_power": lambda frame: frame.with_columns(first("battery_charge_kwh", 0.1)),
    "state_follows": lambda frame: frame.with_columns(first("battery_soc_kwh", 4.0)),
    "charge_or_discharge": lambda frame: frame.with_columns(
        battery_charge_kwh=0.1, battery_discharge_kwh=0.2
    ),
    "sum_to_be_between": lambda frame: frame.with_columns(
        pl.col("generation_kwh", "grid_export_kwh") + 0.001
    ),
}


@pytest.mark.parametrize("where", SEEN)
def test_great_expectations_is_a_guard_of_its_own(tick, where):
    found = great_expectations(tick, SEEN[where](tick[0]))
    assert not found.succeeded
    assert any(where in words for words in found.blocking), found.blocking


def test_totals_that_the_rows_do_not_sum_up_to_stop_the_file(tick):
    wrong = tick[2].totals_kwh | {"generation_kwh": tick[2].totals_kwh["generation_kwh"] + 0.001}
    refusal = judge(tick, tick[0], totals_kwh=wrong).refusal
    assert "sum_to_be_between on generation_kwh" in refusal
    assert judge(tick, tick[0], totals_kwh={}).refusal is None, "an older runner told no totals"
    assert set(FLOWS) < set(tick[2].totals_kwh)


def test_what_is_unusual_is_a_warning_and_stops_nothing(tick):
    verdict = judge(tick, tick[0], usual_kwh={"generation_kwh": (0.0, 0.5)})
    assert verdict.refusal is None
    assert verdict.validation.succeeded
    [warning] = verdict.validation.warnings
    assert "generation_kwh" in warning
    assert verdict.validation.statistics["warnings"] == 1
    by_type = {
        (one["expectation_config"]["type"], one["expectation_config"]["severity"])
        for one in verdict.validation.result["results"]
        if not one["success"]
    }
    assert by_type == {("expect_column_sum_to_be_between", "warning")}


def test_a_missing_household_is_named(tick):
    missing = tick[0]["user_id"][0]
    assert missing in judge(tick, tick[0][1:]).refusal


@pytest.mark.parametrize("offset", ["7m", "15m", "-1d"])
def test_another_tick_is_seen(tick, offset):
    off = tick[0].with_columns(pl.col("timestamp").dt.offset_by(offset))
    assert "timestamp" in judge(tick, off).refusal


def test_the_page_and_the_result_are_kept_and_name_nobody(connection, tick):
    run_id = runs.start(connection, tick=TICK, airflow_run_id="manual", seed=1)
    damaged = tick[0].with_columns(first("battery_soc_kwh", float("inf")))
    for results in (tick[0], damaged):  # a second attempt replaces what the first one left
        validations.save(connection, run_id, judge(tick, results).validation)
        connection.commit()
    [(succeeded, statistics, result, page)] = connection.execute(
        "SELECT succeeded, statistics, result, page FROM validations WHERE simulation_run_id = %s",
        (run_id,),
    ).fetchall()
    assert succeeded is False
    assert statistics["blocking"] > 0
    assert len(result["results"]) == statistics["evaluated_expectations"]
    assert page.startswith("<!DOCTYPE html>")
    assert "within_capacity_headroom_kwh" in page and "Exception" not in page
    assert not any(user in page or user in str(result) for user in tick[0]["user_id"])
    connection.execute("DELETE FROM simulation_runs WHERE id = %s", (run_id,))
    assert connection.execute("SELECT count(*) FROM validations").fetchone() == (0,)


def test_a_day_of_96_ticks_is_one_file(tmp_path):
    source, output = tmp_path / "users.csv", tmp_path / "results.csv"
    source.write_text(
        "user_id,panel_wattage,panel_count,battery_capacity_kwh,inverter_capacity_kw,"
        "household_size\n" + "".join(f"{uuid4()},400,12,{i % 2 * 8},5,2\n" for i in range(5))
    )
    midnight = datetime(2024, 6, 11, tzinfo=UTC)
    run_simulation(source, output, steps=96, start_time=str(midnight), weather=1.0, seed=1)
    ticks = [midnight + number * TICK_LENGTH for number in range(96)]
    totals = Manifest.read(output).totals_kwh
    day = (read_results(output), read_users(source))
    assert gate.judge(*day, Asked(5, ticks, totals_kwh=totals)).refusal is None
    assert gate.judge(*day, Asked(5, ticks[:-1], totals_kwh=totals)).refusal is not None
