"""What ticks are computed with: as asked for, else as recorded, else as configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import psycopg

from solar_model.community.weather.record import joint_record
from solar_model.community.weather.specs import choices
from solar_model.errors import ConfigurationError
from solar_model.ticks import tick_index

Connection = psycopg.Connection[Any]


def seed_of(
    connection: Connection, ticks: Sequence[datetime], asked: int | None, configured: int
) -> int:
    """The seed of a run over some ticks.

    Raises
    ------
    ConfigurationError
        When the ticks were computed with different seeds, and none is asked for.
    """
    if asked is not None:
        return asked
    first_tick: dict[int, datetime] = {}
    for tick, (seed, _) in _recorded(connection, ticks).items():
        first_tick.setdefault(seed, tick)
    if len(first_tick) > 1:
        known = ", ".join(f"{seed} at {tick:%F %R}" for seed, tick in first_tick.items())
        raise ConfigurationError(
            f"these ticks were computed with different seeds: {known}. Name one as the parameter "
            "seed of the run, or repeat them one by one with solar_simulation."
        )
    return next(iter(first_tick), configured)


def weather_of(
    connection: Connection, ticks: Sequence[datetime], asked: str | None, configured: str
) -> Any:
    """The weather of a run over some ticks, as `solar_model.run_simulation` takes it."""
    if asked:
        return asked
    recorded = _recorded(connection, ticks)
    return in_spans({tick: _or(recorded.get(tick, (None, None))[1], configured) for tick in ticks})


def _or(recorded: Any, configured: str) -> Any:
    if recorded is None:
        return configured
    if isinstance(recorded, dict) and "open-meteo" in recorded:
        # it may lack places: of another shard, or of households that came later
        return [recorded, *choices(configured)]
    return recorded


def in_spans(weather: Mapping[datetime, Any]) -> Any:
    """The weather of consecutive ticks, as `solar_model.run_simulation` takes it."""
    spans = []
    for given, group in groupby(weather.items(), key=lambda pair: pair[1]):
        spell = [tick_index(tick) for tick, _ in group]
        spans.append({"ticks": [spell[0], spell[-1]], "weather": given})
    return spans[0]["weather"] if len(spans) == 1 else {"spans": spans}


def _recorded(connection: Connection, ticks: Sequence[datetime]) -> dict[datetime, tuple[int, Any]]:
    """Seed and weather that each tick was last computed with, where it was; a try is none."""
    with connection.transaction():  # leaves none open behind it
        rows = connection.execute(
            """
            SELECT tick, (array_agg(seed ORDER BY shard))[1], jsonb_agg(weather ORDER BY shard)
            FROM simulation_runs
            WHERE tick BETWEEN %s AND %s AND weather IS NOT NULL GROUP BY tick ORDER BY tick
            """,
            (ticks[0], ticks[-1]),
        ).fetchall()
    return {tick: (seed, joint_record(weathers)) for tick, seed, weathers in rows}
