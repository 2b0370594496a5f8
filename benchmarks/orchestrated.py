"""The cycle through Airflow: from the trigger to success, and the memory of every process."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks.apart import Measured, apart, medians, timed
from benchmarks.pipeline import settle
from solar_model.pipeline.runs import CYCLE_DAG, DAILY_DAG
from solar_model.settings import load_settings
from solar_model.ticks import TICK
from solar_stack.api import AirflowApi
from solar_stack.cycle import FINISHED, wait_for_dag
from solar_stack.ports import free_port
from solar_stack.show import step
from solar_stack.signals import Signals
from solar_stack.stack import Stack

LOOK_S = 0.2
CYCLE_S = 600.0
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@contextmanager
def running(home: Path) -> Iterator[tuple[Stack, AirflowApi]]:
    """The stack of ``make run``, with its DAGs ready."""
    stack = Stack(load_settings(home=home, port=free_port()), Signals())
    with stack.up() as api:
        for dag_id in (CYCLE_DAG, DAILY_DAG):
            wait_for_dag(stack, api, Signals(), dag_id)
        api.unpause(CYCLE_DAG)
        yield stack, api


def cycles(
    stack: Stack, api: AirflowApi, households: int, first: datetime, repeat: int
) -> dict[str, Any]:
    """Cycles of a community through Airflow; the first is not counted.

    Returns
    -------
    dict
        ``total_s`` from the trigger to success, ``tasks_s`` of which the tasks were running, the
        largest process of Airflow and of Postgres [MiB], and ``dashboard_s`` that what the
        dashboard shows is waited for.
    """
    with step(f"Through Airflow: {households:,} households"):
        apart(lambda: settle(stack.solar_conninfo, households))
        taken = medians([_cycle(api, first + n * TICK) for n in range(repeat + 1)][1:])
        return taken | medians([_dashboard(api) for _ in range(repeat)])


def _cycle(api: AirflowApi, tick: datetime) -> Measured:
    _wait_until_idle(api)
    with peak_memory() as peak_mib:
        run_id = api.trigger(CYCLE_DAG, tick)
        run = _wait_until_finished(api, run_id)
    if run["state"] != "success":
        raise RuntimeError(f"the run {run_id} has failed: {api.tasks(CYCLE_DAG, run_id)}")
    begin, end = (datetime.fromisoformat(run[name]) for name in ("queued_at", "end_date"))
    tasks_s = sum(task["duration"] for task in api.tasks(CYCLE_DAG, run_id))
    return {"total_s": (end - begin).total_seconds(), "tasks_s": tasks_s, **peak_mib}


def _dashboard(api: AirflowApi) -> Measured:
    measured: Measured = {}
    with timed(measured, "dashboard"):
        for path in ("/solar/health", "/solar/overview"):
            api.request("GET", path)
    return {"dashboard_s": measured["dashboard_s"]}


def day(stack: Stack, api: AirflowApi, households: int, first: datetime) -> dict[str, Any]:
    """A backfill of a day, all of its ticks in one run, from when it is asked for to the run's end.

    Airflow looks only now and then whether a backfill as a whole has ended.
    """
    with step(f"A day at once: {households:,} households"):
        apart(lambda: settle(stack.solar_conninfo, households))
        _wait_until_idle(api)
        midnight, asked = first.replace(hour=0, minute=0), datetime.now(tz=UTC)
        with peak_memory() as peak_mib:
            number = api.backfill(DAILY_DAG, midnight, midnight + timedelta(hours=1))
            while not api.backfill_ended(number):
                time.sleep(LOOK_S)
    runs = api.runs(DAILY_DAG)
    if [run["state"] for run in runs] != ["success"]:
        raise RuntimeError(f"the backfill is not one run that succeeded: {runs}")
    taken = datetime.fromisoformat(runs[0]["end_date"]) - asked
    return {"households": households, "total_s": taken.total_seconds(), **peak_mib}


def _wait_until_idle(api: AirflowApi) -> None:
    """Until no scheduled run is there that ours would wait for, nor soon will be."""
    while time.time() % TICK.total_seconds() > TICK.total_seconds() - 30:
        time.sleep(LOOK_S)
    while any(run["state"] not in FINISHED for run in api.runs(CYCLE_DAG)):
        time.sleep(LOOK_S)


def _wait_until_finished(api: AirflowApi, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + CYCLE_S
    while (run := api.run(CYCLE_DAG, run_id))["state"] not in FINISHED:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the run {run_id} takes longer than {CYCLE_S:.0f} s")
        time.sleep(LOOK_S)
    return run


@contextmanager
def peak_memory() -> Iterator[Measured]:
    """The largest peak among the processes of Airflow and of Postgres in a block [MiB].

    The system keeps the peak of each process, so that a look now and then misses nothing but a
    process that came and went in between.
    """
    peaks: Measured = {"airflow_mib": 0.0, "postgres_mib": 0.0}
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess, OSError):
                    kind = "postgres_mib" if process.name() == "postgres" else "airflow_mib"
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    if peak := _PEAK.search(status):  # a process that has ended has none
                        peaks[kind] = max(peaks[kind], int(peak[1]) / 1024)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()
