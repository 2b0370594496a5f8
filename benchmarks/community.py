"""How fast the community model is and how much memory it takes: ``python -m benchmarks.community``.

Every measurement runs in a process of its own, so that its peak memory is its own. Times depend on
the machine and on what else it does; the ratios, all from one run, do not.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

START = "2024-06-11T17:00:00"
CHAIN_HOUSEHOLDS = 100
CHAIN_TICKS = 2
Measured = dict[str, float]

console = Console(width=110)


@contextmanager
def timed(into: Measured, name: str) -> Iterator[None]:
    """Add the wall time of a block to a measurement [s]."""
    began = time.perf_counter()
    yield
    into[name] = into.get(name, 0.0) + time.perf_counter() - began


def sample(users: Path, households: int) -> Measured:
    """Write a community."""
    from solar_model.files import write_users
    from solar_model.sample import sample_households

    measured: Measured = {}
    with timed(measured, "total"):
        write_users(sample_households(households), users)
    return measured


def tick(users: Path) -> Measured:
    """One tick from file to file, in its parts."""
    from solar_model.community.households import Households
    from solar_model.community.model import Community
    from solar_model.files import read_users, write_results
    from solar_model.settings import settings

    measured: Measured = {}
    with timed(measured, "total"):
        with timed(measured, "read"):
            frame = read_users(users)
        with timed(measured, "move in"):
            community = Community(Households.from_frame(frame, settings()), START, "stochastic")
        with timed(measured, "step"):
            community.step()
        with timed(measured, "write"):
            write_results(community.results(), users.with_suffix(".results.csv"))
    with timed(measured, "next step"):
        community.step()
    return measured


def ticks(users: Path, steps: int) -> Measured:
    """Several ticks from file to file by the public call."""
    from solar_model import run_simulation

    summary = run_simulation(
        users, users.with_suffix(".results.csv"), steps, START, "stochastic", seed=0
    )
    return {"total": summary.seconds}


def generation(users: Path, steps: int) -> Measured:
    """Generation alone under a clear sky, all households at once, tick by tick."""
    from solar_model.community.generation import PvArrays
    from solar_model.community.households import Households
    from solar_model.community.sun import location_cells, sun_at
    from solar_model.community.weather import open_weather
    from solar_model.files import read_users
    from solar_model.settings import settings
    from solar_model.ticks import parse_tick, tick_index

    households = Households.from_frame(read_users(users), settings())
    first = tick_index(parse_tick(START))
    measured: Measured = {}
    with timed(measured, "total"):
        *cells, cell_index = location_cells(households.latitude_deg, households.longitude_deg)
        arrays, weather = PvArrays(households), open_weather(1.0, seed=0)
        for now in range(first, first + steps):
            sun = sun_at(now, *cells)
            arrays.energy_kwh(sun, weather.sky(now, sun), cell_index)
    return measured


def model_chains(users: Path, steps: int, steps_per_call: int) -> Measured:
    """The usual way to generation: one pvlib ModelChain per household, clear sky."""
    import pandas as pd
    from pvlib.location import Location
    from pvlib.modelchain import ModelChain
    from pvlib.pvsystem import Array, FixedMount, PVSystem

    from solar_model.files import read_users

    day = pd.date_range(START, periods=steps, freq="15min", tz="UTC")
    calls = [day[first : first + steps_per_call] for first in range(0, steps, steps_per_call)]
    measured: Measured = {}
    with timed(measured, "total"):
        for row in read_users(users).iter_rows(named=True):
            dc_w = row["panel_wattage"] * row["panel_count"]
            array = Array(
                FixedMount(row["tilt_deg"], row["azimuth_deg"]),
                module_parameters={"pdc0": dc_w, "gamma_pdc": -0.0037},
                temperature_model_parameters={"noct": 49.0, "module_efficiency": 0.19},
            )
            inverter = {"pdc0": row["inverter_capacity_kw"] * 1000.0 / 0.96}
            place = Location(row["latitude"], row["longitude"])
            chain = ModelChain(
                PVSystem([array], inverter_parameters=inverter),
                place,
                aoi_model="physical",
                spectral_model="no_loss",
                temperature_model="noct_sam",
            )
            for times in calls:
                chain.run_model(place.get_clearsky(times).assign(temp_air=20.0, wind_speed=1.0))
    return measured


MEASUREMENTS: dict[str, Callable[..., Measured]] = {
    "sample": sample,
    "tick": tick,
    "ticks": ticks,
    "generation": generation,
    "model_chains": model_chains,
}


def in_a_process(name: str, users: Path, *arguments: int) -> Measured:
    """One measurement in a new process. This one stays small: peaks are inherited."""
    command = [sys.executable, "-m", "benchmarks.community", "one", name, str(users)]
    command += [str(argument) for argument in arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def measure(folder: Path, name: str, households: int, *arguments: int, repeat: int = 1) -> Measured:
    """Medians of a measurement, each in a new process, and its peak memory [MiB]."""
    users = folder / f"users_{households}.csv"
    if not users.exists():
        in_a_process("sample", users, households)
    runs = []
    for attempt in range(repeat):
        console.print(f"[dim]{name} {households:,} {arguments or ''} {attempt + 1}/{repeat} …")
        runs.append(in_a_process(name, users, *arguments))
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


app = typer.Typer(add_completion=False)


@app.command(hidden=True)
def one(
    name: str, users: Path, arguments: Annotated[list[int] | None, typer.Argument()] = None
) -> None:
    """Run one measurement in this process and print it as JSON."""
    from solar_model.files import write_users
    from solar_model.sample import sample_households

    # what every process does once (imports, tables of the sun) is not what is measured
    small = users.with_name("small.csv")
    write_users(sample_households(10), small)
    tick(small)
    measured = MEASUREMENTS[name](users, *(arguments or []))
    measured["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(measured))


@app.command()
def report(
    largest: Annotated[int, typer.Option(help="Households of the largest community.")] = 1_000_000,
    repeat: Annotated[int, typer.Option(help="Runs of each measurement; medians count.")] = 3,
) -> None:
    """Measure and print everything."""
    sizes = [size for size in (10_000, 100_000, 1_000_000) if size < largest] + [largest]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        by_size = {size: measure(folder, "tick", size, repeat=repeat) for size in sizes}
        days = {
            steps: measure(folder, "ticks", 10_000, steps, repeat=repeat) for steps in (1, 96, 384)
        }
        alone = measure(folder, "generation", 10_000, 96, repeat=repeat)
        by_tick = measure(folder, "model_chains", CHAIN_HOUSEHOLDS, CHAIN_TICKS, 1)
        by_day = measure(folder, "model_chains", CHAIN_HOUSEHOLDS, 96, 96)
    by_tick_s = by_tick["total"] * 96 / CHAIN_TICKS * 10_000 / CHAIN_HOUSEHOLDS
    by_day_s = by_day["total"] * 10_000 / CHAIN_HOUSEHOLDS

    parts = ("total", "read", "move in", "step", "next step", "write")
    table = Table(title=f"One tick from file to file, seconds ({os.cpu_count()} processors)")
    for heading in ("households", *parts, "µs each", "µs each more", "ratio", "MiB"):
        table.add_column(heading, justify="right")
    # what does not depend on the size (the contract's checks, the sun) weighs on small communities
    before, before_s, first_more = 0, 0.0, 0.0
    for size, measured in by_size.items():
        each = measured["total"] / size
        more = (measured["total"] - before_s) / (size - before)
        if before:
            first_more = first_more or more
        table.add_row(
            f"{size:,}",
            *(f"{measured[part]:.3f}" for part in parts),
            f"{each * 1e6:.2f}",
            f"{more * 1e6:.2f}" if before else "",
            f"x {more / first_more:.2f}" if before else "",
            f"{measured['peak_mib']:,.0f}",
        )
        before, before_s = size, measured["total"]
    console.print(table)

    table = Table(title="10,000 households from file to file: memory does not grow with ticks")
    for heading in ("ticks", "seconds", "peak MiB"):
        table.add_column(heading, justify="right")
    for steps, measured in days.items():
        table.add_row(f"{steps}", f"{measured['total']:.2f}", f"{measured['peak_mib']:,.0f}")
    console.print(table)

    day_s = days[96]["total"]
    table = Table(title="A day of 10,000 households, against one pvlib ModelChain per household")
    for heading in ("", "seconds", "against the day", "against generation alone"):
        table.add_column(heading, justify="right" if heading else "left")
    for label, seconds in {
        "people, panels, batteries, file to file": day_s,
        "generation alone": alone["total"],
        "ModelChain, tick by tick": by_tick_s,
        "ModelChain, the day in one call": by_day_s,
    }.items():
        ratios = (seconds / day_s, seconds / alone["total"])
        table.add_row(label, f"{seconds:,.2f}", *(f"x {ratio:,.2f}" for ratio in ratios))
    console.print(table)
    console.print(
        f"ModelChain: generation only; measured on {CHAIN_HOUSEHOLDS} households, tick by tick for "
        f"{CHAIN_TICKS} ticks, and scaled up."
    )


if __name__ == "__main__":
    app()
