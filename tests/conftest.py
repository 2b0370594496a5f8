"""What every test needs: Airflow finds its settings in the environment, before it is imported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from solar_model.settings import settings

# The same examples in every run, and no clock: time is shown in benchmarks.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parents[1]

os.environ.update(
    AIRFLOW_HOME=tempfile.mkdtemp(prefix="solar-test-airflow-"),
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
)


@pytest.fixture(autouse=True)
def settings_read_anew() -> None:
    """No test sees the settings that another one has read."""
    settings.cache_clear()


class WholeFiles(LoadFileScheduling):
    """Gives a process whole files, and all that share the Airflow of end_to_end to one of them.

    Else every process would boot that Airflow, and the machine would run all of them at once.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        shared = "tests/end_to_end"
        return shared if file.rpartition("/")[0] == shared else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WholeFiles:
    return WholeFiles(config, log)
