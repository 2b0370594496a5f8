"""Is the community served? One set of checks for the command line, the monitor and the endpoints.

The checks read the ledger of runs and what the monitor saw last: no check waits for the network.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from threading import Timer
from typing import Any

import psycopg

from solar_model.pipeline.database import connect
from solar_model.pipeline.health.checks import (
    CHECKS,
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNKNOWN,
    Check,
)
from solar_model.pipeline.health.readings import Readings, Timing, read
from solar_model.settings import Settings, settings

__all__ = [
    "DEGRADED",
    "HEALTHY",
    "UNHEALTHY",
    "UNKNOWN",
    "Check",
    "Health",
    "health",
    "health_of",
    "without_database",
]

# As long as Prometheus waits; a thread of Airflow's API server waits with it.
TIME_LIMIT = timedelta(seconds=10)


@dataclass(frozen=True)
class Health:
    """State of the service.

    Attributes
    ----------
    status : str
        ``healthy``, ``degraded`` (served, but not everybody or not as promised) or ``unhealthy``
        (no fresh data, or data that cannot be believed): the worst of the checks.
    last_simulation : str or None
        Tick of the newest rows, ISO 8601, UTC.
    active_users : int
        Households with a row in that tick.
    total_energy_today : float
        Generated since midnight UTC [kWh].
    reasons : tuple of str
        Why it is not healthy, the worst first; empty when it is.
    checks : tuple of Check
        What was looked at.
    timings : tuple of Timing
        Tasks of the newest finished run.
    alerts : tuple of str
        Kinds of the alerts that have begun and not ended.
    """

    status: str
    last_simulation: str | None
    active_users: int
    total_energy_today: float
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    timings: tuple[Timing, ...] = ()
    alerts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types; the checks by their names."""
        told = asdict(self)
        return told | {"checks": {check.pop("name"): check for check in told["checks"]}}


def health_of(info: str) -> Health:
    """Health by the database behind a connection string; without it, nobody is served."""
    try:
        with connect(info, time_limit=TIME_LIMIT) as connection:
            # the limit of the connection is for each of many questions
            clock = Timer(TIME_LIMIT.total_seconds(), connection.cancel)
            clock.start()
            try:
                return health(connection)
            finally:
                clock.cancel()
    except psycopg.errors.QueryCanceled:
        problem = f"the database took longer than {TIME_LIMIT.total_seconds():.0f} s to answer"
    except psycopg.OperationalError as error:
        problem = f"the database cannot be reached: {str(error).strip()}"
    except psycopg.errors.UndefinedTable:
        problem = "tables are missing in the database; run `solar db upgrade`"
    except psycopg.Error as error:
        problem = f"the database refuses to tell: {str(error).strip()}"
    return without_database(problem)


def without_database(problem: str) -> Health:
    """Health where the ledger of runs cannot be read: nobody knows that anybody is served."""
    check = Check("database", UNHEALTHY, problem, {})
    return Health(UNHEALTHY, None, 0, 0.0, (problem,), (check,))


def health(
    connection: psycopg.Connection[Any],
    now: datetime | None = None,
    config: Settings | None = None,
) -> Health:
    """Look at the ledger of runs.

    Parameters
    ----------
    connection : psycopg.Connection
        To the solar database.
    now : datetime.datetime, optional
        The moment to judge from; later ticks are left out.
    config : Settings, optional
        Holds the limits, and says who simulates and where files are exchanged.
    """
    return judge(read(connection, now or datetime.now(tz=UTC)), config or settings())


def judge(readings: Readings, config: Settings) -> Health:
    """The checks, and what follows from them."""
    checks = tuple(check(readings, config) for check in CHECKS)
    wrong = [c for level in (UNHEALTHY, DEGRADED) for c in checks if c.status == level]
    latest = readings.latest
    return Health(
        status=wrong[0].status if wrong else HEALTHY,
        last_simulation=None if latest is None else latest.tick.astimezone(UTC).isoformat(),
        active_users=(latest.rows_inserted or 0) if latest else 0,
        total_energy_today=round(readings.today_kwh, 6),
        reasons=tuple(check.words for check in wrong),
        checks=checks,
        timings=readings.timings,
        alerts=readings.open_alerts,
    )
