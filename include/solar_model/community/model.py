"""The community as a Mesa model: one sun and one sky, blocks of households as its agents.

An agent per household would spend its time in the interpreter: a million of them take 15
seconds and half a gigabyte to create. So an agent is a block of households, a slice of columns,
and steps them all at once.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from solar_model.community.battery import MICRO_PER_KWH, Batteries, Flows
from solar_model.community.consumption import Consumption
from solar_model.community.generation import PvArrays
from solar_model.community.households import Households
from solar_model.community.quiet_mesa import mesa
from solar_model.community.sun import Sun, location_cells, sun_at
from solar_model.community.weather import Sky, Weather, open_weather
from solar_model.errors import InputError
from solar_model.ticks import parse_tick, tick_index, tick_start

# Households of a block at most. Smaller blocks would fit a cache, but two threads then wait for
# each other at every step of numpy: at a quarter of this size a step takes half as long again.
BLOCK_SIZE = 65_536

# No clock on Earth is further from its sun: that of western China is three hours ahead.
FAR_HOURS = 4

log = logging.getLogger(__name__)


class Community(mesa.Model):  # type: ignore[misc]  # mesa is not typed
    """Households, their sun and their weather, advancing tick by tick.

    As a context manager it gives its memory back at once when it ends.

    Parameters
    ----------
    households : Households
        Who takes part, with the state of their batteries at the start.
    start_time : str, datetime or None
        First tick, see `parse_tick`.
    weather : float, str or mapping
        See `open_weather`.
    seed : int
        The same seed gives the same people and the same clouds.
    block_size : int
        Households of one agent. No result depends on it.
    threads : int or None
        Agents that step at the same time, None for one per processor. No result depends on it.

    Attributes
    ----------
    tick : int
        Index of the next tick to simulate.
    flows : Flows
        Energy of the last tick, in the order of ``households``; NaN before the first one.
    datacollector : mesa.DataCollector
        Community totals of every tick, see `Community.totals`.
    """

    def __init__(
        self,
        households: Households,
        start_time: str | datetime | None = None,
        weather: Any = 0.9,
        seed: int = 0,
        *,
        block_size: int = BLOCK_SIZE,
        threads: int | None = None,
    ) -> None:
        super().__init__(rng=abs(seed))  # mesa's own; every draw of ours is keyed by the seed
        self.households = households
        self.seed = seed
        self.tick = tick_index(parse_tick(start_time))
        _warn_of_far_clocks(households, self.now)
        self.weather: Weather = open_weather(weather, seed)
        self.cell_latitude_deg, self.cell_longitude_deg, self.cell_index = location_cells(
            households.latitude_deg, households.longitude_deg
        )
        self.sun: Sun
        self.sky: Sky
        self.flows = self._no_flows()
        self._threads = threads or os.cpu_count() or 1
        blocks = math.ceil(len(households) / block_size)
        bounds = np.linspace(0, len(households), blocks + 1, dtype=int).tolist()
        for start, stop in pairwise(bounds):  # of one size, or a thread would be left over
            HouseholdBlock(self, slice(start, stop))
        self._each_block(HouseholdBlock.move_in)
        self.datacollector = mesa.DataCollector(
            model_reporters={
                "timestamp": "now",
                **{name: [self.total, [name]] for name in Flows._fields},
                "self_consumption": "self_consumption",
                "self_sufficiency": "self_sufficiency",
            }
        )

    @property
    def now(self) -> datetime:
        """Start of the next tick, aware, UTC."""
        return tick_start(self.tick)

    def step(self) -> None:
        """Simulate the tick ``self.tick`` and move on to the next one."""
        self.sun = sun_at(self.tick, self.cell_latitude_deg, self.cell_longitude_deg)
        self.sky = self.weather.sky(self.tick, self.sun)
        self.flows = self._no_flows()  # new ones: the last results may still be in use
        self._each_block(HouseholdBlock.step)
        self.datacollector.collect(self)
        self.tick += 1

    def _no_flows(self) -> Flows:
        return Flows(*(np.full(len(self.households), np.nan) for _ in Flows._fields))

    def _each_block(self, act: Callable[[HouseholdBlock], None]) -> None:
        if len(self.agents) <= 1:
            self.agents.do(act)
            return
        # the same on all processors: numpy lets go of the interpreter
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(act, self.agents):
                pass

    def total(self, name: str) -> float:
        """Sum of a column of the last tick over the community [kWh].

        Exact, as whole micro-kWh are added: no order and no sharding changes a digit.
        """
        column: NDArray[np.float64] = getattr(self.flows, name)
        return float(np.rint(column * MICRO_PER_KWH).sum() / MICRO_PER_KWH)

    @property
    def self_consumption(self) -> float:
        """Share of the last tick's generation that stayed in the households, NaN without any."""
        return _share(self.total("generation_kwh"), self.total("grid_export_kwh"))

    @property
    def self_sufficiency(self) -> float:
        """Share of the last tick's consumption that was not bought, NaN without any."""
        return _share(self.total("consumption_kwh"), self.total("grid_import_kwh"))

    @property
    def totals(self) -> pl.DataFrame:
        """Community totals, one row per tick simulated so far."""
        return pl.DataFrame(self.datacollector.model_vars)

    def results(self) -> pl.DataFrame:
        """The last tick in the form of the results contract."""
        stamp = pl.lit(tick_start(self.tick - 1)).cast(pl.Datetime("us", "UTC"))
        return pl.DataFrame(
            {"user_id": self.households.user_id, **self.flows._asdict()}
        ).insert_column(1, stamp.alias("timestamp"))

    def __enter__(self) -> Community:
        return self

    def __exit__(self, *_: object) -> None:
        # Mesa 3.3 numbers the agents of a model in a table that keeps it for ever: without
        # this, a process that simulates community after community would grow.
        self.remove_all_agents()
        self.__dict__.clear()

    def household(self, user_id: str) -> Household:
        """One household of the community.

        Raises
        ------
        InputError
            When nobody has this ``user_id``.
        """
        row = self.households.user_id.index_of(user_id.lower())
        if row is None:
            raise InputError("there is no such household", column="user_id", value=user_id)
        return Household(self, row)


class HouseholdBlock(mesa.Agent):  # type: ignore[misc]
    """Neighbouring rows of the community, stepped together.

    Parameters
    ----------
    model : Community
        The community they belong to.
    rows : slice
        Their rows.
    """

    def __init__(self, model: Community, rows: slice) -> None:
        super().__init__(model)
        self.rows = rows

    def move_in(self) -> None:
        """Work out what stays the same from tick to tick."""
        community = self.model
        households = community.households.take(self.rows)
        self._cell_index = community.cell_index[self.rows]
        self._arrays = PvArrays(households)
        self._people = Consumption(households, community.seed)
        self._batteries = Batteries(households)

    def step(self) -> None:
        """Simulate the community's tick for these households."""
        community = self.model
        flows = self._batteries.step(
            self._arrays.energy_kwh(community.sun, community.sky, self._cell_index),
            self._people.energy_kwh(community.tick),
        )
        for column, values in zip(community.flows, flows, strict=True):
            column[self.rows] = values


@dataclass(frozen=True)
class Household:
    """A view of one household: nothing is stored, everything is looked up in the community."""

    community: Community
    row: int

    @property
    def system(self) -> dict[str, Any]:
        """Its system, by the names of `Households`; the state of charge is the one at the start."""
        households = self.community.households
        values = {f.name: getattr(households, f.name) for f in fields(households)}
        zones = values.pop("timezones")
        system = {name: column[self.row] for name, column in values.items()}
        return system | {"timezone": zones[system["timezone"]]}

    @property
    def energy(self) -> dict[str, float]:
        """Its last tick, by the names of the results contract [kWh]."""
        flows = self.community.flows._asdict()
        return {name: float(column[self.row]) for name, column in flows.items()}


def _share(whole_kwh: float, lost_kwh: float) -> float:
    return (whole_kwh - lost_kwh) / whole_kwh if whole_kwh > 0 else float("nan")


def _warn_of_far_clocks(households: Households, at: datetime) -> None:
    """Who moved the site and left its time zone would have people rise at midnight, unseen."""
    ahead = (at.astimezone(ZoneInfo(zone)).utcoffset() for zone in households.timezones)
    clock_hours = np.array([offset / timedelta(hours=1) for offset in ahead if offset is not None])
    apart = clock_hours[households.timezone] - households.longitude_deg / 15.0
    far = int((np.abs((apart + 12.0) % 24.0 - 12.0) > FAR_HOURS).sum())
    if far:
        log.warning(
            "%d of %d households live by a time zone that is more than %d hours from their sun: "
            "their people rise and sleep at the wrong time. Mend longitude or timezone of the "
            "households or, for those that name none, SOLAR_SITE_LONGITUDE_DEG or "
            "SOLAR_SITE_TIMEZONE.",
            far,
            len(households),
            FAR_HOURS,
        )
