"""Simulate a year of household consumption and hold it against what is known about real load.

    python -m docs.scripts.validate_consumption [--help]

Prints every figure with its range, brings the tables and drawings of ``docs/model-consumption.md``
up to date, and ends with exit code 1 when a figure misses its range.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from docs.scripts.consumption_figures import draw_figures
from docs.scripts.consumption_page import PAGE, write_page
from docs.scripts.load_metrics import Check, YearOfLoad, check_load
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from solar_model.community.consumption import Consumption
from solar_model.community.households import Households
from solar_model.ticks import TICK_HOURS, tick_index

FIGURES = Path(__file__).resolve().parents[1] / "figures"


def simulate_year(
    household_size: NDArray[np.int64],
    *,
    seed: int = 1,
    year: int = 2023,
    zone: str = "Europe/Berlin",
    latitude_deg: float = 51.0,
    longitude_deg: float = 10.0,
    is_quiet: bool = False,
) -> YearOfLoad:
    """Consumption of households of the given sizes over a local calendar year."""
    consumption = Consumption(
        _households(household_size, seed, zone, latitude_deg, longitude_deg), seed
    )
    first, end = (
        tick_index(datetime(some_year, 1, 1, tzinfo=ZoneInfo(zone)))
        for some_year in (year, year + 1)
    )
    power_kw = np.empty((end - first, len(household_size)), dtype=np.float32)
    for tick in track(range(first, end), "Simulating a year", disable=is_quiet):
        power_kw[tick - first] = consumption.energy_kwh(tick) / TICK_HOURS
    return YearOfLoad(power_kw, household_size, year, zone)


def every_size(households: int) -> NDArray[np.int64]:
    """Household sizes 1 to 6 in turn."""
    return np.resize(np.arange(1, 7), households)


def _households(
    household_size: NDArray[np.int64],
    seed: int,
    zone: str,
    latitude_deg: float,
    longitude_deg: float,
) -> Households:
    n = len(household_size)
    user_id = [str(UUID(int=(seed << 64) + row)) for row in range(n)]
    none = np.zeros(n)
    return Households(
        user_id=pl.Series("user_id", user_id),
        panel_wattage_w=none,
        panel_count=none,
        battery_capacity_kwh=none,
        battery_soc_kwh=none,
        inverter_capacity_kw=none,
        household_size=household_size.astype(np.float64),
        latitude_deg=np.full(n, latitude_deg),
        longitude_deg=np.full(n, longitude_deg),
        tilt_deg=none,
        azimuth_deg=none,
        timezone=np.zeros(n, dtype=np.int64),
        timezones=(zone,),
    )


def report(checks: list[Check]) -> Table:
    """The figures as a table."""
    table = Table("figure", "value", "range", "", title="Household consumption over a year")
    for column in (1, 2):
        table.columns[column].justify = "right"
    for check in checks:
        verdict = "met" if check.is_met else "[bold red]MISSED[/]"
        limits = f"{check.low:.4g} – {check.high:.4g}"
        table.add_row(escape(check.name), f"{check.value:.4g}", limits, verdict)
    return table


def main() -> int:
    """Run the check from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--households", type=int, default=1200, help="1000 or more (default 1200)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the run (default 1)")
    parser.add_argument("--year", type=int, default=2023, help="calendar year (default 2023)")
    parser.add_argument("--report-only", action="store_true", help="leave the page as it is")
    options = parser.parse_args()
    console = Console(width=100)
    load = simulate_year(every_size(options.households), seed=options.seed, year=options.year)
    checks = list(check_load(load))
    console.print(report(checks))
    if not options.report_only:
        for path in (write_page(PAGE, checks), *draw_figures(load, FIGURES)):
            console.print(f"wrote {path}")
    missed = [check for check in checks if not check.is_met]
    console.print(f"{len(checks) - len(missed)} of {len(checks)} figures lie in their range")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
