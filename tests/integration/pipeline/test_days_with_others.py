"""Days are made, backed up and dropped while somebody else writes to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import psycopg
import pytest
from tests.support.days import ROWS, fill, restore, rows
from tests.support.sessions import wait_until_waiting

from solar_model.pipeline.housekeeping import back_up_days, drop_old_days, partitions, retention
from solar_model.pipeline.housekeeping.backups import back_up, file_name, holds
from solar_model.settings import load_settings

NOW = datetime(2026, 6, 12, 0, 37, tzinfo=UTC)
OLD = date(2024, 3, 1)
LATE = (
    'INSERT INTO energy_data ("timestamp", user_id, generation_kwh, consumption_kwh, '
    "surplus_kwh, source) VALUES ('2024-03-01 10:00+00', gen_random_uuid(), 1, 1, 0, 'METER')"
)


@pytest.fixture
def other(database):
    with database.connect() as connection:
        yield connection


@pytest.fixture
def elsewhere():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_a_row_that_is_being_written_keeps_its_day_from_being_dropped(
    connection, database, other, elsewhere, tmp_path
):
    fill(connection, OLD)
    back_up(connection, OLD, tmp_path)
    other.execute(LATE)
    with database.connect() as dropping:
        dropped = elsewhere.submit(dropping.execute, "SELECT energy_data_drop(%s)", (OLD,))
        wait_until_waiting(connection, dropping.info.backend_pid)
        other.commit()
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            dropped.result(10)
        dropping.rollback()
    assert len(rows(connection)) == ROWS + 1


def test_who_drops_a_day_does_not_wait_for_long(connection, other, monkeypatch, tmp_path):
    monkeypatch.setattr(retention, "LOCK_TIMEOUT", "100ms")
    fill(connection, OLD)
    other.execute(LATE)
    connection.execute("SET statement_timeout = '10s'")
    connection.commit()
    with pytest.raises(psycopg.errors.LockNotAvailable):
        drop_old_days(connection, load_settings(home=tmp_path), NOW)
    other.commit()
    assert len(rows(connection)) == ROWS + 1


def test_who_makes_a_day_does_not_wait_for_long(connection, other, monkeypatch, tmp_path):
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "100ms")
    other.execute(LATE)
    other.commit()
    other.execute(LATE)
    connection.execute("SET statement_timeout = '10s'")
    connection.commit()
    with pytest.raises(psycopg.errors.LockNotAvailable):
        back_up_days(connection, load_settings(home=tmp_path), NOW)
    other.commit()
    assert len(rows(connection)) == 2


def test_a_backup_is_of_one_moment(connection, database, other, tmp_path):
    """What changes between the digest and the rows is in neither."""

    class Overtaken(psycopg.Cursor):
        def copy(self, *arguments, **options):
            other.execute("UPDATE energy_data SET consumption_kwh = 7")
            other.commit()
            return super().copy(*arguments, **options)

    fill(connection, OLD)
    before = rows(connection)
    connection.cursor_factory = Overtaken
    back_up(connection, OLD, tmp_path)
    assert rows(connection) != before
    restore(database, tmp_path / file_name(OLD))
    assert rows(connection) == before
    assert holds(connection, OLD, tmp_path)


def test_a_row_that_is_being_written_moves_into_the_new_partition_of_its_day(
    connection, database, other, elsewhere
):
    other.execute(LATE)
    with database.connect() as making:
        made = elsewhere.submit(making.execute, "SELECT energy_data_partition(%s)", (OLD,))
        wait_until_waiting(connection, making.info.backend_pid)
        other.commit()
        made.result(10)
    assert connection.execute("SELECT tableoid::regclass::text FROM energy_data").fetchall() == [
        ("energy_data_20240301",)
    ]


def test_who_reads_for_long_keeps_no_day_from_being_backed_up(
    connection, other, monkeypatch, tmp_path
):
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "100ms")
    config = load_settings(home=tmp_path)
    fill(connection, OLD)
    connection.execute(LATE.replace("2024-03-01", "2024-02-01"))
    connection.commit()
    other.execute("SELECT count(*) FROM energy_data")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        back_up_days(connection, config, NOW)
    assert holds(connection, OLD, config.backup_folder)
    other.rollback()
    assert back_up_days(connection, config, NOW).startswith("1 of 2")
