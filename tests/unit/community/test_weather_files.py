from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pvlib.iotools import read_tmy3
from tests.unit.community.weather_files import OFFSET_H, TMY3, write_csv, write_epw

from solar_model.community.sun import location_cells, sun_at
from solar_model.community.weather import Sky, open_weather
from solar_model.community.weather.tables import COLUMNS
from solar_model.errors import InputError, WeatherError
from solar_model.ticks import tick_index

GREENSBORO = (np.array([36.1]), np.array([-79.95]))


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """The file's 8760 rows as pvlib reads them; row i covers [i, i + 1) hours of the year."""
    frame, _ = read_tmy3(str(TMY3), map_variables=True)
    return frame[list(COLUMNS)].to_numpy()


def sky_at(weather_file: Path, when_utc: datetime, place: tuple = GREENSBORO) -> Sky:
    tick = tick_index(when_utc)
    return open_weather(f"file:{weather_file}", seed=1).sky(tick, sun_at(tick, *place))


def hour_of(skies: list[Sky], name: str) -> float:
    return float(np.mean([getattr(sky, name)[0] for sky in skies]))


def quarters(weather_file: Path, hour: int, year: int, place: tuple = GREENSBORO) -> list[Sky]:
    """The four skies of an hour of the file's year, in the file's standard time."""
    start = datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=hour - OFFSET_H)
    return [sky_at(weather_file, start + timedelta(minutes=15 * q), place) for q in range(4)]


@pytest.mark.parametrize("year", [2023, 2024])
def test_each_hour_of_the_file_keeps_its_energy(rows: np.ndarray, year: int) -> None:
    for day in (58, 171, 355):  # 58 is 28 February
        leap = 24 if year == 2024 and day > 58 else 0
        for hour in range(24 * day, 24 * day + 24):
            skies = quarters(TMY3, hour + leap, year)
            ghi, dni, dhi, temp_air, wind_speed = rows[hour]
            if ghi > 20.0:
                assert hour_of(skies, "ghi_w_m2") == pytest.approx(ghi, rel=1e-9)
                assert hour_of(skies, "dhi_w_m2") == pytest.approx(dhi, rel=1e-9)
                assert hour_of(skies, "dni_w_m2") == pytest.approx(dni, rel=1e-9)
            assert hour_of(skies, "temp_air_c") == pytest.approx(temp_air)
            assert hour_of(skies, "wind_speed_m_s") == pytest.approx(wind_speed)


def test_leap_day_takes_the_28th() -> None:
    leap_day = sky_at(TMY3, datetime(2024, 2, 29, 17, tzinfo=UTC))
    day_before = sky_at(TMY3, datetime(2024, 2, 28, 17, tzinfo=UTC))
    assert leap_day.temp_air_c == day_before.temp_air_c
    assert leap_day.ghi_w_m2 == pytest.approx(day_before.ghi_w_m2, rel=0.02)


def test_within_an_hour_irradiance_follows_the_sun(rows: np.ndarray) -> None:
    hour = 24 * 171 + 8  # a June morning
    assert rows[hour, 0] > 100.0
    ghi = [float(sky.ghi_w_m2[0]) for sky in quarters(TMY3, hour, 2023)]
    assert ghi == sorted(ghi)
    assert ghi[-1] > 1.2 * ghi[0]


def test_the_light_of_dawn_and_dusk_is_kept_too(rows: np.ndarray) -> None:
    weather = open_weather(f"file:{TMY3}", seed=1)
    first = tick_index(datetime(2023, 1, 1, -OFFSET_H, tzinfo=UTC))
    total = expected = 0.0
    for day in range(0, 365, 14):
        expected += rows[24 * day : 24 * day + 24, :3].sum()
        for tick in range(first + 96 * day, first + 96 * day + 96):
            sky = weather.sky(tick, sun_at(tick, *GREENSBORO))
            total += sky.ghi_w_m2[0] + sky.dni_w_m2[0] + sky.dhi_w_m2[0]
    assert total / 4 == pytest.approx(expected, rel=0.003)


def test_epw_stamps_the_start_of_the_hour_that_tmy3_stamps_at_its_end(
    rows: np.ndarray, tmp_path: Path
) -> None:
    epw = write_epw(tmp_path / "greensboro.epw", rows)
    for hour in range(24 * 200, 24 * 202):
        for of_epw, of_tmy3 in zip(
            quarters(epw, hour, 2023), quarters(TMY3, hour, 2023), strict=True
        ):
            for name, values in vars(of_tmy3).items():
                np.testing.assert_array_equal(getattr(of_epw, name), values)


def test_csv_with_an_offset_gives_what_the_tmy3_file_gives(
    rows: np.ndarray, tmp_path: Path
) -> None:
    stamps = pd.date_range("2023-01-01", periods=8760, freq="h", tz="Etc/GMT+5")
    weather_file = write_csv(tmp_path / "year.csv", stamps, rows)
    for hour in (0, 24 * 100 + 12, 24 * 364 + 23):
        for of_csv, of_tmy3 in zip(
            quarters(weather_file, hour, 2023), quarters(TMY3, hour, 2023), strict=True
        ):
            for name, values in vars(of_tmy3).items():
                np.testing.assert_allclose(getattr(of_csv, name), values, rtol=1e-12)


def test_a_typical_year_as_pvlib_writes_it_keeps_the_years_of_its_months(tmp_path: Path) -> None:
    frame, _ = read_tmy3(str(TMY3), map_variables=True)
    assert frame.index.year.nunique() > 2
    weather_file = tmp_path / "tmy.csv"
    starts = frame.index - pd.Timedelta(hours=1)
    frame[list(COLUMNS)].set_index(starts).to_csv(weather_file)
    for hour in (12, 1500, 5000, 8759):
        for of_csv, of_tmy3 in zip(
            quarters(weather_file, hour, 2023), quarters(TMY3, hour, 2023), strict=True
        ):
            for name, values in vars(of_tmy3).items():
                np.testing.assert_allclose(getattr(of_csv, name), values, rtol=1e-12)


def test_csv_of_quarter_hours_is_taken_as_it_is(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-09-11", periods=96, freq="15min")
    values = np.random.default_rng(1).uniform(50, 400, (96, 5))
    values[:, 3:] = 10.0
    weather_file = write_csv(tmp_path / "day.csv", stamps, values)
    for quarter in (56, 57, 70):
        sky = sky_at(weather_file, datetime(2019, 9, 11, tzinfo=UTC) + quarter * timedelta(0, 900))
        assert sky.ghi_w_m2 == pytest.approx(values[quarter, :1])
        assert sky.dni_w_m2 == pytest.approx(values[quarter, 1:2])
        assert sky.dhi_w_m2 == pytest.approx(values[quarter, 2:3])


def test_csv_without_stamps_is_a_year_in_utc(rows: np.ndarray, tmp_path: Path) -> None:
    weather_file = tmp_path / "plain.csv"
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(weather_file, index=False)
    sky = sky_at(weather_file, datetime(2023, 1, 2, 17, 30, tzinfo=UTC))
    assert sky.temp_air_c[0] == rows[24 + 17, 3]


def test_other_cells_share_the_clear_sky_index_of_the_site() -> None:
    noon = datetime(2023, 6, 21, 17, tzinfo=UTC)
    latitude, longitude, _ = location_cells(np.array([36.1, 36.6]), np.array([-79.95, -79.2]))
    sun = sun_at(tick_index(noon), latitude, longitude)
    sky = sky_at(TMY3, noon, (latitude, longitude))
    index = sky.ghi_w_m2 / sun.ghi_w_m2
    assert index[0] == pytest.approx(index[1])
    assert sky.ghi_w_m2[0] != sky.ghi_w_m2[1]


@pytest.mark.parametrize(
    ("longitudes", "told"),
    [
        ([-79.95, -66.0], None),
        ([-79.95, -60.0], "1 of 2 places of the community are more than 15 degrees of longitude"),
        ([170.0, -79.95, 51.0], "2 of 3 places .* from its own \\(-79.95\\), up to 131;"),
    ],
)
def test_households_far_from_the_file_are_told_once(
    caplog: pytest.LogCaptureFixture, longitudes: list[float], told: str | None
) -> None:
    weather = open_weather(f"file:{TMY3}", seed=1)
    first = tick_index(datetime(2023, 6, 21, 17, tzinfo=UTC))
    for tick in (first, first + 1):
        weather.sky(tick, sun_at(tick, np.full(len(longitudes), 36.1), np.array(longitudes)))
    assert len(caplog.messages) == (told is not None)
    if told:
        assert re.search(told, caplog.messages[0])


def test_no_panel_is_lit_by_a_sun_that_only_the_file_sees(rows: np.ndarray, tmp_path: Path) -> None:
    stamps = pd.date_range("2023-01-01", periods=8760, freq="h", tz="Etc/GMT+5")
    late = write_csv(tmp_path / "late.csv", stamps, np.roll(rows, 2, axis=0))
    for hour in range(24 * 171, 24 * 175):
        for quarter, sky in enumerate(quarters(late, hour, 2023)):
            tick = tick_index(datetime(2023, 1, 1, tzinfo=UTC)) + 4 * (hour - OFFSET_H) + quarter
            sun = sun_at(tick, *GREENSBORO)
            assert sky.ghi_w_m2[0] <= 2.0 * sun.ghi_w_m2[0] + 1e-9
            assert sky.dni_w_m2[0] <= 2.0 * sun.dni_w_m2[0] + 1e-9


@pytest.mark.parametrize("shift", [-7, -3, 3, 5])
def test_a_file_whose_sun_is_not_that_of_its_place_is_refused(
    rows: np.ndarray, tmp_path: Path, shift: int
) -> None:
    weather_file = write_epw(tmp_path / "wrong.epw", rows, zone=OFFSET_H + shift)
    with pytest.raises(InputError, match=r"wrong\.epw, line 1: \d+\.\d% of the light") as refused:
        open_weather(f"file:{weather_file}", seed=1)
    assert "The time zone or the place in the header is wrong" in str(refused.value)


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_file_that_is_an_hour_off_is_used_with_a_warning(
    rows: np.ndarray, tmp_path: Path, shift: int, caplog: pytest.LogCaptureFixture
) -> None:
    weather_file = write_epw(tmp_path / "off.epw", rows, zone=OFFSET_H + shift)
    open_weather(f"file:{weather_file}", seed=1)
    [told] = caplog.messages
    assert re.search(r"off\.epw, line 1: \d\.\d% of the light .* that light is cut off", told)


@pytest.mark.parametrize(("latitude", "longitude"), [(36.1, 79.95), (36.1, -30)])
def test_a_file_of_another_place_is_refused(
    rows: np.ndarray, tmp_path: Path, latitude: float, longitude: float
) -> None:
    weather_file = write_epw(tmp_path / "wrong.epw", rows, latitude=latitude, longitude=longitude)
    with pytest.raises(InputError, match="of the light comes while the sun is down"):
        open_weather(f"file:{weather_file}", seed=1)


@pytest.mark.parametrize("name", ["723170TYA.CSV", "703165TY.csv"])
def test_real_files_lose_hardly_any_light(name: str) -> None:
    open_weather(f"file:{TMY3.with_name(name)}", seed=1)


def test_a_dark_year_has_no_light_to_lose(rows: np.ndarray, tmp_path: Path) -> None:
    dark = rows * [0.0, 0.0, 0.0, 1.0, 1.0]
    open_weather(f"file:{write_epw(tmp_path / 'dark.epw', dark)}", seed=1)


def test_short_gaps_are_bridged_and_night_offsets_are_zero(
    rows: np.ndarray, tmp_path: Path
) -> None:
    at = 24 * 171
    broken = rows.copy()
    broken[at, 0] = -3.0  # a pyranometer's offset at night
    broken[at + 12, 3] = 99.9  # the format's code for a missing temperature
    broken[at + 12, 0] = 9999.0
    broken[at + 15, 4] = np.nan
    weather_file = write_epw(tmp_path / "gaps.epw", broken)
    assert hour_of(quarters(weather_file, at, 2023), "ghi_w_m2") == 0.0
    noon = quarters(weather_file, at + 12, 2023)
    assert hour_of(noon, "temp_air_c") == pytest.approx((rows[at + 11, 3] + rows[at + 13, 3]) / 2)
    assert hour_of(noon, "ghi_w_m2") == pytest.approx((rows[at + 11, 0] + rows[at + 13, 0]) / 2)
    assert hour_of(quarters(weather_file, at + 15, 2023), "wind_speed_m_s") == pytest.approx(
        (rows[at + 14, 4] + rows[at + 16, 4]) / 2
    )


def test_a_long_gap_stays_open_and_is_told(rows: np.ndarray, tmp_path: Path) -> None:
    at = 24 * 171 + 10
    broken = rows.copy()
    broken[at : at + 4, 0] = 9999.0
    weather_file = write_epw(tmp_path / "gap.epw", broken)
    with pytest.raises(WeatherError, match=r"no weather for 21 June 12:00 \(UTC-5\)"):
        quarters(weather_file, at + 2, 2023)
    assert hour_of(quarters(weather_file, at + 4, 2023), "ghi_w_m2") > 0.0
