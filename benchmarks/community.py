"""The community model alone: from file to file, without Airflow and without a database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.apart import Measured, apart, medians, timed
from benchmarks.original import CHAIN_HOUSEHOLDS, model_chains
from solar_stack.show import step

START = "2024-06-11T17:00:00"
DAY_HOUSEHOLDS = 10_000
DAY_TICKS = (1, 96, 384)
CHAIN_TICKS = 2


def sample(users: Path, households: int) -> None:
    """Write a community."""
    from solar_model.files import write_users
    from solar_model.sample import sample_households

    write_users(sample_households(households), users)


def tick(users: Path) -> Measured:
    """One tick from file to file, in its parts, and the step of the next one."""
    from solar_model.community.households import Households
    from solar_model.community.model import Community
    from solar_model.files import read_users, write_results
    from solar_model.settings import settings

    measured: Measured = {}
    with timed(measured, "tick"):
        with timed(measured, "read"):
            frame = read_users(users)
        with timed(measured, "move_in"):
            community = Community(Households.from_frame(frame, settings()), START, "stochastic")
        with timed(measured, "step"):
            community.step()
        with timed(measured, "write"):
            write_results(community.results(), users.with_suffix(".results.csv"))
    with timed(measured, "next_step"):
        community.step()
    return measured


def ticks(users: Path, steps: int) -> Measured:
    """Several ticks from file to file by the public call."""
    from solar_model import run_simulation

    measured: Measured = {}
    with timed(measured, "ticks"):
        run_simulation(users, users.with_suffix(".results.csv"), steps, START, "stochastic", seed=0)
    return measured


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
    with timed(measured, "generation"):
        *cells, cell_index = location_cells(households.latitude_deg, households.longitude_deg)
        arrays, weather = PvArrays(households), open_weather(1.0, seed=0)
        for now in range(first, first + steps):
            sun = sun_at(now, *cells)
            arrays.energy_kwh(sun, weather.sky(now, sun), cell_index)
    return measured


def chains(users: Path, steps: int, steps_per_call: int) -> Measured:
    """The original way to generation."""
    measured: Measured = {}
    with timed(measured, "chains"):
        model_chains(users, CHAIN_HOUSEHOLDS, START, steps, steps_per_call)
    return measured


def measure(folder: Path, sizes: list[int], repeat: int) -> dict[str, Any]:
    """Measure everything of the model.

    Parameters
    ----------
    folder : path
        For the files.
    sizes : list of int
        Households of the communities of which a tick is measured.
    repeat : int
        Runs of each measurement but the slowest; medians count.
    """

    def measured(
        act: Callable[..., Measured], households: int, *arguments: int, repeat: int = repeat
    ) -> Measured:
        users = folder / f"users_{households}.csv"
        if not users.exists():
            apart(lambda: sample(users, households))
        shown = " ".join(f"{number:,}" for number in (households, *arguments))
        with step(f"The model alone: {act.__name__} {shown}"):
            return medians([_once(act, users, arguments) for _ in range(repeat)])

    return {
        "tick": {str(size): measured(tick, size) for size in sizes},
        "ticks": {str(steps): measured(ticks, DAY_HOUSEHOLDS, steps) for steps in DAY_TICKS},
        "generation": measured(generation, DAY_HOUSEHOLDS, 96),
        # half a minute each, and no close call
        "chains_by_tick": measured(chains, CHAIN_HOUSEHOLDS, CHAIN_TICKS, 1, repeat=1),
        "chains_by_day": measured(chains, CHAIN_HOUSEHOLDS, 96, 96, repeat=1),
    }


def _once(act: Callable[..., Measured], users: Path, arguments: tuple[int, ...]) -> Measured:
    small = users.with_name("small.csv")

    def warm() -> Measured:
        # what every process does once (tables of the sun, the contract) is not what is measured
        sample(small, 10)
        tick(small)
        return act(users, *arguments)

    result, around = apart(warm)
    return {**result, "peak_mib": around["peak_mib"]}
