"""What a run did, as the database tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True)
class RunSummary:
    """What ``simulation_runs`` says of a cycle, held against the rows that are in ``energy_data``.

    The shards of a cycle are one: as good as the worst, and their sums.

    Attributes
    ----------
    rows_stored : int
        Rows of ``energy_data`` that carry the id of one of its runs.
    balance_residual_kwh : float
        generation + discharge + import − consumption − charge − export over those rows.
    """

    tick: datetime
    status: str
    attempt: int
    error: str | None
    weather: Any
    seed: int
    households_queried: int | None
    households_quarantined: int | None
    checks_passed: int | None
    rows_stored: int
    generation_kwh: float
    consumption_kwh: float
    battery_charge_kwh: float
    battery_discharge_kwh: float
    battery_soc_kwh: float
    grid_import_kwh: float
    grid_export_kwh: float
    balance_residual_kwh: float
    started_at: datetime
    finished_at: datetime | None


_SUMMARY = """
SELECT
    min(tick) AS tick,
    (array_agg(status::text ORDER BY
        array_position(ARRAY['failed', 'running', 'degraded', 'completed'], status::text)
    ))[1] AS status,
    max(attempt) AS attempt,
    string_agg(error, E'\n' ORDER BY shard) AS error,
    (array_agg(weather ORDER BY shard))[1] AS weather,
    min(seed) AS seed,
    sum(households_queried)::bigint AS households_queried,
    sum(households_quarantined)::bigint AS households_quarantined,
    sum(checks_passed)::bigint AS checks_passed,
    sum(rows_stored)::bigint AS rows_stored,
    sum(stored.generation_kwh) AS generation_kwh,
    sum(stored.consumption_kwh) AS consumption_kwh,
    sum(stored.battery_charge_kwh) AS battery_charge_kwh,
    sum(stored.battery_discharge_kwh) AS battery_discharge_kwh,
    sum(stored.battery_soc_kwh) AS battery_soc_kwh,
    sum(stored.grid_import_kwh) AS grid_import_kwh,
    sum(stored.grid_export_kwh) AS grid_export_kwh,
    sum(balance_residual_kwh) AS balance_residual_kwh,
    min(started_at) AS started_at,
    CASE WHEN bool_and(finished_at IS NOT NULL) THEN max(finished_at) END AS finished_at
FROM simulation_runs AS run
CROSS JOIN LATERAL (
    SELECT
        count(*) AS rows_stored,
        coalesce(sum(generation_kwh), 0) AS generation_kwh,
        coalesce(sum(consumption_kwh), 0) AS consumption_kwh,
        coalesce(sum(battery_charge_kwh), 0) AS battery_charge_kwh,
        coalesce(sum(battery_discharge_kwh), 0) AS battery_discharge_kwh,
        coalesce(sum(battery_soc_kwh), 0) AS battery_soc_kwh,
        coalesce(sum(grid_import_kwh), 0) AS grid_import_kwh,
        coalesce(sum(grid_export_kwh), 0) AS grid_export_kwh,
        coalesce(sum(generation_kwh + battery_discharge_kwh + grid_import_kwh
            - consumption_kwh - battery_charge_kwh - grid_export_kwh), 0) AS balance_residual_kwh
    FROM energy_data
    WHERE simulation_run_id = run.id AND "timestamp" = run.tick
) AS stored
WHERE airflow_run_id = %s
GROUP BY airflow_run_id
"""


def run_summary(connection: psycopg.Connection[Any], airflow_run_id: str) -> RunSummary | None:
    """The cycle that an Airflow run made; None when it made none."""
    with connection.cursor(row_factory=class_row(RunSummary)) as cursor:
        return cursor.execute(_SUMMARY, (airflow_run_id,)).fetchone()
