"""Raw household rows are parted into clean ones and rejected ones with reasons."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tests.unit.community.systems import user_ids

from solar_model.contracts import UsersInput, breaches
from solar_model.errors import InputError
from solar_model.intake import split_households

IDS = user_ids(4)


def raw(**columns: object) -> pl.DataFrame:
    """Four good rows as text, as a database might give them, with some columns replaced."""
    usual = {
        "user_id": IDS,
        "panel_wattage": ["400"] * 4,
        "panel_count": ["12"] * 4,
        "battery_capacity_kwh": ["10"] * 4,
        "inverter_capacity_kw": ["5.0"] * 4,
        "household_size": ["3"] * 4,
    }
    return pl.DataFrame(usual | columns)


def second(value: object, otherwise: object) -> list[object]:
    return [otherwise, value, otherwise, otherwise]


def test_clean_rows_pass_in_the_contract_s_types_and_order():
    good, rejected = split_households(raw(extra=[1, 2, 3, 4]))
    assert rejected.is_empty()
    assert rejected.schema == {
        "user_id": pl.String,
        "row": pl.Int64,
        "reasons": pl.List(pl.String),
        "raw": pl.String,
    }
    assert good["user_id"].to_list() == IDS
    assert good.schema["panel_count"] == pl.Int64
    assert "extra" not in good.columns
    assert list(breaches(UsersInput, good)) == []


@pytest.mark.parametrize(
    ("column", "value", "otherwise", "reason"),
    [
        ("user_id", "not-a-uuid", None, "user_id is not-a-uuid, expected a UUID with dashes"),
        ("user_id", "550e8400e29b41d4a716446655440000", None, "expected a UUID with dashes"),
        ("user_id", None, None, "user_id is empty, expected a value"),
        ("household_size", "0", "3", "household_size is 0, expected more than 0"),
        ("household_size", "-1.5", "3", "household_size is -1.5, expected more than 0"),
        ("battery_capacity_kwh", "-0.1", "10", "battery_capacity_kwh is -0.1, expected at least 0"),
        ("panel_wattage", "inf", "400", "panel_wattage is inf, expected at most 10,000"),
        ("panel_wattage", "NaN", "400", "panel_wattage is NaN, expected a finite number"),
        ("panel_wattage", None, "400", "panel_wattage is empty, expected a finite number"),
        ("panel_wattage", "lots", "400", "panel_wattage is lots, expected a number"),
        ("panel_count", "0", "12", "panel_count is 0, expected at least 1"),
        ("panel_count", "2.5", "12", "panel_count is 2.5, expected a whole number"),
        ("panel_count", "-3", "12", "panel_count is -3, expected at least 1"),
        ("inverter_capacity_kw", "0", "5", "inverter_capacity_kw is 0, expected more than 0"),
        ("latitude", 90.5, 52.5, "latitude is 90.5, expected at most 90"),
        ("longitude", -181.0, 13.4, "longitude is -181.0, expected at least -180"),
        ("timezone", "Berlin", "Europe/Berlin", "timezone is Berlin, expected an IANA name"),
        ("timezone", "localtime", "UTC", "timezone is localtime, expected an IANA name"),
        ("battery_soc_kwh", 10.5, 5.0, "battery_soc_kwh is 10.5, expected at most battery"),
        ("battery_soc_kwh", -0.5, None, "battery_soc_kwh is -0.5, expected at least 0"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason(column, value, otherwise, reason):
    values = second(value, otherwise)
    if column == "user_id":
        values = [IDS[0], value, IDS[2], IDS[3]]
    good, rejected = split_households(raw(**{column: values}))
    assert good["user_id"].to_list() == [IDS[0], IDS[2], IDS[3]]
    (row,) = rejected.to_dicts()
    assert row["row"] == 2
    assert any(text.startswith(reason) or reason in text for text in row["reasons"]), row["reasons"]
    kept = json.loads(row["raw"])[column]
    assert kept == (None if value is None else str(value))


def test_one_bad_value_has_one_reason():
    _, rejected = split_households(raw(panel_wattage=second("lots", "400")))
    assert rejected["reasons"].to_list() == [["panel_wattage is lots, expected a number"]]


def test_every_reason_of_a_row_is_told():
    _, rejected = split_households(
        raw(panel_count=second("0", "12"), household_size=second("0", "3"))
    )
    assert len(rejected["reasons"][0]) == 2


def test_a_user_twice_is_set_aside_with_all_rows_whatever_the_case():
    twice = [IDS[0], IDS[1], IDS[0].upper(), IDS[3]]
    good, rejected = split_households(raw(user_id=twice))
    assert good["user_id"].to_list() == [IDS[1], IDS[3]]
    assert rejected["row"].to_list() == [1, 3]
    assert rejected["reasons"].to_list() == [["user_id appears in rows 1, 3, expected once"]] * 2


def test_several_rows_without_a_user_are_not_the_same_user():
    _, rejected = split_households(raw(user_id=[None, None, IDS[2], IDS[3]]))
    assert rejected["reasons"].to_list() == [["user_id is empty, expected a value"]] * 2


def test_good_and_rejected_cover_every_row_once():
    frame = raw(
        panel_count=["0", "12", "x", "12"], household_size=["3", "-1", "3", "3"], row=[1, 2, 3, 4]
    )
    good, rejected = split_households(frame)
    assert sorted(good["user_id"].to_list() + rejected["user_id"].to_list()) == sorted(IDS)


def test_fractional_household_sizes_and_text_whole_numbers_are_fine():
    good, rejected = split_households(raw(household_size=["2.5"] * 4, panel_count=["12.0"] * 4))
    assert rejected.is_empty()
    assert good["household_size"].to_list() == [2.5] * 4
    assert good["panel_count"].to_list() == [12] * 4


def test_typed_columns_from_a_database_are_fine_too():
    frame = raw().cast({"panel_wattage": pl.Float32, "panel_count": pl.Int16})
    good, rejected = split_households(frame)
    assert rejected.is_empty()
    assert len(good) == 4


def test_no_rows_at_all_are_no_error():
    good, rejected = split_households(raw().clear())
    assert good.is_empty()
    assert rejected.is_empty()


def test_a_missing_column_is_an_error_of_the_query():
    with pytest.raises(InputError, match="column household_size: column is missing"):
        split_households(raw().drop("household_size"))
