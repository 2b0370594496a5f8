"""``solar db`` from the command line."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from solar_model.cli import app


@pytest.fixture
def solar(empty_database, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", uri(empty_database.conninfo))

    def run(*arguments, **options):
        return CliRunner().invoke(app, ["db", *arguments], **options)

    return run


def uri(conninfo: str) -> str:
    from urllib.parse import quote

    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(conninfo)
    login = f"{parts['user']}:{quote(parts['password'], safe='')}"
    return (
        f"postgresql://{login}@{parts['host']}:{parts['port']}/{parts['dbname']}"
        f"?options={quote(parts['options'])}"
    )


def tables(database) -> int:
    with database.connect() as connection:
        return connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchone()[0]


def test_upgrade_and_downgrade(solar, empty_database):
    done = solar("upgrade")
    assert (done.exit_code, "up to date" in done.output) == (0, True)
    assert tables(empty_database) > 3
    assert solar("downgrade", "base", "--yes").exit_code == 0
    assert tables(empty_database) == 1


def test_downgrade_asks_first(solar, empty_database):
    solar("upgrade")
    before = tables(empty_database)
    assert solar("downgrade", "base", input="n\n").exit_code == 1
    assert tables(empty_database) == before


def test_without_a_connection_it_says_what_is_missing(solar, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_SOLAR_DB")
    done = solar("upgrade")
    assert done.exit_code == 1
    assert "AIRFLOW_CONN_SOLAR_DB is not set" in done.output


def test_a_database_that_is_away_is_told_in_a_sentence(solar, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", "postgresql://solar:secret@127.0.0.1:9/solar")
    done = solar("upgrade")
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert "the solar database (AIRFLOW_CONN_SOLAR_DB) refuses" in done.output
    assert "secret" not in done.output


def test_a_revision_that_nobody_knows_is_told_in_a_sentence(solar):
    done = solar("upgrade", "9999")
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert "9999" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("quarantine", "list"),
        ("quarantine", "show", "1"),
        ("quarantine", "release", "1"),
        ("certificate",),
        ("replay", "0b6f0f4e-7d3c-4a0e-9f0d-0c1f6a3c9b52"),
    ],
)
def test_a_database_that_is_away_or_has_no_tables_is_told_in_a_sentence(
    empty_database, monkeypatch, arguments
):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", uri(empty_database.conninfo))
    bare = CliRunner().invoke(app, arguments)
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", "postgresql://solar@127.0.0.1:1/solar")
    away = CliRunner().invoke(app, arguments)
    assert (bare.exit_code, away.exit_code) == (1, 1)
    assert bare.stderr.startswith("Error: the tables of the solar database are not those of this")
    assert "does not exist). Run `solar db upgrade`." in bare.stderr
    assert away.stderr.startswith("Error: the solar database (AIRFLOW_CONN_SOLAR_DB) refuses: ")
    assert "Connection refused" in away.stderr
