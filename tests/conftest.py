"""What every test needs: Airflow finds its settings in the environment, before it is imported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, and no clock: time is shown in benchmarks.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parents[1]

os.environ.update(
    AIRFLOW_HOME=tempfile.mkdtemp(prefix="solar-test-airflow-"),
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
)


@pytest.hookimpl(tryfirst=True)  # before the plugin that distributes them looks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each process whole files, and all tests of the shared Airflow to one of them.

    Else every process would boot that Airflow, and the machine would run all of them at once.
    """
    for item in items:
        shares = item.path.parent.name == "end_to_end" and "cycle" in getattr(
            item, "fixturenames", ()
        )
        group = "airflow" if shares else f"{item.path.parent.name}.{item.path.stem}"
        item.add_marker(pytest.mark.xdist_group(group))
