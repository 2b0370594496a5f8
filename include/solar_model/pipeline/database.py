"""The solar database: where it is, and how to connect."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from solar_model.errors import ConfigurationError
from solar_model.pipeline.connections import Connection, from_environment, variable

CONNECTION_ID = "solar_db"
CONNECTION_VARIABLE = variable(CONNECTION_ID)
# Who changes the schema, where the pipeline's own login may not.
OWNER_ID = "solar_db_owner"
CONNECT_TIMEOUT_S = 10

log = logging.getLogger(__name__)


def conninfo(connection: str, connection_id: str = CONNECTION_ID) -> str:
    """libpq connection string of an Airflow connection in either of its text forms.

    Parameters
    ----------
    connection : str
        ``postgresql://user:password@host:port/database?sslmode=verify-full`` or the JSON form
        with host, port, login, password, schema and extra.
    connection_id : str
        Its name, for the message.

    Raises
    ------
    ConfigurationError
        When the text is neither; the text itself may hold a password and is not repeated.
    """
    try:
        parts = Connection.parse(connection)
        if parts.conn_type not in ("postgres", "postgresql"):
            raise ValueError("not a Postgres connection")
        parameters = {
            "host": parts.host,
            "port": parts.port,
            "user": parts.login,
            "password": parts.password,
            "dbname": parts.schema,
            **parts.extra,
        }
        return make_conninfo(**{k: v for k, v in parameters.items() if v not in (None, "")})
    except (ValueError, TypeError, psycopg.Error) as error:
        raise ConfigurationError(
            f"the connection {connection_id} cannot be read; expected "
            "postgresql://user:password@host:5432/database or Airflow's JSON form. "
            f"Set {variable(connection_id)} or the connection in Airflow's UI."
        ) from error


def conninfo_from_environment() -> str:
    """Connection string of the solar database for the command line.

    Raises
    ------
    ConfigurationError
        When ``AIRFLOW_CONN_SOLAR_DB`` is not set or cannot be read.
    """
    connection = from_environment(CONNECTION_ID)
    if not connection:
        raise ConfigurationError(
            f"{CONNECTION_VARIABLE} is not set, so the solar database is unknown. Set it to "
            "postgresql://user:password@host:5432/database; for the database that `make run` "
            'brings: make solar args="…".'
        )
    return conninfo(connection)


@contextmanager
def of_command_line() -> Iterator[psycopg.Connection[Any]]:
    """The solar database, for a command.

    Raises
    ------
    ConfigurationError
        As from `conninfo_from_environment`; when the database cannot be reached or refuses; and
        when our tables are not those of this version.
    """
    info = conninfo_from_environment()
    try:
        with connect(info) as connection:
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise ConfigurationError(
            "the tables of the solar database are not those of this version "
            f"({error.diag.message_primary}). Run `solar db upgrade`."
        ) from error
    except psycopg.Error as error:
        raise ConfigurationError(
            f"the solar database ({CONNECTION_VARIABLE}) refuses: {str(error).strip()}"
        ) from error


def owner_conninfo(info: str) -> str:
    """Connection string of whoever may change the schema.

    That is ``AIRFLOW_CONN_SOLAR_DB_OWNER`` where it is set, so that the pipeline need not be the
    owner of its tables; else the pipeline's own, which is given.
    """
    connection = from_environment(OWNER_ID)
    return conninfo(connection, OWNER_ID) if connection else info


def require_verified(info: str) -> None:
    """Make sure that nobody on the way can pretend to be the database.

    Raises
    ------
    ConfigurationError
        When it is on another machine and its certificate is not verified.
    """
    found = conninfo_to_dict(info)
    mode = str(found.get("sslmode") or "prefer")
    if mode in ("verify-ca", "verify-full"):
        return
    for host in str(found.get("host") or "").split(","):
        # a bare name is a neighbour in a network of containers
        if host in ("", "127.0.0.1", "::1") or host.startswith("/") or not re.search("[.:]", host):
            continue
        raise ConfigurationError(
            f"the certificate of {host} is not verified (sslmode is {mode}): somebody on the way "
            f"could be the database. Add sslmode=verify-full to the connection {CONNECTION_ID}; "
            "sslrootcert names the authority, such as /etc/ssl/certs/ca-certificates.crt."
        )


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
