"""What the operator sees: one line per step, and the tables of a cycle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from solar_model.pipeline.summary import RunSummary

console = Console(highlight=False)


def say(text: str, style: str | None = None) -> None:
    """Print a message as it is: no line breaks of ours in its paths and addresses."""
    console.print(text, style=style, markup=False, soft_wrap=True)


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Show that something goes on, and how long it took when it is done.

    Yields
    ------
    callable
        Takes what is being done right now. On a terminal it replaces the line; elsewhere each
        new text is a line of its own.
    """
    started = time.monotonic()
    last = ""
    with console.status(f"{title} …") as status:

        def detail(text: str) -> None:
            nonlocal last
            if text != last and not console.is_terminal:
                say(f"  … {text}")
            last = text
            status.update(f"{title} … [dim]{text}, {time.monotonic() - started:.0f} s[/]")

        if not console.is_terminal:
            say(f"{title} …")
        yield detail
    console.print(f"[green]✓[/] {title} [dim]({time.monotonic() - started:.1f} s)[/]")


def summary_table(run: RunSummary) -> Table:
    """Households, energy and checks of a run, as the database tells it."""
    table = Table(title=f"Cycle of {run.tick:%Y-%m-%d %H:%M} UTC", title_justify="left")
    table.add_column("what")
    table.add_column("value", justify="right")
    table.add_column("", style="dim")
    # a run that fails stores nothing, and leaves what was there
    whose = "an earlier attempt's" if run.status == "failed" and run.rows_stored else ""
    rows: list[tuple[str, object, str]] = [
        ("status", run.status, f"attempt {run.attempt}"),
        ("households", run.households_queried, f"{run.households_quarantined or 0} set aside"),
        ("rows in energy_data", run.rows_stored, whose or "one per household"),
        ("checks passed", run.checks_passed, whose or "contract, expectations"),
        ("weather", _weather(run), f"seed {run.seed}"),
    ]
    for name, value, note in rows:
        table.add_row(name, "–" if value is None else str(value), note)
    table.add_section()
    for name, value in {
        "generation": run.generation_kwh,
        "consumption": run.consumption_kwh,
        "battery charge": run.battery_charge_kwh,
        "battery discharge": run.battery_discharge_kwh,
        "grid import": run.grid_import_kwh,
        "grid export": run.grid_export_kwh,
        "stored in batteries": run.battery_soc_kwh,
    }.items():
        table.add_row(name, f"{value:,.3f}", "kWh")
    balance_kwh = round(run.balance_residual_kwh, 6) + 0.0  # no negative zero
    table.add_row("balance", f"{balance_kwh:.6f}", "kWh; sources minus sinks")
    return table


def _weather(run: RunSummary) -> str:
    """The weather of a run in a few words; a file is recorded with its checksum."""
    if isinstance(run.weather, dict) and "file" in run.weather:
        return Path(run.weather["file"]).name
    return str(run.weather)


def task_table(tasks: Sequence[Mapping[str, Any]]) -> Table:
    """How long each task of a run took, as Airflow tells it."""
    table = Table(title="Tasks", title_justify="left")
    table.add_column("task")
    table.add_column("state")
    table.add_column("seconds", justify="right")
    for task in sorted(tasks, key=lambda task: task["start_date"] or "9999"):
        seconds = task["duration"]
        table.add_row(
            task["task_id"], task["state"] or "–", "–" if seconds is None else f"{seconds:.2f}"
        )
    return table


def run_line(run: RunSummary) -> str:
    """One line about a finished run."""
    mark = "✓" if run.status == "completed" else "✗"
    end = run.finished_at
    seconds = f", {(end - run.started_at).total_seconds():.1f} s" if end else ""
    aside = f" ({run.households_quarantined} set aside)" if run.households_quarantined else ""
    return (
        f"{mark} {run.tick:%Y-%m-%d %H:%M} UTC: {run.status}, {run.rows_stored} households{aside}, "
        f"{run.generation_kwh:,.1f} kWh generated, {run.consumption_kwh:,.1f} kWh consumed{seconds}"
    )
