"""House-keeping on a real Postgres: backups that restore, and days that end only with one."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from tests.support.days import ROWS, fill, restore, rows
from tests.support.ledger import add_run

from solar_model.pipeline import journal, validations
from solar_model.pipeline.connections import from_environment
from solar_model.pipeline.housekeeping import (
    back_up_days,
    drop_old_days,
    expiry,
    make_days_ahead,
    remove_old_exchange_files,
    remove_old_logs,
    remove_old_pages,
)
from solar_model.pipeline.housekeeping.backups import back_up, holds
from solar_model.pipeline.housekeeping.partitions import days
from solar_model.settings import Settings, load_settings

NOW = datetime(2026, 6, 12, 0, 37, tzinfo=UTC)
YESTERDAY, OLD = date(2026, 6, 11), date(2026, 3, 1)
FILE = "backup_energy_data_20260611.sql"


@pytest.fixture
def config(tmp_path) -> Settings:
    return load_settings(home=tmp_path, data_retention=timedelta(days=90))


@pytest.mark.parametrize("damage", ["DROP TABLE energy_data_20260611", "DELETE FROM energy_data",
                                    "UPDATE energy_data SET generation_kwh = 0"])  # fmt: skip
def test_a_backup_restores_what_was_there(connection, database, config, damage):
    fill(connection, YESTERDAY)
    fill(connection, date(2026, 6, 10))
    before = rows(connection)
    assert back_up_days(connection, config, NOW).startswith("2 of 2 days backed up")
    connection.execute(damage.encode())
    connection.commit()
    restore(database, *config.backup_folder.iterdir())
    assert rows(connection) == before
    assert holds(connection, YESTERDAY, config.backup_folder)


def test_a_day_is_backed_up_once_and_again_when_a_tick_of_it_was_run_since(connection, config):
    fill(connection, YESTERDAY)
    fill(connection, NOW.date())
    assert back_up_days(connection, config, NOW).startswith("1 of 1")
    assert back_up_days(connection, config, NOW).startswith("0 of 1")
    later = datetime.now(tz=UTC) + timedelta(minutes=1)
    tick = datetime(2026, 6, 11, 14, 15, tzinfo=UTC)
    add_run(connection, tick, finished_at=later)
    assert back_up_days(connection, config, NOW).startswith("1 of 1")
    assert [path.name for path in config.backup_folder.iterdir()] == [FILE]
    (config.backup_folder / FILE).unlink()
    assert back_up_days(connection, config, NOW).startswith("1 of 1")
    assert len(list(config.backup_folder.iterdir())) == 1


def test_a_reading_that_comes_late_is_backed_up_too(connection, config):
    fill(connection, YESTERDAY)
    assert back_up_days(connection, config, NOW).startswith("1 of 1")
    connection.execute(
        'INSERT INTO energy_data ("timestamp", user_id, generation_kwh, consumption_kwh, '
        "surplus_kwh, source) VALUES (%s, gen_random_uuid(), 1, 1, 0, 'METER')",
        (datetime(2026, 6, 11, 14, 15, tzinfo=UTC),),
    )
    # Postgres itself counts within seconds
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()
    assert back_up_days(connection, config, NOW).startswith("1 of 1")
    assert holds(connection, YESTERDAY, config.backup_folder)
    assert back_up_days(connection, config, NOW).startswith("0 of 1")


def test_what_was_written_and_taken_back_needs_no_new_backup(connection, config):
    fill(connection, YESTERDAY)
    back_up_days(connection, config, NOW)
    made_at = connection.execute("SELECT made_at FROM backups").fetchall()
    connection.execute("UPDATE energy_data SET generation_kwh = generation_kwh")
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()
    for _ in range(2):
        assert back_up_days(connection, config, NOW).startswith("0 of 1")
    assert connection.execute("SELECT made_at FROM backups").fetchall() == made_at


def test_old_days_are_dropped_and_their_backups_stay(connection, config):
    fill(connection, OLD)
    fill(connection, YESTERDAY)
    assert drop_old_days(connection, config, NOW).startswith("1 days")
    assert days(connection) == [YESTERDAY]
    [(count,)] = connection.execute("SELECT rows FROM backups WHERE day = %s", (OLD,)).fetchall()
    assert count == ROWS
    assert (config.backup_folder / "backup_energy_data_20260301.sql").is_file()
    assert drop_old_days(connection, config, NOW).startswith("0 days")


def test_the_oldest_day_of_the_retention_stays(connection, config):
    fill(connection, NOW.date() - config.data_retention)
    assert drop_old_days(connection, config, NOW).startswith("0 days")
    assert drop_old_days(connection, config, NOW + timedelta(days=1)).startswith("1 days")


def test_what_cannot_be_backed_up_is_not_dropped(connection, config):
    fill(connection, OLD)
    config.backup_folder.parent.mkdir(exist_ok=True)
    config.backup_folder.write_text("no folder")
    with pytest.raises(OSError):
        drop_old_days(connection, config, NOW)
    assert len(rows(connection)) == ROWS


def test_the_database_refuses_to_drop_what_is_not_backed_up(connection, config):
    fill(connection, OLD)
    drop = "SELECT energy_data_drop(%s)"
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="2026-03-01"):
        connection.execute(drop, (OLD,))
    connection.rollback()
    back_up(connection, OLD, config.backup_folder)
    connection.execute(
        "UPDATE energy_data SET surplus_kwh = surplus_kwh + 1 WHERE ctid = "
        "(SELECT min(ctid) FROM energy_data)"
    )
    connection.commit()
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        connection.execute(drop, (OLD,))
    connection.rollback()
    assert len(rows(connection)) == ROWS


@pytest.mark.parametrize("loss", ["gone", "damaged", "outdated"])
def test_a_backup_that_is_not_good_any_more_is_followed_by_another_before_the_drop(
    connection, config, database, loss
):
    fill(connection, OLD)
    back_up(connection, OLD, config.backup_folder)
    file = config.backup_folder / "backup_energy_data_20260301.sql"
    if loss == "gone":
        file.unlink()
    elif loss == "damaged":
        file.write_bytes(file.read_bytes().replace(b"\t1e-06\t", b"\t2e-06\t"))
    else:
        connection.execute("UPDATE energy_data SET consumption_kwh = 7")
        connection.commit()
    before = rows(connection)
    drop_old_days(connection, config, NOW)
    assert rows(connection) == []
    restore(database, config.backup_folder / "backup_energy_data_20260301.2.sql")
    assert rows(connection) == before


def test_partitions_are_made_a_week_ahead(connection, config):
    assert make_days_ahead(connection, config, NOW).startswith("8 partitions made")
    assert days(connection) == [NOW.date() + timedelta(days=number) for number in range(8)]
    assert make_days_ahead(connection, config, NOW).startswith("0 partitions made")


def test_rows_of_an_unprepared_day_move_into_its_partition_and_are_backed_up(connection, config):
    connection.execute(
        "INSERT INTO energy_data VALUES ('2026-06-13 10:00+00', gen_random_uuid(), "
        "0, 0, 0, 0, 0, 0, 0, 0, 'METER', NULL)"
    )
    connection.commit()
    make_days_ahead(connection, config, NOW)
    assert back_up(connection, date(2026, 6, 13), config.backup_folder) == 1


def test_old_logs_go_and_fresh_ones_stay(config):
    logs = config.log_folder
    old = logs / "tasks" / "dag_id=solar_simulation" / "run_id=old" / "attempt=1.log"
    fresh = logs / "tasks" / "dag_id=solar_simulation" / "run_id=fresh" / "attempt=1.log"
    of_day = logs / "simulation_log_20260401.log"
    for path in (old, fresh, of_day):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a line\n")
    long_ago = (NOW - timedelta(days=31)).timestamp()
    for path in (old, old.parent, of_day, fresh.parent):
        os.utime(path, (long_ago, long_ago))
    os.utime(fresh, (NOW.timestamp(), NOW.timestamp()))
    assert remove_old_logs([logs], config, NOW).startswith("2 log files removed")
    assert not old.parent.exists()
    assert fresh.exists()
    assert not of_day.exists()


def test_a_long_log_is_begun_anew_under_whoever_writes_it(config, monkeypatch):
    monkeypatch.setattr(expiry, "LONG_LOG_BYTES", 1000)
    long, short = config.log_folder / "scheduler.log", config.log_folder / "triggerer.log"
    of_task = config.log_folder / "tasks" / "attempt=1.log"
    of_task.parent.mkdir(parents=True)
    of_task.write_text("done\n" * 400)
    short.write_text("a line\n")
    with long.open("ab", buffering=0) as writer:
        writer.write(b"before\n" * 200)
        assert "1 long ones begun anew" in remove_old_logs([config.log_folder], config, NOW)
        writer.write(b"after\n")
    assert long.read_text() == "after\n"
    assert long.with_name("scheduler.log.1").read_text() == "before\n" * 200
    assert short.read_text() == "a line\n"
    assert of_task.read_text() == "done\n" * 400


def test_old_pages_go_and_what_they_found_stays(connection, config):
    made = []
    for number, age in enumerate((31, 29)):
        made.append(run_id := add_run(connection, datetime(2026, 6, 11, number, tzinfo=UTC)))
        connection.execute(
            "INSERT INTO validations VALUES (%s, true, '{}', '{}', 'a page', %s)",
            (run_id, NOW - timedelta(days=age)),
        )
    connection.commit()
    assert remove_old_pages(connection, config, NOW).startswith("1 pages")
    pages = connection.execute("SELECT page FROM validations ORDER BY validated_at").fetchall()
    assert pages == [(None,), ("a page",)]
    gone, kept = (validations.page_of(connection, UUID(run_id)) for run_id in made)
    assert gone is None
    assert kept.html == "a page"


def test_old_files_leave_every_exchange(config, tmp_path):
    exchanges = [tmp_path / "one", tmp_path / "two"]
    for folder in exchanges:
        folder.mkdir()
        for name in ("results_20260101_1200.csv", "results_20260611_1200.csv", "somebody.txt"):
            (folder / name).write_text("x")
        os.utime(folder / "results_20260101_1200.csv", (0, 0))
        os.utime(folder / "somebody.txt", (0, 0))
    config = load_settings(
        home=tmp_path, exchanges=",".join(f"file://{path}" for path in exchanges)
    )
    assert remove_old_exchange_files(config, from_environment).startswith("2 files removed from 2")
    for folder in exchanges:
        left = {path.name for path in folder.iterdir()}
        assert left == {"results_20260611_1200.csv", "somebody.txt"}


def test_the_simulation_log_has_a_line_for_each_cycle_that_ended(connection, tmp_path):
    tick = datetime(2026, 6, 11, 14, 15, tzinfo=UTC)
    add_run(connection, tick, runner="local", timings_s={"run_simulation": 0.8})
    failed = tick + timedelta(minutes=15)
    add_run(connection, failed, status="failed", error="no weather")
    for each in (tick, failed):
        run_id = f"scheduled__{each:%Y-%m-%dT%H:%M:%S+00:00}"
        file = journal.note(connection, run_id, tmp_path / "logs")
    assert file.name == f"simulation_log_{datetime.now(tz=UTC):%Y%m%d}.log"
    first, second = map(json.loads, file.read_text().splitlines())
    assert (first["tick"], first["status"]) == ("2026-06-11T14:15:00", "completed")
    assert (first["runner"], first["rows_inserted"], first["seconds"]) == ("local", 1000, 29)
    assert first["timings_s"] == {"run_simulation": 0.8}
    assert (second["status"], second["error"]) == ("failed", "no weather")
