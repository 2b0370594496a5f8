"""A real HTTP runner in a process of its own, and requests to make of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from tests.conftest import ROOT

from solar_model.community.households import fill_from_site
from solar_model.files import write_users
from solar_model.manifest import Manifest
from solar_model.runner.client import JobStatus, RunnerClient
from solar_model.sample import sample_households
from solar_model.settings import settings
from solar_stack.ports import free_port

SECRET = "a key that both sides know"
TICK = "2024-06-11T17:00:00"
START_SECONDS = 180
JOB_SECONDS = 120


def request_file(
    folder: Path, households: int = 50, steps: int = 1, weather: object = "stochastic"
) -> Path:
    """An input file with its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "users_input_20240611_170000.csv"
    write_users(fill_from_site(sample_households(households, 7), settings()), path)
    Manifest.of(path, rows=households, tick=TICK, steps=steps, seed=7, weather=weather).write(path)
    return path


class Runner:
    """``solar runner`` as a process."""

    def __init__(self, folder: Path, *options: str, scheme: str = "http", **variables: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.options = options
        self.variables = variables
        self.output = folder.parent / f"{folder.name}.log"
        self.start()

    def start(self) -> None:
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-c", "from solar_model.cli import app; app()", "runner"),
                    *("--port", str(self.port), "--folder", str(self.folder), *self.options),
                ],
                env={
                    # what the other tests set is for Airflow inside of pytest
                    **{k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")},
                    "PYTHONPATH": str(ROOT / "include"),
                    "SOLAR_RUNNER_SECRET": SECRET,
                    # a site of its own: what was asked for must not depend on it
                    "SOLAR_SITE_TIMEZONE": "Asia/Tokyo",
                    **self.variables,
                },
                # also where the tests themselves run below nohup
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            try:
                httpx.get(f"{self.url}/health", verify=False, timeout=2).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return

    @property
    def said(self) -> str:
        return self.output.read_text()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)

    @property
    def client(self) -> RunnerClient:
        return RunnerClient(self.url, SECRET)


def wait(client: RunnerClient, job_id: str, *statuses: str) -> JobStatus:
    """The job once it has one of the statuses."""
    deadline = time.monotonic() + JOB_SECONDS
    while time.monotonic() < deadline:
        job = client.status(job_id)
        if job.status in statuses:
            return job
        time.sleep(0.05)
    raise AssertionError(f"the job is {job.status} after {JOB_SECONDS} s")
