"""A stand-in for the backend's own tables, for a database that has none: the sample community.

The pipeline only reads ``users`` and ``user_systems``; a real backend makes and fills them.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from solar_model.pipeline.schema import grant_roles
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
        grant_roles(connection)
        [(filled,)] = connection.execute("SELECT EXISTS (SELECT FROM user_systems)").fetchall()
        if filled:
            return 0
        community = sample_households(households, seed)
        _copy(connection, "users", community.select(id="user_id"))
        _copy(connection, "user_systems", community.select(_SYSTEM_COLUMNS))
    return len(community)


def _copy(connection: psycopg.Connection[Any], table: str, rows: pl.DataFrame) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    with connection.cursor().copy(statement) as copy:
        copy.write(rows.write_csv(include_header=False))
