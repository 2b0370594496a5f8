"""The commands behind the Makefile: ``python -m solar_stack run`` and so on."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
from functools import partial
from urllib.parse import urlsplit

from solar_model.errors import SolarModelError
from solar_model.pipeline.runs import CYCLE_DAG
from solar_model.settings import load_settings
from solar_stack.airflow import ADMIN, VIEWER
from solar_stack.api import AirflowApi
from solar_stack.cycle import finished_runs, run_once, summary
from solar_stack.errors import StackError
from solar_stack.history import fill_last_day
from solar_stack.ports import HOST
from solar_stack.postgres import EmbeddedPostgres
from solar_stack.postgres_wheel import locate
from solar_stack.processes import stop
from solar_stack.programs import programs
from solar_stack.show import console, run_line, say, summary_table, task_table
from solar_stack.signals import Signals, Stopped
from solar_stack.stack import Stack
from solar_stack.state import State
from solar_stack.weather import typical_year

SIGNAL_BASE = 128  # what a shell adds to the number of the signal that ended a program


def main(arguments: list[str]) -> int:
    """Run a command; returns its exit code."""
    commands = {"run": run, "cycle": cycle, "psql": psql, "remove": remove, "programs": programs}
    parser = argparse.ArgumentParser(prog="python -m solar_stack", description=__doc__)
    parser.add_argument("command", choices=[*commands, "airflow", "solar"])
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of airflow or solar")
    asked = parser.parse_args(arguments)
    command = commands.get(asked.command, partial(_program, asked.command, asked.arguments))
    signals = Signals()
    with signals.watched():
        try:
            return command(signals)
        except Stopped as stopped:
            with contextlib.suppress(OSError):
                say("Stopped.")
            return SIGNAL_BASE + stopped.received
        except (StackError, SolarModelError) as error:
            say(f"✗ {error}", "red")
            return 1


def cycle(signals: Signals) -> int:
    """Everything up, one cycle, everything down; fails when the cycle failed."""
    stack = _stack(signals)
    with stack.up() as api:
        return 0 if _first_cycle(stack, api, signals) == "success" else 1


def run(signals: Signals) -> int:
    """Everything up, a cycle now and every 15 minutes, until it is stopped."""
    stack = _stack(signals)
    with stack.up() as api:
        fill_last_day(stack, api, signals)
        _first_cycle(stack, api, signals)
        secrets = stack.state.secrets()
        say(
            f"\nAirflow  {stack.address}\n"
            f"login    {ADMIN} / {secrets.admin_password}   "
            f"(read only: {VIEWER} / {secrets.viewer_password})\n"
            f"logs     {stack.state.logs}\n"
            "tables   make psql\n\n"
            "A cycle runs every 15 minutes. Ctrl-C stops everything.\n"
        )
        for run_id, state in finished_runs(stack, api, signals):
            told = summary(stack, run_id)
            say(run_line(told) if told else f"{run_id}: {state}")
    return 0


def psql(_signals: Signals) -> int:
    """A prompt of Postgres on the solar database; the server is started for it when it is not."""
    postgres = EmbeddedPostgres(State(load_settings().home).postgres)
    with contextlib.ExitStack() as undo:
        if not postgres.attach():
            undo.enter_context(postgres)
        dsn = urlsplit(postgres.dsn("solar"))
        # The password goes where other users of the machine cannot see it.
        variables = os.environ | {"PGPASSWORD": dsn.password or ""}
        target = ["-h", HOST, "-p", str(postgres.port), "-U", "solar", "solar"]
        return subprocess.run([locate(None) / "psql", *target], env=variables).returncode


def _program(name: str, arguments: list[str], signals: Signals) -> int:
    """A command of Airflow's command line, or of ours, on the databases of the stack."""
    return Stack(load_settings(), signals).command(name, arguments)


def remove(_signals: Signals) -> int:
    """Stop what is left of the stack, and remove its databases and files."""
    state = State(load_settings().home)
    if state.home.exists():
        with state.held("it is being removed"):
            stop(state.processes.glob("*.json"))
            EmbeddedPostgres(state.postgres).remove()
            shutil.rmtree(state.home)
    return 0


def _stack(signals: Signals) -> Stack:
    os.environ.setdefault("SOLAR_WEATHER", f"file:{typical_year()}")
    return Stack(load_settings(), signals)


def _first_cycle(stack: Stack, api: AirflowApi, signals: Signals) -> str:
    """One cycle with all that is known of it; the state it ended in."""
    run_id, state = run_once(stack, api, signals)
    told = summary(stack, run_id)
    console.print()
    if told is not None:
        console.print(summary_table(told))
    console.print(task_table(api.tasks(CYCLE_DAG, run_id)))
    if state != "success":
        reason = told.error if told is not None and told.error else "see the logs of its tasks"
        say(f"The cycle failed: {reason}", "red")
    return state


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
