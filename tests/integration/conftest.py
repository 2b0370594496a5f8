"""Real services for the integration tests: one embedded Postgres, a fresh schema per test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from solar_model.pipeline.database import connect
from solar_model.pipeline.schema import upgrade
from solar_stack.postgres import EmbeddedPostgres

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Database:
    """A schema of its own in the embedded Postgres."""

    conninfo: str

    def connect(self) -> Connection:
        return connect(self.conninfo)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    with server:
        yield server
    server.remove()  # as root, the cluster may lie outside of the temporary folder


@pytest.fixture
def empty_database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """A schema without tables."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres.dsn("solar"), autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        yield Database(make_conninfo(postgres.dsn("solar"), options=f"-csearch_path={name}"))
        owner.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


@pytest.fixture
def database(empty_database: Database) -> Database:
    """A schema with our tables."""
    upgrade(empty_database.conninfo)
    return empty_database


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection
