"""The commands behind the Makefile: ``python -m solar_stack run``, ``cycle`` or ``psql``."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from solar_model.errors import SolarModelError
from solar_model.settings import load_settings
from solar_stack.airflow import ADMIN, VIEWER
from solar_stack.cycle import DAG_ID, finished_runs, run_once, summary
from solar_stack.errors import StackError
from solar_stack.show import console, run_line, summary_table, task_table
from solar_stack.signals import Signals, Stopped
from solar_stack.stack import Stack

USAGE = "usage: python -m solar_stack run|cycle"
FAILED, MISUSED = 1, 2
SIGNAL_BASE = 128  # what a shell adds to the number of the signal that ended a program


def main(arguments: list[str]) -> int:
    """Run a command; returns its exit code."""
    if arguments not in (["run"], ["cycle"]):
        print(USAGE, file=sys.stderr)
        return MISUSED
    signals = Signals()
    with signals.watched():
        try:
            return _run(signals, go_on=arguments == ["run"])
        except Stopped as stopped:
            console.print("Stopped.")
            return SIGNAL_BASE + stopped.received
        except (StackError, SolarModelError) as error:
            console.print(f"[red]✗[/] {error}", markup=False)
            return FAILED


def _run(signals: Signals, *, go_on: bool) -> int:
    os.environ.setdefault("SOLAR_WEATHER", f"file:{_typical_year()}")
    stack = Stack(load_settings(), signals)
    with stack.up() as api:
        run_id, state = run_once(stack, api, signals)
        console.print()
        run = summary(stack, run_id)
        if run is not None:
            console.print(summary_table(run))
        console.print(task_table(api.tasks(DAG_ID, run_id)))
        if state != "success":
            reason = run.error if run is not None and run.error else "see the logs of its tasks"
            console.print(f"The cycle failed: {reason}", style="red", markup=False)
        if not go_on:
            return 0 if state == "success" else FAILED
        secrets = stack.state.secrets()
        console.print(
            f"\nAirflow  {stack.address}\n"
            f"login    {ADMIN} / {secrets.admin_password}   "
            f"(read only: {VIEWER} / {secrets.viewer_password})\n"
            f"logs     {stack.state.logs}\n\n"
            "A cycle runs every 15 minutes. Ctrl-C stops everything.\n",
            markup=False,
        )
        known = {run["dag_run_id"] for run in api.runs(DAG_ID) if run["state"] == state}
        for later_id, later_state in finished_runs(stack, api, signals, known):
            later = summary(stack, later_id)
            console.print(run_line(later) if later else f"{later_id}: {later_state}")
    return 0


def _typical_year() -> Path:
    """Real weather without a network: the typical year of Greensboro that pvlib brings."""
    pvlib = find_spec("pvlib")
    if pvlib is None or not pvlib.submodule_search_locations:
        raise StackError("pvlib is not installed. Start with make, which installs what is needed.")
    return Path(pvlib.submodule_search_locations[0]) / "data" / "723170TYA.CSV"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
