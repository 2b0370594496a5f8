"""Open-Meteo, against a real HTTP server that speaks its JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from tests.support.open_meteo import (
    LONG_AGO,
    RECENT,
    Answer,
    OpenMeteoServer,
    changed,
    slow,
    status,
    sun_over,
    trickling,
)

from solar_model.community.weather import open_weather
from solar_model.community.weather.open_meteo import OpenMeteo
from solar_model.errors import WeatherError
from solar_model.settings import settings


def test_a_tick_takes_the_mean_that_ends_with_it(weather: OpenMeteo) -> None:
    sky = weather.sky(*sun_over(RECENT, [52.5]))
    assert sky.ghi_w_m2.tolist() == [12 * 60.0 + 30.0]
    assert sky.dni_w_m2.tolist() == [53.5]
    assert sky.dhi_w_m2.tolist() == [54.5]
    assert sky.temp_air_c.tolist() == [62.5]
    assert sky.wind_speed_m_s.tolist() == [56.5]


def test_the_last_tick_of_a_day_ends_at_midnight(weather: OpenMeteo) -> None:
    sky = weather.sky(*sun_over(RECENT.replace(hour=23, minute=45), [52.5]))
    assert sky.ghi_w_m2.tolist() == [0.0]


def test_cells_are_grouped_and_a_day_is_asked_for_once(
    server: OpenMeteoServer, weather: OpenMeteo
) -> None:
    latitudes = [52.5, 52.55, 52.45, 53.0]
    for quarter in range(4):
        sky = weather.sky(*sun_over(RECENT + quarter * timedelta(minutes=15), latitudes))
    assert sky.dni_w_m2.tolist() == [53.5, 53.5, 53.5, 54.0]
    ((path, query),) = server.asked
    assert path == "/v1/forecast"
    assert query["latitude"] == "52.5,53"
    assert query["timezone"] == "UTC"
    assert query["wind_speed_unit"] == "ms"


def test_many_places_are_asked_for_in_portions(server: OpenMeteoServer, weather: OpenMeteo) -> None:
    latitudes = list(np.arange(-20.0, 20.0, 0.5))
    sky = weather.sky(*sun_over(RECENT, latitudes))
    np.testing.assert_array_equal(sky.dni_w_m2, 1.0 + np.abs(latitudes))
    assert len(server.asked) == 2


def test_a_place_does_not_depend_on_who_else_is_there(server: OpenMeteoServer) -> None:
    alone = OpenMeteo(server.url).sky(*sun_over(RECENT, [53.0]))
    together = OpenMeteo(server.url).sky(*sun_over(RECENT, [40.0, 53.0]))
    for name, values in vars(alone).items():
        assert getattr(together, name)[1] == values[0]


def test_long_ago_comes_from_the_archive_and_keeps_the_hour(
    server: OpenMeteoServer, weather: OpenMeteo
) -> None:
    skies = [
        weather.sky(*sun_over(LONG_AGO.replace(minute=minute), [52.5]))
        for minute in (0, 15, 30, 45)
    ]
    ((path, query),) = server.asked
    assert path == "/v1/archive"
    assert (query["start_date"], query["end_date"]) == ("2020-06-21", "2020-06-22")
    ghi = [float(sky.ghi_w_m2[0]) for sky in skies]
    assert np.mean(ghi) == pytest.approx(13 * 60.0, abs=0.01), "the hour that ends at 13:00"
    assert len(set(ghi)) == 4
    assert {float(sky.temp_air_c[0]) for sky in skies} == {62.5}


@pytest.mark.parametrize(
    "trouble",
    [
        [status(500), status(500)],
        [status(429, retry_after="0.05")],
        [status(503, retry_after="Wed, 21 Oct 2015 07:28:00 GMT")],
        [lambda _: (200, b"<html>not JSON", {})],
        [slow],
    ],
    ids=["500 twice", "429", "503 with a date", "no JSON", "time-out"],
)
def test_what_passes_is_tried_again(
    server: OpenMeteoServer, weather: OpenMeteo, trouble: list[Answer]
) -> None:
    server.script = list(trouble)
    sky = weather.sky(*sun_over(RECENT, [52.5]))
    assert sky.dni_w_m2.tolist() == [53.5]
    assert len(server.asked) == len(trouble) + 1


def test_an_answer_that_trickles_is_not_waited_for(
    server: OpenMeteoServer, weather: OpenMeteo
) -> None:
    server.script = [trickling]
    began = time.monotonic()
    weather.sky(*sun_over(RECENT, [52.5]))
    assert time.monotonic() - began < 3.0
    assert len(server.asked) == 2


def test_a_place_beyond_the_date_line_is_near(weather: OpenMeteo) -> None:
    sky = weather.sky(*sun_over(RECENT, [-16.8], longitude=-180.0))
    assert sky.ghi_w_m2.tolist() == [12 * 60.0 + 30.0]


def test_pauses_grow(server: OpenMeteoServer) -> None:
    server.script = [status(500), status(500), status(500)]
    OpenMeteo(server.url, pause_s=0.05).sky(*sun_over(RECENT, [52.5]))
    pauses = np.diff(server.asked_at)
    assert pauses[0] >= 0.05
    assert pauses[1] >= 0.1
    assert pauses[2] >= 0.2


def test_patience_ends(server: OpenMeteoServer, weather: OpenMeteo) -> None:
    server.script = [status(500, "database is down")] * 10
    with pytest.raises(WeatherError, match="4 attempts: HTTP 500, database is down"):
        weather.sky(*sun_over(RECENT, [52.5]))
    assert len(server.asked) == 4


def test_a_long_wait_that_the_service_asks_for_is_not_waited(
    server: OpenMeteoServer, weather: OpenMeteo
) -> None:
    server.script = [status(429, "daily limit exceeded", retry_after="3600")]
    with pytest.raises(WeatherError, match="daily limit exceeded"):
        weather.sky(*sun_over(RECENT, [52.5]))
    assert len(server.asked) == 1


def test_a_refusal_is_not_repeated(server: OpenMeteoServer, weather: OpenMeteo) -> None:
    server.script = [status(400, "Latitude must be in range of -90 to 90°")]
    with pytest.raises(WeatherError, match="refused the request: HTTP 400, Latitude must be"):
        weather.sky(*sun_over(RECENT, [52.5]))
    assert len(server.asked) == 1


def test_nobody_there_is_no_weather() -> None:
    with pytest.raises(WeatherError, match="gave no weather in 4 attempts: ConnectionError"):
        OpenMeteo("http://127.0.0.1:9", pause_s=0.01).sky(*sun_over(RECENT, [52.5]))


@pytest.fixture
def configured(server: OpenMeteoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SOLAR_OPEN_METEO_URL", server.url)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.usefixtures("configured")
def test_a_record_repeats_a_run_without_the_network(server: OpenMeteoServer) -> None:
    weather = open_weather("open-meteo", seed=1)
    ticks = [sun_over(RECENT + at * timedelta(minutes=15), [52.5, 53.0, -20.0]) for at in range(3)]
    skies = [weather.sky(*tick) for tick in ticks]
    record = json.loads(json.dumps(weather.record()))
    asked = len(server.asked)

    again = open_weather(record, seed=1)
    for tick, sky in zip(ticks, skies, strict=True):
        for name, values in vars(again.sky(*tick)).items():
            np.testing.assert_array_equal(values, getattr(sky, name))
    assert len(server.asked) == asked
    assert again.record() == record


@pytest.mark.usefixtures("configured")
def test_only_places_that_a_record_lacks_are_asked_for(server: OpenMeteoServer) -> None:
    weather = open_weather("open-meteo", seed=1)
    tick, sun = sun_over(RECENT, [52.5, 53.0])
    before = weather.sky(tick, sun)
    server.script = [status(400, "maintenance")]
    again = open_weather(weather.record(), seed=1)
    with pytest.raises(WeatherError, match="maintenance"):
        again.sky(*sun_over(RECENT, [10.0, 52.5]))
    later = open_weather(weather.record(), seed=1).sky(*sun_over(RECENT, [10.0, 52.5, 53.0]))
    assert [query["latitude"] for _, query in server.asked] == ["52.5,53", "10", "10"]
    np.testing.assert_array_equal(later.temp_air_c[1:], before.temp_air_c)


@pytest.mark.usefixtures("configured")
def test_an_outage_falls_back(server: OpenMeteoServer) -> None:
    server.script = [status(400, "maintenance")]
    weather = open_weather("open-meteo,stochastic", seed=1)
    tick, sun = sun_over(RECENT, [52.5])
    sky = weather.sky(tick, sun)
    assert weather.name == "stochastic"
    assert weather.record() == "stochastic"
    assert "maintenance" in weather.failures[0]["reason"]
    np.testing.assert_array_equal(
        sky.ghi_w_m2, open_weather("stochastic", seed=1).sky(tick, sun).ghi_w_m2
    )


@pytest.mark.usefixtures("configured")
def test_an_outage_is_not_waited_for_at_every_tick(server: OpenMeteoServer) -> None:
    server.script = [status(400, "maintenance")]
    weather = open_weather("open-meteo,stochastic", seed=1)
    for at in range(3):
        weather.sky(*sun_over(RECENT + at * timedelta(minutes=15), [52.5]))
    assert len(server.asked) == 1
    assert weather.record() == "stochastic"


@pytest.mark.usefixtures("configured")
def test_a_value_that_is_missing_is_missing_for_its_tick_alone(server: OpenMeteoServer) -> None:
    def lose_one(table: dict[str, Any]) -> None:
        at = table["minutely_15"]["time"].index(f"{RECENT + timedelta(minutes=30):%Y-%m-%dT%H:%M}")
        table["minutely_15"]["temperature_2m"][at] = None

    server.script = [changed(lose_one)]
    weather = open_weather("open-meteo,stochastic", seed=1)
    ticks = [sun_over(RECENT + at * timedelta(minutes=15), [52.5]) for at in range(3)]
    skies = [weather.sky(*tick) for tick in ticks]
    record = json.loads(json.dumps(weather.record()))

    used = [span["weather"] for span in record["spans"]]
    assert used[1] == "stochastic"
    for (tick, _), one in zip(ticks[::2], used[::2], strict=True):
        assert list(one["open-meteo"]["ticks"]) == [str(tick)]
    again = open_weather(record, seed=1)
    for tick, sky in zip(ticks, skies, strict=True):
        for name, values in vars(again.sky(*tick)).items():
            np.testing.assert_array_equal(values, getattr(sky, name))
