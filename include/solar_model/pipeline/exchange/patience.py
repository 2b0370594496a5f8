"""How often a transfer is tried again, and how long it waits in between."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from solar_model.errors import TransferError
from solar_model.pipeline.exchange.store import NotInExchange

CONNECT_S = 5.0

log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """Exponential backoff with jitter, bounded in number and in time.

    The bounds leave a task of two minutes the time to turn to another exchange.

    Attributes
    ----------
    attempts : int
        Most attempts at one transfer.
    first_pause_s : float
        Longest pause after the first failure; doubled after each further one. The pause is drawn
        from its upper half, so that many clients do not come back at the same moment.
    budget_s : float
        No attempt begins after this time.
    silence_s : float
        How long a server may say nothing before the attempt counts as failed.
    """

    attempts: int = 4
    first_pause_s: float = 1.0
    budget_s: float = 30.0
    silence_s: float = 15.0

    def retry(self, action: Callable[[], Result]) -> Result:
        """Result of an action that may raise :class:`TransferError` a few times first."""
        begin = time.monotonic()
        for attempt in count(1):
            try:
                return action()
            except NotInExchange:
                raise
            except TransferError as error:
                pause = self.first_pause_s * 2 ** (attempt - 1) * random.uniform(0.5, 1)
                spent = time.monotonic() - begin
                if attempt >= self.attempts or spent + pause > self.budget_s:
                    raise TransferError(
                        f"{error} (given up after {attempt} attempts in {spent:.0f} s)"
                    ) from error
                log.warning("%s; attempt %s failed, again in %.1f s", error, attempt, pause)
            time.sleep(pause)
        raise AssertionError("unreachable")
