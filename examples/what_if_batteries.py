"""What if half of the households get a battery?

Simulates the same community over the same days twice, as it is without any battery and with one
in half of the homes, and shows what changes. People, roofs and clouds are the same in both: every
draw is keyed by the household and the seed, so a battery changes nothing but the battery.

    python examples/what_if_batteries.py --households 1000 --days 7
"""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from solar_model.community.households import Households
from solar_model.community.model import Community
from solar_model.sample import sample_households
from solar_model.settings import settings
from solar_model.ticks import TICK_HOURS, TICKS_PER_DAY

SEED = 7


def with_batteries(community: pl.DataFrame, share: float, capacity_kwh: float) -> pl.DataFrame:
    """The same community with a battery in a share of its homes and none in the others."""
    has_one = pl.int_range(pl.len()) < share * pl.len()
    return community.with_columns(
        battery_capacity_kwh=pl.when(has_one).then(capacity_kwh).otherwise(0.0)
    )


def simulate(rows: pl.DataFrame, start: str, days: int, label: str) -> pl.DataFrame:
    """Community totals, one row per tick."""
    community = Community(Households.from_frame(rows, settings()), start, "stochastic", SEED)
    for _ in track(range(days * TICKS_PER_DAY), description=label):
        community.step()
    return community.totals


def key_figures(totals: pl.DataFrame) -> dict[str, float]:
    """What a community's operator asks first; shares are of energy over the whole time."""
    sums = totals.select(pl.selectors.ends_with("_kwh").sum())
    # not a number where nothing was generated, as in a polar night
    shares = sums.select(
        self_consumption=1 - pl.col("grid_export_kwh") / pl.col("generation_kwh"),
        self_sufficiency=1 - pl.col("grid_import_kwh") / pl.col("consumption_kwh"),
    )
    energy = pl.concat([sums, shares], how="horizontal").row(0, named=True)
    return {
        "Generated [kWh]": energy["generation_kwh"],
        "Used [kWh]": energy["consumption_kwh"],
        "Bought [kWh]": energy["grid_import_kwh"],
        "Fed in [kWh]": energy["grid_export_kwh"],
        "Self-consumption [%]": 100 * energy["self_consumption"],
        "Self-sufficiency [%]": 100 * energy["self_sufficiency"],
        "Highest import [kW]": float(totals["grid_import_kwh"].to_numpy().max()) / TICK_HOURS,
        "Highest export [kW]": float(totals["grid_export_kwh"].to_numpy().max()) / TICK_HOURS,
    }


def main(
    households: Annotated[int, typer.Option(min=2)] = 1000,
    days: Annotated[int, typer.Option(min=1)] = 7,
    capacity_kwh: Annotated[float, typer.Option(min=0.1)] = 10.0,
    start: Annotated[str, typer.Option(help="First day.")] = "2024-06-10T04:00",
) -> None:
    """Simulate with and without batteries and show the difference."""
    community = sample_households(households, SEED)
    figures = [
        key_figures(simulate(with_batteries(community, share, capacity_kwh), start, days, label))
        for share, label in ((0.0, "No batteries  "), (0.5, "Half have one "))
    ]
    table = Table(
        title=f"{households:,} households, {days} days, batteries of {capacity_kwh:g} kWh"
    )
    for heading in ("", "none has one", "half have one", "change"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, before in figures[0].items():
        after = figures[1][name]
        table.add_row(escape(name), f"{before:,.1f}", f"{after:,.1f}", f"{after - before:+,.1f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
