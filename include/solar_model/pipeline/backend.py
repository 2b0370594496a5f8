"""A stand-in for the backend's own tables, for a database that has none: the sample community.

The pipeline only reads ``users`` and ``user_systems``; a real backend makes and fills them.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import psycopg

from solar_model.sample import sample_households

_TABLES = """
CREATE TABLE IF NOT EXISTS users (id uuid PRIMARY KEY);
CREATE TABLE IF NOT EXISTS user_systems (
    user_id              uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    panel_wattage        double precision,
    panel_count          integer,
    battery_capacity_kwh double precision,
    inverter_capacity_kw double precision,
    household_size       double precision,
    latitude             double precision,
    longitude            double precision,
    tilt_deg             double precision,
    azimuth_deg          double precision,
    timezone             text
);
CREATE INDEX IF NOT EXISTS user_systems_user_id ON user_systems (user_id);
"""

_SYSTEM_COLUMNS = (
    "user_id",
    "panel_wattage",
    "panel_count",
    "battery_capacity_kwh",
    "inverter_capacity_kw",
    "household_size",
    "latitude",
    "longitude",
    "tilt_deg",
    "azimuth_deg",
)


def load_sample(connection: psycopg.Connection[Any], households: int, seed: int) -> int:
    """Fill the backend's tables with a sample community, unless there are systems already.

    Returns
    -------
    int
        Households added: 0 when there were some.
    """
    with connection.transaction():
        connection.execute(_TABLES)
        [(filled,)] = connection.execute("SELECT EXISTS (SELECT FROM user_systems)").fetchall()
        if filled:
            return 0
        community = sample_households(households, seed)
        _copy(connection, "COPY users (id) FROM STDIN (FORMAT csv)", community.select("user_id"))
        columns = ", ".join(_SYSTEM_COLUMNS)
        _copy(
            connection,
            f"COPY user_systems ({columns}) FROM STDIN (FORMAT csv)",
            community.select(_SYSTEM_COLUMNS),
        )
    return len(community)


def _copy(connection: psycopg.Connection[Any], statement: str, rows: pl.DataFrame) -> None:
    with connection.cursor().copy(statement.encode()) as copy:
        copy.write(rows.write_csv(include_header=False))
