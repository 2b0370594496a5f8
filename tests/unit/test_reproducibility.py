"""The same call gives the same numbers on any processor, with any number of threads, anywhere.

``reference/`` holds a community and its day, written once. The suite compares with it on every
Python and with every library version it runs on, so that all of them are held to each other. When
the model itself changes, its version and the reference change with it, in one commit:

    PYTHONPATH=include python tests/unit/test_reproducibility.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from numpy._core._multiarray_umath import (  # type: ignore[attr-defined]
    __cpu_dispatch__,
    __cpu_features__,
)

from solar_model import run_simulation
from solar_model.files import read_results, read_users, write_users
from solar_model.manifest import Manifest
from solar_model.sample import sample_households
from solar_model.settings import PROJECT_ROOT, load_settings

REFERENCE = Path(__file__).parent / "reference"
DAY = {"steps": 96, "start_time": "2024-06-11T04:00", "weather": "stochastic", "seed": 3}
LAST_DIGIT = 1.1e-6


def assert_same_to_the_last_digit(one: pl.DataFrame, other: pl.DataFrame) -> None:
    keys = ["user_id", "timestamp"]
    assert one.select(keys).equals(other.select(keys))
    for name in one.columns[2:]:
        assert (one[name] - other[name]).abs().max() <= LAST_DIGIT, name


def test_the_day_is_the_one_of_the_reference(tmp_path):
    output = tmp_path / "results.csv"
    run_simulation(REFERENCE / "users.csv", output, **DAY)
    assert_same_to_the_last_digit(read_results(output), read_results(REFERENCE / "results.csv"))


def test_the_reference_is_of_this_version_of_the_model():
    from solar_model import __version__

    manifest = Manifest.read(REFERENCE / "results.csv")
    manifest.verify(REFERENCE / "results.csv")
    assert manifest.model_version == __version__


def simulate_elsewhere(folder: Path, **environment: str) -> Path:
    """Simulate in a process of its own, more households than one block holds."""
    users, output = folder / "users.csv", folder / f"results_{len(list(folder.iterdir()))}.csv"
    if not users.exists():
        write_users(sample_households(70_000, seed=7), users)
    code = (
        "import sys; from solar_model import run_simulation; "
        "run_simulation(*sys.argv[1:], 4, '2024-06-11T13:00', 'stochastic', 3)"
    )
    subprocess.run(
        [sys.executable, "-c", code, users, output],
        env=os.environ | {"PYTHONPATH": str(PROJECT_ROOT / "include")} | environment,
        check=True,
    )
    return output


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    return simulate_elsewhere(tmp_path_factory.mktemp("here"))


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_number_of_threads_changes_no_byte(here, threads):
    names = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "PYTHON_CPU_COUNT")
    other = simulate_elsewhere(here.parent, **dict.fromkeys(names, threads))
    assert other.read_bytes() == here.read_bytes()


@pytest.mark.slow
def test_another_processor_changes_at_most_the_last_digit(here):
    in_use = [feature for feature in __cpu_dispatch__ if __cpu_features__[feature]]
    assert in_use, "numpy has no vector kernels to switch off here: run this on another processor"
    other = simulate_elsewhere(here.parent, NPY_DISABLE_CPU_FEATURES=" ".join(in_use))
    assert_same_to_the_last_digit(read_results(other), read_results(here))


if __name__ == "__main__":
    site = load_settings(site_latitude_deg=52.5, site_longitude_deg=13.4)
    community = sample_households(6, seed=12, site=site).with_columns(
        timezone=pl.lit("Europe/Berlin")
    )
    write_users(community, REFERENCE / "users.csv")
    run_simulation(REFERENCE / "users.csv", REFERENCE / "results.csv", **DAY)
    print(read_users(REFERENCE / "users.csv"))
