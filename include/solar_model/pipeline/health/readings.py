"""What the checks look at: the last day of the ledger, the database itself, and the probes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from solar_model.settings import settings

# One row per tick, whatever its shards; a tick is live when the schedule ran it in
# its own quarter: one that was repeated later says nothing about punctuality. Nor does one with
# which the schedule began, or began again, when its time was over.
_TICKS = """
SELECT
    tick,
    coalesce(bool_and(
        airflow_run_id LIKE 'scheduled\\_\\_%%' AND attempt = 1
        AND started_at < tick + interval '15 minutes'
        AND (started_at < tick + %(limit)s OR EXISTS (
            SELECT FROM simulation_runs AS before
            WHERE before.tick = simulation_runs.tick - interval '15 minutes'
            AND before.airflow_run_id NOT LIKE 'backfill\\_\\_%%'
        ))
    ), false) AS live,
    min(started_at) AS started_at,
    CASE WHEN bool_and(finished_at IS NOT NULL) THEN max(finished_at) END AS finished_at,
    CASE
        WHEN bool_or(status = 'running') THEN 'running'
        WHEN bool_or(status = 'failed') THEN 'failed'
        WHEN bool_or(status::text = 'degraded') THEN 'degraded'
        ELSE 'completed'
    END AS status,
    sum(rows_inserted)::bigint AS rows_inserted,
    sum(households_queried)::bigint AS households_queried,
    sum(households_quarantined)::bigint AS households_quarantined,
    sum(generation_kwh + battery_discharge_kwh + grid_import_kwh
        - consumption_kwh - battery_charge_kwh - grid_export_kwh) AS balance_residual_kwh,
    string_agg(DISTINCT error, '; ') AS error,
    string_agg(DISTINCT runner, ', ') AS runner
FROM simulation_runs
WHERE tick <= %(now)s
"""

_DAY = _TICKS + "AND tick > %(now)s - interval '1 day' GROUP BY tick ORDER BY tick"

_NEWEST_ROWS = """
SELECT max(tick) FROM simulation_runs WHERE rows_inserted IS NOT NULL AND tick <= %(now)s
"""

_LATEST = f"{_TICKS} AND tick = ({_NEWEST_ROWS}) GROUP BY tick"

# While a tick is worked on, what it asked for and what it stored are of different shards; when it
# was run again in vain, of different attempts. A shard that failed has stored nothing, and counts.
_NEWEST_WHOLE = """
SELECT tick FROM simulation_runs WHERE tick <= %(now)s
GROUP BY tick
HAVING count(*) = max(shards) AND bool_or(rows_inserted IS NOT NULL)
    AND bool_and(status::text IN ('completed', 'degraded')
        OR status::text = 'failed' AND rows_inserted IS NULL)
ORDER BY tick DESC LIMIT 1
"""

_WHOLE = f"{_TICKS} AND tick = ({_NEWEST_WHOLE}) GROUP BY tick"

_TODAY = """
SELECT coalesce(sum(generation_kwh), 0) FROM simulation_runs
WHERE tick >= date_trunc('day', %(now)s::timestamptz, 'UTC') AND tick <= %(now)s
    AND rows_inserted IS NOT NULL
"""

# The tasks of the newest finished run, and what each usually takes: the median of a day.
_TIMINGS = """
SELECT newest.task, newest.seconds, usual.seconds AS usual_s
FROM (
    SELECT task, value::float8 AS seconds
    FROM (
        SELECT timings_s FROM simulation_runs
        WHERE finished_at IS NOT NULL AND tick <= %(now)s AND tick > %(now)s - interval '1 day'
        ORDER BY tick DESC LIMIT 1
    ) AS run, jsonb_each_text(timings_s) AS each (task, value)
) AS newest
LEFT JOIN (
    SELECT task, percentile_cont(0.5) WITHIN GROUP (ORDER BY value::float8) AS seconds
    FROM simulation_runs, jsonb_each_text(timings_s) AS each (task, value)
    WHERE tick <= %(now)s AND tick > %(now)s - interval '1 day' AND finished_at IS NOT NULL
    GROUP BY task
) AS usual USING (task)
"""

# clock_timestamp(): since now(), the start of this transaction, a later wait would be negative.
_LOCKS = """
SELECT count(*), coalesce(extract(epoch FROM max(clock_timestamp() - state_change)), 0)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@dataclass(frozen=True)
class Tick:
    """A tick as the ledger tells it, all shards together."""

    tick: datetime
    live: bool
    started_at: datetime
    finished_at: datetime | None
    status: str
    rows_inserted: int | None
    households_queried: int | None
    households_quarantined: int | None
    balance_residual_kwh: float | None
    error: str | None
    runner: str | None


@dataclass(frozen=True)
class Timing:
    """How long a task of the newest finished run took, and usually takes [s]."""

    task: str
    seconds: float
    usual_s: float | None


@dataclass(frozen=True)
class Probe:
    """What the monitor saw when it last looked at an exchange or a runner."""

    subject: str
    problem: str | None
    seconds: float
    looked_at: datetime


@dataclass(frozen=True)
class Readings:
    """Everything that the checks look at.

    Attributes
    ----------
    now : datetime.datetime
        The moment to judge from.
    day : tuple of Tick
        Ticks of the last 24 hours, oldest first.
    latest : Tick or None
        The newest tick with rows, however old.
    whole : Tick or None
        The newest tick with rows that has ended with all its shards.
    today_kwh : float
        Generated since midnight UTC.
    timings : tuple of Timing
        Tasks of the newest finished run.
    probes : tuple of Probe
        Of exchanges and runners.
    open_alerts : tuple of str
        Kinds of the alerts that have begun and not ended.
    latency_s, longest_wait_s : float
        Answer of the database to a simple question; longest wait of anybody for a lock in it.
    waiting : int
        Sessions that wait for a lock.
    """

    now: datetime
    day: tuple[Tick, ...]
    latest: Tick | None
    whole: Tick | None
    today_kwh: float
    timings: tuple[Timing, ...]
    probes: tuple[Probe, ...]
    open_alerts: tuple[str, ...]
    latency_s: float
    waiting: int
    longest_wait_s: float

    @property
    def newest(self) -> Tick | None:
        """The newest tick, with rows or without."""
        return self.day[-1] if self.day else self.latest

    @property
    def live(self) -> tuple[Tick, ...]:
        """Ticks of the last day that the schedule ran."""
        return tuple(tick for tick in self.day if tick.live)


def read(connection: psycopg.Connection[Any], now: datetime) -> Readings:
    """Ask the database, from one snapshot."""
    asked = {"now": now, "limit": settings().cycle_limit}
    with connection.transaction():
        begin = time.perf_counter()
        connection.execute("SELECT 1")
        latency_s = time.perf_counter() - begin
        [(waiting, longest_wait_s)] = connection.execute(_LOCKS).fetchall()
        [(today_kwh,)] = connection.execute(_TODAY, asked).fetchall()
        with connection.cursor(row_factory=class_row(Tick)) as ticks:
            day = tuple(ticks.execute(_DAY.encode(), asked).fetchall())
            latest = ticks.execute(_LATEST.encode(), asked).fetchone()
            whole = ticks.execute(_WHOLE.encode(), asked).fetchone()
        with connection.cursor(row_factory=class_row(Timing)) as cursor:
            timings = tuple(cursor.execute(_TIMINGS, asked).fetchall())
        with connection.cursor(row_factory=class_row(Probe)) as cursor:
            probes = tuple(cursor.execute("SELECT * FROM probes ORDER BY subject").fetchall())
        open_alerts = connection.execute(
            "SELECT kind FROM alerts WHERE ended_at IS NULL ORDER BY begun_at"
        ).fetchall()
    return Readings(
        now=now,
        day=day,
        latest=latest,
        whole=whole,
        today_kwh=today_kwh,
        timings=timings,
        probes=probes,
        open_alerts=tuple(kind for (kind,) in open_alerts),
        latency_s=latency_s,
        waiting=waiting,
        longest_wait_s=longest_wait_s,
    )
