"""The examples and the notebook run, and say what they promise."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import matplotlib.pyplot as plt
import polars as pl
import pytest

from solar_model.settings import PROJECT_ROOT


def battery_scenario(*options: str, **site: str) -> dict[str, list[float]]:
    """Each figure of the table without batteries, with them, and the change."""
    done = subprocess.run(
        [
            *(sys.executable, "examples/what_if_batteries.py"),
            *("--households", "40", "--days", "1", *options),
        ],
        cwd=PROJECT_ROOT,
        env={"PYTHONPATH": str(PROJECT_ROOT / "include"), "COLUMNS": "100", **site},
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        cells[1].strip(): [float(cell.replace(",", "")) for cell in cells[2:5]]
        for cells in (line.split("│") for line in done.stdout.splitlines())
        if len(cells) == 6
    }


def test_the_battery_scenario_shows_what_batteries_change():
    rows = battery_scenario()
    assert rows["Generated [kWh]"][2] == rows["Used [kWh]"][2] == 0
    assert rows["Bought [kWh]"][2] < 0
    assert rows["Fed in [kWh]"][2] < 0
    assert rows["Self-consumption [%]"][2] > 5
    assert rows["Self-sufficiency [%]"][2] > 5


def test_the_battery_scenario_knows_the_polar_night():
    rows = battery_scenario("--start", "2024-12-20", SOLAR_SITE_LATITUDE_DEG="78")
    assert rows["Generated [kWh]"] == [0, 0, 0]
    assert math.isnan(rows["Self-consumption [%]"][0])
    assert rows["Self-sufficiency [%]"][0] == 0


def test_every_cell_of_the_notebook_runs(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    notebook = json.loads((PROJECT_ROOT / "notebooks" / "community_day.ipynb").read_text())
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile(cell, "community_day.ipynb", "exec"), names)
    plt.close("all")
    day, totals = names["day"], names["totals"]
    assert isinstance(day, pl.DataFrame)
    assert isinstance(totals, pl.DataFrame)
    assert len(day) == 500 * 96
    assert day["generation_kwh"].sum() == pytest.approx(totals["generation_kwh"].sum())
    assert not any(c.get("outputs") for c in notebook["cells"])
