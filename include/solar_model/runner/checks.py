"""The doctor's look at the runners: would they compute a tick, and the same bytes?"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from solar_model import __version__
from solar_model.community.households import fill_from_site
from solar_model.errors import (
    ConfigurationError,
    ExchangeAwayError,
    RunnerError,
    RunnerRefusedError,
)
from solar_model.files import write_users
from solar_model.manifest import Manifest
from solar_model.pipeline.connections import Lookup
from solar_model.pipeline.exchange import open_exchange
from solar_model.pipeline.findings import PATIENCE, Finding, attempt, require_same_clock
from solar_model.runner.client import RunnerClient, RunnerHealth
from solar_model.runner.waiting import wait_for_exchange
from solar_model.sample import sample_households
from solar_model.settings import Settings
from solar_model.ticks import TICK, input_file_name, parse_tick, timestamp_text

_NO_JOB = "0" * 32
# Ticks of a year that no community has: what is asked there is in nobody's way.
_NOBODYS_YEAR = parse_tick("2000-01-01T00:00:00")
_TICKS_OF_YEAR = 366 * 96


def look_at_runners(settings: Settings, connections: Lookup) -> Iterator[Finding]:
    """Look at every HTTP runner, and whether somebody watches the exchange where that is asked.

    Parameters
    ----------
    settings : Settings
        Says who simulates.
    connections : callable
        Gives the text form of an Airflow connection by its id.
    """
    if settings.runner == "exchange":
        url = settings.exchange_urls[0]
        problem, _ = attempt(lambda: _ask_whoever_watches(url, settings, connections))
        yield Finding(url, "somebody watches and computes", problem)
    elif not settings.runner_url_list:
        yield Finding(
            "SOLAR_RUNNER_URLS",
            "names a runner",
            "SOLAR_RUNNER is http, but nobody is named. Set it to https://HOST:PORT of each "
            "`solar runner`, separated by commas, or SOLAR_RUNNER to local.",
        )
    # those of the list are asked also when nobody answers in the exchange
    for url in settings.runner_url_list:
        yield from _runner(url, settings)


def _runner(url: str, settings: Settings) -> Iterator[Finding]:
    problem, client = attempt(
        lambda: RunnerClient(
            url, settings.require_runner_secret(), settings.runner_ca_file, PATIENCE.silence_s
        )
    )
    yield Finding(url, "address, key and certificates can be used", problem)
    if client is None:
        return
    problem, health = attempt(client.health)
    yield Finding(url, "runner answers, TLS", problem)
    if health is None:
        return
    problem, _ = attempt(lambda: require_same_clock(url, health.date))
    yield Finding(url, "same clock", problem)
    problem, _ = attempt(lambda: _require_same_model(health))
    yield Finding(url, "same version of the model", problem)
    problem, _ = attempt(lambda: _require_same_secret(client))
    yield Finding(url, "same secret", problem)


def _require_same_model(health: RunnerHealth) -> None:
    if health.model_version != __version__:
        raise ConfigurationError(
            f"the runner has solar-model {health.model_version}, this machine {__version__}: its "
            "results are refused. Install the same version on both, and start the runner anew."
        )


def _require_same_secret(client: RunnerClient) -> None:
    try:
        client.status(_NO_JOB)
    except RunnerRefusedError:
        return  # it let the question in, and knows no such job
    except RunnerError as error:
        raise ConfigurationError(
            f"{error} Give SOLAR_RUNNER_SECRET the same value on both sides, start the runner "
            "anew, and let a proxy in front hand on path and query as they are."
        ) from error


def _ask_whoever_watches(url: str, settings: Settings, connections: Lookup) -> None:
    """Put a household of a tick of its own into the exchange, and see who computes it."""
    secret = settings.seal_secret
    exchange = open_exchange(url, connections, PATIENCE)
    tick = _NOBODYS_YEAR + random.randrange(_TICKS_OF_YEAR) * TICK
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / input_file_name(tick)
        write_users(fill_from_site(sample_households(1, settings.seed), settings), asked)
        manifest = Manifest.of(
            asked,
            rows=1,
            tick=timestamp_text(tick),
            steps=1,
            seed=settings.seed,
            weather=0.9,
        )
        manifest = manifest.sealed(secret) if secret else manifest
        manifest.write(asked)
        try:
            exchange.put(asked, latest=False)
            deadline = time.time() + settings.runner_time_limit_s
            asyncio.run(wait_for_exchange(exchange, manifest, deadline, secret=secret))
        except ExchangeAwayError:
            raise
        except RunnerError as error:
            raise ConfigurationError(
                f"{error}: {settings.runner_time_limit_s:.0f} s. Start `solar watch {url}` or the "
                f"notebook with this version of the model ({__version__}) and the same "
                "SOLAR_RUNNER_SECRET; its output says what it does not accept."
            ) from error
        finally:
            exchange.delete(asked.name)
            exchange.delete(manifest.results_name)
