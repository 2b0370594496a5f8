"""What a system can do at all: rules that hold each row of results against its household.

The contract says what a row of results is; these rules need to know for whom it is, where the sun
stood, and what the battery held before. None of them repeats the model: whatever the weather and
the people did, these bounds hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from solar_model.community.battery import (
    CHARGE_EFFICIENCY,
    DISCHARGE_EFFICIENCY,
    INITIAL_STATE_OF_CHARGE,
    MAX_C_RATE_PER_H,
)
from solar_model.community.households import fill_from_site
from solar_model.community.sun import location_cells, sun_at
from solar_model.contracts import EXACT_KWH
from solar_model.ticks import TICK, TICK_HOURS, TICKS_PER_DAY, tick_index

if TYPE_CHECKING:
    from solar_model.settings import Settings

# No surface on earth receives more for a quarter of an hour: above the atmosphere it is 1.41 at
# most, and what clouds and ground reflect on top of that lasts for minutes.
MAX_SUN_KW_PER_KW = 1.5
# The state is kept in whole micro-kWh: charging rounds by up to one, and so does a state that was
# given with more decimals.
STATE_TOLERANCE_KWH = 2.5e-6


@dataclass(frozen=True)
class Rule:
    """A bound on one column.

    Attributes
    ----------
    name, column : str
        The rule, and the column of the results that it is about.
    expected : str
        What it asks for, in words.
    headroom_kwh : polars.Expr
        Distance to the bound, on the frame of `beside_systems`: negative where the rule is broken;
        null where it cannot be judged, as another rule says why [kWh].
    """

    name: str
    column: str
    expected: str
    headroom_kwh: pl.Expr


_inverter_kwh = pl.col("inverter_capacity_kw") * TICK_HOURS
_expected_soc_kwh = (
    pl.col("soc_before_kwh")
    + pl.col("battery_charge_kwh") * CHARGE_EFFICIENCY
    - pl.col("battery_discharge_kwh") / DISCHARGE_EFFICIENCY
)

RULES = (
    Rule(
        "within_panels",
        "generation_kwh",
        f"at most {MAX_SUN_KW_PER_KW} kW for each kW of panels",
        pl.col("dc_capacity_kw") * (MAX_SUN_KW_PER_KW * TICK_HOURS)
        + EXACT_KWH
        - pl.col("generation_kwh"),
    ),
    Rule(
        "within_inverter",
        "generation_kwh",
        "generation and discharge within the inverter's rating",
        _inverter_kwh + EXACT_KWH - pl.col("generation_kwh") - pl.col("battery_discharge_kwh"),
    ),
    Rule(
        "zero_at_night",
        "generation_kwh",
        "0 while the sun is down",
        pl.when(~pl.col("sun_is_up")).then(-pl.col("generation_kwh")).otherwise(0.0),
    ),
    Rule(
        "within_capacity",
        "battery_soc_kwh",
        "a state within the battery's capacity",
        pl.col("battery_capacity_kwh") + EXACT_KWH - pl.col("battery_soc_kwh"),
    ),
    Rule(
        "within_battery_power",
        "battery_charge_kwh",
        f"charge and discharge within {MAX_C_RATE_PER_H} C and the inverter's rating",
        pl.min_horizontal(
            pl.col("battery_capacity_kwh") * (MAX_C_RATE_PER_H * TICK_HOURS), _inverter_kwh
        )
        + EXACT_KWH
        - pl.max_horizontal("battery_charge_kwh", "battery_discharge_kwh"),
    ),
    Rule(
        "state_follows",
        "battery_soc_kwh",
        "the state before, plus what was charged, less what was discharged, with their losses",
        STATE_TOLERANCE_KWH - (pl.col("battery_soc_kwh") - _expected_soc_kwh).abs(),
    ),
)


def beside_systems(
    results: pl.DataFrame, users: pl.DataFrame, ticks: Sequence[datetime], site: Settings
) -> pl.DataFrame:
    """Results beside what is known of each row's household and tick, in their own order.

    Parameters
    ----------
    results : polars.DataFrame
        Columns and types of the results contract; rows may break it.
    users : polars.DataFrame
        Households that meet the input contract.
    ticks : sequence of datetime.datetime
        Ticks that were asked for, in order.
    site : Settings
        Place of households that name none.

    Returns
    -------
    polars.DataFrame
        With ``dc_capacity_kw``, ``battery_capacity_kwh``, ``inverter_capacity_kw``,
        ``soc_before_kwh``, ``sun_is_up``: null where the household is unknown or the tick is none
        of those asked for.
    """
    placed = fill_from_site(users, site)
    latitude_deg, longitude_deg, cell = location_cells(
        placed["latitude"].to_numpy(), placed["longitude"].to_numpy()
    )
    systems = users.select(
        "user_id",
        "battery_capacity_kwh",
        "inverter_capacity_kw",
        dc_capacity_kw=pl.col("panel_wattage") * pl.col("panel_count") / 1000.0,
        cell=pl.Series(cell),
    )
    frame = _numbered(_beside(results, systems), ticks).with_columns(
        soc_before_kwh=state_before(results, users, ticks)
    )
    is_up = _sun_is_up(ticks, latitude_deg, longitude_deg)
    judged = frame["tick_number"].is_not_null() & frame["cell"].is_not_null()
    number, place = (frame[name].fill_null(0).to_numpy() for name in ("tick_number", "cell"))
    up = is_up[number, place] if is_up.size else np.zeros(len(frame), dtype=bool)
    return frame.with_columns(sun_is_up=pl.when(judged).then(pl.Series(up, dtype=pl.Boolean))).drop(
        "cell"
    )


def state_before(
    results: pl.DataFrame, users: pl.DataFrame, ticks: Sequence[datetime]
) -> pl.Series:
    """What each row's battery held at the start: of the first tick as given, of others as written.

    Parameters
    ----------
    results : polars.DataFrame
        As `beside_systems` takes them.
    users : polars.DataFrame
        Their batteries: ``user_id``, ``battery_capacity_kwh`` and, where known,
        ``battery_soc_kwh``.
    ticks : sequence of datetime.datetime
        Those asked for.

    Returns
    -------
    polars.Series of float
        [kWh], null where nobody knows.
    """
    half = pl.col("battery_capacity_kwh") * INITIAL_STATE_OF_CHARGE
    given = pl.col("battery_soc_kwh") if "battery_soc_kwh" in users.columns else pl.lit(None)
    start = users.select("user_id", soc_start_kwh=pl.coalesce(given.cast(pl.Float64), half))
    rows = results.select("user_id", "timestamp", "battery_soc_kwh")
    frame = _numbered(_beside(rows, start), ticks)
    first = pl.when(pl.col("tick_number") == 0).then("soc_start_kwh")
    if len(ticks) <= 1:
        return frame.select(soc_before_kwh=first.otherwise(None)).to_series()
    ended = frame.select(
        "user_id", pl.col("timestamp") + TICK, written_kwh="battery_soc_kwh"
    ).unique(["user_id", "timestamp"], keep="any")
    frame = frame.join(ended, on=["user_id", "timestamp"], how="left", maintain_order="left")
    return frame.select(soc_before_kwh=first.otherwise("written_kwh")).to_series()


def _numbered(rows: pl.DataFrame, ticks: Sequence[datetime]) -> pl.DataFrame:
    """Each row with the number of its tick, null where that is none of those asked for."""
    when = pl.DataFrame(
        {"timestamp": ticks, "tick_number": range(len(ticks))},
        schema={"timestamp": pl.Datetime("us", "UTC"), "tick_number": pl.Int64},
    )
    return rows.join(when, on="timestamp", how="left", maintain_order="left")


def _beside(results: pl.DataFrame, systems: pl.DataFrame) -> pl.DataFrame:
    """Each row with what is known of its household."""
    ticks = len(results) // max(len(systems), 1)
    there = pl.concat([systems] * ticks) if ticks else systems.clear()
    # results come tick by tick in the order of the input: then nobody must be looked for
    if results["user_id"].equals(there["user_id"]):
        return pl.concat([results, there.drop("user_id")], how="horizontal")
    return results.join(systems, on="user_id", how="left", maintain_order="left")


def _sun_is_up(
    ticks: Sequence[datetime], latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """For each tick and each place, shape (t, c)."""
    index = np.array([tick_index(tick) for tick in ticks], dtype=np.int64)[:, np.newaxis]
    is_up = np.zeros((len(ticks), len(latitude_deg)), dtype=bool)
    for first in range(0, len(ticks), TICKS_PER_DAY):  # a year at once would be large
        day = slice(first, first + TICKS_PER_DAY)
        is_up[day] = sun_at(index[day], latitude_deg, longitude_deg).zenith_deg < 90.0
    return is_up
