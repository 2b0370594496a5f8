from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pvlib
import pytest

from solar_model.community.sun import Sun, sun_at
from solar_model.community.weather import Sky, open_weather
from solar_model.community.weather.record import record_of_tick
from solar_model.community.weather.specs import files_in
from solar_model.errors import InputError, WeatherError

TMY3 = str(files(pvlib) / "data" / "723170TYA.CSV")
NOON = 1_726_074_000 // 900  # 2024-09-11T17:00Z, noon in Greensboro


@pytest.fixture
def sun() -> Sun:
    return sun_at(NOON, np.array([36.1, 36.15, 40.0]), np.array([-79.95, -79.95, -75.0]))


def assert_same(one: Sky, other: Sky) -> None:
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, getattr(other, name))


@pytest.mark.parametrize("factor", [0.0, 0.35, 1.0, 1.2, "0.35"])
def test_a_factor_scales_the_clear_sky_linearly(sun: Sun, factor: float | str) -> None:
    sky = open_weather(factor, seed=1).sky(NOON, sun)
    np.testing.assert_array_equal(sky.ghi_w_m2, sun.ghi_w_m2 * float(factor))
    np.testing.assert_array_equal(sky.dni_w_m2, sun.dni_w_m2 * float(factor))
    np.testing.assert_array_equal(sky.dhi_w_m2, sun.dhi_w_m2 * float(factor))


def test_a_mapping_states_the_irradiance(sun: Sun) -> None:
    spec = {"ghi": 600, "dni": 500.0, "dhi": 200, "temp_air": 12.5, "wind_speed": 3}
    sky = open_weather(spec, seed=1).sky(NOON, sun)
    assert sky.ghi_w_m2.tolist() == [600.0] * 3
    assert sky.dni_w_m2.tolist() == [500.0] * 3
    assert sky.dhi_w_m2.tolist() == [200.0] * 3
    assert sky.temp_air_c.tolist() == [12.5] * 3
    assert sky.wind_speed_m_s.tolist() == [3.0] * 3


def test_the_record_of_a_mapping_is_the_same_text_in_every_process() -> None:
    spec = {"wind_speed": 3, "dhi": 200, "temp_air": 12.5, "ghi": 600, "dni": 500}
    record = open_weather(spec, seed=1).record()
    assert list(record) == ["ghi", "dni", "dhi", "temp_air", "wind_speed"]


def test_a_mapping_states_a_clear_sky_index(sun: Sun) -> None:
    spec = {"clear_sky_index": 0.5, "temp_air": 12.5, "wind_speed": 3}
    sky = open_weather(json.dumps(spec), seed=1).sky(NOON, sun)
    np.testing.assert_array_equal(sky.ghi_w_m2, sun.ghi_w_m2 * 0.5)
    assert sky.temp_air_c.tolist() == [12.5] * 3


@pytest.mark.parametrize(
    "spec",
    [
        1.21,
        -0.01,
        True,
        None,
        float("nan"),
        float("inf"),
        "sunny",
        "file:",
        "",
        [],
        {},
        {"ghi": 500.0},
        {"ghi": 500.0, "dni": 500.0, "dhi": 100.0, "colour": 1.0},
        {"ghi": 500.0, "dni": 500.0, "dhi": 100.0, "clear_sky_index": 1.0},
        "{not json",
        "[" * 100_000,
        "[" + "1" * 5_000 + "]",
        10**400,
        {"file": 5, "sha256": "x"},
        "file:my,gap.csv",
        ["stochastic", "sunny"],
    ],
)
def test_what_is_no_weather_is_refused_with_what_was_expected(spec: Any) -> None:
    with pytest.raises(InputError, match=r"expected a number from 0 to 1\.2"):
        open_weather(spec, seed=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ghi", -1.0),
        ("dni", 5000.0),
        ("dhi", float("nan")),
        ("temp_air", "warm"),
        ("wind_speed", -3.0),
        ("ghi", 10**400),
    ],
)
def test_an_unusable_value_is_named(key: str, value: Any) -> None:
    spec = {"ghi": 600, "dni": 500, "dhi": 200, "temp_air": 12, "wind_speed": 3, key: value}
    with pytest.raises(InputError, match=f"unusable {key}"):
        open_weather(spec, seed=1)


@pytest.mark.parametrize(
    "spec",
    [
        0.7,
        "stochastic",
        f"file:{TMY3}",
        {"ghi": 600, "dni": 500, "dhi": 200, "temp_air": 12, "wind_speed": 3},
        {"clear_sky_index": 0.5},
    ],
)
def test_a_record_gives_the_same_weather_again(sun: Sun, spec: Any) -> None:
    weather = open_weather(spec, seed=7)
    sky = weather.sky(NOON, sun)
    again = open_weather(json.loads(json.dumps(weather.record())), seed=7)
    assert_same(again.sky(NOON, sun), sky)
    assert again.record() == weather.record()


def test_a_provider_that_fails_is_followed_by_the_next(sun: Sun) -> None:
    weather = open_weather(["file:/nowhere.csv", f"file:{TMY3}", 0.5], seed=1)
    assert weather.name == f"file:{TMY3}"
    assert weather.failures == [
        {
            "weather": "file:/nowhere.csv",
            "reason": "weather file /nowhere.csv cannot be read: No such file or directory",
        }
    ]
    assert_same(weather.sky(NOON, sun), open_weather(f"file:{TMY3}", seed=1).sky(NOON, sun))
    assert weather.record()["file"] == TMY3


def test_text_with_commas_is_an_order_of_preference() -> None:
    assert open_weather("file:/nowhere.csv, 0.5", seed=1).record() == 0.5


def test_a_single_provider_that_fails_says_why() -> None:
    with pytest.raises(WeatherError, match="No such file"):
        open_weather("file:/nowhere.csv", seed=1)


def test_a_path_that_cannot_be_is_no_weather() -> None:
    with pytest.raises(WeatherError, match="cannot be read: embedded null byte"):
        open_weather("file:a\0b", seed=1)


def test_a_path_with_a_comma_needs_a_list(tmp_path: Path) -> None:
    copy = tmp_path / "a,b.csv"
    copy.write_bytes(Path(TMY3).read_bytes())
    with pytest.raises(InputError, match=r"a JSON list, which a path with a comma needs"):
        open_weather(f"file:{copy}", seed=1)
    assert open_weather(json.dumps([f"file:{copy}"]), seed=1).name == f"file:{copy}"


def test_when_all_fail_all_reasons_are_told() -> None:
    with pytest.raises(WeatherError, match=r"nowhere\.csv.*elsewhere\.csv"):
        open_weather(["file:/nowhere.csv", "file:/elsewhere.csv"], seed=1)


def day_with_a_gap(path: Path, gap: range) -> str:
    """A file of 11 September that lacks some of its hours, as a specification."""
    rows = ["timestamp,ghi,dni,dhi,temp_air,wind_speed"]
    rows += [
        f"2023-09-11T{hour:02d}:00:00,400,300,200,15,2" for hour in range(24) if hour not in gap
    ]
    path.write_text("\n".join(rows))
    return f"file:{path}"


def test_a_gap_is_passed_over_for_its_ticks_alone(
    sun: Sun, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weather = open_weather([day_with_a_gap(tmp_path / "day.csv", range(14, 18)), 0.5], seed=1)
    names = []
    for tick in range(NOON - 4, NOON + 8):  # 16:00 to 19:00
        weather.sky(tick, sun)
        names.append(weather.name)
    assert names == ["clear sky x 0.5"] * 8 + [f"file:{tmp_path}/day.csv"] * 4
    assert [failure["reason"][-40:] for failure in weather.failures] == [
        "has no weather for 11 September 16:00 (UTC+0)"[-40:]
    ]
    assert caplog.text.count("has no weather for") == 1, "once for a gap, not at every tick"


@pytest.mark.parametrize("gap", [range(14, 18), range(17, 24), range(6)])
def test_ticks_of_one_run_are_those_of_runs_of_one_tick(
    sun: Sun, tmp_path: Path, gap: range
) -> None:
    spec = [day_with_a_gap(tmp_path / "day.csv", gap), "stochastic"]
    ticks = range(NOON - 16, NOON + 8)  # 13:00 to 19:00
    run = open_weather(spec, seed=1)
    skies = [run.sky(tick, sun) for tick in ticks]
    record = json.loads(json.dumps(run.record()))
    again = open_weather(record, seed=1)
    for tick, sky in zip(ticks, skies, strict=True):
        alone = open_weather(spec, seed=1)
        assert_same(alone.sky(tick, sun), sky)
        assert_same(again.sky(tick, sun), sky)
        assert record_of_tick(record, tick) == alone.record()
    assert again.record() == record


def test_a_record_of_spans_has_nothing_for_other_ticks(sun: Sun, tmp_path: Path) -> None:
    weather = open_weather([day_with_a_gap(tmp_path / "day.csv", range(18, 24)), 0.5], seed=1)
    for tick in range(NOON, NOON + 8):
        weather.sky(tick, sun)
    again = open_weather(weather.record(), seed=1)
    with pytest.raises(WeatherError, match="has nothing for 2024-09-11 19:15"):
        again.sky(NOON + 9, sun)


def test_when_no_choice_has_a_tick_all_reasons_are_told(sun: Sun, tmp_path: Path) -> None:
    short, shorter = (
        day_with_a_gap(tmp_path / f"{hour}.csv", range(hour, 24)) for hour in (17, 12)
    )
    weather = open_weather([short, shorter], seed=1)
    with pytest.raises(WeatherError, match=r"17\.csv has no .*; .*12\.csv has no weather"):
        weather.sky(NOON, sun)
    weather.sky(NOON - 24, sun)  # and a tick that they have is had


@pytest.mark.parametrize(
    "record",
    [
        {"spans": 3},
        {"spans": [{"ticks": [1], "weather": 0.5}]},
        {"open-meteo": {"cells": [[1]], "ticks": {}}},
        {"open-meteo": {"cells": [[1, 2]], "ticks": {"5": [[1, 2], [3]]}}},
        {"open-meteo": {"cells": [[1, 2]], "ticks": {"5": [[1, 2, 3]]}}},
        {"open-meteo": {"cells": [[1, 2]], "ticks": {"5": [[1, 2, 3, 4, 5, 6]]}}},
        {"open-meteo": {"cells": [[1, 2]], "ticks": {"5": [[1e9, 0, 0, 10, 2]]}}},
        {"open-meteo": {"cells": [[1, 2]], "ticks": {"5": [[0, 0, 0, float("nan"), 2]]}}},
        {"open-meteo": {"cells": [[1, float("inf")]], "ticks": {}}},
    ],
)
def test_a_broken_record_is_refused(record: Any) -> None:
    with pytest.raises(InputError, match="recorded"):
        open_weather(record, seed=1)


def test_a_recorded_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "weather.csv"
    copy.write_bytes(Path(TMY3).read_bytes())
    record = open_weather(f"file:{copy}", seed=1).record()
    copy.write_bytes(Path(TMY3).read_bytes().replace(b",293,", b",294,", 1))
    with pytest.raises(WeatherError, match="is not the one of the recorded run"):
        open_weather(record, seed=1)


@pytest.mark.parametrize(
    "spec",
    [
        "file:/a.csv",
        " file:/a.csv",
        "0.9, file:/a.csv",
        [0.9, "file:/a.csv"],
        {"file": "/a.csv", "sha256": ""},
        '{"file": "/a.csv", "sha256": ""}',
        r'["\u0066ile:/a.csv"]',
        {"spans": [{"ticks": [1, 2], "weather": {"file": "/a.csv", "sha256": ""}}]},
        {"spans": [{"ticks": [1, 2], "weather": r'{"spans": [{"weather": "\u0066ile:/a.csv"}]}'}]},
    ],
)
def test_a_file_is_seen_wherever_a_specification_names_it(spec: Any) -> None:
    assert files_in(spec)


@pytest.mark.parametrize(
    "spec",
    [
        0.9,
        "stochastic",
        "open-meteo, 0.9",
        {"clear_sky_index": 0.5},
        {"spans": [{"ticks": [1, 2], "weather": "stochastic"}]},
        {"open-meteo": {"cells": [[1, 2]], "ticks": {"5": [[1, 2], None]}}},
    ],
)
def test_weather_of_no_file_names_none(spec: Any) -> None:
    assert not files_in(spec)
