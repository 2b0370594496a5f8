"""A look at the exchanges and the runners: by the monitor, so that nobody else has to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg

from solar_model.pipeline.connections import Lookup
from solar_model.pipeline.exchange import Patience, open_exchange
from solar_model.pipeline.exchange.exchange import LATEST_INPUT
from solar_model.pipeline.exchange.store import NotInExchange
from solar_model.runner.client import RunnerClient
from solar_model.settings import Settings

_SILENCE_S = 5.0


def look(connection: psycopg.Connection[Any], config: Settings, connections: Lookup) -> None:
    """Look at every exchange and runner of the settings, and remember what was seen.

    Parameters
    ----------
    connection : psycopg.Connection
        Committed.
    config : Settings
        Names the exchanges and the runners.
    connections : callable
        Gives the text form of an Airflow connection by its id.
    """
    looks: dict[str, Callable[[], None]] = {
        url: partial(_look_at_exchange, url, connections) for url in config.exchange_urls
    }
    if config.runner == "http":
        looks |= {url: partial(_look_at_runner, url, config) for url in config.runner_url_list}
    seen = []
    for subject, action in looks.items():
        begin = time.monotonic()
        problem = None
        try:
            action()
        except Exception as error:
            # whatever it is, it is this subject's, and the others are looked at
            problem = (str(error) or repr(error))[:1000]
        seen.append((subject, problem, time.monotonic() - begin))
    with connection.transaction():
        connection.execute("DELETE FROM probes WHERE NOT subject = ANY(%s)", (list(looks),))
        connection.cursor().executemany(
            """
            INSERT INTO probes (subject, problem, seconds) VALUES (%s, %s, %s)
            ON CONFLICT (subject) DO UPDATE SET
                problem = excluded.problem, seconds = excluded.seconds, looked_at = now()
            """,
            seen,
        )


def _look_at_exchange(url: str, connections: Lookup) -> None:
    patience = Patience(attempts=1, budget_s=2 * _SILENCE_S, silence_s=_SILENCE_S)
    with suppress(NotInExchange):
        # one file, not the list of a week's
        open_exchange(url, connections, patience).store.stat(LATEST_INPUT)


def _look_at_runner(url: str, config: Settings) -> None:
    secret = config.require_runner_secret()
    RunnerClient(url, secret, config.runner_ca_file, _SILENCE_S).health()
