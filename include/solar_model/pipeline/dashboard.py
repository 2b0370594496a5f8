"""What the dashboard shows of the community: totals per tick, never rows of households."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from solar_model.pipeline import ledger
from solar_model.settings import settings
from solar_model.ticks import TICK, parse_tick

Connection = psycopg.Connection[Any]

_REASONS_SHOWN = 6
_DAYS_SHOWN = 7

# of a tick's totals; summed over its shards
_TOTALS = (
    "generation_kwh",
    "consumption_kwh",
    "battery_soc_kwh",
    "battery_charge_kwh",
    "battery_discharge_kwh",
    "grid_import_kwh",
    "grid_export_kwh",
    "households_queried",
    "households_quarantined",
    "rows_inserted",
)

_ENERGY = sql.SQL(
    """
    SELECT extract(epoch FROM tick)::bigint, {columns}
    FROM generate_series(%(first)s::timestamptz, %(last)s, %(length)s) AS tick
    LEFT JOIN (
        SELECT tick, {sums}
        FROM simulation_runs
        WHERE tick BETWEEN %(first)s AND %(last)s AND rows_inserted IS NOT NULL
        GROUP BY tick
    ) AS totals USING (tick)
    ORDER BY 1
    """
).format(
    columns=sql.SQL(", ").join(map(sql.Identifier, _TOTALS)),
    sums=sql.SQL(", ").join(
        sql.SQL("round(sum({0})::numeric, 3)::float8 AS {0}").format(sql.Identifier(name))
        for name in _TOTALS
    ),
)

# without the value that was found, many households share a reason
_REASONS = r"""
SELECT
    regexp_replace(
        reason, '^(\S+) (is|appears in (?:rows|lines)) .*, expected ', '\1: expected '
    ) AS reason,
    count(*) AS households
FROM quarantine
JOIN simulation_runs AS run ON run.id = simulation_run_id
CROSS JOIN unnest(reasons) AS reason
WHERE run.tick = %s
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s
"""

# A cycle that began in its own quarter; what was repeated later says nothing about promptness.
_CYCLES = """
SELECT
    tick,
    extract(epoch FROM min(started_at) - tick)::float8 AS wait_s,
    extract(epoch FROM max(finished_at) - tick)::float8 AS cycle_s
FROM simulation_runs
WHERE tick BETWEEN %(first)s AND %(last)s AND started_at - tick BETWEEN '0' AND %(length)s
  AND finished_at IS NOT NULL
GROUP BY tick
"""

_TASK_TIMES = sql.SQL(
    """
    WITH cycles AS ({cycles}),
    tasks AS (
        SELECT '' AS task, wait_s AS seconds FROM cycles
        UNION ALL
        -- the slowest shard is the one that the others wait for
        SELECT task, max(taken::float8)
        FROM cycles JOIN simulation_runs USING (tick),
            jsonb_each_text(timings_s) AS step (task, taken)
        GROUP BY tick, task
    )
    SELECT
        task,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) AS median_s,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY seconds) AS p95_s,
        max(seconds) AS longest_s
    FROM tasks GROUP BY task ORDER BY median_s DESC, task
    """
).format(cycles=sql.SQL(_CYCLES))

_TICK_RUNS = """
SELECT
    id::text, shard, status::text, attempt, airflow_run_id, steps, seed, weather, runner, exchange,
    results_exchange, model_version, input_file, results_file, households_queried,
    households_quarantined, rows_inserted, checks_passed, timings_s, error, started_at, finished_at,
    generation_kwh, consumption_kwh, battery_soc_kwh, grid_import_kwh, grid_export_kwh,
    validations.succeeded AS validated
FROM simulation_runs LEFT JOIN validations ON simulation_run_id = id
WHERE tick = %s
ORDER BY shard
"""


def shown_range(now: datetime) -> tuple[datetime, datetime]:
    """First and last tick that the pages show: whole days, and today up to the current tick."""
    last = parse_tick(now)
    midnight = datetime.combine(last.date(), time(), tzinfo=UTC)
    return midnight - timedelta(days=_DAYS_SHOWN - 1), last


def overview(connection: Connection, now: datetime) -> dict[str, Any]:
    """What the first page shows: seven days, today included.

    Returns
    -------
    dict
        ``now`` [s since 1970]; ``energy`` as from :func:`energy`, up to the current tick;
        ``ledger``, columns with one value per tick of the seven whole days; ``cycles`` as from
        :func:`cycle_times`.
    """
    first, last = shown_range(now)
    end_of_today = first + timedelta(days=_DAYS_SHOWN) - TICK
    return {
        "now": int(now.timestamp()),
        "energy": energy(connection, first, last),
        "ledger": _ledger_columns(ledger.entries(connection, first, end_of_today, now)),
        "cycles": cycle_times(connection, first, last),
    }


def _ledger_columns(entries: list[ledger.Entry]) -> dict[str, list[Any]]:
    return {
        "tick": [int(entry.tick.timestamp()) for entry in entries],
        "state": [entry.state for entry in entries],
        "seconds": [entry.seconds and round(entry.seconds, 1) for entry in entries],
        "set_aside": [entry.quarantined for entry in entries],
    }


def tick_detail(connection: Connection, tick: datetime, now: datetime) -> dict[str, Any]:
    """What is known of one tick: its ``state``, its ``runs``, and why households were set aside."""
    [entry] = ledger.entries(connection, tick, tick, now)
    return {
        "tick": int(entry.tick.timestamp()),
        "state": entry.state,
        "seconds": entry.seconds,
        "stored": entry.stored,
        "runs": tick_runs(connection, entry.tick),
        "reasons": reasons(connection, entry.tick),
    }


def energy(connection: Connection, first: datetime, last: datetime) -> dict[str, list[Any]]:
    """Community totals of each tick of a range, as columns.

    Parameters
    ----------
    connection : psycopg.Connection
        To the solar database.
    first, last : datetime.datetime
        Ticks, both included.

    Returns
    -------
    dict
        ``tick`` [s since 1970], energies [kWh], and numbers of households; None where a tick has
        no rows.
    """
    rows = connection.execute(_ENERGY, {"first": first, "last": last, "length": TICK}).fetchall()
    columns = zip(*rows, strict=True)
    return dict(zip(("tick", *_TOTALS), map(list, columns), strict=True))


def reasons(connection: Connection, tick: datetime) -> list[dict[str, Any]]:
    """Why households were set aside at a tick: the most frequent reasons first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_REASONS, (tick, _REASONS_SHOWN)).fetchall()


def cycle_times(connection: Connection, first: datetime, last: datetime) -> dict[str, Any]:
    """How long the cycles of a range took, and where the time went.

    Returns
    -------
    dict
        ``limit_s``; ``cycles``, columns ``tick`` [s since 1970] and ``seconds``, from a tick's
        start to the end of its run; ``tasks`` with median, 95th percentile and longest time. The
        task without a name is the time before the first one.
    """
    values = {"first": first, "last": last, "length": TICK}
    cycles = connection.execute(f"{_CYCLES} ORDER BY tick", values).fetchall()
    with connection.cursor(row_factory=dict_row) as cursor:
        tasks = cursor.execute(_TASK_TIMES, values).fetchall()
    return {
        "limit_s": settings().cycle_limit.total_seconds(),
        "cycles": {
            "tick": [int(tick.timestamp()) for tick, _, _ in cycles],
            "seconds": [round(seconds, 1) for _, _, seconds in cycles],
        },
        "tasks": tasks,
    }


def tick_runs(connection: Connection, tick: datetime) -> list[dict[str, Any]]:
    """The runs of a tick, one per shard, with what is known of each; empty when there was none."""
    with connection.cursor(row_factory=dict_row) as cursor:
        runs = cursor.execute(_TICK_RUNS, (tick,)).fetchall()
    for run in runs:
        for name in ("started_at", "finished_at"):
            run[name] = run[name] and run[name].astimezone(UTC).isoformat(timespec="seconds")
    return runs
