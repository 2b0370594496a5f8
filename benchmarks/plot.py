"""Seconds by size, and seconds as the table grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.numbers import floor_s, original_path_s, path_s


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the cycle, its floor and the original way by size, and the growth beside them."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    by_size, growing = figure.subplots(1, 2)
    sizes = [int(size) for size in results["pipeline"]]
    parts = results["pipeline"].values()
    by_size.loglog(
        sizes,
        [original_path_s(results) * size for size in sizes],
        "--",
        color="tab:red",
        label="original way without simulation (scaled)",
    )
    through = results.get("airflow", {})
    if through:
        by_size.loglog(
            [int(size) for size in through],
            [part["total_s"] for part in through.values()],
            "o-",
            color="tab:blue",
            label="cycle through Airflow",
        )
    by_size.loglog(
        sizes,
        [path_s(part["tasks"]) for part in parts],
        "o-",
        color="tab:green",
        label="data path without simulation",
    )
    by_size.loglog(
        sizes, [floor_s(part) for part in parts], ":", color="black", label="the floor: Postgres"
    )
    by_size.set(xlabel="households", ylabel="seconds", title="A cycle")
    by_size.legend(fontsize=8)
    by_size.grid(alpha=0.3)
    growth = results["growth"]["inserts"]
    growing.plot(
        [part["rows"] / 1e6 for part in growth],
        [part["insert_s"] for part in growth],
        "o-",
        color="tab:green",
    )
    rows_each = growth[1]["rows"] - growth[0]["rows"]
    growing.set(
        xlabel="million rows in energy_data",
        ylabel="seconds",
        title=f"Insert of {rows_each:,.0f} rows",
        ylim=(0, None),
    )
    growing.grid(alpha=0.3)
    # the same file from the same numbers
    with mpl.rc_context({"svg.hashsalt": "solar"}):
        figure.savefig(path, metadata={"Date": None})
