"""Nothing that breaks a rule passes the gate, and each of its two guards sees what it should."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import polars as pl
import pytest

from solar_model import run_simulation
from solar_model.errors import ResultsError
from solar_model.files import read_results, read_users
from solar_model.pipeline import gate

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
    return read_results(output), read_users(source)


def first(column: str, value) -> pl.Expr:
    """The first row's value replaced."""
    there = pl.int_range(pl.len()) == 0
    return pl.when(there).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)


def test_what_the_model_makes_passes_every_check(tick):
    results, households = tick
    assert gate.check(results, households, TICK) == len(gate.suite(40, TICK).expectations)


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
    results, households = tick
    with pytest.raises(ResultsError) as error:
        gate.check(results.with_columns(first(column, value)), households, TICK)
    assert named in str(error.value)
    if value is not None:
        assert str(value) in str(error.value)


@pytest.mark.parametrize("expectation", ["unique", "regex", "between", "row_count"])
def test_great_expectations_is_a_guard_of_its_own(tick, expectation):
    results, households = tick
    damaged = {
        "unique": results.with_columns(first("user_id", results["user_id"][1])),
        "regex": results.with_columns(first("user_id", "somebody")),
        "between": results.with_columns(first("grid_import_kwh", -0.5)),
        "row_count": results.head(39),
    }[expectation]
    outcome = gate.run_suite(damaged, len(households), TICK)
    failed = [r.expectation_config.type for r in outcome.results if not r.success]
    assert any(expectation in name for name in failed), failed


def test_a_missing_household_is_named(tick):
    results, households = tick
    missing = results["user_id"][0]
    with pytest.raises(ResultsError, match=missing):
        gate.check(results[1:], households, TICK)


@pytest.mark.parametrize("offset", ["7m", "15m", "-1d"])
def test_another_tick_is_seen(tick, offset):
    results, households = tick
    off = results.with_columns(pl.col("timestamp").dt.offset_by(offset))
    with pytest.raises(ResultsError, match="timestamp"):
        gate.check(off, households, TICK)
