"""What a scheduler waits for: the end of a task, or the death of a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from tests.conftest import ROOT

# What the scheduler does with its executor, over and over, but with all the time in the world. Each
# line is written in one piece: the workers write to the same file.
SCHEDULER = r"""
import os, signal
from solar_airflow import executor as ours
ours.LONGEST_WAIT_SECONDS = 86_400
executor = ours.LocalExecutor(parallelism=3)
executor.start()
executor.running.add("a task")
signal.signal(signal.SIGUSR1, lambda *_: executor.result_queue.put(("a task", "success", None)))
os.write(1, f"workers {' '.join(map(str, executor.workers))}\n".encode())
while True:
    executor.sync()
    os.write(1, f"saw {executor.event_buffer}\n".encode())
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


@pytest.fixture
def workers(scheduler, words):
    deadline = time.monotonic() + 180
    while not (found := [line for line in lines(words) if line.startswith("workers ")]):
        assert scheduler.poll() is None and time.monotonic() < deadline, lines(words)
        time.sleep(0.1)
    return [int(pid) for pid in found[0].split()[1:]]


def lines(words):
    return words.read_text().splitlines()


@pytest.mark.usefixtures("workers")
def test_it_sees_the_end_of_a_task_at_once(scheduler, words):
    assert not [line for line in lines(words) if line.startswith("saw ")]
    scheduler.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + 60
    while not (seen := [line for line in lines(words) if line.startswith("saw ")]):
        assert scheduler.poll() is None and time.monotonic() < deadline, lines(words)
        time.sleep(0.05)
    assert len(seen) == 1 and "'a task': ('success'" in seen[0]


def test_it_ends_when_a_worker_was_killed(scheduler, workers):
    assert len(workers) == 3
    os.kill(workers[0], signal.SIGKILL)  # the first waits with the lock
    assert scheduler.wait(timeout=60) == os.EX_SOFTWARE
