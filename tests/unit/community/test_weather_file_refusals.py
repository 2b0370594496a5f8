"""Weather files that are refused, with words by which they can be mended."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.unit.community.weather_files import TMY3, day_rows, write_epw

from solar_model.community.sun import sun_at
from solar_model.community.weather import open_weather
from solar_model.errors import InputError, WeatherError

HEADER = "timestamp,ghi,dni,dhi,temp_air,wind_speed\n"
NOON = 1_718_107_200 // 900  # 2024-06-11T12:00Z


def refused(path: Path, content: str) -> str:
    path.write_text(content)
    with pytest.raises(InputError) as error:
        open_weather(f"file:{path}", seed=1)
    assert str(error.value).startswith(str(path))
    # so that a list of choices goes on to the next one
    assert open_weather([f"file:{path}", 0.5], seed=1).name == "clear sky x 0.5"
    return str(error.value).removeprefix(f"{path}, ").removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "this is no weather file"),
        ("hello\nworld\n", "line 1: this is no weather file"),
        ("timestamp,ghi,dni\n2024-01-01T00:00,1,2\n", "missing columns: dhi, temp_air, wind_speed"),
        (
            "timestamp,ghi,dni,dhi,temp_air,wind_speed\nyesterday,1,1,1,1,1\n",
            "line 2, column timestamp: a time stamp that cannot be read; found 'yesterday'",
        ),
        (
            "timestamp,ghi,dni,dhi,temp_air,wind_speed\n"
            "2024-01-01T00:00,1,1,1,1,1\n2024-01-01T00:07,1,1,1,1,1\n",
            "line 3, column timestamp: time stamps are not regular: 7 minutes after the row before",
        ),
        ("ghi,dni,dhi,temp_air,wind_speed\n1,1,1,1,1\n", "1 rows and no time stamps"),
        (
            "timestamp,ghi,dni,dhi,temp_air,wind_speed\n"
            "2023-01-01T00:00,1,1,1,1,1\n2023-01-01T01:00,1,1,1,1,1\n2024-01-01T00:00,1,1,1,1,1\n",
            r"line 4: two rows for the same time of the year; .*The other one is line 2",
        ),
        ("LOCATION,Nowhere\n" + "x\n" * 20, "line 1: the header has 2 fields instead of 10"),
        (
            "LOCATION,Shimla,-,-,MN8,999,31.087,77.179,5,5,2122\n" + "x\n" * 20,
            "line 1: the header has 11 fields instead of 10",
        ),
        ("LOCATION,a,b,c,d,1,36.1,-79.95,-5,273\n" + "x\n" * 20, "cannot be parsed"),
    ],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path: Path, content: str, message: str) -> None:
    weather_file = tmp_path / "broken.csv"
    weather_file.write_text(content)
    with pytest.raises(InputError, match=message) as refused:
        open_weather(f"file:{weather_file}", seed=1)
    assert str(weather_file) in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda day: day.replace("12:00:00,500", "12:00:00,5oo"),
         "line 14, column ghi: a value that is no number; found '5oo'; expected -50 to 1700 W/m²"),
        (lambda day: day.replace("12:00:00,500", "12:00:00,-500"),
         "line 14, column ghi: an impossible value; found '-500'; expected -50 to 1700 W/m²"),
        (lambda day: day.replace("2024-06-11T12:00:00,500", "\n2024-06-11T12:00:00,x"),
         "line 15, column ghi: a value that is no number"),
        (lambda day: day.replace(",15,", ",288,"),
         "line 2, column temp_air: an impossible value; found '288'; expected -90 to 70 °C"),
        (lambda day: day.replace(",500,", ",,"),
         "line 2, column ghi: all values are missing; found ''"),
        (lambda day: day.replace(",500,", ",9999,"),
         "line 2, column ghi: all values are missing; found '9999'"),
        (lambda day: day.replace("11T03:00:00,500", "11T03:00:00,5\0"),
         "line 5: the file is no text; found 'a NUL byte'"),
        (lambda day: day.replace("2024-06-11T05:00:00", ""),
         "line 7, column timestamp: a time stamp that cannot be read; found ''"),
        (lambda day: day.replace(":00:00,", ":30:00,"),
         "line 2, column timestamp: time stamps are not regular: this one begins no interval; "
         "found '2024-06-11T00:30:00'; expected rows every 60 minutes"),
        (lambda day: day.replace("T12:00:00", "T12:00:00+05:00"),
         "line 14: two rows for the same time of the year; found 'month 6, day 11, 07:00'"),
        (lambda _: "", "the weather file has a header and no rows"),
        (lambda day: day.replace("500,400", "500,5,400,5"),
         "line 2: the rows have more fields than the header"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_csv_is_told_with_its_line(
    tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    assert refused(tmp_path / "day.csv", HEADER + change(day_rows())).startswith(message)


def test_semicolons_are_no_commas(tmp_path: Path) -> None:
    message = refused(tmp_path / "day.csv", (HEADER + day_rows()).replace(",", ";"))
    assert "found 'timestamp;ghi;dni;dhi;temp_air;wind_speed'" in message
    assert "with commas between them" in message


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"latitude": "nan"}, "column latitude: an impossible place; found 'nan'"),
        ({"latitude": 95}, "column latitude: an impossible place; found '95'; expected a "
         "number from -90 to 90"),
        ({"longitude": 500}, "column longitude"),
        ({"zone": 99}, "column time zone: an impossible place; found '99'; expected a "
         "number from -12 to 14"),
        ({"zone": "inf"}, "column time zone"),
        ({"zone": "1e12"}, "column time zone"),
        ({"zone": ""}, "column time zone"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_is_refused(
    tmp_path: Path, place: dict[str, object], message: str
) -> None:
    epw = write_epw(tmp_path / "place.epw", np.ones((24, 5)), **place).read_text("latin-1")
    assert refused(tmp_path / "place.epw", epw).startswith("line 1, " + message)


@pytest.mark.parametrize(
    ("right", "column"), [("36.100", "latitude"), ("-79.950", "longitude"), ("-5.0", "time zone")]
)
def test_a_place_of_tmy3_is_looked_at_too(tmp_path: Path, right: str, column: str) -> None:
    message = refused(tmp_path / "place.csv", TMY3.read_text().replace(right, "400", 1))
    assert message.startswith(f"line 1, column {column}: an impossible place; found '400'")


def test_a_header_of_tmy3_that_is_short_is_refused(tmp_path: Path) -> None:
    message = refused(tmp_path / "place.csv", TMY3.read_text().replace("-79.950,273", "", 1))
    assert message.startswith("line 1: the header has 5 fields instead of 7; found '723170,")


def test_a_city_without_end_is_refused(tmp_path: Path) -> None:
    text = "LOCATION," + "a" * 200_000 + ",b,c,d,1,36.1,-79.95,-5,273\n" + "x\n" * 20
    assert refused(tmp_path / "city.epw", text).startswith("line 1: the header cannot be read")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2001,13,1,6,", "line 14, column month: no month from 1 to 12; found '13'"),
        ("2001,0,1,6,", "line 14, column month: no month from 1 to 12; found '0'"),
        ("2001,2,31,6,", "line 14, column day: a day that its month does not have; found '31'"),
        ("2001,1,1,25,", "line 14, column hour: no hour from 1 to 24; found '25'"),
        ("2001,1,1,x,", "line 14, column hour: no hour from 1 to 24; found 'x'"),
    ],
)
def test_a_time_that_an_epw_cannot_have_is_told_with_its_line(
    tmp_path: Path, row: str, message: str
) -> None:
    epw = write_epw(tmp_path / "time.epw", np.ones((24, 5))).read_text("latin-1")
    assert "2001,1,1,6," in epw
    assert refused(tmp_path / "time.epw", epw.replace("2001,1,1,6,", row)) == message


def test_an_epw_with_only_a_header_has_no_rows(tmp_path: Path) -> None:
    epw = write_epw(tmp_path / "short.epw", np.ones((0, 5))).read_text("latin-1")
    assert refused(tmp_path / "short.epw", epw) == "the weather file has a header and no rows"


@pytest.mark.parametrize(
    ("pattern", "new", "message"),
    [
        (r"^01/01/1988,", ",", "line 3, column Date (MM/DD/YYYY): a date that cannot be read"),
        (r"^01/03/1988,", "xx/03/1988,", "line 51, column Date (MM/DD/YYYY): a date that cannot"),
        (r"^01/01/1988,04:00", "01/01/1988,04:30",
         "line 6, column Time (HH:MM): a time that cannot be read; found '04:30'"),
    ],
)  # fmt: skip
def test_a_time_that_a_tmy3_cannot_have_is_told_with_its_line(
    tmp_path: Path, pattern: str, new: str, message: str
) -> None:
    text = re.sub(pattern, new, TMY3.read_text(), flags=re.MULTILINE)
    assert refused(tmp_path / "time.csv", text).startswith(message)


def test_a_tmy3_from_a_spreadsheet_is_the_same(tmp_path: Path) -> None:
    number = re.compile(r"^0?(\d+)/0?(\d+)/(\d{4}),0?(\d+:00)", re.MULTILINE)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(number.sub(r"\1/\2/\3,\4", TMY3.read_text()))
    assert "\n1/1/1988,1:00," in sheet.read_text()
    sun = sun_at(NOON, [36.1], [-79.95])
    ours, theirs = (open_weather(f"file:{path}", seed=1).sky(NOON, sun) for path in (sheet, TMY3))
    np.testing.assert_array_equal(ours.ghi_w_m2, theirs.ghi_w_m2)


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    epw = write_epw(tmp_path / "mark.epw", np.zeros((24, 5)))
    epw.write_text("\ufeff" + epw.read_text("latin-1"))
    assert open_weather(f"file:{epw}", seed=1).name == f"file:{epw}"


def test_what_never_ends_or_is_read_once_is_refused() -> None:
    with pytest.raises(WeatherError, match="/dev/null cannot be read: it is no ordinary file"):
        open_weather("file:/dev/null", seed=1)
