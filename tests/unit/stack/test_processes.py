"""Services end with everything they started, and nothing else does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from solar_stack.processes import Service, stop

# A shell that starts a child in a process group of its own, as Airflow's task runners are.
FAMILY = """
import os, sys, time
child = os.fork()
if not child:
    os.setpgid(0, 0)
open(sys.argv[1], "a").write(f"{os.getpid()}\\n")
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def service(tmp_path):
    made = []

    def make(code, *arguments, grace_seconds=5.0):
        one = Service(
            "sleeper",
            [sys.executable, "-c", code, *arguments],
            log=tmp_path / "sleeper.log",
            record=tmp_path / "sleeper.json",
            environment=dict(os.environ),
            grace_seconds=grace_seconds,
        )
        one.start()
        made.append(one)
        return one

    yield make
    stop(one.record for one in made)


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_whole_family_ends(service, tmp_path):
    pids = tmp_path / "pids"
    one = service(FAMILY, str(pids))
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    assert stop([one.record]) == ["sleeper"]
    assert all(gone(int(pid)) for pid in pids.read_text().split())
    assert one.exit_code == -signal.SIGTERM
    assert not one.record.exists()


def test_children_of_a_killed_leader_are_found(service, tmp_path):
    pids = tmp_path / "pids"
    one = service(FAMILY, str(pids))
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    leader = json.loads(one.record.read_text())["pid"]
    os.kill(leader, signal.SIGKILL)
    wait_for(lambda: one.exit_code is not None)
    stop([one.record])
    assert all(gone(int(pid)) for pid in pids.read_text().split())


def test_one_that_does_not_listen_is_killed(service):
    one = service(STUBBORN, grace_seconds=0.2)
    wait_for(lambda: "up" in one.log.read_text())
    stop([one.record])
    assert one.exit_code == -signal.SIGKILL


def test_a_program_that_got_the_number_later_is_left_alone(tmp_path):
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
    )
    try:
        started = psutil.Process(stranger.pid).create_time() - 3600
        record = tmp_path / "scheduler.json"
        record.write_text(
            json.dumps({"pid": stranger.pid, "started": started, "grace_seconds": 1.0})
        )
        assert stop([record]) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_half_a_record_ends_nothing(tmp_path):
    record = tmp_path / "scheduler.json"
    record.write_text('{"pid": 12')
    assert stop([record]) == []
    assert not record.exists()


def test_the_log_tail_is_of_this_start(service, tmp_path):
    (tmp_path / "sleeper.log").write_text("of an earlier start\n")
    one = service("print('last words')")
    wait_for(lambda: one.exit_code is not None)
    assert one.log_tail() == "last words"


def test_the_log_tail_of_a_log_that_was_begun_anew(service, tmp_path):
    log = tmp_path / "sleeper.log"
    log.write_text("of an earlier start\n" * 100)
    one = service("print('last words')")
    wait_for(lambda: one.exit_code is not None)
    log.write_text("since then\n")
    assert one.log_tail() == "since then"


def test_a_kill_leaves_nothing_also_when_the_leader_is_gone(service, tmp_path):
    pids = tmp_path / "pids"
    for leader_first in (False, True):
        one = service(FAMILY, str(pids))
        wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        if leader_first:
            os.kill(json.loads(one.record.read_text())["pid"], signal.SIGKILL)
            wait_for(lambda one=one: one.exit_code is not None)
        one.kill()
        assert one.exit_code == -signal.SIGKILL
        assert all(gone(int(pid)) for pid in pids.read_text().split())
        pids.unlink()
