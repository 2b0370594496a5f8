"""A real Postgres per test, and nothing of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from solar_stack.postgres import EmbeddedPostgres


@pytest.fixture
def make_postgres() -> Iterator[Callable[..., EmbeddedPostgres]]:
    """Makes servers that are stopped and removed in the end."""
    made: list[EmbeddedPostgres] = []

    def make(folder: Path, port: int | None = None) -> EmbeddedPostgres:
        server = EmbeddedPostgres(folder, port)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()
    for folder in {server.folder for server in made}:
        EmbeddedPostgres(folder).remove()
