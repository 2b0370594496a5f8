"""Validation finds every failed check with all of its rows, and nothing in good results."""

from __future__ import annotations

from uuid import UUID

import polars as pl
import pytest
from tests.unit.community.systems import user_ids
from tests.unit.test_contracts import good_results

from solar_model import validate_results
from solar_model.errors import InputError
from solar_model.files import write_results, write_users


def users(n: int = 3) -> pl.DataFrame:
    return pl.DataFrame({"user_id": user_ids(n)}).with_columns(
        panel_wattage=pl.lit(400.0),
        panel_count=pl.lit(12, pl.Int64),
        battery_capacity_kwh=pl.lit(10.0),
        inverter_capacity_kw=pl.lit(5.0),
        household_size=pl.lit(3.0),
    )


def checks(report) -> dict[str, int]:
    return {failure.check: failure.count for failure in report}


def test_good_results_give_an_empty_false_report(tmp_path):
    write_results(good_results(), tmp_path / "results.csv")
    write_users(users(), tmp_path / "users.csv")
    for results in (good_results(), good_results().to_pandas(), tmp_path / "results.csv"):
        for households in (None, users(), users().to_pandas(), tmp_path / "users.csv"):
            report = validate_results(results, households)
            assert not report, str(report)
            assert len(report) == 0
            assert report.bad_rows.is_empty()
            assert str(report) == "all checks passed"


def test_a_time_that_cannot_be_read_is_not_the_same_time_twice():
    frame = pl.concat([good_results(), good_results()]).with_columns(timestamp=pl.lit("yesterday"))
    assert set(checks(validate_results(frame))) == {"timestamp.type"}


def test_every_failed_check_comes_with_all_its_rows_and_a_message():
    frame = good_results(20).with_columns(
        generation_kwh=pl.when(pl.int_range(pl.len()) >= 10).then(-1.0).otherwise(1.0)
    )
    report = validate_results(frame)
    assert checks(report) == {
        "generation_kwh.greater_than_or_equal_to": 10,
        "surplus": 10,
        "energy_balance": 10,
    }
    first = report[0]
    assert first.rows["row"].to_list() == list(range(11, 21))
    assert first.rows["generation_kwh"].to_list() == [-1.0] * 10
    assert len(first.examples) == 5
    assert "expected at least 0; fails 10 rows: row 11" in str(first)
    assert report.bad_rows.to_list() == list(range(11, 21))


def test_a_pandas_frame_may_hold_uuids_and_damaged_cells():
    frame = good_results().to_pandas()
    frame["user_id"] = frame["user_id"].map(UUID)
    assert not validate_results(frame, users())
    frame["generation_kwh"] = frame["generation_kwh"].astype(object)
    frame.loc[0, "generation_kwh"] = "plenty"
    frame.loc[1, "generation_kwh"] = None
    report = validate_results(frame, users())
    found = checks(report)
    assert (found["generation_kwh.type"], found["generation_kwh.not_null"]) == (1, 1)
    assert report[0].examples[0]["generation_kwh"] == "plenty"


@pytest.mark.parametrize("source", [None, [1, 2], {"user_id": []}])
def test_what_is_no_frame_is_a_failed_check(source):
    assert checks(validate_results(source)) == {"readable": 1}


def test_a_missing_timestamp_is_a_missing_value():
    report = validate_results(good_results().with_columns(timestamp=None))
    assert "timestamp.not_null: expected a value" in str(report)


@pytest.mark.parametrize(
    "time", ["+12024-06-11T14:15:00", "0000-01-01T00:00:00", "1899-12-31T23:45:00"]
)
def test_a_year_that_no_tick_can_be_in_is_no_time(tmp_path, time):
    file = tmp_path / "results.csv"
    write_results(good_results(1), file)
    head, row = file.read_text().splitlines()
    user, _, *energies = row.split(",")
    file.write_text("\n".join([head, ",".join([user, time, *energies])]))
    for households in (None, users(1)):
        report = validate_results(file, households)
        assert "timestamp.type" in checks(report)
        assert time in str(report)


def test_text_that_is_no_number_is_shown_as_it_is(tmp_path):
    path = tmp_path / "results.csv"
    write_results(good_results(), path)
    path.write_text(path.read_text().replace("1.000000", "plenty", 1))
    report = validate_results(path)
    assert checks(report)["generation_kwh.type"] == 1
    assert report[0].examples[0]["generation_kwh"] == "plenty"


def test_a_missing_household_a_stranger_and_a_repeated_one_are_found():
    frame = pl.concat([good_results(4)[1:], good_results(2)[1:]])
    report = validate_results(frame, users(3))
    assert checks(report) == {"unique": 2, "coverage": 1, "stranger": 1}
    by_check = {failure.check: failure.rows for failure in report}
    assert by_check["coverage"]["user_id"].to_list() == [user_ids(1)[0]]
    assert by_check["stranger"]["user_id"].to_list() == [user_ids(4)[3]]


def test_a_household_is_missed_though_another_stands_in_its_place():
    _, second, third = user_ids(3)
    frame = good_results(3).with_columns(pl.col("user_id").replace({second: third}))
    report = validate_results(frame, users(3))
    assert checks(report)["coverage"] == 1
    [missing] = [failure for failure in report if failure.check == "coverage"]
    assert missing.rows["user_id"].to_list() == [second]


def test_a_household_must_be_in_every_tick():
    later = good_results(2).with_columns(
        pl.col("timestamp") + pl.duration(minutes=15), battery_soc_kwh=pl.lit(5.95)
    )
    report = validate_results(pl.concat([good_results(3), later]), users(3))
    assert checks(report) == {"coverage": 1}
    assert report[0].rows["user_id"].to_list() == [user_ids(3)[2]]


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "user_id,timestamp\n"])
def test_a_file_of_another_kind_is_a_failed_check(tmp_path, content):
    path = tmp_path / "results.csv"
    path.write_text(content)
    report = validate_results(path)
    assert checks(report) == {"readable": 1}
    assert len(str(report)) > len("readable: ")


def test_results_without_rows_are_a_failed_check():
    assert checks(validate_results(good_results(0), users())) == {"not_empty": 1}


def test_a_missing_column_is_a_failed_check():
    report = validate_results(good_results().drop("surplus_kwh"))
    assert checks(report) == {"readable": 1}
    assert "surplus_kwh" in str(report)


def test_households_that_break_their_own_contract_are_an_error():
    with pytest.raises(InputError, match="own contract"):
        validate_results(good_results(), users().with_columns(household_size=pl.lit(0.0)))
