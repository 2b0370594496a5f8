"""What Airflow knows of the solar database and of everything else that has a connection."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from solar_model.pipeline.database import CONNECTION_ID, connect, conninfo

Database = psycopg.Connection[Any]


def open_database(time_limit: timedelta | None = None) -> Database:
    """Connect to the solar database; statements end before a time limit."""
    info = conninfo(BaseHook.get_connection(CONNECTION_ID).get_uri())
    return connect(info, time_limit=time_limit)


def connection_text(connection_id: str) -> str | None:
    """Text form of a connection, however Airflow keeps it; None when there is none."""
    try:
        return BaseHook.get_connection(connection_id).as_json()
    except AirflowNotFoundException:
        return None
