"""The solar database of a request below ``/solar``, and what is said when it is away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

import psycopg
from fastapi import Depends, HTTPException

from solar_airflow.connections import open_database
from solar_model.errors import ConfigurationError

# Somebody waits in front of a page.
TIME_LIMIT = timedelta(seconds=10)


def solar_database() -> Iterator[psycopg.Connection[Any]]:
    """A connection for one request; 503 with the reason when there is none."""
    try:
        with open_database(TIME_LIMIT) as connection:
            yield connection
    except ConfigurationError as error:
        raise HTTPException(503, str(error)) from error
    except psycopg.errors.QueryCanceled as error:
        raise HTTPException(
            503, f"the database took longer than {TIME_LIMIT.total_seconds():.0f} s to answer"
        ) from error
    except psycopg.errors.UndefinedTable as error:
        raise HTTPException(
            503, "tables are missing in the database; run `solar db upgrade`"
        ) from error
    except psycopg.OperationalError as error:
        problem = str(error).strip().splitlines()[0]
        raise HTTPException(503, f"the database cannot be reached: {problem}") from error


Database = Annotated[psycopg.Connection[Any], Depends(solar_database)]
