"""Who may do what, tried with logins of their own: reader, pipeline, and nobody in particular."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.integration.conftest import Database

from solar_model.pipeline import transfers
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.database import connect
from solar_model.pipeline.housekeeping.backups import back_up, back_up_days
from solar_model.pipeline.housekeeping.partitions import days
from solar_model.pipeline.references import FileReference
from solar_model.pipeline.schema import downgrade, upgrade
from solar_model.settings import load_settings

REFUSED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def login(postgres, database):
    """Makes a login that is a member of a role, with a password; gives its database."""
    made = []

    def make(role: str | None) -> Database:
        name = f"login_{uuid4().hex}"
        member = sql.SQL("IN ROLE {}").format(sql.Identifier(role)) if role else sql.SQL("")
        with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as superuser:
            superuser.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'of the test' {}").format(
                    sql.Identifier(name), member
                )
            )
        made.append(name)
        return Database(make_conninfo(database.conninfo, user=name, password="of the test"))

    with database.connect() as connection:
        load_sample(connection, 5, seed=1)
    yield make
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as superuser:
        for name in made:
            superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def require_refused(database: Database, *statements: str) -> None:
    for statement in statements:
        with database.connect() as connection, pytest.raises(REFUSED):
            connection.execute(statement)


def ours(connection: psycopg.Connection) -> set[str]:
    """Every table that the migrations make, partitions left out."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        "AND relkind IN ('r', 'p') AND NOT relispartition"
    )
    return {name for (name,) in rows} - {"users", "user_systems"}


def test_a_reader_reads_all_that_is_ours_and_changes_nothing(login, connection):
    reader = login("solar_reader")
    tables = ours(connection)
    assert {"energy_data", "simulation_runs", "transfer_log"} <= tables
    with reader.connect() as own:
        for table in sorted(tables):
            own.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
    require_refused(
        reader,
        "SELECT * FROM users",
        "DELETE FROM energy_data",
        "UPDATE simulation_runs SET error = ''",
        "INSERT INTO transfer_log (action, place) VALUES ('upload', 'mine')",
        "SELECT energy_data_partition('2024-06-11')",
        "CREATE TABLE mine (id int)",
    )


def test_the_pipeline_writes_and_changes_no_schema_and_no_history(login, connection):
    pipeline = login("solar_pipeline")
    with pipeline.connect() as own:
        for table in sorted(ours(connection) | {"users", "user_systems"}):
            own.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
        own.execute("SELECT energy_data_partition('2024-06-11')")
        moved = FileReference("s3://b/f.csv", 5, 100, "0" * 64)
        transfers.record(own, None, "upload", moved, actor="upload_input")
        own.commit()
    require_refused(
        pipeline,
        "DELETE FROM users",
        "UPDATE user_systems SET panel_count = 1",
        "UPDATE energy_data SET generation_kwh = 0",
        "TRUNCATE energy_data",
        "DROP TABLE energy_data_20240611",
        "ALTER TABLE energy_data ADD COLUMN mine int",
        "UPDATE transfer_log SET place = 'elsewhere'",
        "DELETE FROM transfer_log",
        "INSERT INTO transfer_log (action, place, role) VALUES ('upload', 'x', 'postgres')",
        "INSERT INTO transfer_log (action, place, at) VALUES ('upload', 'x', '2000-01-01')",
        "UPDATE solar_schema_version SET version_num = '0'",
        "CREATE TABLE mine (id int)",
    )
    [(role, fresh, host)] = connection.execute(
        "SELECT role::text, now() - at < interval '1 hour', host > '' FROM transfer_log"
    ).fetchall()
    assert role.startswith("login_") and fresh and host


def test_who_is_no_member_sees_nothing(login):
    stranger = login(None)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        stranger.connect()


def test_a_pipeline_cannot_lead_the_owners_function_astray(login, connection):
    """The function acts as the owner: it must not take a table that the caller has put before."""
    pipeline = login("solar_pipeline")
    connection.execute("GRANT TEMPORARY ON DATABASE solar TO solar_pipeline")
    connection.commit()
    with pipeline.connect() as own:
        own.execute("CREATE TEMPORARY TABLE energy_data_default (LIKE energy_data)")
        own.execute("SET search_path TO pg_temp")
        schema = connection.execute("SELECT current_schema()").fetchone()[0]
        [(name,)] = own.execute(
            sql.SQL("SELECT {}.energy_data_partition('2024-06-12')").format(sql.Identifier(schema))
        ).fetchall()
        own.commit()
    connection.execute("REVOKE TEMPORARY ON DATABASE solar FROM solar_pipeline")
    connection.commit()
    attached = connection.execute(
        "SELECT relispartition FROM pg_class WHERE oid = to_regclass(%s)", (name,)
    ).fetchone()
    assert attached == (True,)


def warnings_of(action, info: str, caplog) -> str:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        action(info)
    return "\n".join(each.message for each in caplog.records if each.levelno >= logging.WARNING)


def test_an_owner_who_may_not_make_roles_is_told_what_to_do(postgres, caplog):
    """The tables are made all the same; the roles come with the next upgrade."""
    name = f"plain_{uuid4().hex}"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as superuser:
        roles = superuser.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname IN ('solar_reader', 'solar_pipeline')"
        ).fetchone()
        if roles != (0,):
            for statement in (
                "ALTER ROLE solar_reader RENAME TO aside_reader",
                "ALTER ROLE solar_pipeline RENAME TO aside_pipeline",
            ):
                superuser.execute(statement)
        superuser.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'p'").format(sql.Identifier(name)))
        superuser.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
        info = make_conninfo(postgres.dsn("solar"), user=name, password="p", dbname=name)
        try:
            assert warnings_of(upgrade, info, caplog).count("run CREATE ROLE") == 2
            with connect(info) as connection:
                assert "energy_data" in ours(connection)
            if roles != (0,):
                superuser.execute("ALTER ROLE aside_reader RENAME TO solar_reader")
                superuser.execute("ALTER ROLE aside_pipeline RENAME TO solar_pipeline")
            else:
                superuser.execute("CREATE ROLE solar_reader; CREATE ROLE solar_pipeline")
            assert warnings_of(upgrade, info, caplog) == ""
            with connect(info) as connection:
                assert connection.execute(
                    "SELECT has_table_privilege('solar_reader', 'energy_data', 'SELECT')"
                ).fetchone() == (True,)
        finally:
            superuser.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
            superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_the_way_back_takes_the_rights_with_it(database, connection):
    downgrade(database.conninfo, "0004")
    upgrade(database.conninfo)
    assert connection.execute(
        "SELECT has_table_privilege('solar_pipeline', 'energy_data', 'INSERT')"
    ).fetchone() == (True,)


def test_the_pipeline_backs_up_a_day_for_which_only_a_meter_has_rows(login, connection, tmp_path):
    connection.execute(
        "INSERT INTO energy_data VALUES ('2024-06-11 10:00+00', gen_random_uuid(), "
        "0, 0, 0, 0, 0, 0, 0, 0, 'METER', NULL)"
    )
    connection.commit()
    now = datetime(2024, 6, 12, 0, 37, tzinfo=UTC)
    with login("solar_pipeline").connect() as own:
        assert back_up_days(own, load_settings(home=tmp_path), now).startswith("1 of 1")


def test_the_pipeline_drops_days_that_are_backed_up_and_no_others(login, connection, tmp_path):
    day = date(2024, 6, 11)
    with login("solar_pipeline").connect() as own:
        own.execute("SELECT energy_data_partition(%s)", (day,))
        own.commit()
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            own.execute("SELECT energy_data_drop(%s)", (day,))
        own.rollback()
        back_up(own, day, tmp_path)
        own.execute("SELECT energy_data_drop(%s)", (day,))
        own.commit()
    assert days(connection) == []
    require_refused(login("solar_reader"), "SELECT energy_data_drop('2024-06-11')")
