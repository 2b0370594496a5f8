"""Answers of Open-Meteo that are not what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.open_meteo import RECENT, OpenMeteoServer, changed, good, sun_over

from solar_model.community.weather.open_meteo import OpenMeteo
from solar_model.errors import WeatherError


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.pop("minutely_15"), "neither minutely_15 nor hourly"),
        (lambda table: table["minutely_15"].pop("diffuse_radiation"), "lacks diffuse_radiation"),
        (lambda table: table["minutely_15"]["time"].pop(), "uneven"),
        (lambda table: table["minutely_15"].update(time=None), "no lists"),
        (
            lambda table: table["minutely_15"].update(time=[["2001-01-01"]] * 96),
            "no usable shortwave_radiation",
        ),
        (
            lambda table: table["minutely_15"].update(diffuse_radiation=[None] * 96),
            r"no usable diffuse_radiation for .*12:30 UTC at \(52.5, 13.5\): None",
        ),
        (
            lambda table: table["minutely_15"].update(temperature_2m=["warm"] * 96),
            "no usable temperature_2m",
        ),
        (
            lambda table: table["minutely_15"].update(wind_speed_10m=[-999.0] * 96),
            "no usable wind_speed_10m",
        ),
        (
            lambda table: table["minutely_15"].update(wind_speed_10m=[True] * 96),
            "no usable wind_speed_10m for .*: True",
        ),
        (
            lambda table: table["minutely_15_units"].update(temperature_2m="°F"),
            "temperature_2m in '°F' instead of '°C'",
        ),
        (
            lambda table: table["minutely_15_units"].update(wind_speed_10m="km/h"),
            "wind_speed_10m in 'km/h' instead of 'm/s'",
        ),
        (
            lambda table: table["minutely_15_units"].update(time="unixtime"),
            "time in 'unixtime' instead of 'iso8601'",
        ),
        (
            lambda table: table.update(utc_offset_seconds=36_000),
            "times 36000 s ahead of UTC instead of 0",
        ),
        (
            lambda table: table.update(latitude=-33.0, longitude=151.0),
            r"the place \(-33.0, 151.0\) instead of \(52.5, 13.5\)",
        ),
        (
            lambda table: table["minutely_15"].update(time=["2001-01-01T00:00"] * 96),
            "no usable shortwave_radiation",
        ),
    ],
    ids=[
        "no block",
        "no variable",
        "uneven",
        "null column",
        "nested",
        "nulls",
        "text",
        "sentinel",
        "true",
        "Fahrenheit",
        "km/h",
        "seconds",
        "another zone",
        "another place",
        "another day",
    ],
)
def test_an_answer_that_cannot_be_used_is_no_weather(
    server: OpenMeteoServer,
    weather: OpenMeteo,
    change: Callable[[dict[str, Any]], None],
    message: str,
) -> None:
    server.script = [changed(change)]
    with pytest.raises(WeatherError, match=message):
        weather.sky(*sun_over(RECENT, [52.5]))


@pytest.mark.parametrize("silent", ["minutely_15_units", "utc_offset_seconds", "longitude"])
def test_a_mirror_that_does_not_repeat_what_was_asked_is_believed(
    server: OpenMeteoServer, weather: OpenMeteo, silent: str
) -> None:
    server.script = [good, changed(lambda table: table.pop(silent))]
    told, silently = (
        provider.sky(*sun_over(RECENT, [52.5])) for provider in (OpenMeteo(server.url), weather)
    )
    assert silently.ghi_w_m2.tolist() == told.ghi_w_m2.tolist()


def test_an_answer_for_other_places_is_no_weather(
    server: OpenMeteoServer, weather: OpenMeteo
) -> None:
    server.script = [lambda query: good(query | {"latitude": "52.5", "longitude": "13.5"})]
    with pytest.raises(WeatherError, match="answered for 1 places, 2 were asked for"):
        weather.sky(*sun_over(RECENT, [52.5, 53.0]))
