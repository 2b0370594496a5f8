"""The table ``validations``: what Great Expectations said about the results of each run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from solar_model.pipeline.runs import ROWS_OF_RUN

if TYPE_CHECKING:
    from solar_model.pipeline.suite import Validation


@dataclass(frozen=True)
class Page:
    """The page of a validation (HTML), and what it is of."""

    tick: datetime
    succeeded: bool
    html: str
    validated_at: datetime


def page_of(connection: psycopg.Connection[Any], run_id: UUID) -> Page | None:
    """The page of a run's validation; None when it has none, or none any more."""
    with connection.cursor(row_factory=class_row(Page)) as cursor:
        return cursor.execute(
            """
            SELECT tick, succeeded, page AS html, validated_at
            FROM validations JOIN simulation_runs ON id = simulation_run_id
            WHERE id = %s AND page IS NOT NULL
            """,
            (run_id,),
        ).fetchone()


def run_of(
    connection: psycopg.Connection[Any], airflow_run_id: str, shard: int | None = None
) -> UUID | None:
    """The first run of an Airflow run, or of one shard of it, that was validated."""
    row = connection.execute(
        """
        SELECT id FROM simulation_runs JOIN validations ON simulation_run_id = id
        WHERE airflow_run_id = %(run)s AND page IS NOT NULL
            AND (shard = %(shard)s OR %(shard)s::integer IS NULL)
        ORDER BY tick, shard LIMIT 1
        """,
        {"run": airflow_run_id, "shard": shard},
    ).fetchone()
    return row and row[0]


def save(connection: psycopg.Connection[Any], run_id: str, validation: Validation) -> None:
    """Keep a validation in place of that of an earlier attempt; the caller commits."""
    connection.execute(
        sql.SQL(
            """
        INSERT INTO validations (simulation_run_id, succeeded, statistics, result, page)
        SELECT id, %(succeeded)s, %(statistics)s, %(result)s, %(page)s
        FROM simulation_runs WHERE {}
        ON CONFLICT (simulation_run_id) DO UPDATE SET
            succeeded = excluded.succeeded,
            statistics = excluded.statistics,
            result = excluded.result,
            page = excluded.page,
            validated_at = clock_timestamp()
        """
        ).format(ROWS_OF_RUN),
        {
            "run_id": run_id,
            "succeeded": validation.succeeded,
            "statistics": Jsonb(validation.statistics),
            "result": Jsonb(validation.result),
            "page": validation.page,
        },
    )
