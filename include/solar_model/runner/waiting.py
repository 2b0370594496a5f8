"""Waiting for somebody else's results without holding a thread: for the event loop of a trigger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from solar_model.errors import (
    ConfigurationError,
    ExchangeAwayError,
    ResultsError,
    RunnerError,
    RunnerRefusedError,
    SignatureError,
    TransferError,
)
from solar_model.manifest import Manifest
from solar_model.pipeline.exchange import Exchange, NotInExchange
from solar_model.runner.answers import require_answer
from solar_model.runner.client import JobStatus, RunnerClient
from solar_model.scratch import scratch_folder

PATIENCE_SECONDS = 15.0
_SHORTEST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
_LISTENING_PAUSE_S = 0.5

Announced = Callable[[], Awaitable[bool]]


async def nobody_announces() -> bool:
    """For those who are not told: there is only asking."""
    return False


async def wait_for_job(
    client: RunnerClient,
    job_id: str,
    deadline: float,
    announced: Announced = nobody_announces,
    *,
    patience_s: float = PATIENCE_SECONDS,
) -> JobStatus:
    """Ask a runner for a job until it has ended.

    Parameters
    ----------
    client : RunnerClient
        The runner.
    job_id : str
        The job.
    deadline : float
        Seconds since 1970: then the runner counts as hanging.
    announced : callable
        Whether the runner has said that it is done: then it is asked at once.
    patience_s : float
        How long it may be away: one that was killed comes back and goes on.

    Raises
    ------
    RunnerError
        When it stays away, hangs, or does not know the job any more.
    """
    last_word = time.time()
    trouble = "it is still at work"
    pause_s = _SHORTEST_PAUSE_S
    while True:
        try:
            job = await client.status_async(job_id)
        except RunnerRefusedError:
            raise
        except RunnerError as error:
            trouble = str(error)
            if time.time() - last_word > patience_s:
                raise
        else:
            if job.id != job_id:
                raise RunnerError("the runner answered about another job")
            if job.status in ("completed", "failed"):
                return job
            last_word = time.time()
        await _pause(
            pause_s, deadline, announced, f"the runner has not finished in time ({trouble})"
        )
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


async def wait_for_exchange(
    exchange: Exchange,
    asked: Manifest,
    deadline: float,
    announced: Announced = nobody_announces,
    *,
    secret: str | None = None,
) -> None:
    """Look into an exchange until the results of a request are there, sealed if there is a key.

    Raises
    ------
    RunnerError
        When they have not come in time; says what was found instead.
    ExchangeAwayError
        When the exchange could not be read for longer than ``PATIENCE_SECONDS``.
    """
    name = asked.results_name
    last_word = time.time()
    seen: datetime | None = None
    trouble = "nothing there"

    def there() -> bool:
        nonlocal seen, trouble
        try:
            # one file, not the list of a week's
            written = exchange.patience.retry(lambda: exchange.store.stat(name)).modified
        except NotInExchange:
            return False
        # what was looked at is not fetched again until it is another
        if written == seen:
            return False
        with scratch_folder("wait") as folder:
            results = exchange.get(name, folder).path
            seen = written
            require_answer(Manifest.read(results), asked, secret)
        return True

    while True:
        try:
            if await asyncio.to_thread(there):
                return
        except (ResultsError, SignatureError, NotInExchange) as error:
            trouble = str(error)
            last_word = time.time()
        except ConfigurationError as error:
            raise ExchangeAwayError(str(error)) from error
        except TransferError as error:
            trouble = str(error)
            if time.time() - last_word > PATIENCE_SECONDS:
                raise ExchangeAwayError(trouble) from error
        else:
            last_word = time.time()
        await _pause(
            _LONGEST_PAUSE_S / 2,
            deadline,
            announced,
            f"nobody has put {name} into the exchange in time ({trouble})",
        )


async def _pause(seconds: float, deadline: float, announced: Announced, too_late: str) -> None:
    """Sleep, but no longer than until the announcement, or to the deadline."""
    until = time.time() + seconds
    while time.time() < until:
        if time.time() > deadline:
            raise RunnerError(too_late)
        await asyncio.sleep(min(_LISTENING_PAUSE_S, seconds))
        if await announced():
            return
