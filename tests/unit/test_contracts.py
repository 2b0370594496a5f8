"""The contracts say what a file must be, and nothing in a broken frame escapes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pandera.polars as pa
import polars as pl
import pytest
from pandera.errors import SchemaErrors
from tests.unit.community.systems import user_ids

from solar_model.contracts import (
    Results,
    UsersInput,
    breaches,
    columns_of,
    is_ascending,
    limits_in_words,
    required_columns,
)
from solar_model.data_dictionary import markdown
from solar_model.settings import PROJECT_ROOT


def good_results(n: int = 3) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": user_ids(n),
            "timestamp": [datetime(2024, 9, 11, 14, 15, tzinfo=UTC)] * n,
            "generation_kwh": [1.0] * n,
            "consumption_kwh": [0.4] * n,
            "battery_soc_kwh": [5.475] * n,  # 5 before, and 0.5 charged
            "battery_charge_kwh": [0.5] * n,
            "battery_discharge_kwh": [0.0] * n,
            "grid_import_kwh": [0.0] * n,
            "grid_export_kwh": [0.1] * n,
            "surplus_kwh": [0.6] * n,
        },
        schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
    )


def test_columns_and_their_order_are_those_of_the_exchange():
    assert required_columns(UsersInput) == [
        "user_id",
        "panel_wattage",
        "panel_count",
        "battery_capacity_kwh",
        "inverter_capacity_kw",
        "household_size",
    ]
    assert list(columns_of(Results)) == good_results().columns
    assert required_columns(Results) == list(columns_of(Results))


def test_every_column_says_what_it_means_in_which_unit_and_range():
    for model in (UsersInput, Results):
        for name, column in columns_of(model).items():
            assert column.description, name
            assert column.metadata["unit"], name
            assert limits_in_words(column), name
            assert column.required or column.metadata["default"], name


def test_good_results_break_nothing():
    assert list(breaches(Results, good_results())) == []


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("user_id", "550e8400-e29b-41d4-a716-44665544000", "str_matches"),
        ("user_id", "550E8400-E29B-41D4-A716-446655440000", "str_matches"),
        ("user_id", None, "not_null"),
        ("timestamp", datetime(2024, 9, 11, 14, 16, tzinfo=UTC), "start_of_tick"),
        ("timestamp", datetime(2024, 9, 11, 14, 15, 1, tzinfo=UTC), "start_of_tick"),
        ("generation_kwh", -0.1, "greater_than_or_equal_to"),
        ("consumption_kwh", float("nan"), "not_null"),
        ("battery_soc_kwh", float("inf"), "less_than_or_equal_to"),
        ("grid_import_kwh", None, "not_null"),
        ("grid_import_kwh", 0.1, "energy_balance"),
        ("grid_import_kwh", 0.1, "import_or_export"),
        ("battery_discharge_kwh", 0.1, "charge_or_discharge"),
        ("grid_export_kwh", 0.100001, "energy_balance"),
        ("surplus_kwh", 0.6011, "surplus"),
    ],
)
def test_a_broken_value_is_found_in_its_row(column, value, rule):
    frame = good_results()
    row = pl.Series([False, True, False])
    broken = frame.with_columns(
        pl.when(row).then(pl.lit(value, frame.schema[column])).otherwise(column).alias(column)
    )
    found = {breach.rule: breach.rows.to_list() for breach in breaches(Results, broken)}
    assert found[rule] == [1]


def test_the_surplus_may_be_off_by_a_thousandth_and_no_more():
    frame = good_results().with_columns(surplus_kwh=pl.lit(0.6009))
    assert list(breaches(Results, frame)) == []


def test_a_household_appears_once_in_a_tick():
    twice = pl.concat([good_results(), good_results(1)])
    (breach,) = breaches(Results, twice)
    assert (breach.rule, breach.rows.to_list()) == ("unique", [0, 3])


def test_all_broken_rows_are_found_and_not_only_examples():
    frame = good_results(5000).with_columns(generation_kwh=pl.lit(-1.0))
    found = {breach.rule: breach for breach in breaches(Results, frame)}
    assert len(found["greater_than_or_equal_to"].rows) == 5000


def good_users(n: int = 3) -> pl.DataFrame:
    systems = {
        "panel_wattage": 400.0,
        "panel_count": 12,
        "battery_capacity_kwh": 10.0,
        "inverter_capacity_kw": 5.0,
        "household_size": 3.0,
        "battery_soc_kwh": 5.0,
        "latitude": 52.5,
        "longitude": 13.4,
        "tilt_deg": 30.0,
        "azimuth_deg": 180.0,
        "timezone": "Europe/Berlin",
    }
    return pl.DataFrame({"user_id": user_ids(n)} | {name: [v] * n for name, v in systems.items()})


ODD_VALUES = {
    pl.String: (None, "", "Mars/Olympus", user_ids(1)[0]),
    pl.Int64: (None, 0, 100_001),
    pl.Float64: (None, float("nan"), float("-inf"), float("inf"), -1e-9, 0.0, 1_000_001.0),
    pl.Datetime: (None, datetime(2024, 9, 11, 14, 30, tzinfo=UTC), datetime(2024, 9, 11, 14, 31)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "good"), [(UsersInput, good_users()), (Results, good_results())])
def test_the_one_pass_that_finds_nothing_agrees_with_pandera_on_every_column(model, good):
    assert list(breaches(model, good)) == []
    for column, dtype in good.schema.items():
        for value in ODD_VALUES[dtype.base_type()]:
            odd = good.with_columns(
                pl.when(pl.int_range(pl.len()) == 1)
                .then(pl.lit(value, dtype))
                .otherwise(column)
                .alias(column)
            )
            try:
                model.validate(odd, lazy=True)
            except SchemaErrors:
                assert list(breaches(model, odd)), (column, value)
            else:
                assert list(breaches(model, odd)) == [], (column, value)


def test_no_number_is_found_where_a_contract_sets_no_limits():
    class Bare(pa.DataFrameModel):
        value: float

    (breach,) = breaches(Bare, pl.DataFrame({"value": [1.0, float("nan")]}))
    assert (breach.rule, breach.rows.to_list()) == ("not_null", [1])


def test_a_frame_that_is_not_of_the_contract_is_a_programming_error():
    with pytest.raises(TypeError, match="surplus_kwh"):
        list(breaches(Results, good_results().drop("surplus_kwh")))


def test_the_data_dictionary_in_the_docs_is_up_to_date():
    committed = (PROJECT_ROOT / "docs" / "data-dictionary.md").read_text()
    assert committed == markdown(), (
        "run: python -m solar_model.data_dictionary > docs/data-dictionary.md"
    )


@pytest.mark.parametrize(
    ("rows", "ascending"),
    [
        ([], True),
        ([(1, "b")], True),
        ([(1, "a"), (1, "b"), (2, "a")], True),
        ([(1, "a"), (1, "a")], False),
        ([(1, "b"), (1, "a")], False),
        ([(2, "a"), (1, "b")], False),
        ([(1, "a"), (1, None)], False),
        ([(None, "a"), (2, "b")], False),
        ([(None, "a"), (None, "b")], False),
    ],
)
def test_rows_that_ascend_are_each_there_once(rows, ascending):
    frame = pl.DataFrame(rows, schema={"tick": pl.Int64, "user": pl.String}, orient="row")
    assert is_ascending(frame, "tick", "user") is ascending
