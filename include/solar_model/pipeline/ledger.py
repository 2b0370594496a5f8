"""The tick ledger: what became of each quarter of an hour, from the ledger of runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.rows import class_row

from solar_model.settings import settings
from solar_model.ticks import TICK, parse_tick

# Longer than any run may take, a day's too: what is still open then was left by a process that is
# gone.
ABANDONED = timedelta(hours=3)


class State(StrEnum):
    """What became of a tick; where several hold, the one that most needs a look."""

    BEFORE = "before"  # older than the first tick that was ever run
    FUTURE = "future"
    PENDING = "pending"  # it has begun, and the time that a cycle may take is not over
    RUNNING = "running"
    ON_TIME = "on_time"
    BACKFILLED = "backfilled"  # run, or run again, after its quarter of an hour was over
    QUARANTINED = "quarantined"  # stored; households were set aside by the contract of the input
    LATE = "late"
    DEGRADED = "degraded"  # stored; households were set aside for what was computed for them
    FAILED = "failed"
    MISSING = "missing"  # due, and nobody ran it


@dataclass(frozen=True)
class Entry:
    """A tick in the ledger.

    Attributes
    ----------
    tick : datetime.datetime
        Its start, UTC.
    state : State
        What became of it.
    seconds : float or None
        From the tick's start to the end of its run [s]; None when it has not ended.
    quarantined : int
        Households that were set aside.
    stored : bool
        Whether the tick has rows: also true of a failed run whose tick was stored before.
    """

    tick: datetime
    state: State
    seconds: float | None = None
    quarantined: int = 0
    stored: bool = False


@dataclass(frozen=True)
class _Run:
    """The shards of a tick, as one."""

    tick: datetime
    running: bool
    failed: bool
    degraded: bool
    stored: bool
    quarantined: int
    started_at: datetime
    finished_at: datetime | None


_RUNS = """
SELECT
    tick,
    bool_or(status::text = 'running') AS running,
    bool_or(status::text = 'failed') AS failed,
    bool_or(status::text = 'degraded') AS degraded,
    bool_and(rows_inserted IS NOT NULL) AS stored,
    coalesce(sum(households_quarantined), 0)::bigint AS quarantined,
    max(started_at) AS started_at,
    max(finished_at) AS finished_at
FROM simulation_runs
WHERE tick BETWEEN %s AND %s
GROUP BY tick
"""


# A day of long ago that somebody has filled in does not make those after it due.
_BEGINNING = r"""
SELECT min(tick) FROM simulation_runs WHERE airflow_run_id NOT LIKE 'backfill\_\_%' OR attempt > 1
"""


def entries(
    connection: psycopg.Connection[Any], first: datetime, last: datetime, now: datetime
) -> list[Entry]:
    """One entry for each tick of a range.

    Parameters
    ----------
    connection : psycopg.Connection
        To the solar database.
    first, last : datetime.datetime
        The range, both ends included; rounded down to ticks.
    now : datetime.datetime
        The moment to judge from.
    """
    first, last = parse_tick(first), parse_tick(last)
    with connection.transaction(), connection.cursor(row_factory=class_row(_Run)) as cursor:
        runs = {run.tick: run for run in cursor.execute(_RUNS, (first, last))}
        [(oldest,)] = connection.execute(_BEGINNING).fetchall()
    return [_entry(tick, runs.get(tick), oldest, now) for tick in _ticks(first, last)]


def _ticks(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += TICK


def _entry(tick: datetime, run: _Run | None, oldest: datetime | None, now: datetime) -> Entry:
    if run is None:
        return Entry(tick, _without_run(tick, oldest, now))
    ended = None if run.running else run.finished_at
    return Entry(
        tick,
        _with_run(run, now),
        seconds=None if ended is None else (ended - tick).total_seconds(),
        quarantined=run.quarantined,
        stored=run.stored,
    )


def _without_run(tick: datetime, oldest: datetime | None, now: datetime) -> State:
    if tick > now:
        return State.FUTURE
    if now <= tick + settings().cycle_limit:
        return State.PENDING
    return State.MISSING if oldest is not None and tick > oldest else State.BEFORE


def _with_run(run: _Run, now: datetime) -> State:
    if run.running:
        return State.FAILED if now - run.started_at > ABANDONED else State.RUNNING
    if run.failed:
        return State.FAILED
    if run.degraded:
        return State.DEGRADED
    in_time = run.finished_at is not None and run.finished_at - run.tick <= settings().cycle_limit
    repeated = run.started_at - run.tick >= TICK
    if not (in_time or repeated):
        return State.LATE
    if run.quarantined:
        return State.QUARANTINED
    return State.BACKFILLED if repeated else State.ON_TIME
