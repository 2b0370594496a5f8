"""Import the heavy libraries once, in the process that task processes are forked from.

A task would spend seconds on imports (Great Expectations alone takes longer than the whole cycle
of a thousand households); a fork of a process that has them spends none. The same goes for what
each task does first: reading its DAG takes five times as long the first time as the second.
"""

from __future__ import annotations

import importlib
import logging
import runpy
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow.configuration import conf
from airflow.listeners import hookimpl

log = logging.getLogger(__name__)

_HEAVY = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "pandas",
    "pandera.polars",
    "polars",
    "psycopg",
    "pvlib",
    "solar_airflow.alerts",
    "solar_airflow.ending",
    "solar_airflow.operators",
    "solar_airflow.simulation",
    "solar_model.simulation",
    "solar_model.pipeline.gate",
    "solar_model.pipeline.insertion",
    "solar_model.pipeline.alerts",
    "solar_model.pipeline.health.probes",
    "solar_model.runner.client",
    "solar_model.runner.work",
    "solar_model.webhook",
)


@hookimpl
def on_starting(component: object) -> None:  # noqa: ARG001 - the hook's name for it
    """Preload where tasks are forks of the scheduler; ``preload_celery`` is for Celery workers."""
    if sys.argv[1:2] == ["scheduler"] and "LocalExecutor" in conf.get("core", "executor"):
        preload()


def preload() -> None:
    """Import what the tasks of a cycle need, and touch no data: threads do not survive a fork."""
    begin = time.monotonic()
    for name in _HEAVY:
        with _told(name):
            importlib.import_module(name)
    with _told("the pages of validations"):
        from solar_model.pipeline.suite import page_view

        page_view()
    with _told("the DAG"):
        runpy.run_path(str(Path(conf.get("core", "dags_folder")) / "solar_simulation.py"))
    log.info("Preloaded %d libraries in %.1f s", len(_HEAVY), time.monotonic() - begin)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Airflow swallows what a listener raises; tasks will say it again where it is seen."""
    try:
        yield
    except Exception:
        log.exception("Cannot preload %s: tasks that need it will fail", what)
