"""What a run did, as the database tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True)
class RunSummary:
    """A row of ``simulation_runs``, held against the rows that are really in ``energy_data``.

    Attributes
    ----------
    rows_stored : int
        Rows of ``energy_data`` that carry the run's id.
    balance_residual_kwh : float
        generation + discharge + import − consumption − charge − export over those rows.
    """

    run_id: str
    airflow_run_id: str
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
    timings_s: dict[str, float]
    started_at: datetime
    finished_at: datetime | None


_SUMMARY = """
SELECT
    run.id::text AS run_id, run.airflow_run_id, run.tick, run.status::text AS status, run.attempt,
    run.error, run.weather, run.seed, run.households_queried, run.households_quarantined,
    run.checks_passed, run.timings_s, run.started_at, run.finished_at, stored.*
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
    WHERE simulation_run_id = run.id
      AND "timestamp" BETWEEN run.tick AND run.tick + (run.steps - 1) * interval '15 minutes'
) AS stored
"""


def run_summary(connection: psycopg.Connection[Any], airflow_run_id: str) -> RunSummary | None:
    """The run that an Airflow run made; None when it made none."""
    with connection.cursor(row_factory=class_row(RunSummary)) as cursor:
        return cursor.execute(
            f"{_SUMMARY} WHERE run.airflow_run_id = %s".encode(), (airflow_run_id,)
        ).fetchone()
