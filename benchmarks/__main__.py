"""Measure everything in one run, and write it down: ``python -m benchmarks --help``."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from benchmarks import page, scaling
from benchmarks.deployment import Assumptions
from benchmarks.machine import machine
from solar_model.settings import PROJECT_ROOT
from solar_model.ticks import parse_tick
from solar_stack.postgres import EmbeddedPostgres
from solar_stack.show import say, step

SIZES = (1_000, 10_000, 100_000, 1_000_000)
FEW = 10_000  # households of what is slow
QUIET = "AIRFLOW__LOGGING__LOGGING_LEVEL"
HOME = PROJECT_ROOT / ".solar" / "benchmarks"


def main(
    largest: Annotated[
        int, typer.Option(min=1, help="Households of the largest community.")
    ] = 1_000_000,
    repeat: Annotated[
        int, typer.Option(min=1, help="Runs of each measurement; medians count.")
    ] = 3,
    growth: Annotated[
        int, typer.Option(min=2, help="Ticks of the largest community by which the table grows.")
    ] = 30,
    airflow: Annotated[bool, typer.Option(help="Cycles through Airflow, too.")] = True,
    model: Annotated[bool, typer.Option(help="The model alone, too.")] = True,
    output: Annotated[
        Path, typer.Option(help="Folder of the page, its plot and the numbers.")
    ] = PROJECT_ROOT / "docs",
) -> None:
    """Measure the cycle, task by task and through Airflow, and the model alone.

    Beside it in the same run: the original design's way, and the floor that Postgres alone sets.
    Writes benchmarks.md, figures/benchmarks.svg and data/benchmarks.json; and scaling.md, what
    larger communities need.
    """
    sizes = [size for size in SIZES if size < largest] + [largest]
    _settle_in()
    measured: dict[str, Any] = {}
    with step("Importing"):
        from solar_airflow.preload import preload

        preload()
    postgres = EmbeddedPostgres(HOME / "postgres")
    postgres.remove()  # what a run that was broken off has left
    try:
        measured |= _measure_pipeline(postgres, sizes, growth, repeat)
        _write(measured, output)
        if airflow:
            measured |= _measure_airflow(sizes, repeat)
            _write(measured, output)
    finally:
        postgres.remove()
    if model:
        from benchmarks import community

        measured["model"] = community.measure(HOME, sizes, repeat)
        _write(measured, output)
    shutil.rmtree(HOME)


def _write(measured: dict[str, Any], output: Path) -> None:
    """Write down what was measured so far: nothing is lost when a later part fails."""
    target = output / "data" / "benchmarks.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(measured, indent=1) + "\n")
    say(f"Written: {page.write(measured, output)}")
    # a line through one point says nothing of growth
    if len(measured.get("airflow", {})) > 1:
        say(f"Written: {scaling.write(measured, Assumptions(), output)}")


def _measure_pipeline(
    postgres: EmbeddedPostgres, sizes: list[int], growth: int, repeat: int
) -> dict[str, Any]:
    from benchmarks import original, pipeline

    days = _days("2024-06-11T12:00:00")
    with postgres:
        info = _database(postgres)
        return {
            "machine": machine(_version(info)),
            "original": original.measure(info, HOME, min(FEW, sizes[-1]), next(days)),
            "pipeline": {
                str(size): pipeline.cycles(info, size, next(days), repeat) for size in sizes
            },
            "growth": pipeline.growth(info, sizes[-1], next(days), growth),
        }


def _measure_airflow(sizes: list[int], repeat: int) -> dict[str, Any]:
    from benchmarks import orchestrated

    days = _days("2024-07-11T12:00:00")
    # the stack starts Postgres anew, elsewhere, and writes its logs as always
    del os.environ["AIRFLOW_CONN_SOLAR_DB"], os.environ[QUIET]
    with orchestrated.running(HOME) as (stack, api):
        return {
            "airflow": {
                str(size): orchestrated.cycles(stack, api, size, next(days), repeat)
                for size in reversed(sizes)  # the largest community is there
            },
            "day": orchestrated.day(stack, api, min(FEW, sizes[-1]), next(days)),
        }


def _days(first: str) -> Iterator[datetime]:
    """Ticks far enough from one another for a measurement."""
    tick = parse_tick(first)
    return (tick + timedelta(days=n) for n in itertools.count())


def _settle_in() -> None:
    """A folder and an environment of our own, before anything reads the caller's."""
    for name in [n for n in os.environ if n.startswith(("SOLAR_", "AIRFLOW"))]:
        del os.environ[name]
    os.environ["SOLAR_HOME"] = str(HOME)
    os.environ["AIRFLOW_HOME"] = str(HOME / "airflow")
    os.environ["SOLAR_WEATHER"] = "stochastic"
    os.environ[QUIET] = "ERROR"
    sys.path.insert(0, str(PROJECT_ROOT / "plugins"))


def _database(postgres: EmbeddedPostgres) -> str:
    from solar_model.pipeline.schema import upgrade

    info = postgres.dsn("solar")
    upgrade(info)
    os.environ["AIRFLOW_CONN_SOLAR_DB"] = info
    return info


def _version(info: str) -> str:
    with psycopg.connect(info) as connection:
        [(version,)] = connection.execute("SHOW server_version").fetchall()
    return str(version)


if __name__ == "__main__":
    typer.run(main)
