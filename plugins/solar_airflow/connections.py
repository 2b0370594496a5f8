"""What Airflow knows of the solar database and of everything else that has a connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from solar_model.errors import ConfigurationError
from solar_model.pipeline.database import CONNECTION_ID, CONNECTION_VARIABLE, connect, conninfo

Database = psycopg.Connection[Any]


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


def open_database(time_limit: timedelta | None = None) -> Database:
    """Connect to the solar database; statements end before a time limit."""
    return connect(solar_conninfo(), time_limit=time_limit)


def connection_text(connection_id: str) -> str | None:
    """Text form of a connection, however Airflow keeps it; None when there is none."""
    try:
        return BaseHook.get_connection(connection_id).as_json()
    except AirflowNotFoundException:
        return None
