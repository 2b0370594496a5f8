"""The solar database of a request below ``/solar``, and what is said when it is away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

import psycopg
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi import Depends, HTTPException

from solar_model.errors import ConfigurationError
from solar_model.pipeline.database import CONNECTION_ID, CONNECTION_VARIABLE, connect, conninfo

# Somebody waits in front of a page.
TIME_LIMIT = timedelta(seconds=10)


def solar_conninfo() -> str:
    """Where the solar database is, as Airflow knows it.

    Raises
    ------
    ConfigurationError
        When Airflow has no such connection, or one that cannot be read.
    """
    try:
        return conninfo(BaseHook.get_connection(CONNECTION_ID).get_uri())
    except AirflowNotFoundException as error:
        raise ConfigurationError(
            f"Airflow knows no connection {CONNECTION_ID} that it can read; set "
            f"{CONNECTION_VARIABLE}"
        ) from error


def solar_database() -> Iterator[psycopg.Connection[Any]]:
    """A connection for one request; 503 with the reason when there is none."""
    try:
        with connect(solar_conninfo(), time_limit=TIME_LIMIT) as connection:
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
