"""The benchmark measures what the cycle is today: it runs, small, on a real Postgres."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.conftest import ROOT

HOUSEHOLDS = 100


@pytest.mark.parametrize("option", ["--largest=0", "--repeat=0", "--growth=1"])
def test_what_cannot_be_measured_is_refused_at_once(tmp_path, option):
    command = [sys.executable, "-m", "benchmarks", option, "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert option.partition("=")[0] in done.stderr


@pytest.mark.slow
def test_a_small_benchmark_writes_the_numbers_the_page_and_the_plot(tmp_path):
    options = ["--largest", str(HOUSEHOLDS), "--repeat", "1", "--growth", "3"]
    options += ["--no-airflow", "--no-model", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    measured = json.loads((tmp_path / "data" / "benchmarks.json").read_text())
    rows = [part["rows"] for part in measured["growth"]["inserts"]]
    assert rows == [0, HOUSEHOLDS, 2 * HOUSEHOLDS]
    tasks = measured["pipeline"][str(HOUSEHOLDS)]["tasks"]
    # the original way has the same tasks, but for the cleaning up
    theirs = {f"{name}_s" for name in tasks} - {"clean_up_s"}
    assert theirs <= set(measured["original"]["tasks"])
    assert all(task["total_s"] > 0 and task["peak_mib"] > 0 for task in tasks.values())

    page = (tmp_path / "benchmarks.md").read_text()
    assert all(f"`{name}`" in page for name in tasks)
    assert "<svg" in (tmp_path / "figures" / "benchmarks.svg").read_text()
