"""Real Postgres servers, and nothing of them afterwards."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
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


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder that every user can pass through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="solar-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(place: Path) -> Path:
    """A server's folder after its first start and stop, to be copied."""
    with EmbeddedPostgres(place / "template") as server:
        return server.folder


@pytest.fixture
def server(
    make_postgres: Callable[..., EmbeddedPostgres], template: Path, place: Path
) -> EmbeddedPostgres:
    """A running server of its own."""
    folder = Path(tempfile.mkdtemp(dir=place)) / "postgres"
    folder.parent.chmod(0o755)
    subprocess.run(["cp", "-a", template, folder], check=True)  # -a keeps the owner
    server = make_postgres(folder)
    server.start()
    return server
