"""A real HTTP server that speaks the JSON of Open-Meteo, well or badly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from solar_model.community.sun import Sun, sun_at
from solar_model.ticks import tick_index

VARIABLES = {
    "shortwave_radiation": 0.0,
    "direct_normal_irradiance": 1.0,
    "diffuse_radiation": 2.0,
    "temperature_2m": 10.0,
    "wind_speed_10m": 4.0,
}
RECENT = datetime.now(tz=UTC).replace(hour=12, minute=15, second=0, microsecond=0)
UNITS = {
    "time": "iso8601",
    "shortwave_radiation": "W/m²",
    "direct_normal_irradiance": "W/m²",
    "diffuse_radiation": "W/m²",
    "temperature_2m": "°C",
    "wind_speed_10m": "m/s",
}
LONG_AGO = datetime(2020, 6, 21, 12, 15, tzinfo=UTC)
Reply = tuple[int, bytes, dict[str, str]]
Answer = Callable[[dict[str, str]], Reply]


def stamps(first: datetime, last: datetime, step: timedelta) -> list[str]:
    count = int((last - first) / step) + 1
    return [f"{first + at * step:%Y-%m-%dT%H:%M}" for at in range(count)]


def block(times: list[str], latitude: float) -> dict[str, Any]:
    """Values that tell where and when they are for: GHI is the minute of the day."""
    minutes = [60.0 * int(stamp[11:13]) + int(stamp[14:16]) for stamp in times]
    values = {name: [offset + abs(latitude)] * len(times) for name, offset in VARIABLES.items()}
    return {"time": times, **values, "shortwave_radiation": minutes}


def good(query: dict[str, str]) -> Reply:
    """What the service answers to a right question: JSON of one place, or a list of several."""
    where = [[float(one) for one in query[name].split(",")] for name in ("latitude", "longitude")]
    if "minutely_15" in query:
        first = datetime.fromisoformat(query["start_minutely_15"])
        last = datetime.fromisoformat(query["end_minutely_15"])
        name, times = "minutely_15", stamps(first, last, timedelta(minutes=15))
    else:
        first = datetime.fromisoformat(query["start_date"])
        last = datetime.fromisoformat(query["end_date"]) + timedelta(hours=23)
        name, times = "hourly", stamps(first, last, timedelta(hours=1))
    places = [
        {
            "latitude": latitude + 0.06,  # the middle of the model's cell
            "longitude": longitude - 0.11,
            "utc_offset_seconds": 0,
            f"{name}_units": UNITS,
            name: block(times, latitude),
        }
        for latitude, longitude in zip(*where, strict=True)
    ]
    return 200, json.dumps(places if len(places) > 1 else places[0]).encode(), {}


def status(code: int, reason: str = "try later", retry_after: str | None = None) -> Answer:
    body = json.dumps({"error": True, "reason": reason}).encode()
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return lambda _: (code, body, headers)


def changed(change: Callable[[dict[str, Any]], None]) -> Answer:
    def answer(query: dict[str, str]) -> Reply:
        code, body, headers = good(query)
        table = json.loads(body)
        change(table)
        return code, json.dumps(table).encode(), headers

    return answer


def slow(query: dict[str, str]) -> Reply:
    time.sleep(0.6)
    return good(query)


class Trickle(bytes):
    """A body that comes byte by byte, each well within the time for an answer."""


def trickling(query: dict[str, str]) -> Reply:
    code, body, headers = good(query)
    return code, Trickle(body), headers


class OpenMeteoServer(ThreadingHTTPServer):
    """Answers with ``script``, one after the other, then well; remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Answer] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.asked_at: list[float] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[OpenMeteoServer]:
    """A server that answers while the block runs."""
    with OpenMeteoServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


class Handler(BaseHTTPRequestHandler):
    server: OpenMeteoServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.server.asked.append((parts.path, query))
        self.server.asked_at.append(time.monotonic())
        answer = self.server.script.pop(0) if self.server.script else good
        code, body, headers = answer(query)
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if not isinstance(body, Trickle):
            self.wfile.write(body)
            return
        try:
            for one in body:
                self.wfile.write(bytes([one]))
                time.sleep(0.1)
        except OSError:  # nobody listens any more
            pass

    def log_message(self, *arguments: Any) -> None:
        pass


def sun_over(when: datetime, latitudes: list[float], longitude: float = 13.4) -> tuple[int, Sun]:
    tick = tick_index(when)
    return tick, sun_at(tick, np.array(latitudes), np.full(len(latitudes), longitude))
