"""The plan for larger communities as a page of the documentation: ``docs/scaling.md``.

With coefficients of your own machine (``make bench``) and assumptions of your own::

    python -m benchmarks.scaling my/data/benchmarks.json --assume budget_s=300 --output my
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.deployment import (
    Assumptions,
    Coefficients,
    Deployment,
    NoRoomError,
    bottlenecks,
)
from benchmarks.page import table
from solar_model.settings import PROJECT_ROOT

SIZES = (1_000_000, 10_000_000, 100_000_000)


def write(results: dict[str, Any], assumed: Assumptions, folder: Path) -> Path:
    """Write scaling.md into a folder; returns the page."""
    page = folder / "scaling.md"
    measured = Coefficients.of(results)
    sections = _sections(measured, assumed, results["machine"])
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return page


def _sections(
    measured: Coefficients, assumed: Assumptions, machine: dict[str, str]
) -> Iterable[str]:
    plans = [Deployment(size, measured, assumed) for size in SIZES]
    yield "# More households than one machine has time for"
    yield (
        "This page is computed from what `make bench` has measured "
        f"({machine['processors']}, {machine['measured']}; see [benchmarks](benchmarks.md)). "
        "Everything in it grows in proportion to the households: up to a million that was "
        "measured, beyond it is arithmetic. With numbers and prices of your own:"
    )
    yield (
        "```sh\n"
        'make bench options="--output my"\n'
        ".venv/bin/python -m benchmarks.scaling my/data/benchmarks.json --output my \\\n"
        "    --assume budget_s=300 --assume processor_hour_usd=0.03\n"
        "```"
    )
    yield "## What a deployment needs"
    yield table(("households", *(f"{size:,}" for size in SIZES)), _needs(plans))
    yield "## What becomes too small first"
    yield (
        "Each part alone, as the community grows: where it has no time or no room left. What "
        "stands first is what to change next."
    )
    yield table(
        ("part", "households"),
        [(part, _round(limit)) for part, limit in bottlenecks(measured, assumed).items()],
    )
    yield "## How it is built"
    yield from map(_plan, plans[1:])
    yield from _choices(measured, assumed)
    yield "## What it is computed from"
    yield "Measured, per household and tick unless it says otherwise:"
    yield table(
        ("coefficient", "value"),
        [(f"`{f.name}`", f"{getattr(measured, f.name):,.2f}") for f in fields(measured)],
    )
    yield f"Assumed ({_prices()}); `--assume name=value` changes them:"
    yield table(
        ("assumption", "value"),
        [(f"`{f.name}`", f"{getattr(assumed, f.name):,.10g}") for f in fields(assumed)],
    )


def _needs(plans: list[Deployment]) -> Iterable[tuple[str, ...]]:
    def row(name: str, values: Iterable[str]) -> tuple[str, ...]:
        return (name, *values)

    yield row("shards", (f"{plan.shards}" for plan in plans))
    yield row("… of at most", (f"{plan.shard_households:,}" for plan in plans))
    yield row("processors of workers", (_round(plan.worker_processors) for plan in plans))
    yield row("processors of Postgres", (_round(plan.database_processors) for plan in plans))
    yield row("servers of Postgres", (f"{plan.database_servers}" for plan in plans))
    yield row("partitions a day", (f"{plan.partitions_per_day}" for plan in plans))
    yield row("rows a day [million]", (f"{plan.households * 96 / 1e6:,.0f}" for plan in plans))
    yield row("stored a day [GB]", (f"{plan.stored_gb_per_day:,.0f}" for plan in plans))
    yield row("kept in Postgres [TB]", (f"{plan.kept_tb:,.1f}" for plan in plans))
    yield row("write-ahead log a day [GB]", (f"{plan.log_gb_per_day:,.0f}" for plan in plans))
    yield row(
        "into the exchange a day [GB]", (f"{plan.exchanged_gb_per_day:,.0f}" for plan in plans)
    )
    yield row(
        "requests to the exchange a day", (f"{sum(plan.requests_per_day):,.0f}" for plan in plans)
    )
    for part in plans[0].usd_per_day:
        yield row(f"{part} [USD a day]", (f"{plan.usd_per_day[part]:,.2f}" for plan in plans))
    costs = [sum(plan.usd_per_day.values()) for plan in plans]
    yield row("all [USD a day]", (f"{cost:,.2f}" for cost in costs))
    yield row(
        "a household [millionths of a USD a day]",
        (f"{cost / plan.households * 1e6:,.1f}" for cost, plan in zip(costs, plans, strict=True)),
    )


def _plan(plan: Deployment) -> str:
    sink = (
        "One Postgres takes it"
        if plan.database_servers == 1
        else f"Postgres becomes {plan.database_servers} servers: Citus, `energy_data` distributed "
        "by `user_id`, each worker's `COPY` through its coordinator or straight to the shard's "
        "node, the ledger as a reference table"
    )
    return (
        f"**{plan.households:,} households**: {plan.shards} shards on "
        f"{plan.worker_machines} worker machines of {plan.assumed.worker_processors:.0f} "
        f"processors (two at least, so that one may die). {sink}; a day of "
        f"`energy_data` is {plan.partitions_per_day} partitions, by a hash of the user below the "
        "day, so that shards that insert at the same time do not extend the same file."
    )


def _choices(measured: Coefficients, assumed: Assumptions) -> Iterable[str]:
    spread = Deployment(SIZES[-1], measured, assumed)
    yield (
        "**Workers.** They hold nothing: files pass through an object store, a shard that fails is "
        "repeated on any other worker. They have work for at most "
        f"{assumed.budget_s:.0f} s of every 900 s: let them come and go with the queue (KEDA on "
        "the length of the Celery queue, or spot machines), or give a cycle a larger budget and "
        "have fewer of them: processors fall in proportion."
    )
    yield (
        "**A warehouse instead of Postgres.** The validated results files are in the object store "
        "already. Where nobody asks for single rows within minutes, load those files (BigQuery "
        "and Snowflake take CSV as it is) and keep only the ledger and the last days in Postgres: "
        f"most of {spread.kept_tb:,.0f} TB of volumes at {SIZES[-1]:,} households go. Running a "
        "tick again then replaces that tick's files, and readers take the latest attempt of a tick."
    )
    yield (
        "**Airflow.** A shard is nine tasks. One scheduler starts them for as many households as "
        "the table above says; several schedulers share a database, and a DAG per region splits "
        "the ledger as well as the load. Neither was measured here."
    )


def _prices() -> str:
    words = " ".join((Assumptions.__doc__ or "").split("\n\n")[1].split())
    return words.split(". They")[0].replace("Prices are", "prices:")


def _round(value: float) -> str:
    return f"{value:,.1f}" if value < 10 else f"{float(f'{value:.3g}'):,.0f}"


def with_assumptions(changes: list[str]) -> Assumptions:
    """The assumptions, some of them changed by ``name=value``."""
    known = {field.name for field in fields(Assumptions)}
    pairs = [change.partition("=") for change in changes]
    for name, _, _ in pairs:
        if name not in known:
            raise typer.BadParameter(f"{name} is none of {', '.join(sorted(known))}")
    return replace(Assumptions(), **{name: _number(name, value) for name, _, value in pairs})


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    is_free = number == 0 and name.endswith("_usd")  # as what one has already
    if not (0 < number < math.inf or is_free):
        raise typer.BadParameter(f"{name} is {text!r}; expected a number above 0, a price may be 0")
    return number


def main(
    numbers: Annotated[Path, typer.Argument(help="From make bench.")] = (
        PROJECT_ROOT / "docs" / "data" / "benchmarks.json"
    ),
    assume: Annotated[
        list[str] | None, typer.Option(help="name=value of an assumption; may be repeated.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder of the page.")] = PROJECT_ROOT / "docs",
) -> None:
    """Compute what larger communities need, and write scaling.md."""
    results, assumed = json.loads(numbers.read_text()), with_assumptions(assume or [])
    try:
        write(results, assumed, output)
    except NoRoomError as error:
        raise typer.BadParameter(str(error)) from error


if __name__ == "__main__":
    typer.run(main)
