"""The table ``validations``: what Great Expectations said about the results of each run."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from solar_model.pipeline.suite import Validation


def save(connection: psycopg.Connection[Any], run_id: str, validation: Validation) -> None:
    """Keep a validation in place of that of an earlier attempt; the caller commits."""
    connection.execute(
        """
        INSERT INTO validations (simulation_run_id, succeeded, statistics, result, page)
        VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (simulation_run_id) DO UPDATE SET
            succeeded = excluded.succeeded,
            statistics = excluded.statistics,
            result = excluded.result,
            page = excluded.page,
            validated_at = clock_timestamp()
        """,
        (
            run_id,
            validation.succeeded,
            Jsonb(validation.statistics),
            Jsonb(validation.result),
            validation.page,
        ),
    )
