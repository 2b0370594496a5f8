"""Is the community served? What the database says of the latest cycles."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from solar_model.pipeline.database import connect

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"

# A cycle every 15 minutes, finished within 5: later than this, one is missing.
FRESH = timedelta(minutes=20)

_LATEST = """
SELECT
    latest.tick, latest.finished_at, latest.rows_inserted, latest.households_quarantined,
    (SELECT coalesce(sum(generation_kwh), 0) FROM simulation_runs
     WHERE tick >= date_trunc('day', %(now)s::timestamptz, 'UTC') AND tick <= %(now)s) AS today_kwh,
    newest.tick AS newest_tick, newest.status::text AS newest_status, newest.error
FROM (SELECT) AS always
LEFT JOIN LATERAL (
    SELECT * FROM simulation_runs
    WHERE rows_inserted IS NOT NULL AND tick <= %(now)s ORDER BY tick DESC LIMIT 1
) AS latest ON true
LEFT JOIN LATERAL (
    SELECT * FROM simulation_runs WHERE tick <= %(now)s ORDER BY tick DESC LIMIT 1
) AS newest ON true
"""


@dataclass(frozen=True)
class Health:
    """State of the service.

    Attributes
    ----------
    status : str
        ``healthy``, ``degraded`` (served, but not everybody or not by the newest cycle) or
        ``unhealthy`` (no fresh data).
    last_simulation : str or None
        Tick of the newest rows, ISO 8601, UTC.
    active_users : int
        Households with a row in that tick.
    total_energy_today : float
        Generated since midnight UTC [kWh].
    reasons : tuple of str
        Why it is not healthy; empty when it is.
    """

    status: str
    last_simulation: str | None
    active_users: int
    total_energy_today: float
    reasons: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)


def health_of(info: str) -> Health:
    """Health by the database behind a connection string; without it, nobody is served."""
    try:
        with connect(info) as connection:
            return health(connection)
    except psycopg.OperationalError as error:
        problem = f"the database cannot be reached: {str(error).strip()}"
    except psycopg.errors.UndefinedTable:
        problem = "the database has no table simulation_runs; run `solar db upgrade`"
    return Health(UNHEALTHY, None, 0, 0.0, (problem,))


def health(connection: psycopg.Connection[Any], now: datetime | None = None) -> Health:
    """Look at the ledger of runs.

    Parameters
    ----------
    connection : psycopg.Connection
        To the solar database.
    now : datetime.datetime, optional
        The moment to judge from; later ticks are left out.
    """
    now = now or datetime.now(tz=UTC)
    [(tick, _, rows, quarantined, today_kwh, newest_tick, newest_status, error)] = (
        connection.execute(_LATEST, {"now": now}).fetchall()
    )
    stale, poor = [], []
    if tick is None:
        stale.append("no cycle has stored any data yet")
    elif now - tick > FRESH:
        stale.append(f"no new data for {(now - tick).total_seconds() / 60:.0f} minutes")
    if newest_status == "failed":
        poor.append(f"the cycle of {newest_tick:%Y-%m-%d %H:%M} UTC failed: {error}")
    if quarantined:
        poor.append(f"{quarantined:,} households are set aside; see the table quarantine")
    return Health(
        status=UNHEALTHY if stale else DEGRADED if poor else HEALTHY,
        last_simulation=None if tick is None else tick.astimezone(UTC).isoformat(),
        active_users=rows or 0,
        total_energy_today=round(today_kwh, 6),
        reasons=(*stale, *poor),
    )
