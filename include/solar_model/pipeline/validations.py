"""The table ``validations``: what Great Expectations said about the results of each run."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from solar_model.pipeline.runs import ROWS_OF_RUN
from solar_model.pipeline.suite import Validation


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
