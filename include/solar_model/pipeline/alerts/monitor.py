"""What the monitor looks for: the health checks, and what only the schedule can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import psycopg

from solar_model.pipeline import ledger
from solar_model.pipeline.alerts import failures, lateness
from solar_model.pipeline.alerts.states import Observation
from solar_model.pipeline.health import UNHEALTHY, UNKNOWN, judge
from solar_model.pipeline.health.checks import FRESH, took
from solar_model.pipeline.health.readings import Readings, Tick, read
from solar_model.settings import Settings
from solar_model.ticks import TICK, parse_tick

Connection = psycopg.Connection[Any]

# Which kind of alert a check that is unhealthy begins.
_OF_CHECKS = {
    "freshness": "stale",
    "coverage": "coverage",
    "energy_balance": "energy_balance",
    "exchange": "exchange",
    "runner": "runner",
}
_ENDED = ("success", "failed")
_NAMED = 12

_TOLD = """
SELECT max(tick::timestamptz)
FROM alerts, jsonb_array_elements_text(facts -> 'ticks') AS each (tick)
WHERE kind = 'unscheduled'
"""


class AirflowRuns(Protocol):
    """Counts Airflow runs of the cycle."""

    def __call__(
        self,
        *,
        ticks: Sequence[datetime] | None = None,
        run_ids: Sequence[str] | None = None,
        states: Sequence[str] | None = None,
    ) -> int:
        """How many runs have these logical dates or identifiers, and are in these states."""


def observe(
    connection: Connection, now: datetime, config: Settings, airflow_runs: AirflowRuns
) -> list[Observation]:
    """Every state that can be judged now: that it holds, or that it does not.

    Parameters
    ----------
    connection : psycopg.Connection
        To the solar database.
    now : datetime.datetime
        The moment to judge from.
    config : Settings
        Holds the limits.
    airflow_runs : callable
        Knows what Airflow has scheduled, which the ledger of runs cannot.
    """
    readings = read(connection, now)
    begun = _first_scheduled(connection)
    if begun is None:
        return []  # nobody has started the schedule yet
    return [
        *_checks(readings, config, begun),
        *_newest_due(connection, readings, config, airflow_runs),
        *_never_scheduled(connection, now, begun, airflow_runs),
        *_set_aside(readings, config),
        *_stuck(connection, airflow_runs),
        *failures.mended(connection),
    ]


def _first_scheduled(connection: Connection) -> datetime | None:
    with connection.transaction():
        rows: list[tuple[datetime | None]] = connection.execute(
            "SELECT min(tick) FROM simulation_runs WHERE airflow_run_id LIKE 'scheduled\\_\\_%'"
        ).fetchall()
    return rows[0][0]


def _checks(readings: Readings, config: Settings, begun: datetime) -> Iterator[Observation]:
    facts = {"tick": readings.newest.tick.isoformat()} if readings.newest else {}
    for check in judge(readings, config).checks:
        kind = _OF_CHECKS.get(check.name)
        if kind is None or check.status == UNKNOWN:
            continue
        if kind == "stale" and readings.now - begun <= FRESH:
            continue  # the first cycle may still come
        yield Observation(kind, check.status == UNHEALTHY, _sentence(check.words), facts)


def _newest_due(
    connection: Connection, readings: Readings, config: Settings, airflow_runs: AirflowRuns
) -> Iterator[Observation]:
    """Whether the newest cycle that should be finished is: also one that never began."""
    due = parse_tick(readings.now - config.cycle_limit)
    row = next((tick for tick in readings.day if tick.tick == due), None)
    if row is None:
        is_waiting = airflow_runs(ticks=[due], states=["queued", "running"])
        if is_waiting and not lateness.begins_late(connection, due, readings.now, config):
            yield lateness.late(due, None, config)
    elif row.live:
        in_time = took(row, readings) <= config.cycle_limit
        if in_time:
            seconds = took(row, readings).total_seconds()
            words = f"The cycle of {due:%H:%M} UTC took {seconds:.0f} s."
            yield Observation(lateness.KIND, False, words, {})
        elif row.status != "failed":
            yield lateness.late(due, None, config)


def _never_scheduled(
    connection: Connection, now: datetime, begun: datetime, airflow_runs: AirflowRuns
) -> Iterator[Observation]:
    """Ticks of a day that nobody ran, later than those that were told before."""
    first = max(begun, now - timedelta(days=1))
    missing = [
        entry.tick
        for entry in ledger.entries(connection, first, now, now)
        if entry.state is ledger.State.MISSING
    ]
    with connection.transaction():
        [(told,)] = connection.execute(_TOLD).fetchall()
    new = [tick for tick in missing if (not told or tick > told) and not airflow_runs(ticks=[tick])]
    if new:
        yield Observation(
            "unscheduled",
            True,
            f"Nobody ran {_named(new)}; Airflow has no run of them.",
            {"tick": new[-1].isoformat(), "ticks": [tick.isoformat() for tick in new]},
        )
    elif not missing or now - missing[-1] > 2 * TICK:
        words = f"Ticks of the last day that are still missing: {len(missing)}."
        yield Observation("unscheduled", False, words, {})


def _set_aside(readings: Readings, config: Settings) -> Iterator[Observation]:
    ended = [tick for tick in readings.day if tick.status != "running"]
    if not ended:
        return
    newest = ended[-1]
    of_tick = f"{newest.tick:%Y-%m-%d %H:%M} UTC"
    facts = {"tick": newest.tick.isoformat()}
    if newest.status in ("completed", "degraded"):
        words = f"The cycle of {of_tick} is {newest.status}."
        yield Observation("degraded", newest.status == "degraded", words, facts)
        yield _quarantine(newest, of_tick, facts, config)


def _quarantine(newest: Tick, of_tick: str, facts: dict[str, Any], config: Settings) -> Observation:
    aside, asked = newest.households_quarantined or 0, newest.households_queried or 0
    ratio = aside / asked if asked else 0.0
    words = f"The cycle of {of_tick} set {aside:,} of {asked:,} households aside ({ratio:.1%})."
    return Observation("quarantine", ratio > config.alert_quarantine_ratio, words, facts)


def _stuck(connection: Connection, airflow_runs: AirflowRuns) -> Iterator[Observation]:
    """Rows that stay ``running`` though the run in Airflow has ended: its worker was killed."""
    with connection.transaction():
        running = connection.execute(
            """
            SELECT DISTINCT airflow_run_id, min(tick) FROM simulation_runs
            WHERE status::text = 'running' AND airflow_run_id IS NOT NULL
                AND started_at < now() - interval '1 minute'
            GROUP BY airflow_run_id ORDER BY 2
            """
        ).fetchall()
    stuck = [
        (run_id, tick) for run_id, tick in running if airflow_runs(run_ids=[run_id], states=_ENDED)
    ]
    if not stuck:
        yield Observation("stuck", False, "No run of the ledger is without one in Airflow.", {})
        return
    words = (
        f"The ledger says that {_named([tick for _, tick in stuck])} run; Airflow has ended them."
    )
    run_id, tick = stuck[-1]
    yield Observation("stuck", True, words, {"run_id": run_id, "tick": tick.isoformat()})


def _named(ticks: Sequence[datetime]) -> str:
    """A few ticks by name, many by the first and the last."""
    shown = [f"{tick:%Y-%m-%d %H:%M}" for tick in ticks]
    if len(shown) > _NAMED:
        return f"{len(shown)} ticks from {shown[0]} to {shown[-1]} UTC"
    return f"{', '.join(shown)} UTC"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
