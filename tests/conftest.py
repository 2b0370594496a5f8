"""What every test needs: Airflow finds its settings in the environment, before it is imported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

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
