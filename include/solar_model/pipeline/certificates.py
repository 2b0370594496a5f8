"""Energy certificates: a row for each tick that proves that no energy was made or lost.

Around each household runs a border: what the panels give and what comes from the grid goes in,
consumption and what goes to the grid comes out, and the battery keeps the difference but for its
losses. What is left over is the residual; its bound is what rounding to whole micro-kWh can leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from solar_model.community.battery import CHARGE_EFFICIENCY, DISCHARGE_EFFICIENCY
from solar_model.contracts import FLOW_COLUMNS
from solar_model.physics import STATE_TOLERANCE_KWH, state_before

Connection = psycopg.Connection[Any]

# What of the input it needs.
BATTERY = ("user_id", "battery_capacity_kwh", "battery_soc_kwh")

# What adds up when a household is added.
_SUMS = (
    "households",
    *FLOW_COLUMNS,
    "stored_before_kwh",
    "stored_after_kwh",
    "losses_kwh",
    "residual_kwh",
    "bound_kwh",
)
_COLUMNS = (*_SUMS, "worst_user_id", "worst_residual_kwh")

_LOSSES_KWH = pl.col("battery_charge_kwh") * (1 - CHARGE_EFFICIENCY) + pl.col(
    "battery_discharge_kwh"
) * (1 / DISCHARGE_EFFICIENCY - 1)
_RESIDUAL_KWH = (
    pl.sum_horizontal("generation_kwh", "grid_import_kwh")
    - pl.sum_horizontal("consumption_kwh", "grid_export_kwh")
    - (pl.col("battery_soc_kwh") - pl.col("soc_before_kwh"))
    - _LOSSES_KWH
)


def certify(
    rows: pl.DataFrame, users: pl.DataFrame, ticks: Sequence[datetime]
) -> dict[datetime, dict[str, Any]]:
    """The certificate of each tick.

    Parameters
    ----------
    rows : polars.DataFrame
        Valid results.
    users : polars.DataFrame
        The input that they were computed from, its columns ``BATTERY`` at least.
    ticks : sequence of datetime.datetime
        Ticks that were asked for, in order.

    Returns
    -------
    dict
        By tick, the columns of ``energy_certificates``.
    """
    beside = rows.with_columns(state_before(rows, users, ticks), losses_kwh=_LOSSES_KWH)
    beside = beside.with_columns(residual_kwh=_RESIDUAL_KWH)
    worst = pl.col("residual_kwh").abs().arg_max()
    found = beside.group_by("timestamp").agg(
        pl.len().alias("households"),
        *(pl.col(name).sum().round(6) for name in FLOW_COLUMNS),
        pl.col("soc_before_kwh").sum().round(6).alias("stored_before_kwh"),
        pl.col("battery_soc_kwh").sum().round(6).alias("stored_after_kwh"),
        pl.col("losses_kwh", "residual_kwh").sum(),
        (pl.len() * STATE_TOLERANCE_KWH).alias("bound_kwh"),
        pl.col("user_id").get(worst).alias("worst_user_id"),
        pl.col("residual_kwh").get(worst).alias("worst_residual_kwh"),
    )
    return {row.pop("timestamp"): row for row in found.to_dicts()}


_INSERT = sql.SQL(
    """
    INSERT INTO energy_certificates AS known (simulation_run_id, {columns})
    VALUES (%(run_id)s, {values})
    ON CONFLICT (simulation_run_id) DO UPDATE SET {changes}
    """
)
_VALUES = {
    "columns": sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
    "values": sql.SQL(", ").join(map(sql.Placeholder, _COLUMNS)),
}
_REPLACE = _INSERT.format(
    **_VALUES,
    changes=sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in _COLUMNS
    ),
)
_ADD = _INSERT.format(
    **_VALUES,
    changes=sql.SQL(", ").join(
        [
            *(
                sql.SQL("{0} = known.{0} + excluded.{0}").format(sql.Identifier(name))
                for name in _SUMS
            ),
            *(
                sql.SQL(
                    "{0} = CASE WHEN abs(excluded.worst_residual_kwh) > "
                    "abs(known.worst_residual_kwh) THEN excluded.{0} ELSE known.{0} END"
                ).format(sql.Identifier(name))
                for name in ("worst_user_id", "worst_residual_kwh")
            ),
        ]
    ),
)


def store(
    connection: Connection, run_id: str, certificate: Mapping[str, Any], *, add: bool = False
) -> None:
    """Keep the certificate of a tick's run; the caller commits.

    Parameters
    ----------
    connection : psycopg.Connection
        To the solar database.
    run_id : str
        Row of ``simulation_runs``.
    certificate : mapping
        From :func:`certify`.
    add : bool
        Whether it is that of households which are added to the run.
    """
    connection.execute(_ADD if add else _REPLACE, {**certificate, "run_id": run_id})


# A community that is split has a certificate per shard: together they are that of the tick. One of
# when the tick was split otherwise is of households that others have now.
_BETWEEN = sql.SQL(
    """
    SELECT tick, {sums},
        (array_agg(worst_user_id ORDER BY abs(worst_residual_kwh) DESC))[1] AS worst_user_id,
        (array_agg(worst_residual_kwh ORDER BY abs(worst_residual_kwh) DESC))[1]
            AS worst_residual_kwh,
        bool_and(holds) AS holds
    FROM energy_certificates AS known JOIN simulation_runs AS run ON run.id = simulation_run_id
    WHERE (%(since)s::timestamptz IS NULL OR tick >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR tick < %(until)s)
      AND rows_inserted IS NOT NULL
    GROUP BY tick ORDER BY tick DESC LIMIT %(limit)s
    """
).format(
    sums=sql.SQL(", ").join(
        sql.SQL("sum(known.{0}) AS {0}").format(sql.Identifier(n)) for n in _SUMS
    )
)


def between(
    connection: Connection,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> pl.DataFrame:
    """Certificates of the ticks of a span, the newest last.

    Returns
    -------
    polars.DataFrame
        A row per tick: ``tick`` and the columns of ``energy_certificates``, those of shards added
        up, with the household that misses it most; no rows when there is none.
    """
    cursor = connection.execute(_BETWEEN, {"since": since, "until": until, "limit": limit})
    names = [column.name for column in cursor.description or ()]
    rows = [
        [str(v) if n.endswith("_id") else v for n, v in zip(names, row, strict=True)]
        for row in cursor
    ]
    frame = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    return frame.cast({"households": pl.Int64}).reverse()  # Postgres's sum is a decimal
