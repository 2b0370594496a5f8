"""The embedded Postgres through what can happen to it: clean and unclean ends, and strangers."""

from __future__ import annotations

import json
import multiprocessing
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest

from solar_stack import logs
from solar_stack.errors import StackError
from solar_stack.ports import HOST, free_port
from solar_stack.postgres import EmbeddedPostgres
from solar_stack.postgres_wheel import locate
from solar_stack.unprivileged import SERVER_USER, can_enter, group_of

pytestmark = pytest.mark.slow


def processes_of(server):
    return server._processes()


def keep(server, number):
    """Commit a row, so that a later start can be asked for it."""
    with psycopg.connect(server.dsn("solar")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number integer)")
        connection.execute("INSERT INTO kept VALUES (%s)", (number,))


def kept(server):
    with psycopg.connect(server.dsn("solar")) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM kept ORDER BY 1")]


def test_data_outlives_a_stop_and_no_process_does(server, make_postgres):
    keep(server, 1)
    server.stop()
    assert processes_of(server) == []
    again = make_postgres(server.folder)
    again.start()
    assert kept(again) == [1]


def test_committed_rows_outlive_a_kill_and_a_server_that_was_left_is_shut_down(
    server, make_postgres
):
    keep(server, 1)
    [postmaster] = [one for one in processes_of(server) if one.pid == server._server.pid]
    postmaster.kill()
    server._server.wait()
    os.close(server._lock)  # as when the program that held it was killed
    server._lock = None
    again = make_postgres(server.folder)
    again.start()
    assert kept(again) == [1]
    keep(again, 2)

    os.close(again._lock)  # the program is killed, its server lives
    again._lock = None
    left = {one.pid for one in processes_of(again)}
    third = make_postgres(server.folder)
    third.start()
    assert kept(third) == [1, 2]
    assert not left & {one.pid for one in processes_of(third)}


def test_a_server_that_was_killed_is_started_again_at_its_address(server):
    keep(server, 1)
    address = server.dsn("solar")
    with psycopg.connect(address) as client:
        client.execute("INSERT INTO kept VALUES (2)")  # not committed
        server._server.kill()
        server._server.wait()
        assert not server.running
        server.restart()
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    assert server.dsn("solar") == address
    assert kept(server) == [1]


def test_one_of_its_processes_that_is_killed_is_its_own_business(server):
    keep(server, 1)
    with psycopg.connect(server.dsn("solar")) as client:
        psutil.Process(client.info.backend_pid).kill()
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    server._wait_until_ready()
    assert server.running
    assert kept(server) == [1]


def test_a_stale_pid_file_whose_number_is_another_programs_now(server, make_postgres):
    server.stop()
    owner = server._cluster.stat()
    # of the same user as the server: Postgres itself would take it for a running server
    stranger = subprocess.Popen(
        ["sleep", "60"], **({"user": owner.st_uid} if os.geteuid() == 0 else {})
    )
    try:
        pid_file = server._cluster / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{server._cluster}\n1700000000\n5432\n\n\n\nready\n")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        again = make_postgres(server.folder)
        again.start()
        assert again.running
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_is_taken_up(make_postgres, tmp_path):
    draft = tmp_path / "postgres" / "cluster.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    server = make_postgres(tmp_path / "postgres")
    server.start()
    keep(server, 1)
    assert kept(server) == [1]


def test_lost_passwords_are_made_anew(server, make_postgres):
    keep(server, 1)
    before = server.dsn("solar")
    server.stop()
    (server.folder / "passwords.json").unlink()
    again = make_postgres(server.folder)
    again.start()
    assert kept(again) == [1]
    assert again.dsn("solar").split("@")[0] != before.split("@")[0]


def test_another_program_on_the_same_folder_is_refused(server, make_postgres):
    with pytest.raises(StackError, match=r"Another program is using the Postgres in .*postgres"):
        make_postgres(server.folder).start()
    assert server.running


def test_another_program_can_ask_for_the_address(server, make_postgres):
    other = make_postgres(server.folder)
    assert other.attach()
    assert other.dsn("solar") == server.dsn("solar")
    server.stop()
    assert not make_postgres(server.folder).attach()


def test_a_cluster_of_another_version_is_named(server, make_postgres):
    server.stop()
    (server._cluster / "PG_VERSION").write_text("12\n")
    with pytest.raises(StackError, match=r"made by version 12; the version installed here is \d+"):
        make_postgres(server.folder).start()


def test_a_taken_port_is_named(make_postgres, tmp_path):
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        server = make_postgres(tmp_path / "postgres", port)
        with pytest.raises(StackError, match=rf"Port {port} is in use.*SOLAR_POSTGRES_PORT"):
            server.start()
    assert processes_of(server) == []
    server.start()
    assert server.port == port


def test_a_long_log_is_begun_anew_at_the_next_start(server, monkeypatch):
    before = server.log.read_bytes()
    kept = server.log.with_name("postgres.log.1")
    server.stop()
    server.start()
    assert server.log.read_bytes().startswith(before)
    assert not kept.exists()
    server.stop()
    monkeypatch.setattr(logs, "LONG_LOG_BYTES", len(before))
    server.start()
    assert kept.read_bytes().startswith(before)
    assert not server.log.read_bytes().startswith(before)
    assert "ready to accept connections" in server.log.read_text()


def test_a_server_that_cannot_start_shows_its_log(server, make_postgres):
    server.stop()
    with (server._cluster / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = on\n")
    with pytest.raises(StackError, match="no_such_setting"):
        make_postgres(server.folder).start()


def test_a_start_can_be_broken_off(tmp_path, make_postgres):
    class BrokenOff(BaseException):
        pass

    def pause(_seconds):
        raise BrokenOff

    server = make_postgres(tmp_path / "postgres")
    server._pause = pause
    with pytest.raises(BrokenOff):
        server.start()
    assert processes_of(server) == []


def test_nobody_comes_in_without_the_password(server):
    for database in ("airflow", "solar", "postgres"):
        address = f"host={HOST} port={server.port} user={database} dbname={database}"
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(address)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{address} password=postgres")
    assert stat.S_IMODE((server.folder / "passwords.json").stat().st_mode) == 0o600


def test_each_role_stays_in_its_own_database(server):
    passwords = json.loads((server.folder / "passwords.json").read_text())
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(
            host=HOST,
            port=server.port,
            user="solar",
            password=passwords["solar"],
            dbname="airflow",
        )


def test_it_listens_on_this_machine_alone_and_stays_durable(server):
    with psycopg.connect(server.dsn("postgres")) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()[0]
            for name in (
                "listen_addresses",
                "fsync",
                "synchronous_commit",
                "full_page_writes",
                "TimeZone",
            )
        }
    assert shown == {
        "listen_addresses": HOST,
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "TimeZone": "UTC",
    }


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="another user can only be become by root")
class TestAsRoot:
    def test_the_server_runs_as_another_user(self, server):
        assert {one.uids().real for one in processes_of(server)} == {
            pwd.getpwnam(SERVER_USER).pw_uid
        }

    def test_below_a_closed_folder_the_folder_stays_closed(self, make_postgres, tmp_path):
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        server = make_postgres(closed / "postgres")
        server.start()
        keep(server, 1)
        server.stop()
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        again = make_postgres(closed / "postgres")
        again.start()
        assert kept(again) == [1]
        outside = again._cluster.parent
        assert tmp_path not in outside.parents
        again.stop()
        again.remove()
        assert not outside.exists()

    def test_a_wheel_below_a_closed_folder_is_copied(self, make_postgres, tmp_path, monkeypatch):
        monkeypatch.setattr("solar_stack.postgres_wheel.can_enter", lambda *_: False)
        with tempfile.TemporaryDirectory(dir="/var/tmp") as elsewhere:
            Path(elsewhere).chmod(0o755)
            monkeypatch.setattr("solar_stack.postgres_wheel.ELSEWHERE", Path(elsewhere))
            server = make_postgres(tmp_path / "postgres")
            server.start()
            assert psutil.Process(server._server.pid).exe().startswith(elsewhere)
            server.stop()

    def test_an_ordinary_user_can_do_it_all(self):
        entry = pwd.getpwnam(SERVER_USER)
        if not can_enter(locate(None) / "postgres", entry.pw_uid):
            pytest.skip("this project lies where an ordinary user cannot go")
        home = Path(tempfile.mkdtemp(dir="/var/tmp"))
        os.chown(home, entry.pw_uid, group_of(entry.pw_uid))
        try:
            # Fork: the interpreter itself may lie where that user cannot go.
            child = multiprocessing.get_context("fork").Process(
                target=_as_ordinary_user, args=(entry.pw_uid, home / "postgres")
            )
            child.start()
            child.join()
            assert child.exitcode == 0
            assert (home / "postgres" / "cluster").owner() == SERVER_USER
        finally:
            shutil.rmtree(home)


def _as_ordinary_user(uid, folder):
    os.setgroups([])
    os.setgid(group_of(uid))
    os.setuid(uid)
    with EmbeddedPostgres(folder, free_port()) as server:
        keep(server, 1)
        os.kill(server._server.pid, signal.SIGKILL)
        server._server.wait()
        server.stop()
        server.start()
        sys.exit(0 if kept(server) == [1] else 1)
