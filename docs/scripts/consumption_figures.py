"""Figures of ``docs/model-consumption.md``, drawn from a simulated year of load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from docs.scripts.load_metrics import MAX_DEMAND_KW, YearOfLoad, day_shape, max_demand_kw
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from solar_model.ticks import TICKS_PER_DAY

BDEW_H25 = Path(__file__).parent / "data" / "bdew_h25.csv"
HOURS = np.arange(TICKS_PER_DAY) / 4

# Nothing that changes from run to run, so that a figure changes only when the load does.
STYLE: Any = {"svg.hashsalt": "consumption", "axes.grid": True, "grid.alpha": 0.3, "font.size": 9}


def draw_figures(load: YearOfLoad, folder: Path) -> list[Path]:
    """Draw all figures into a folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {
        "consumption-daily-shapes": _daily_shapes,
        "consumption-against-h25": _against_h25,
        "consumption-duration-curve": _duration_curve,
        "consumption-diversity": _diversity,
    }
    paths = []
    with mpl.rc_context(STYLE):
        for name, draw in drawings.items():
            figure = draw(load)
            paths.append(folder / f"{name}.svg")
            figure.savefig(paths[-1], metadata={"Date": None})
    return paths


def _daily_shapes(load: YearOfLoad) -> Figure:
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    by_size, by_season = figure.subplots(1, 2, sharey=True)
    month = load.calendar.month
    every_day = np.ones(len(month), dtype=np.bool_)
    for people in range(1, 7):
        shape = day_shape(load, every_day, load.household_size == people)
        by_size.plot(HOURS, shape, label=f"{people}")
    by_size.legend(title="people", ncols=2)
    for season, months in (("Dec–Feb", (12, 1, 2)), ("Jun–Aug", (6, 7, 8))):
        by_season.plot(HOURS, day_shape(load, np.isin(month, months)), label=season)
    by_season.legend()
    _hours_of_day(by_size, "Mean day by household size")
    _hours_of_day(by_season, "Mean day by season, all sizes")
    by_size.set_ylabel("mean load [kW]")
    return figure


def _against_h25(load: YearOfLoad) -> Figure:
    figure = Figure(figsize=(9, 3.0), layout="constrained")
    profile = pl.read_csv(BDEW_H25, comment_prefix="#")
    weekday = load.calendar.weekday
    year_mean = load.mean_kw.mean()
    panels = (("weekday", weekday < 5), ("saturday", weekday == 5), ("sunday", weekday == 6))
    for axes, (name, days) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
        axes.plot(HOURS, day_shape(load, days) / year_mean, label="model")
        axes.plot(HOURS, profile[name], "--", label="BDEW H25")
        _hours_of_day(axes, name.capitalize())
    figure.axes[0].set_ylabel("load over its yearly mean")
    figure.axes[0].legend()
    return figure


def _duration_curve(load: YearOfLoad) -> Figure:
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    share = np.linspace(0.0, 100.0, 1001)
    middle = np.argsort(load.annual_kwh)[load.power_kw.shape[1] // 2]
    for label, kw in (
        ("the median household", load.power_kw[:, middle]),
        ("the community, per household", load.mean_kw),
    ):
        axes.plot(share, np.quantile(kw, 1.0 - share / 100.0), label=label)
    axes.set(xlabel="share of the year [%]", ylabel="load at least [kW]", ylim=(0, 3))
    axes.set_title("Load duration")
    axes.legend()
    return figure


def _diversity(load: YearOfLoad) -> Figure:
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    random = np.random.default_rng(0)
    groups = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if n <= load.power_kw.shape[1]]
    axes.plot(groups, [max_demand_kw(load, n, random) for n in groups], "o-", label="model")
    for position, (n, (low, high)) in enumerate(MAX_DEMAND_KW.items()):
        label = "range" if position == 0 else None
        axes.plot(
            [n, n],
            [low, high],
            color="0.6",
            linewidth=5,
            alpha=0.6,
            label=label,
            solid_capstyle="butt",
        )
    axes.set(xscale="log", xlabel="households N", ylabel="maximum demand per household [kW]")
    axes.set_title("After-diversity maximum demand")
    axes.legend()
    return figure


def _hours_of_day(axes: Axes, title: str) -> None:
    axes.set(xlim=(0, 24), xticks=range(0, 25, 4), xlabel="local time [h]", title=title)
