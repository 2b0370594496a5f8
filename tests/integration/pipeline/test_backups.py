"""What is in a backup of a day is never lost by a later one."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.support.days import ROWS, fill, restore, rows

from solar_model.pipeline.housekeeping import back_up_days, drop_old_days
from solar_model.pipeline.housekeeping.backups import back_up, file_name, holds
from solar_model.pipeline.housekeeping.partitions import days
from solar_model.settings import Settings, load_settings
from solar_stack.postgres_wheel import locate

NOW = datetime(2026, 6, 12, 0, 37, tzinfo=UTC)
YESTERDAY, OLD = date(2026, 6, 11), date(2026, 3, 1)


@pytest.fixture
def config(tmp_path) -> Settings:
    return load_settings(home=tmp_path, data_retention=timedelta(days=90))


def files(config, day: date, count: int) -> list[Path]:
    """The backups of a day in their order, and no other file of the folder."""
    numbers = [""] + [f".{number}" for number in range(2, count + 1)]
    names = [f"backup_energy_data_{day:%Y%m%d}{number}.sql" for number in numbers]
    assert sorted(path.name for path in config.backup_folder.iterdir()) == sorted(names)
    return [config.backup_folder / name for name in names]


def add_meter(connection, day: date, hour: int = 10) -> None:
    """A meter's reading, into the partition of its day if there is one."""
    connection.execute(
        'INSERT INTO energy_data ("timestamp", user_id, generation_kwh, consumption_kwh, '
        "surplus_kwh, source) VALUES (%s, md5('meter')::uuid, 1, 1, 0, 'METER')",
        (f"{day} {hour}:00+00",),
    )
    # Postgres itself counts within seconds
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()


def change(connection, statement: str) -> None:
    connection.execute(statement.encode())
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()


def test_a_tick_that_is_run_again_after_its_day_was_dropped_leaves_the_full_backup(
    connection, database, config
):
    fill(connection, OLD)
    full = rows(connection)
    drop_old_days(connection, config, NOW)
    add_meter(connection, OLD)
    assert back_up_days(connection, config, NOW).startswith("1 of 1")
    drop_old_days(connection, config, NOW)
    assert rows(connection) == []
    restore(database, *files(config, OLD, 2))
    assert len(rows(connection)) == ROWS + 1
    assert set(full) < set(rows(connection))


def test_rows_that_were_deleted_by_accident_stay_in_the_backup(connection, database, config):
    fill(connection, YESTERDAY)
    full = rows(connection)
    back_up_days(connection, config, NOW)
    change(connection, "DELETE FROM energy_data")
    assert back_up_days(connection, config, NOW).startswith("1 of 1")
    assert back_up_days(connection, config, NOW).startswith("0 of 1")
    restore(database, *files(config, YESTERDAY, 2))
    assert rows(connection) == full


def test_of_two_backups_of_a_row_the_later_one_wins(connection, database, config):
    fill(connection, YESTERDAY)
    back_up_days(connection, config, NOW)
    change(connection, "UPDATE energy_data SET consumption_kwh = 7")
    changed = rows(connection)
    back_up_days(connection, config, NOW)
    change(connection, "UPDATE energy_data SET consumption_kwh = 8")
    restore(database, *files(config, YESTERDAY, 2))
    assert rows(connection) == changed
    assert holds(connection, YESTERDAY, config.backup_folder)


def test_a_backup_that_has_every_row_of_the_one_before_takes_its_place(connection, config):
    fill(connection, YESTERDAY)
    back_up_days(connection, config, NOW)
    for hour in (9, 10):  # a reading that comes late, night after night, fills no disk
        add_meter(connection, YESTERDAY, hour)
        assert back_up_days(connection, config, NOW).startswith("1 of 1")
        files(config, YESTERDAY, 1)
        assert holds(connection, YESTERDAY, config.backup_folder)
    change(connection, "DELETE FROM energy_data WHERE user_id = md5('meter')::uuid")
    back_up_days(connection, config, NOW)
    files(config, YESTERDAY, 2)
    add_meter(connection, YESTERDAY, 11)
    back_up_days(connection, config, NOW)
    files(config, YESTERDAY, 2)


def test_a_file_that_was_moved_away_leaves_its_number(connection, config):
    """So that the next one may follow it to the same place."""
    fill(connection, OLD)
    drop_old_days(connection, config, NOW)
    (config.backup_folder / "backup_energy_data_20260301.sql").unlink()
    for number in (2, 3):
        add_meter(connection, OLD)
        back_up_days(connection, config, NOW)
        drop_old_days(connection, config, NOW)
        file = config.backup_folder / f"backup_energy_data_20260301.{number}.sql"
        assert [*config.backup_folder.iterdir()] == [file]
        file.unlink()


def test_a_file_of_an_earlier_database_stays_and_so_does_a_copy(connection, config):
    fill(connection, OLD)
    config.backup_folder.mkdir()
    names = [f"backup_energy_data_20260301{end}.sql" for end in ("", ".9", ".9.old", "_copy")]
    for name in names:
        (config.backup_folder / name).write_text("COPY energy_data FROM stdin;\n\\.\n")
    back_up(connection, OLD, config.backup_folder)
    assert (config.backup_folder / "backup_energy_data_20260301.10.sql").is_file()
    for name in names:
        assert len((config.backup_folder / name).read_text()) < 100


def test_a_day_for_which_only_a_meter_has_rows_is_backed_up_and_ends(connection, database, config):
    for day in (OLD, YESTERDAY, NOW.date(), NOW.date() + timedelta(days=30)):
        add_meter(connection, day)
    before = rows(connection)
    assert back_up_days(connection, config, NOW).startswith("2 of 2 days")
    assert days(connection) == [OLD, YESTERDAY]
    assert drop_old_days(connection, config, NOW).startswith("1 days")
    assert rows(connection) == before[1:]
    restore(database, config.backup_folder / "backup_energy_data_20260301.sql")
    assert rows(connection) == before


@pytest.mark.parametrize("moment", ["-infinity", "0044-03-15 12:00+00 BC"])
def test_a_row_of_no_day_holds_up_no_other(connection, config, moment):
    connection.execute(
        'INSERT INTO energy_data ("timestamp", user_id, generation_kwh, consumption_kwh, '
        "surplus_kwh, source) VALUES (%s, gen_random_uuid(), 1, 1, 0, 'METER')",
        (moment,),
    )
    add_meter(connection, OLD)
    assert back_up_days(connection, config, NOW).startswith("1 of 1 days")
    assert len(rows(connection)) == 2


def test_a_day_that_comes_back_with_as_many_rows_is_backed_up(connection, config):
    for count in (1, 2):
        fill(connection, OLD)
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.commit()
        assert back_up_days(connection, config, NOW).startswith("1 of 1")
        files(config, OLD, count)
        drop_old_days(connection, config, NOW)


def test_a_damaged_backup_is_kept_aside_and_the_day_can_be_restored(connection, database, config):
    fill(connection, YESTERDAY)
    back_up_days(connection, config, NOW)
    [first] = files(config, YESTERDAY, 1)
    content = bytearray(first.read_bytes())
    content[-200:-198] = b"\t\t"
    first.write_bytes(content)
    add_meter(connection, YESTERDAY)
    now = rows(connection)
    back_up_days(connection, config, NOW)
    damaged = first.with_name(f"{first.name}.damaged")
    assert damaged.read_bytes() == content
    connection.execute("TRUNCATE energy_data")
    connection.commit()
    restore(database, first.with_name(file_name(YESTERDAY, 2)))
    assert rows(connection) == now


def test_a_backup_that_was_cut_off_is_not_taken_for_restored(connection, database, config):
    """By the commands that docs/housekeeping.md gives."""
    fill(connection, YESTERDAY)
    full = rows(connection)
    back_up_days(connection, config, NOW)
    [file] = files(config, YESTERDAY, 1)
    whole = file.read_text()
    [shown] = re.findall(r"```sh\n(for .*?)```", (ROOT / "docs/housekeeping.md").read_text(), re.S)
    commands = shown.replace(".solar/backups", str(config.backup_folder))
    path = f"{locate(None)}:{os.environ['PATH']}"
    environment = os.environ | {"DSN": database.conninfo, "PATH": path}

    def restored() -> str:
        connection.execute("TRUNCATE energy_data")
        connection.commit()
        return subprocess.run(
            ["bash", "-c", commands], env=environment, capture_output=True, text=True, timeout=60
        ).stdout

    assert "not restored" not in restored()
    assert rows(connection) == full
    for length in (len(whole) - 1, whole.index("\n", len(whole) // 2) + 1):
        file.write_text(whole[:length])
        told = restored()
        assert (rows(connection) == full) is (f"{file} is not restored" not in told)
    assert rows(connection) == []


def test_days_before_the_year_1000_have_files_of_their_own(connection, config):
    for hour in (10, 11):
        add_meter(connection, date(1, 1, 1), hour)
        back_up_days(connection, config, NOW)
        drop_old_days(connection, config, NOW)
    names = {path.name for path in config.backup_folder.iterdir()}
    assert names == {"backup_energy_data_00010101.sql", "backup_energy_data_00010101.2.sql"}


def test_what_a_killed_backup_has_left_goes_with_the_next_night(connection, config):
    fill(connection, YESTERDAY)
    config.backup_folder.mkdir()
    left = config.backup_folder / f".{file_name(YESTERDAY)}.0123456789abcdef.part"
    left.write_text("-- energy_data of half a day")
    os.utime(left, (0, 0))
    back_up_days(connection, config, NOW)
    assert files(config, YESTERDAY, 1)
