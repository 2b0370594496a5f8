"""What every process of Airflow imports, just to start."""

import subprocess
import sys
from pathlib import Path

DAGS = Path(__file__).parents[3] / "dags"

# Seconds each; only tasks need them.
HEAVY = {"great_expectations", "mesa", "numpy", "pandas", "pandera", "polars", "pvlib", "scipy"}

LOAD = """
import importlib, pkgutil, sys
had = set(sys.modules)
import airflow.sdk
theirs = set(sys.modules) - had
import solar_plugin
importlib.import_module("solar_airflow.web.app")
for module in pkgutil.iter_modules(sys.argv[1:2]):
    importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - theirs}))
"""


def test_no_process_of_airflow_imports_what_only_tasks_need():
    paths = (str(DAGS), str(DAGS.parent / "plugins"))
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{LOAD}", str(DAGS)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()[-1]

    imported = set(found.split())
    assert "solar_simulation" in imported
    assert imported & HEAVY == set()
