"""`make run` and `make cycle` as an operator meets them: real Postgres, real Airflow, real signals.

The tests share one state folder and come in an order, as starts on one machine do.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import requests

from solar_model.settings import PROJECT_ROOT
from solar_stack.ports import HOST, free_port
from solar_stack.postgres import EmbeddedPostgres

pytestmark = pytest.mark.end_to_end

# Generous: the machine may be busy with something else.
START_SECONDS = 240
STARTED: list[Launcher] = []
READY = "Ctrl-C stops everything"


class Launcher:
    """``python -m solar_stack`` in a process of its own."""

    def __init__(self, home: Path, *arguments: str, **variables: str) -> None:
        self.home = home
        self.output = home.parent / f"output-{len(STARTED)}.txt"
        environment = {**os.environ, "SOLAR_HOME": str(home), **variables}
        # What the other tests set is for Airflow inside of pytest.
        for name in [name for name in environment if name.startswith("AIRFLOW")]:
            if name not in variables:
                del environment[name]
        environment["PYTHONPATH"] = str(PROJECT_ROOT / "include")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "solar_stack", *arguments],
                cwd=PROJECT_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.family: set[psutil.Process] = set()
        STARTED.append(self)

    @property
    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)
        # remembered now: after a kill nobody could tell whose children they were
        self.family |= set(psutil.Process(self.process.pid).children(recursive=True))

    def send(self, number: signal.Signals) -> int:
        self.family |= set(psutil.Process(self.process.pid).children(recursive=True))
        self.process.send_signal(number)
        return self.process.wait(timeout=90)

    def left(self) -> list[str]:
        """Every process that it started, or that works in its folder, and still lives."""
        alive = [one for one in self.family if is_alive(one)]
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                home = process.environ().get("SOLAR_HOME") == str(self.home)
                if home or Path(process.cwd()).is_relative_to(self.home):
                    alive.append(process)
        return [str(process) for process in alive if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture(scope="module")
def port() -> str:
    return str(free_port())


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # not below pytest's folder: as root, Postgres runs as a user that cannot enter it
    folder = Path(tempfile.mkdtemp(prefix="solar-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder / "state"
    for launcher in STARTED:
        if launcher.process.poll() is None:  # its test failed
            launcher.send(signal.SIGTERM)
    environment = {**os.environ, "SOLAR_HOME": str(folder / "state")}
    subprocess.run([sys.executable, "-m", "solar_stack", "remove"], env=environment, check=True)
    shutil.rmtree(folder)


def counts(home: Path) -> tuple[int, int]:
    """Rows of energy_data, and ticks that are completed."""
    with (
        EmbeddedPostgres(home / "postgres") as postgres,
        psycopg.connect(postgres.dsn("solar")) as connection,
    ):
        [(rows,)] = connection.execute("SELECT count(*) FROM energy_data").fetchall()
        [(runs,)] = connection.execute(
            "SELECT count(*) FROM simulation_runs WHERE status = 'completed'"
        ).fetchall()
        return rows, runs


def test_the_command_lines_before_anything_was_started(home):
    fresh = home.parent / "fresh"
    environment = {**os.environ, "SOLAR_HOME": str(fresh)}
    for arguments in (["airflow", "version"], ["solar", "db", "upgrade"], ["remove"]):
        command = [sys.executable, "-m", "solar_stack", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr


def test_from_nothing_it_shows_a_day_looks_after_its_parts_and_ctrl_c_stops_everything(home, port):
    launcher = Launcher(home, "run", SOLAR_PORT=port)
    launcher.wait_for(READY)
    assert "✓ Filling in the last 24 hours" in launcher.said

    second = Launcher(home, "run", SOLAR_PORT=str(free_port()))
    assert second.process.wait(timeout=60) == 1
    assert f"running already: http://{HOST}:{port} (pid {launcher.process.pid})" in second.said

    record = json.loads((home / "processes" / "triggerer.json").read_text())
    os.kill(record["pid"], signal.SIGKILL)
    launcher.wait_for("starting triggerer again: it ended with exit code -9")

    password = launcher.said.split("admin / ")[1].split()[0]
    login = {"username": "admin", "password": password}
    answer = requests.post(f"http://{HOST}:{port}/auth/token", json=login, timeout=30)
    assert answer.status_code == requests.codes.created

    launcher.process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # an operator in a hurry
    assert launcher.send(signal.SIGINT) == 128 + signal.SIGINT, launcher.said
    assert launcher.left() == []
    assert "Traceback" not in launcher.said
    rows, ticks = counts(home)
    assert ticks >= 96, "the dashboard would not show a whole day"
    assert rows == 1000 * ticks


def test_a_taken_port(home):
    with socket.create_server((HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        launcher = Launcher(home, "run", SOLAR_PORT=port)
        assert launcher.process.wait(timeout=60) == 1
    assert f"Port {port} is in use" in launcher.said
    assert "SOLAR_PORT=" in launcher.said
    assert launcher.left() == []


def test_a_component_that_cannot_start(home, port):
    launcher = Launcher(home, "run", SOLAR_PORT=port, AIRFLOW__LOGGING__LOGGING_LEVEL="many")
    assert launcher.process.wait(timeout=START_SECONDS) == 1
    assert re.search(r"Airflow's [a-z-]+ ended with exit code 1", launcher.said)
    assert "'many'" in launcher.said  # the end of its log says why
    assert launcher.left() == []


def test_a_stop_in_the_middle_of_starting(home, port):
    launcher = Launcher(home, "run", SOLAR_PORT=port)
    launcher.wait_for("Starting Airflow")
    time.sleep(3)
    assert launcher.send(signal.SIGTERM) == 128 + signal.SIGTERM, launcher.said
    assert launcher.left() == []


def test_a_cycle_after_a_kill_cleans_up_and_ends_by_itself(home, port):
    killed = Launcher(home, "run", SOLAR_PORT=port)
    killed.wait_for("Starting Airflow")
    time.sleep(3)
    killed.send(signal.SIGKILL)
    assert len(killed.left()) > 5  # nobody was there to stop them

    launcher = Launcher(home, "cycle", SOLAR_PORT=port)
    launcher.wait_for("✓ Starting Airflow")
    assert "Stopped what an earlier start left behind: " in launcher.said
    assert not [one for one in killed.family if is_alive(one)]
    assert launcher.process.wait(timeout=START_SECONDS) == 0, launcher.said
    assert launcher.left() == []
    for shown in ("Cycle of", "completed", "1000", "validate_results"):
        assert shown in launcher.said


def test_no_secret_is_shown(home):
    said = STARTED[-1].said  # of a cycle: who is to log in has to be told
    passwords = (home / "postgres" / "passwords.json").read_text()
    secrets = (home / "secrets.json").read_text()
    drawn = [word for word in (passwords + secrets).split('"') if len(word) > 16]
    assert len(drawn) >= 6
    assert not [secret for secret in drawn if secret in said]
