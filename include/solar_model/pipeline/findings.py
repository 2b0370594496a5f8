"""What the doctor finds: problems in words, with what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

import psycopg

from solar_model.errors import ConfigurationError, SolarModelError
from solar_model.pipeline.exchange import Patience

# Google and Amazon refuse requests from 5 to 15 minutes off, a runner from 5; others allow less.
CLOCK_LIMIT = timedelta(minutes=1)
PATIENCE = Patience(attempts=2, budget_s=20, silence_s=10)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Finding:
    """What came out of one look.

    Attributes
    ----------
    subject : str
        What was looked at: ``database``, the URL of an exchange or of a runner, or a setting.
    check : str
        What was looked for.
    problem : str or None
        What is wrong and how to mend it; None when all is well.
    """

    subject: str
    check: str
    problem: str | None


def attempt(action: Callable[[], Result]) -> tuple[str | None, Result | None]:
    """What is wrong, in words, or what the action gave."""
    try:
        return None, action()
    except (SolarModelError, psycopg.Error) as error:
        return str(error).strip(), None


def require_same_clock(server: str, date: str | None) -> None:
    """Make sure that a server's clock, as its answer's ``Date`` tells it, is this machine's.

    Raises
    ------
    ConfigurationError
        Says how far this machine is off.
    """
    if date is None:
        return
    ahead = datetime.now(tz=UTC) - parsedate_to_datetime(date)
    if abs(ahead) > CLOCK_LIMIT:
        minutes = abs(ahead) / timedelta(minutes=1)
        side = "ahead of" if ahead > timedelta(0) else "behind"
        raise ConfigurationError(
            f"this machine's clock is {minutes:.0f} minutes {side} {server}: sign-ins and signed "
            "links fail. Switch on time synchronisation (NTP) on the one that is wrong."
        )
