"""Draw PV generation against NREL's PVWatts, and print the table of docs/model-generation.md.

Usage: ``python docs/scripts/plot_generation_reference.py [WEATHER_FILE…]``; without files it takes
the two TMY3 files that come with pvlib. More files (TMY3 or EPW) add rows to the table and panels
to the figure. Needs the project and PySAM; takes about half a minute per file.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import matplotlib
import numpy as np
import pvlib
from generation_reference import (
    System,
    equator_azimuth_deg,
    model_hourly_kwh,
    monthly,
    pvwatts_hourly_kwh,
)
from matplotlib import pyplot as plt

FIGURE = Path(__file__).parents[1] / "figures" / "generation_reference.png"
SHIPPED = [Path(str(files(pvlib) / "data" / name)) for name in ("723170TYA.CSV", "703165TY.csv")]
MONTHS = "JFMAMJJASOND"


def systems_at(weather_file: Path) -> list[System]:
    """What is compared at each site: towards the equator, east, west, flat, steep, clipped."""
    equator = equator_azimuth_deg(weather_file)
    return [
        System("equator 30°", 30.0, equator, 5.0, 5.0),
        System("equator 45°", 45.0, equator, 5.0, 5.0),
        System("west 25°", 25.0, 270.0, 5.0, 4.5),
        System("east 40°", 40.0, 90.0, 5.0, 4.5),
        System("flat", 0.0, equator, 5.0, 4.5),
        System("pole 20°", 20.0, (equator + 180.0) % 360.0, 5.0, 4.5),
        System("clipped 30°", 30.0, equator, 5.0, 3.2),
    ]


def main(weather_files: list[Path]) -> None:
    """Compare, print the table, draw the figure."""
    matplotlib.use("Agg")
    rows = len(weather_files)
    figure, axes = plt.subplots(
        rows, 2, figsize=(11, 3.2 * rows), squeeze=False, layout="constrained"
    )
    print("| weather | system | PVWatts kWh/a | model | worst months |")
    print("|---|---|---|---|---|")
    for (left, right), weather_file in zip(axes, weather_files, strict=True):
        systems = systems_at(weather_file)
        model = model_hourly_kwh(weather_file, systems)
        reference = pvwatts_hourly_kwh(weather_file, systems)
        months = monthly(model) / monthly(reference) - 1.0
        annual = model.sum(axis=0) / reference.sum(axis=0) - 1.0
        for at, system in enumerate(systems):
            print(
                f"| {weather_file.stem} | {system.name} | {reference[:, at].sum():,.0f} "
                f"| {annual[at]:+.1%} | {months[:, at].min():+.1%} … {months[:, at].max():+.1%} |"
            )
            label = f"{system.name} ({annual[at]:+.1%})"
            (line,) = left.plot(monthly(model)[:, at], label=label)
            left.plot(monthly(reference)[:, at], "o", color=line.get_color(), markersize=3)
        left.set_title(f"{weather_file.stem}: model (lines), PVWatts (points)")
        left.set_xticks(range(12), list(MONTHS))
        left.set_ylabel("AC energy per month [kWh]")
        left.legend(fontsize=7, ncols=2)
        right.plot(reference[:, 0], model[:, 0], ".", markersize=1.5, alpha=0.4)
        right.plot(reference[:, -1], model[:, -1], ".", markersize=1.5, alpha=0.4)
        limit = float(np.max(reference)) * 1.02
        right.plot([0, limit], [0, limit], color="black", linewidth=0.6)
        right.set_title(f"hours: {systems[0].name} and {systems[-1].name}")
        right.set_xlabel("PVWatts [kWh]")
        right.set_ylabel("model [kWh]")
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, dpi=110)
    print(f"wrote {FIGURE}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]] or SHIPPED)
