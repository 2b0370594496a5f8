"""A scheduler whose worker was killed ends, whatever the worker held."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.conftest import ROOT

# What the scheduler does with its executor, over and over. Each look is a line.
SCHEDULER = """
import sys, time
from solar_airflow.executor import LocalExecutor
executor = LocalExecutor(parallelism=3)
executor.start()
print("workers", *executor.workers, flush=True)
while True:
    executor.sync()
    print("looked", flush=True)
    time.sleep(0.05)
"""


@pytest.fixture
def scheduler():
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}"}
    process = subprocess.Popen(
        [sys.executable, "-c", SCHEDULER],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    os.killpg(process.pid, 9)
    process.wait()


def test_it_ends_when_a_worker_was_killed(scheduler):
    words = iter(scheduler.stdout.readline, "")
    _, *workers = next(line for line in words if line.startswith("workers ")).split()
    assert len(workers) == 3
    for _ in range(3):
        assert next(line for line in words if line == "looked\n")
    assert scheduler.poll() is None
    os.kill(int(workers[0]), 9)  # the first waits with the lock
    assert scheduler.wait(timeout=60) == os.EX_SOFTWARE
