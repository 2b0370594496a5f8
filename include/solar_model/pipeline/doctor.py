"""The doctor: looks at every configured connection and says what is missing and how to mend it.

That is the settings, the database, the weather, the exchanges, the runners where others than the
worker simulate, and the mail server where somebody is to be told of alerts.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import requests

from solar_model.community.sun import sun_at
from solar_model.community.weather import open_weather
from solar_model.errors import ConfigurationError, TransferError, WeatherError
from solar_model.manifest import Manifest
from solar_model.pipeline import database, schema
from solar_model.pipeline.alerts.smtp import greet
from solar_model.pipeline.connections import Lookup, variable
from solar_model.pipeline.exchange import Exchange, open_exchange
from solar_model.pipeline.exchange.patience import CONNECT_S
from solar_model.pipeline.exchange.trouble import network_trouble
from solar_model.pipeline.findings import PATIENCE, Finding, attempt, require_same_clock
from solar_model.pipeline.households import read_households
from solar_model.pipeline.snapshot import take_snapshot
from solar_model.runner.checks import look_at_runners
from solar_model.settings import Settings
from solar_model.ticks import parse_tick, tick_index, timestamp_text

PROBE = "solar_doctor_"

Database = psycopg.Connection[Any]


def examine(settings: Settings, connections: Lookup) -> Iterator[Finding]:
    """Look at all that a cycle needs; findings come as they are made.

    Parameters
    ----------
    settings : Settings
        Names the weather, the exchanges, the runners and the household query.
    connections : callable
        Gives the text form of an Airflow connection by its id.
    """
    problem, _ = attempt(_look_for_slips)
    yield Finding("settings", "no variable is misspelt", problem)
    yield from _database(settings, connections)
    problem, _ = attempt(lambda: _look_at_the_sky(settings))
    yield Finding("SOLAR_WEATHER", "tells the weather of now", problem)
    for url in settings.exchange_urls:
        yield from _exchange(url, connections)
    if settings.runner != "local":
        yield from look_at_runners(settings, connections)
    if settings.alert_recipients:
        problem, _ = attempt(lambda: greet(connections))
        yield Finding("alerts", "the mail server takes mails", problem)


def _look_for_slips() -> None:
    known = [f"SOLAR_{name.upper()}" for name in Settings.model_fields]
    for name in sorted(os.environ):
        near = get_close_matches(name, known, n=1, cutoff=0.9)
        if name.startswith("SOLAR_") and name not in known and near:
            raise ConfigurationError(f"{name} is no setting. Did you mean {near[0]}?")


def _database(settings: Settings, connections: Lookup) -> Iterator[Finding]:
    def connect() -> Database:
        text = connections(database.CONNECTION_ID)
        if text is None:
            raise ConfigurationError(
                f"there is no connection {database.CONNECTION_ID}. Set "
                f"{variable(database.CONNECTION_ID)} to postgresql://USER:PASSWORD@HOST/DATABASE."
            )
        try:
            return database.connect(database.conninfo(text), time_limit=timedelta(minutes=1))
        except psycopg.OperationalError as error:
            # libpq names host, port, user and database, never the password
            raise TransferError(
                f"Postgres cannot be reached: {str(error).strip()}. Is it running, and are "
                "address and login right?"
            ) from error

    problem, connection = attempt(connect)
    yield Finding("database", "reachable", problem)
    if connection is None:
        return
    with connection:
        problem, _ = attempt(lambda: database.require_verified(connection.info.dsn))
        yield Finding("database", "certificate is verified", problem)
        problem, _ = attempt(lambda: schema.require_current(connection))
        yield Finding("database", "schema up to date", problem)
        if problem is None:
            problem, _ = attempt(lambda: _run_query(connection, settings))
            yield Finding("database", "household query runs", problem)


def _run_query(connection: Database, settings: Settings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        snapshot = take_snapshot(
            connection,
            tick=parse_tick(None),
            sql_file=settings.households_sql,
            folder=Path(folder),
        )
        good, rejected = read_households(
            Path(folder) / snapshot.households.name, settings.households_sql
        )
    if rejected.is_empty() and good.is_empty():
        raise ConfigurationError(
            f"the household query {settings.households_sql} finds nobody. Are there users with "
            "panel_count above 0?"
        )
    if good.is_empty():
        raise ConfigurationError(
            f"the household query {settings.households_sql} finds nobody that can be simulated; "
            f"of {len(rejected):,} the first: {'; '.join(rejected['reasons'][0])}"
        )


def _look_at_the_sky(settings: Settings) -> None:
    """Make sure that what is asked first for the weather has it, not only what comes after."""
    now = tick_index(parse_tick(None))
    weather = open_weather(settings.weather, settings.seed)
    weather.sky(now, sun_at(now, [settings.site_latitude_deg], [settings.site_longitude_deg]))
    if weather.failures:
        failed = "; ".join(f"{one['weather']}: {one['reason']}" for one in weather.failures)
        raise WeatherError(f"{failed}. Cycles use {weather.name} instead.")


def _exchange(url: str, connections: Lookup) -> Iterator[Finding]:
    problem, exchange = attempt(lambda: open_exchange(url, connections, PATIENCE))
    yield Finding(url, "connection can be read", problem)
    if exchange is None:
        return
    if exchange.store.server:
        problem, _ = attempt(lambda: _look_at_server(exchange))
        yield Finding(url, "server, TLS and clock", problem)
        if problem:
            return
    problem, _ = attempt(exchange.store.preflight)
    yield Finding(url, "place exists and is ours to use", problem)
    if problem is None:
        problem, _ = attempt(lambda: _round_trip(exchange))
        yield Finding(url, "a file goes there and back", problem)


def _look_at_server(exchange: Exchange) -> None:
    server = str(exchange.store.server)
    try:
        answer = requests.head(
            server,
            verify=exchange.store.ca_file or True,
            timeout=(CONNECT_S, PATIENCE.silence_s),
            allow_redirects=False,
        )
    except (requests.RequestException, OSError) as error:
        raise network_trouble(error, server) from error
    require_same_clock(server, answer.headers.get("Date"))


def _round_trip(exchange: Exchange) -> None:
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / f"{PROBE}{uuid4().hex}.csv"
        probe.write_text("user_id\n")
        tick = timestamp_text(parse_tick(None))
        Manifest.of(probe, rows=0, tick=tick, steps=1, seed=None, weather=None).write(probe)
        try:
            exchange.put(probe)
            exchange.get(probe.name, Path(folder) / "back")
            if probe.name not in [stored.name for stored in exchange.list()]:
                raise ConfigurationError(
                    f"{exchange.url}: a file that was put is not listed. Give the account the "
                    "right to list."
                )
        finally:
            exchange.delete(probe.name)
