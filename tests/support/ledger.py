"""Rows of the ledger of runs, as cycles leave them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

TOTALS_KWH = {
    "generation_kwh": 400.0,
    "consumption_kwh": 300.0,
    "battery_soc_kwh": 2000.0,
    "battery_charge_kwh": 60.0,
    "battery_discharge_kwh": 0.0,
    "grid_import_kwh": 10.0,
    "grid_export_kwh": 50.0,
    "surplus_kwh": 100.0,
}


def add_run(
    connection: psycopg.Connection[Any],
    tick: datetime,
    *,
    begun: float = 1,
    seconds: float | None = 30,
    timings_s: dict[str, float] | None = None,
    **facts: Any,
) -> str:
    """One run that began and ended so many seconds after its tick; its id.

    A run that is neither running nor failed has stored 1,000 households.
    """
    row = {
        "tick": tick,
        "status": "completed",
        "airflow_run_id": f"scheduled__{tick:%Y-%m-%dT%H:%M:%S+00:00}",
        "seed": 1,
        "model_version": "1",
        "schema_version": "1",
        "timings_s": Jsonb(timings_s or {}),
        "started_at": tick + timedelta(seconds=begun),
        "finished_at": None if seconds is None else tick + timedelta(seconds=seconds),
    } | facts
    if row["status"] not in ("running", "failed"):
        stored = {"households_queried": 1000, "households_quarantined": 0, "rows_inserted": 1000}
        row = stored | {"checks_passed": 20} | TOTALS_KWH | row
    [(run_id,)] = connection.execute(
        sql.SQL("INSERT INTO simulation_runs ({}) VALUES ({}) RETURNING id::text").format(
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Placeholder, row)),
        ),
        row,
    ).fetchall()
    connection.commit()
    return str(run_id)
