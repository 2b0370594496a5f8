"""What is usual at a time of day: community totals of the same ticks on the days before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

DAYS = 7
# Fewer days say too little: two cloudy ones in a row are no climate.
MIN_DAYS = 3
# Weather makes large differences; this much more or less than on any of the days is odd.
FACTOR = 3.0
# At dawn, three times almost nothing is almost nothing: a mean of 200 W is never odd.
SLACK_KWH = 0.05
COLUMNS = ("generation_kwh", "consumption_kwh", "grid_import_kwh", "grid_export_kwh")

# Per household, so that a community that grows is no surprise.
_DAYS = sql.SQL(
    """
    SELECT {means}
    FROM unnest(%(ticks)s::timestamptz[]) AS asked (tick)
    CROSS JOIN generate_series(1, %(days)s) AS ago
    JOIN simulation_runs AS run ON run.tick = asked.tick - ago * interval '1 day'
    WHERE run.rows_inserted > 0
    GROUP BY ago
    HAVING count(DISTINCT run.tick) = cardinality(%(ticks)s::timestamptz[])
    """
).format(
    means=sql.SQL(", ").join(
        sql.SQL("sum({}) * cardinality(%(ticks)s::timestamptz[]) / sum(rows_inserted)").format(
            sql.Identifier(name)
        )
        for name in COLUMNS
    )
)


def usual(
    connection: psycopg.Connection[Any], ticks: Sequence[datetime], households: int
) -> dict[str, tuple[float, float]]:
    """Least and greatest totals of these ticks that are no surprise.

    Parameters
    ----------
    connection : psycopg.Connection
        To the solar database.
    ticks : sequence of datetime.datetime
        Ticks whose totals are added up: one, or those of a day.
    households : int
        Size of the community now.

    Returns
    -------
    dict of str to (float, float)
        By column [kWh]; empty where fewer than three of the last seven days are known.
    """
    with connection.transaction():  # leaves none open behind it
        days = connection.execute(_DAYS, {"ticks": list(ticks), "days": DAYS}).fetchall()
    if len(days) < MIN_DAYS:
        return {}
    slack_kwh = SLACK_KWH * households * len(ticks)
    return {
        name: (
            min(means) * households / FACTOR - slack_kwh,
            max(means) * households * FACTOR + slack_kwh,
        )
        for name, means in zip(COLUMNS, zip(*days, strict=True), strict=True)
    }
