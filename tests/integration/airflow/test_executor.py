"""A scheduler whose worker was killed ends, whatever the worker held."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from tests.conftest import ROOT

# What the scheduler does with its executor, over and over. Each look is a line, written in one
# piece: the workers write to the same file.
SCHEDULER = r"""
import os, time
from solar_airflow.executor import LocalExecutor
executor = LocalExecutor(parallelism=3)
executor.start()
os.write(1, f"workers {' '.join(map(str, executor.workers))}\n".encode())
while True:
    executor.sync()
    os.write(1, b"looked\n")
    time.sleep(0.05)
"""


@pytest.fixture
def words(tmp_path):
    """What the scheduler has printed so far; its workers keep a pipe open when it ends."""
    return tmp_path / "words"


@pytest.fixture
def scheduler(words):
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}"}
    with words.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", SCHEDULER],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield process
    os.killpg(process.pid, 9)
    process.wait()


def test_it_ends_when_a_worker_was_killed(scheduler, words):
    deadline = time.monotonic() + 180
    while (lines := words.read_text().splitlines()).count("looked") < 3:
        assert scheduler.poll() is None and time.monotonic() < deadline, lines
        time.sleep(0.1)
    [workers] = [line.split()[1:] for line in lines if line.startswith("workers ")]
    assert len(workers) == 3
    os.kill(int(workers[0]), 9)  # the first waits with the lock
    assert scheduler.wait(timeout=60) == os.EX_SOFTWARE
