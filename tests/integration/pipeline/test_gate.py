"""Nothing that breaks a rule passes the gate, and each of its guards sees what it should."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import polars as pl
import pytest
from tests.unit.community.systems import user_ids

from solar_model import run_simulation
from solar_model.contracts import ENERGY_COLUMNS, FLOW_COLUMNS, RESIDUALS
from solar_model.errors import ResultsError
from solar_model.files import read_results, read_users, write_results
from solar_model.manifest import Manifest
from solar_model.physics import RULES, beside_systems
from solar_model.pipeline import gate, runs, validations
from solar_model.pipeline.suite import Asked, evidence, suite, validate
from solar_model.settings import settings
from solar_model.ticks import TICK as TICK_LENGTH
from solar_model.ticks import TIMESTAMP_FORMAT

TICK = datetime(2024, 6, 11, 17, 15, tzinfo=UTC)
USERS = user_ids(200)


class Tick:
    """A tick of 200 households on a bright noon, as files, and what becomes of its damages."""

    def __init__(self, folder) -> None:
        source, self.path = folder / "users.csv", folder / "results.csv"
        source.write_text(
            "user_id,panel_wattage,panel_count,battery_capacity_kwh,inverter_capacity_kw,"
            "household_size\n"
            + "".join(f"{user},400,12,{i % 2 * 8},5,2\n" for i, user in enumerate(user_ids(200)))
        )
        run_simulation(source, self.path, start_time=str(TICK), weather=1.0, seed=1)
        self.users, self.results = read_users(source), read_results(self.path)
        self.manifest = Manifest.read(self.path)

    def asked(self, **more) -> Asked:
        return Asked(200, [TICK], **{"totals_kwh": self.manifest.totals_kwh, **more})

    def judge(self, results: pl.DataFrame | None = None, limit=0.01, **more) -> gate.Verdict:
        path = self.path
        if results is not None:
            path = self.path.with_name("damaged.csv")
            results.with_columns(pl.col("timestamp").dt.strftime(TIMESTAMP_FORMAT)).write_csv(path)
        return gate.judge(path, self.users, self.asked(**more), limit)

    def great_expectations(self, results: pl.DataFrame, **more):
        """What the suite says on its own."""
        beside = beside_systems(results, self.users, [TICK], settings())
        return validate(evidence(beside, [TICK]), self.asked(**more))


@pytest.fixture(scope="module")
def tick(tmp_path_factory) -> Tick:
    return Tick(tmp_path_factory.mktemp("tick"))


def first(column: str, value) -> pl.Expr:
    """The first row's value replaced."""
    return at(0, column, value)


def at(row: int, column: str, value) -> pl.Expr:
    """One row's value replaced."""
    there = pl.int_range(pl.len()) == row
    return pl.when(there).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)


def test_what_the_model_makes_passes_every_check(tick):
    verdict = tick.judge()
    assert verdict.refusal is None
    verdict.raise_if_refused()
    assert verdict.as_it_came
    assert verdict.accepted.equals(tick.results)
    found = verdict.validation
    assert found.succeeded
    assert found.passed == len(suite(tick.asked()).expectations)
    assert found.statistics["rows"] == 200
    assert found.statistics["warnings"] == found.statistics["blocking"] == 0


def test_the_suite_asks_for_every_rule_of_the_contract_and_of_physics(tick):
    asked_for = {one.column for one in suite(tick.asked()).expectations if hasattr(one, "column")}
    rules = {f"{rule.name}_headroom_kwh" for rule in RULES}
    residuals = {f"{name}_residual_kwh" for name in RESIDUALS}
    marks = {"known_household", "asked_tick", "repeated"}
    assert asked_for == {*ENERGY_COLUMNS, *rules, *residuals, *marks}


# one value of the first row, and the rules that it breaks
DAMAGES = {
    "negative generation": ("generation_kwh", -0.5, {"generation_kwh.greater_than_or_equal_to"}),
    "negative consumption": ("consumption_kwh", -0.5, {"consumption_kwh.greater_than_or_equal_to"}),
    "negative import": ("grid_import_kwh", -0.5, {"grid_import_kwh.greater_than_or_equal_to"}),
    "negative export": ("grid_export_kwh", -0.5, {"grid_export_kwh.greater_than_or_equal_to"}),
    "surplus that is no difference": ("surplus_kwh", 77.0, {"surplus"}),
    "energy from nowhere": ("grid_export_kwh", 77.0, {"energy_balance"}),
    "no number": ("consumption_kwh", float("nan"), {"consumption_kwh.not_null"}),
    "infinite state": ("battery_soc_kwh", float("inf"), {"within_capacity", "state_follows"}),
    "more stored than fits": ("battery_soc_kwh", 9.0, {"within_capacity"}),
    "more than the inverter can": ("generation_kwh", 1.4, {"within_inverter", "surplus"}),
    "more than the panels can": ("generation_kwh", 1.9, {"within_panels"}),
    "another tick": ("timestamp", TICK + TICK_LENGTH, {"asked_tick"}),
    "no tick": ("timestamp", TICK.replace(minute=16), {"timestamp.start_of_tick"}),
}


def test_rows_that_cannot_be_believed_are_set_aside_with_every_reason(tick):
    odd = tick.results
    for row, (column, value, _) in enumerate(DAMAGES.values()):
        odd = odd.with_columns(at(row, column, value))
    verdict = tick.judge(odd, limit=0.1)
    assert verdict.refusal is None
    assert not verdict.validation.succeeded, "it is that of the file as it came"
    assert verdict.accepted.equals(tick.results[len(DAMAGES) :])
    held = verdict.quarantined.to_dicts()
    assert [one["line"] for one in held] == list(range(2, 2 + len(DAMAGES)))
    assert [one["user_id"] for one in held] == USERS[: len(DAMAGES)]
    for one, (name, (_, _, rules)) in zip(held, DAMAGES.items(), strict=True):
        found = {reason.split("(rule ")[1].rstrip(")") for reason in one["reasons"]}
        assert found >= rules, (name, one["reasons"])
        assert json.loads(one["raw"])["user_id"] == one["user_id"]
        assert json.loads(one["household"])["panel_count"] == 12


def test_reasons_name_the_column_the_value_and_the_rule(tick):
    verdict = tick.judge(tick.results.with_columns(first("generation_kwh", -0.5)))
    reasons = verdict.quarantined["reasons"][0].to_list()
    assert reasons[0] == (
        "generation_kwh is -0.5, expected at least 0 (rule generation_kwh.greater_than_or_equal_to)"
    )
    assert reasons[1].startswith("surplus is off by -")
    assert reasons[1].endswith(
        " kWh, expected surplus = generation − consumption within 0.001 (rule surplus)"
    )


def test_more_than_the_limit_refuses_the_file_and_keeps_all_of_the_failing_set(tick):
    odd = tick.results.with_columns(
        pl.when(pl.int_range(pl.len()) < 3)
        .then(-1.0)
        .otherwise("consumption_kwh")
        .alias("consumption_kwh")
    )
    verdict = tick.judge(odd)
    assert "3 of 200 households cannot be believed" in verdict.refusal
    assert "SOLAR_QUARANTINE_LIMIT" in verdict.refusal
    assert "damaged.csv, line 2, column consumption_kwh: rule consumption_kwh." in verdict.refusal
    assert "found '-1.0'; expected at least 0. The same is wrong in 2 more rows" in verdict.refusal
    assert verdict.quarantined["line"].to_list() == [2, 3, 4]
    with pytest.raises(ResultsError, match="nothing will be inserted"):
        verdict.raise_if_refused()
    assert tick.judge(odd, limit=0.015).refusal is None


WHOLE = {
    "coverage": lambda frame: frame[1:],
    "stranger": lambda frame: frame.with_columns(
        first("user_id", "00000000-0000-4000-8000-000000000000")
    ),
    "not_empty": lambda frame: frame.clear(),
    "twice in place of another": lambda frame: frame.with_columns(
        first("user_id", frame["user_id"][1])
    ),
}


@pytest.mark.parametrize("damage", WHOLE)
def test_a_file_that_is_wrong_as_a_whole_is_refused_whatever_the_limit(tick, damage):
    verdict = tick.judge(WHOLE[damage](tick.results), limit=1.0)
    assert verdict.refusal
    assert not any(user in verdict.refusal for user in tick.results["user_id"]), "it is logged"


def test_a_household_that_is_missing_is_named_in_the_quarantine(tick):
    verdict = tick.judge(tick.results[1:])
    assert "1 rows are missing; expected every household in every tick" in verdict.refusal
    [held] = verdict.quarantined.to_dicts()
    assert held["user_id"] == tick.results["user_id"][0]
    assert held["reasons"] == ["the results have no row of this household"]


def test_a_household_that_is_there_twice_is_set_aside_with_both_rows(tick):
    again = tick.results.head(1).with_columns(battery_soc_kwh=0.5)
    verdict = tick.judge(pl.concat([tick.results, again]))
    assert verdict.refusal is None
    assert verdict.quarantined["line"].to_list() == [2, 202]
    assert all("appears in lines 2, 202" in held[0] for held in verdict.quarantined["reasons"])
    assert len(verdict.accepted) == 199


def test_rows_under_each_other_s_names_are_set_aside(tick):
    swap = pl.col("user_id").replace({USERS[4]: USERS[6], USERS[6]: USERS[4]})
    verdict = tick.judge(tick.results.with_columns(swap))
    assert verdict.refusal is None
    assert sorted(verdict.quarantined["user_id"]) == [USERS[4], USERS[6]]
    assert all("(rule row_order)" in str(held.to_list()) for held in verdict.quarantined["reasons"])


def test_what_is_mended_is_inserted_mended(tick):
    odd = tick.results.with_columns(
        first("user_id", tick.results["user_id"][0].upper()),
        (pl.col("surplus_kwh") + 0.0004).alias("surplus_kwh"),
    )
    verdict = tick.judge(pl.concat([odd, odd.tail(1)]))
    assert verdict.refusal is None
    assert verdict.accepted.equals(tick.results)
    assert {repair.name for repair in verdict.repairs} == {
        "upper_case_id",
        "surplus_rounding",
        "duplicate_rows",
    }
    assert not verdict.as_it_came


# a damage, and where Great Expectations sees it without help
SEEN = {
    "repeated": lambda frame: frame.with_columns(first("user_id", frame["user_id"][1])),
    "known_household": lambda frame: frame.with_columns(first("user_id", "somebody")),
    "asked_tick": lambda frame: frame.with_columns(pl.col("timestamp").dt.offset_by("15m")),
    "row_count": lambda frame: frame.head(199),
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
    found = tick.great_expectations(SEEN[where](tick.results))
    assert not found.succeeded
    assert any(where in words for words in found.blocking), found.blocking


def test_totals_that_the_rows_do_not_sum_up_to_stop_the_file(tick):
    told = tick.manifest.totals_kwh
    refusal = tick.judge(
        totals_kwh=told | {"generation_kwh": told["generation_kwh"] + 0.001}
    ).refusal
    assert "sum_to_be_between on generation_kwh" in refusal
    assert tick.judge(totals_kwh={}).refusal is None, "an older runner told no totals"
    assert set(FLOW_COLUMNS) < set(told)


def test_an_expectation_that_cannot_be_judged_says_why(tick):
    beside = beside_systems(tick.results, tick.users, [TICK], settings())
    numbers = evidence(beside, [TICK]).drop("grid_import_kwh")
    told = [line for line in validate(numbers, tick.asked()).blocking if "on grid_import" in line]
    assert len(told) == 3
    assert all('"grid_import_kwh"' in line and "does not exist" in line for line in told)


def test_what_is_unusual_is_a_warning_and_stops_nothing(tick):
    verdict = tick.judge(usual_kwh={"generation_kwh": (0.0, 0.5)})
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


def test_the_page_and_the_result_are_kept_and_name_nobody(connection, tick):
    run_id = runs.start(connection, tick=TICK, airflow_run_id="manual", seed=1)
    damaged = tick.results.with_columns(first("battery_soc_kwh", float("inf")))
    for results in (tick.results, damaged):  # a second attempt replaces what the first one left
        validations.save(connection, run_id, tick.judge(results).validation)
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
    assert not any(user in page or user in str(result) for user in tick.results["user_id"])
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
    users, totals = read_users(source), Manifest.read(output).totals_kwh
    verdict = gate.judge(output, users, Asked(5, ticks, totals_kwh=totals), 0.2)
    assert verdict.refusal is None
    assert len(verdict.accepted) == 5 * 96
    one = read_results(output)
    doubtful = one["user_id"][2]
    wrong = (pl.col("user_id") == doubtful) & (pl.col("timestamp") == ticks[70])
    write_results(
        one.with_columns(
            pl.when(wrong).then(-1.0).otherwise("consumption_kwh").alias("consumption_kwh")
        ),
        output,
    )
    verdict = gate.judge(output, users, Asked(5, ticks, totals_kwh=totals), 0.2)
    assert verdict.refusal is None
    assert len(verdict.accepted) == 4 * 96
    assert verdict.quarantined["timestamp"].to_list() == ticks, "with all of the household's ticks"
    assert len(verdict.quarantined["reasons"][70]) == 3
    assert verdict.quarantined["reasons"][0].to_list() == [
        "another row of this household cannot be believed"
    ]
    short = gate.judge(output, users, Asked(5, ticks[:-1], totals_kwh=totals), 0.2)
    assert "asked_tick" in short.refusal
