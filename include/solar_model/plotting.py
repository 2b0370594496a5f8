"""Pictures of results: where energy came from, and where it went."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from solar_model.errors import InputError
from solar_model.ticks import TICK, TICK_HOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The shape of a day cannot be seen in a longer span.
_LONGEST_BY_TICK = timedelta(days=31)

# The stack, from the axis up: three ways to serve the load, then two uses of what is left.
_LAYERS = {
    "Sun, used directly": ("direct_kwh", "#f2b701"),
    "From batteries": ("battery_discharge_kwh", "#3b8f6b"),
    "From the grid": ("grid_import_kwh", "#8c8c8c"),
    "Into batteries": ("battery_charge_kwh", "#9bd3bb"),
    "Into the grid": ("grid_export_kwh", "#f8e3a0"),
}


def plot_results(results: pl.DataFrame, user_id: str | None = None) -> Figure:
    """Draw mean power and state of charge over time.

    Parameters
    ----------
    results : polars.DataFrame
        Rows of the results contract.
    user_id : str, optional
        One household; by default the sum of all.

    Returns
    -------
    matplotlib.figure.Figure
        Upper part: what served the load (stacked up to the line of consumption) and, on top,
        what the sun gave beyond it [kW]. Lower part: energy in the batteries [kWh]. Of more than
        a month, the means of days.

    Raises
    ------
    InputError
        When there are no rows, or none of this household.
    """
    from matplotlib.dates import ConciseDateFormatter
    from matplotlib.figure import Figure

    rows = results
    title = f"{results['user_id'].n_unique():,} households"
    if user_id is not None:
        rows = results.filter(pl.col("user_id") == user_id.lower())
        title = f"Household {user_id.lower()}"
    if rows.is_empty():
        raise InputError("there is nothing to draw", column="user_id", value=user_id)
    energy = (
        rows.group_by("timestamp")
        .agg(pl.selectors.float().sum())
        .sort("timestamp")
        .with_columns(
            direct_kwh=pl.col("generation_kwh")
            - pl.col("battery_charge_kwh")
            - pl.col("grid_export_kwh")
        )
    )
    width = TICK
    if energy["timestamp"][-1] - energy["timestamp"][0] > _LONGEST_BY_TICK:
        width = timedelta(days=1)
        state_last = pl.col("battery_soc_kwh").last().alias("battery_soc_kwh")
        flows = pl.selectors.float().exclude("battery_soc_kwh").mean()
        energy = energy.group_by_dynamic("timestamp", every=width).agg(flows, state_last)
        title += ", means of days"
    # where a tick is missing, nothing is drawn
    energy = energy.upsample("timestamp", every=width)
    # a tick lasts from its stamp to the next: draw steps, and close the last one
    edges = [*energy["timestamp"], energy["timestamp"][-1] + width]

    def steps(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        values = energy[name].to_numpy()
        return np.append(values, values[-1])

    figure = Figure(figsize=(11, 7), layout="constrained")
    power, state = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    power.stackplot(
        edges,
        *(steps(column) / TICK_HOURS for column, _ in _LAYERS.values()),
        labels=list(_LAYERS),
        colors=[colour for _, colour in _LAYERS.values()],
        step="post",
    )
    power.step(
        edges, steps("consumption_kwh") / TICK_HOURS, where="post", color="black", label="Load"
    )
    figure.suptitle(title)
    power.set(ylabel="Mean power [kW]", ylim=(0, None))
    _legend_above(power)
    # the state is that at the end of a tick
    state.plot(
        edges[1:], energy["battery_soc_kwh"], color="#3b8f6b", marker="." * (len(energy) < 3)
    )
    state.set(ylabel="In batteries [kWh]", xlabel="UTC", ylim=(0, None))
    state.set_xlim(edges[0], edges[-1])
    dates = ConciseDateFormatter(state.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
    state.xaxis.set_major_formatter(dates)
    return figure


def plot_certificates(certificates: pl.DataFrame) -> Figure:
    """Draw energy certificates over time.

    Parameters
    ----------
    certificates : polars.DataFrame
        From :func:`solar_model.pipeline.certificates.between`.

    Returns
    -------
    matplotlib.figure.Figure
        Upper part: what went in, above zero, and where it went, below, in each tick [kWh]. Lower
        part: the residual of the community and of its worst household beside their bounds.
    """
    from matplotlib.dates import ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    flows, residuals = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    certificates = certificates.upsample("tick", every=TICK)  # nothing where a tick is missing
    at = certificates["tick"].to_list()
    to_stores = certificates["stored_after_kwh"] - certificates["stored_before_kwh"]
    into = {
        "Sun": certificates["generation_kwh"],
        "From the grid": certificates["grid_import_kwh"],
        "Out of stores": -to_stores.clip(upper_bound=0),
    }
    out = {
        "Load": -certificates["consumption_kwh"],
        "Into the grid": -certificates["grid_export_kwh"],
        "Into stores": -to_stores.clip(lower_bound=0),
        "Losses": -certificates["losses_kwh"],
    }
    flows.stackplot(at, *into.values(), labels=list(into), colors=["#f2b701", "#8c8c8c", "#3b8f6b"])
    flows.stackplot(
        at,
        *out.values(),
        labels=list(out),
        colors=["#4d4d4d", "#f8e3a0", "#9bd3bb", "#c0392b"],
    )
    flows.axhline(0, color="black", linewidth=0.8)
    figure.suptitle("Conservation of energy")
    flows.set(ylabel="Energy per tick [kWh]")
    _legend_above(flows)
    bound_each_kwh = certificates["bound_kwh"] / certificates["households"]
    lines = {
        "community": (certificates["residual_kwh"].abs(), "#3b8f6b", "-"),
        "bound of the community": (certificates["bound_kwh"], "#3b8f6b", ":"),
        "worst household": (certificates["worst_residual_kwh"].abs(), "#8c8c8c", "-"),
        "bound of a household": (bound_each_kwh, "#8c8c8c", ":"),
    }
    for label, (values, colour, style) in lines.items():
        residuals.plot(
            at, values, color=colour, linestyle=style, label=label, marker="." * (len(at) < 3)
        )
    residuals.set_yscale("symlog", linthresh=1e-9)
    residuals.set(ylabel="Residual [kWh]", xlabel="UTC")
    _legend_above(residuals)
    dates = ConciseDateFormatter(residuals.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
    residuals.xaxis.set_major_formatter(dates)
    return figure


def _legend_above(axes: Axes) -> None:
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=7, frameon=False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a picture in the format of its name.

    Raises
    ------
    InputError
        When the name's ending is no format of pictures.
    """
    from solar_model.whole_files import atomic_write

    kind = path.suffix.removeprefix(".").lower()
    known = sorted({*figure.canvas.get_supported_filetypes()} - {"pgf"})  # which takes a TeX
    if kind not in known:
        raise InputError("no such kind of picture", file=path, expected=", ".join(known))
    with atomic_write(path) as file:
        figure.savefig(file, format=kind, dpi=120)
