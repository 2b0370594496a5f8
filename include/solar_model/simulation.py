"""From an input file to a results file: the one call of every runner."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from solar_model.community.battery import Flows
from solar_model.community.households import Households
from solar_model.community.model import Community
from solar_model.community.weather.specs import files_in
from solar_model.errors import InputError
from solar_model.files import append_results, read_users
from solar_model.manifest import Manifest
from solar_model.settings import settings
from solar_model.ticks import LAST_YEAR, tick_index, timestamp_text
from solar_model.whole_files import atomic_write


@dataclass(frozen=True)
class Summary:
    """What a simulation did.

    Attributes
    ----------
    households, ticks, rows : int
        Size of the community, ticks simulated, rows written.
    first_tick : str
        ISO 8601, UTC.
    totals_kwh : dict of str to float
        Sum over community and ticks of each energy column; ``battery_soc_kwh`` at the end.
    weather : object
        The weather really used, as JSON can hold it; given again, it gives the same results.
    seed : int
        Seed of the run.
    sha256 : str
        Of the results file.
    seconds : float
        Wall time.
    """

    households: int
    ticks: int
    rows: int
    first_tick: str
    totals_kwh: dict[str, float]
    weather: Any
    seed: int
    sha256: str
    seconds: float


def run_simulation(
    input_file: str | os.PathLike[str],
    output_file: str | os.PathLike[str],
    steps: int = 1,
    start_time: str | datetime | None = None,
    weather: float | str | Mapping[str, float] = 0.9,
    seed: int | None = None,
    *,
    progress: Callable[[int], object] | None = None,
) -> Summary:
    """Simulate every household of an input file and write what happened.

    Parameters
    ----------
    input_file : str or path-like
        CSV of the input contract; six columns are enough (see the data dictionary).
    output_file : str or path-like
        CSV of the results contract. It appears whole or not at all, then its manifest next to it.
    steps : int
        Number of consecutive ticks of 15 minutes.
    start_time : str, datetime or None
        First tick, ISO 8601; without an offset it is UTC; rounded down to a quarter of an hour.
        None is now.
    weather : float, str or mapping
        A number in [0, 1.2] that scales the clear sky, ``"stochastic"``, ``"open-meteo"``,
        ``"file:PATH"``, or the weather itself: ``{"ghi", "dni", "dhi", "temp_air",
        "wind_speed"}`` or ``{"clear_sky_index", "temp_air", "wind_speed"}``.
    seed : int or None
        Same seed, same community. None is the project's seed (``SOLAR_SEED``).
    progress : callable, optional
        Called after each tick with the number of ticks done.

    Returns
    -------
    Summary
        Always true.

    Raises
    ------
    SolarModelError
        For input that cannot be used; nothing is written then.
    """
    began = time.perf_counter()
    site = settings()
    steps = _integer("steps", steps, least=1)
    seed = site.seed if seed is None else _integer("seed", seed)
    _check_places(input_file, output_file, weather)
    households = Households.from_frame(read_users(input_file), site)
    with Community(households, start_time, weather, seed) as community:
        first_tick = timestamp_text(community.now)
        if community.tick + steps > tick_index(datetime(LAST_YEAR + 1, 1, 1)):
            raise InputError(
                "the last tick is out of range",
                value=f"{steps} steps from {first_tick}",
                expected=f"an end in the year {LAST_YEAR} or before",
            )
        with atomic_write(output_file) as file:
            for done in range(steps):
                community.step()
                append_results(community.results(), file, header=done == 0)
                if progress:
                    progress(done + 1)
        weather_used = community.weather.record()
        ticks = community.totals
        totals = {name: ticks[name].sum() for name in Flows._fields}
        totals["battery_soc_kwh"] = community.total("battery_soc_kwh")
    manifest = Manifest.of(
        output_file,
        rows=steps * len(households),
        tick=first_tick,
        steps=steps,
        seed=seed,
        weather=weather_used,
        totals_kwh={name: round(float(total), 6) for name, total in totals.items()},
    )
    manifest.write(output_file)
    return Summary(
        households=len(households),
        ticks=steps,
        rows=manifest.rows,
        first_tick=first_tick,
        totals_kwh=manifest.totals_kwh,
        weather=manifest.weather,
        seed=seed,
        sha256=manifest.sha256,
        seconds=time.perf_counter() - began,
    )


def _check_places(input_file: Any, output_file: Any, weather: Any) -> None:
    for name, place in (("input", input_file), ("output", output_file)):
        if not isinstance(place, str | os.PathLike):
            raise InputError(
                f"the {name} is no path",
                value=type(place).__name__,
                expected="the name of a CSV file",
                hint="Rows are written to one by solar_model.files.write_users",
            )
    target = Path(os.path.realpath(output_file))  # Path.resolve breaks at links in a circle
    if target.suffix in (".gz", ".zip", ".bz2", ".xz", ".zst"):
        raise InputError("results are not compressed", file=target, expected="a name such as x.csv")
    read = [Path(place) for place in (input_file, *files_in(weather))]
    if target.exists() and any(place.exists() and target.samefile(place) for place in read):
        raise InputError("the results would replace their own input", file=output_file)


def _integer(name: str, value: Any, least: int | None = None) -> int:
    expected = "a whole number" if least is None else f"a whole number, {least} or more"
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise InputError(f"{name} is no whole number", value=value, expected=expected)
    if least is not None and number < least:
        raise InputError(f"{name} is too small", value=value, expected=expected)
    return number
