"""Weather of Open-Meteo over HTTP.

Cells are grouped into coarse cells of 0.25 degrees, the size of the weather models behind the
service, and asked for a UTC day at a time. What came is kept in memory for the life of the
provider, and goes into its record, from which a run can be repeated without the network; only
for places that it does not hold, as of households that came later, is the service asked again.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import numpy as np
import requests
import urllib3
from numpy.typing import NDArray

from solar_model.community.sun import Sun
from solar_model.community.weather.open_meteo_answer import (
    COARSE_CELLS_PER_DEGREE,
    VARIABLES,
    Day,
    Place,
    coordinates,
    usable,
)
from solar_model.community.weather.sky import Sky
from solar_model.errors import InputError, WeatherError, WeatherServiceError
from solar_model.ticks import TICK, TICKS_PER_DAY, tick_start

log = logging.getLogger(__name__)

PLACES_PER_REQUEST = 50
# The forecast service looks back this far, in quarters of an hour; the archive has hours.
FORECAST_PAST = timedelta(days=90)

ATTEMPTS = 4
PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
CONNECT_TIMEOUT_S = 3.05
ANSWER_TIMEOUT_S = 10.0
_PIECE_BYTES = 65_536
PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class OpenMeteo:
    """Weather of the Open-Meteo forecast and archive services.

    Parameters
    ----------
    url : str
        Address of the service.
    pause_s : float
        Before the first repetition of a request that may pass; doubles with each one [s].
    answer_timeout_s : float
        For one answer [s].
    recorded : mapping, optional
        What stands below ``open-meteo`` in the record of an earlier run; it is not asked for again.

    Raises
    ------
    InputError
        When the record is not of that form.
    """

    name = "open-meteo"

    def __init__(
        self,
        url: str,
        pause_s: float = PAUSE_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        recorded: Mapping[str, Any] | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._pause_s = pause_s
        self._timeout_s = (CONNECT_TIMEOUT_S, answer_timeout_s)
        self._days: dict[tuple[int, Place], Day] = {}
        self._used = {} if recorded is None else _read(recorded)

    def sky(self, tick: int, sun: Sun) -> Sky:
        """Weather of one tick; asks the service when the day of the tick is not known yet."""
        places, place_of_cell = coarse_places(sun)
        used = self._used.get(tick, {})
        unknown = [place for place in places if place not in used]
        day = tick // TICKS_PER_DAY
        missing = [place for place in unknown if (day, place) not in self._days]
        for first in range(0, len(missing), PLACES_PER_REQUEST):
            self._fetch(day, missing[first : first + PLACES_PER_REQUEST])
        fresh = {place: self._days[day, place].values(tick, place) for place in unknown}
        self._used[tick] = used | fresh
        return _sky(self._used[tick], places, place_of_cell)

    def record(self) -> dict[str, Any]:
        """The values of all ticks so far, by coarse cell."""
        places = sorted({place for used in self._used.values() for place in used})
        return {
            "open-meteo": {
                "cells": [list(coordinates(place)) for place in places],
                "ticks": {
                    str(tick): [used.get(place) for place in places]
                    for tick, used in sorted(self._used.items())
                },
            }
        }

    def _fetch(self, day: int, places: list[Place]) -> None:
        """Ask for a UTC day at a few places and keep what comes."""
        start = tick_start(day * TICKS_PER_DAY)
        end = start + timedelta(days=1)
        variables = ",".join(VARIABLES)
        where = [coordinates(place) for place in places]
        parameters = {
            "latitude": ",".join(f"{latitude:g}" for latitude, _ in where),
            "longitude": ",".join(f"{longitude:g}" for _, longitude in where),
            "timezone": "UTC",
            "wind_speed_unit": "ms",
        }
        if end > datetime.now(tz=UTC) - FORECAST_PAST:
            url = f"{self._url}/v1/forecast"
            parameters |= {
                "minutely_15": variables,
                "start_minutely_15": f"{start + TICK:%Y-%m-%dT%H:%M}",
                "end_minutely_15": f"{end:%Y-%m-%dT%H:%M}",
            }
        else:
            url = f"{self._url.replace('//api.', '//archive-api.')}/v1/archive"
            parameters |= {
                "hourly": variables,
                "start_date": f"{start:%Y-%m-%d}",
                "end_date": f"{end:%Y-%m-%d}",
            }
        answer = self._ask(url, parameters)
        answers = answer if isinstance(answer, list) else [answer]
        if len(answers) != len(places):
            raise WeatherServiceError(
                f"open-meteo answered for {len(answers)} places, {len(places)} were asked for"
            )
        for place, one in zip(places, answers, strict=True):
            self._days[day, place] = Day.parse(one, place)

    def _ask(self, url: str, parameters: dict[str, str]) -> Any:
        """The JSON of an answer; what can pass is tried again after a pause."""
        pause_s = self._pause_s
        for attempt in count(1):
            try:
                response, body = self._get(url, parameters)
                if response.ok:
                    return json.loads(body)
                problem = f"HTTP {response.status_code}, {_reason(response, body)}"
                if response.status_code not in PASSING_STATUSES:
                    raise WeatherServiceError(f"open-meteo refused the request: {problem}")
                pause_s = max(pause_s, _retry_after_s(response))
            except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
                problem = f"{type(error).__name__}: {error}"  # no JSON is a ValueError
            if attempt == ATTEMPTS or pause_s > LONGEST_PAUSE_S:
                raise WeatherServiceError(
                    f"open-meteo at {self._url} gave no weather in {attempt} attempts: {problem}"
                )
            log.warning("open-meteo: %s; next attempt in %.1f s", problem, pause_s)
            time.sleep(pause_s)
            pause_s *= 2.0

    def _get(self, url: str, parameters: dict[str, str]) -> tuple[requests.Response, bytes]:
        """A whole answer within the time for one.

        The time-out of ``requests`` is for each piece, however small.
        """
        _, answer_timeout_s = self._timeout_s
        deadline = time.monotonic() + answer_timeout_s
        with requests.get(url, params=parameters, timeout=self._timeout_s, stream=True) as response:
            pieces = []
            while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
                pieces.append(piece)
                if time.monotonic() > deadline:
                    raise requests.Timeout(f"no whole answer in {answer_timeout_s:g} s")
        return response, b"".join(pieces)


def _read(recorded: Mapping[str, Any]) -> dict[int, dict[Place, list[float]]]:
    """Values of a record, by tick and place."""
    try:
        places = [_place(*cell) for cell in recorded["cells"]]
        return {
            int(tick): {
                place: usable(value, tick, place)
                for place, value in zip(places, values, strict=True)
                if value is not None
            }
            for tick, values in recorded["ticks"].items()
        }
    except (
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        AttributeError,
        WeatherError,
    ) as error:
        raise InputError(
            "recorded open-meteo weather cannot be read",
            expected='{"cells": [[latitude, longitude], …], "ticks": {"<tick>": [[…], …]}}',
            hint=str(error),
        ) from error


def coarse_places(sun: Sun) -> tuple[list[Place], NDArray[np.intp]]:
    """The coarse cells of a sun's cells, each once, and the coarse cell of each cell."""
    row = np.rint(sun.latitude_deg * COARSE_CELLS_PER_DEGREE).astype(np.int64)
    column = np.rint(sun.longitude_deg * COARSE_CELLS_PER_DEGREE).astype(np.int64)
    places, place_of_cell = np.unique(np.stack([row, column]), axis=1, return_inverse=True)
    return [(int(one), int(other)) for one, other in places.T], place_of_cell.ravel()


def _place(latitude_deg: float, longitude_deg: float) -> Place:
    return (
        round(latitude_deg * COARSE_CELLS_PER_DEGREE),
        round(longitude_deg * COARSE_CELLS_PER_DEGREE),
    )


def _sky(
    used: Mapping[Place, list[float]], places: list[Place], place_of_cell: NDArray[np.intp]
) -> Sky:
    columns = np.array([used[place] for place in places]).T
    return Sky(*(column[place_of_cell] for column in columns))


def _reason(response: requests.Response, body: bytes) -> str:
    """What the service itself says about a failure, shortened."""
    try:
        return str(json.loads(body)["reason"])[:200]
    except (ValueError, KeyError, TypeError):
        return response.reason or "no reason given"


def _retry_after_s(response: requests.Response) -> float:
    try:
        return float(response.headers.get("Retry-After", 0.0))
    except ValueError:  # a date; the ordinary pause will do
        return 0.0
