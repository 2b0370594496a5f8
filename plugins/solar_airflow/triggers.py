"""Triggers: the triggerer waits for remote runners, so that no worker has to."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from pydantic import TypeAdapter

from solar_airflow.connections import connection_text
from solar_model.errors import ExchangeAwayError, SolarModelError
from solar_model.pipeline.database import CONNECTION_ID, conninfo
from solar_model.settings import settings

if TYPE_CHECKING:
    from solar_model.manifest import Manifest
    from solar_model.runner.waiting import Announced

log = logging.getLogger(__name__)


class ResultsTrigger(BaseTrigger):
    """Fires when somebody else's results are there, or will not come.

    The event says ``status``, ``completed`` or ``failed``, the ``reason``, and whether the place
    itself is ``away``.

    Parameters
    ----------
    where : str
        URL of the runner, or of the exchange.
    asked : dict
        Manifest of the input file.
    since : str
        When it was asked for, ISO 8601: older announcements are about another attempt.
    deadline : float
        Seconds since 1970.
    """

    def __init__(self, where: str, asked: dict[str, Any], since: str, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.where = where
        self.asked = asked
        self.since = since
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How another triggerer makes this trigger again; no secret is in it."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "where": self.where,
                "asked": self.asked,
                "since": self.since,
                "deadline": self.deadline,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire once."""
        from solar_model.manifest import Manifest

        asked = TypeAdapter(Manifest).validate_python(self.asked)
        try:
            async with _announcements(asked.tick, self.since) as announced:
                await self.wait(asked, announced)
        except SolarModelError as error:
            yield _event("failed", str(error), away=isinstance(error, ExchangeAwayError))
        else:
            yield _event("completed")

    async def wait(self, asked: Manifest, announced: Announced) -> None:
        """Return when there are results; raise `SolarModelError` when there will be none."""
        raise NotImplementedError


class HttpRunnerTrigger(ResultsTrigger):
    """Waits for a job of an HTTP runner to end, well or badly."""

    async def wait(self, asked: Manifest, announced: Announced) -> None:
        """Ask the runner until its job has ended."""
        from solar_model.runner.client import RunnerClient
        from solar_model.runner.waiting import wait_for_job

        config = settings()
        client = RunnerClient(self.where, config.require_runner_secret(), config.runner_ca_file)
        await wait_for_job(client, asked.request_id, self.deadline, announced)


class ExchangeTrigger(ResultsTrigger):
    """Waits for results in an exchange."""

    async def wait(self, asked: Manifest, announced: Announced) -> None:
        """Look into the exchange until they are there."""
        from solar_model.pipeline.exchange import open_exchange
        from solar_model.runner.waiting import wait_for_exchange

        # the connection is asked for in a thread: Airflow refuses that in the event loop
        exchange = await sync_to_async(open_exchange)(self.where, connection_text)
        await wait_for_exchange(
            exchange, asked, self.deadline, announced, secret=settings().seal_secret
        )


def _event(status: str, reason: str | None = None, *, away: bool = False) -> TriggerEvent:
    payload = {"status": status, "reason": reason, "away": away}
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


@asynccontextmanager
async def _announcements(tick: str, since: str) -> AsyncIterator[Announced]:
    """Whether a tick's results were announced; without the database there is only asking."""
    from solar_model.pipeline.runners import ANNOUNCED
    from solar_model.runner.waiting import nobody_announces

    try:
        info = conninfo((await BaseHook.aget_connection(CONNECTION_ID)).get_uri())
        connection = await psycopg.AsyncConnection.connect(
            info, autocommit=True, connect_timeout=10, application_name="solar trigger"
        )
    except psycopg.Error as error:
        log.warning("Nobody can be heard announcing results: %s", error)
        yield nobody_announces
        return
    heard = datetime.fromisoformat(since)

    async def announced() -> bool:
        nonlocal heard
        try:
            cursor = await connection.execute(ANNOUNCED, (f"{tick}+00:00", heard))
            row = await cursor.fetchone()
        except psycopg.Error:
            return False
        if not (row and row[0]):
            return False
        # an announcement wakes once
        heard = datetime.now(tz=UTC)
        return True

    async with connection:
        yield announced
