"""The versions of the solar database's schema, and the rights of its roles."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import sql
from sqlalchemy import create_engine, pool
from sqlalchemy.exc import DBAPIError

from solar_model.errors import ConfigurationError
from solar_model.pipeline.database import CONNECT_TIMEOUT_S, CONNECTION_VARIABLE
from solar_model.settings import PROJECT_ROOT

VERSION_TABLE = "solar_schema_version"
MIGRATIONS = PROJECT_ROOT / "include" / "sql" / "migrations"
ROLES = PROJECT_ROOT / "include" / "sql" / "roles.sql"

log = logging.getLogger(__name__)


def require_current(connection: psycopg.Connection[Any]) -> None:
    """Make sure that our tables are those of this version.

    Raises
    ------
    ConfigurationError
        When they are older, newer, or missing.
    """
    wanted = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    try:
        with connection.transaction():
            rows = connection.execute(
                sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(VERSION_TABLE))
            ).fetchall()
    except psycopg.errors.UndefinedTable:
        rows = []
    found = rows[0][0] if rows else "missing"
    if found != wanted:
        raise ConfigurationError(
            f"the schema is {found}, this version needs {wanted}. Run `solar db upgrade`."
        )


def upgrade(info: str, revision: str = "head") -> None:
    """Bring the schema to a revision by Alembic, forwards, and give each role its rights.

    Raises
    ------
    ConfigurationError
        When the database cannot be reached or refuses, or nobody knows the revision.
    """

    def forwards(config: Config) -> None:
        command.upgrade(config, revision)
        grant_roles(config.attributes["connection"].connection.driver_connection)

    _migrate(info, forwards)


def grant_roles(connection: psycopg.Connection[Any]) -> None:
    """Give ``solar_reader`` and ``solar_pipeline`` their rights; the caller commits.

    Where somebody else must do it, a warning says what.
    """
    connection.add_notice_handler(_warn)
    try:
        connection.execute(ROLES.read_bytes())
    finally:
        connection.remove_notice_handler(_warn)


def _warn(notice: psycopg.errors.Diagnostic) -> None:
    if notice.severity_nonlocalized == "WARNING":
        log.warning("%s", notice.message_primary)


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
