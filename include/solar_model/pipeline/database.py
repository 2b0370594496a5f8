"""The solar database: where it is, how to connect, and the versions of its schema."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, pool
from sqlalchemy.exc import DBAPIError

from solar_model.errors import ConfigurationError
from solar_model.settings import PROJECT_ROOT

CONNECTION_ID = "solar_db"
CONNECTION_VARIABLE = "AIRFLOW_CONN_SOLAR_DB"
CONNECT_TIMEOUT_S = 10
MIGRATIONS = PROJECT_ROOT / "include" / "sql" / "migrations"

# libpq's names for what Airflow calls login and schema
_JSON_FIELDS = {
    "host": "host",
    "port": "port",
    "login": "user",
    "password": "password",
    "schema": "dbname",
}


def conninfo(connection: str) -> str:
    """libpq connection string of an Airflow connection in either of its text forms.

    Parameters
    ----------
    connection : str
        ``postgresql://user:password@host:port/database?sslmode=require`` or the JSON form
        with host, port, login, password, schema and extra.

    Raises
    ------
    ConfigurationError
        When the text is neither; the text itself may hold a password and is not repeated.
    """
    text = connection.strip()
    try:
        if text.startswith("{"):
            return _from_json(json.loads(text))
        return _from_uri(text)
    except (ValueError, TypeError, psycopg.Error) as error:
        raise ConfigurationError(
            f"the connection {CONNECTION_ID} cannot be read; expected "
            "postgresql://user:password@host:5432/database or Airflow's JSON form. "
            f"Set {CONNECTION_VARIABLE} or the connection in Airflow's UI."
        ) from error


def _from_json(fields: dict[str, Any]) -> str:
    if fields.get("conn_type") not in ("postgres", "postgresql"):
        raise ValueError("not a Postgres connection")
    extra = fields.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra)
    parameters = {ours: fields.get(theirs) for theirs, ours in _JSON_FIELDS.items()}
    return make_conninfo(**{k: v for k, v in (parameters | extra).items() if v not in (None, "")})


def _from_uri(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("not a Postgres connection")
    query = dict(parse_qsl(parts.query))
    # Airflow hides nested extras in this one parameter
    query |= json.loads(query.pop("__extra__", "{}"))
    parameters: dict[str, Any] = {
        "host": unquote(parts.hostname or ""),
        "port": parts.port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": unquote(parts.path.lstrip("/")),
    }
    return make_conninfo(**{k: v for k, v in (parameters | query).items() if v not in (None, "")})


def conninfo_from_environment() -> str:
    """Connection string of the solar database for the command line.

    Raises
    ------
    ConfigurationError
        When ``AIRFLOW_CONN_SOLAR_DB`` is not set or cannot be read.
    """
    connection = os.environ.get(CONNECTION_VARIABLE)
    if not connection:
        raise ConfigurationError(
            f"{CONNECTION_VARIABLE} is not set, so the solar database is unknown. Set it to "
            "postgresql://user:password@host:5432/database, or use `make run`, which brings one."
        )
    return conninfo(connection)


def connect(info: str, *, time_limit: timedelta | None = None) -> psycopg.Connection[Any]:
    """Open a connection whose sessions are in UTC.

    Parameters
    ----------
    info : str
        libpq connection string, from :func:`conninfo`.
    time_limit : datetime.timedelta, optional
        Longest time for one statement: a little less than its task has, so that the server gives
        up before the worker is killed and left guessing.
    """
    limit_ms = 0 if time_limit is None else int(time_limit.total_seconds() * 900)
    # Set after connecting: a libpq `options` parameter of the operator's own stays in force.
    connection = psycopg.connect(info, connect_timeout=CONNECT_TIMEOUT_S, application_name="solar")
    connection.execute("SELECT set_config('TimeZone', 'UTC', false)")
    connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(limit_ms),))
    connection.commit()
    return connection


def upgrade(info: str, revision: str = "head") -> None:
    """Bring the schema to a revision by Alembic, forwards.

    Raises
    ------
    ConfigurationError
        When the database cannot be reached or refuses, or nobody knows the revision.
    """
    _migrate(info, lambda config: command.upgrade(config, revision))


def downgrade(info: str, revision: str) -> None:
    """Take the schema back to a revision by Alembic; ``base`` removes all of our tables.

    Raises
    ------
    ConfigurationError
        As for `upgrade`.
    """
    _migrate(info, lambda config: command.downgrade(config, revision))


def _migrate(info: str, action: Any) -> None:
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(info, connect_timeout=CONNECT_TIMEOUT_S),
        poolclass=pool.NullPool,
    )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            action(config)
    except CommandError as error:  # such as a revision that nobody knows
        raise ConfigurationError(f"the schema cannot be changed: {error}") from error
    except DBAPIError as error:
        raise ConfigurationError(
            f"the solar database ({CONNECTION_VARIABLE}) refuses: {str(error.orig).strip()}"
        ) from error
