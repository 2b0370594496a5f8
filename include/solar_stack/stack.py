"""Bringing the whole stack up, watching it, and taking it down again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from solar_model.pipeline import database, schema
from solar_model.pipeline.backend import load_sample
from solar_model.settings import Settings
from solar_stack import airflow, processes
from solar_stack.api import AirflowApi
from solar_stack.errors import StackError
from solar_stack.ports import HOST, require_free
from solar_stack.postgres import EmbeddedPostgres
from solar_stack.processes import Service
from solar_stack.restarts import Restarts
from solar_stack.show import say, step
from solar_stack.signals import Signals
from solar_stack.state import State

PORT_SETTING = "SOLAR_PORT"
SAMPLE_HOUSEHOLDS = 1000
HEALTHY_SECONDS = 240.0
LOOK_SECONDS = 0.3


class Stack:
    """Postgres and Airflow on this machine.

    Parameters
    ----------
    settings : Settings
        The folder and the ports.
    signals : Signals
        Asked wherever the stack waits.
    restarts : Restarts, optional
        How often each part is started again when it ends.
    """

    def __init__(
        self, settings: Settings, signals: Signals, restarts: Restarts | None = None
    ) -> None:
        self.state = State(settings.home)
        self.address = f"http://{HOST}:{settings.port}"
        self.solar_conninfo = ""
        self.has_sample = False
        self._settings = settings
        self._signals = signals
        self._postgres = EmbeddedPostgres(
            self.state.postgres, settings.postgres_port, pause=signals.pause
        )
        self._restarts = restarts or Restarts()
        self._components: list[Service] = []
        self.started_at = datetime.now(tz=UTC)

    @contextlib.contextmanager
    def up(self) -> Iterator[AirflowApi]:
        """Everything started and healthy; at the end, however it comes, everything stopped.

        Raises
        ------
        StackError
            When something cannot start; the message says what to do.
        """
        self.state.make()
        with contextlib.ExitStack() as undo:
            undo.enter_context(self.state.held(self.address))
            self._stop_leftovers()
            require_free(self._settings.port, PORT_SETTING)
            undo.callback(self._stop)
            with step("Starting Postgres"):
                self._postgres.start()
            variables = self._environment()
            self._migrate_airflow(variables)
            self._start_airflow(variables)
            self._prepare_database(variables)
            login = airflow.ADMIN, self.state.secrets().admin_password
            api = AirflowApi(self.address, *login, while_away=self._while_away)
            self._wait_until_healthy(api)
            yield api

    def watch(self) -> None:
        """Look after the processes: what has ended is started again, with a word to the operator.

        Raises
        ------
        StackError
            When a part ends again and again, or cannot start.
        """
        try:
            self._watch_postgres()
            self._watch_airflow()
        except psycopg.OperationalError:
            pass  # Postgres ended in this moment: the next look finds it

    def _watch_postgres(self) -> None:
        while not self._postgres.running:
            self._note_restart("Postgres", "it ended", self._postgres.log_tail())
            try:
                self._postgres.restart()
            except StackError as error:
                say(f"! {error}", "yellow")
                self._signals.pause(LOOK_SECONDS)

    def _watch_airflow(self) -> None:
        for component in self._components:
            if component.exit_code is not None:
                self._restart(component, f"it ended with exit code {component.exit_code}")

    def _while_away(self) -> None:
        """What to do while Airflow does not answer: it may be that a part of it has ended."""
        self.watch()
        self._signals.pause(LOOK_SECONDS)

    def _restart(self, component: Service, reason: str) -> None:
        self._note_restart(component.name, reason, component.log_tail())
        component.kill()
        self._start_component(component)

    def _note_restart(self, name: str, reason: str, log_tail: str) -> None:
        self._restarts.count(name, f"{reason}. The end of its log:\n{log_tail}")
        say(f"! {datetime.now(tz=UTC):%H:%M:%S} UTC: starting {name} again: {reason}", "yellow")

    def command(self, program: str, arguments: Sequence[str]) -> int:
        """Run ``airflow``, or our own ``solar``, on the databases of this stack; its exit code."""
        self.state.make()
        with contextlib.ExitStack() as undo:
            if not self._postgres.attach():
                undo.enter_context(self._postgres)
            variables = self._environment()
            if program == "airflow":
                self._migrate_airflow(variables)
            command = [str(Path(sys.executable).with_name(program)), *arguments]
            return subprocess.run(command, env=variables).returncode

    def _stop_leftovers(self) -> None:
        records = self.state.processes.glob("*.json")
        names = processes.stop(records)
        if names:
            say(f"Stopped what an earlier start left behind: {', '.join(names)}")

    def _environment(self) -> dict[str, str]:
        secrets = self.state.secrets()
        variables = airflow.environment(
            os.environ,
            self.state,
            secrets,
            port=self._settings.port,
            airflow_dsn=self._postgres.dsn("airflow"),
            solar_dsn=self._postgres.dsn("solar"),
        )
        airflow.write_logins(variables, secrets.admin_password, secrets.viewer_password)
        self.solar_conninfo = database.conninfo(variables[airflow.SOLAR_CONNECTION])
        return variables

    def _migrate_airflow(self, variables: Mapping[str, str]) -> None:
        dsn = self._postgres.dsn("airflow")
        if airflow.is_migrated(dsn):
            return
        with step("Making Airflow's tables"):
            migration = airflow.service(self.state, variables, "migrate", "db", "migrate")
            migration.start()
            while migration.exit_code is None:
                self._signals.pause(LOOK_SECONDS)
            if migration.exit_code:
                raise StackError(_ended(migration))
            airflow.note_migrated(dsn)

    def _start_airflow(self, variables: Mapping[str, str]) -> None:
        self._components = airflow.components(self.state, variables)
        for component in self._components:
            self._start_component(component)

    def _start_component(self, component: Service) -> None:
        airflow.forget(self._postgres.dsn("airflow"), component.name)
        component.start()

    def _prepare_database(self, variables: Mapping[str, str]) -> None:
        with step("Preparing the solar database"):
            schema.upgrade(database.owner_conninfo(self.solar_conninfo))
            self._signals.check()
            # The tables of somebody else's database are its own.
            self.has_sample = variables[airflow.SOLAR_CONNECTION] == self._postgres.dsn("solar")
            if self.has_sample:
                with database.connect(self.solar_conninfo) as connection:
                    load_sample(connection, SAMPLE_HOUSEHOLDS, self._settings.seed)

    def _wait_until_healthy(self, api: AirflowApi) -> None:
        with step("Starting Airflow") as detail:
            deadline = time.monotonic() + HEALTHY_SECONDS
            while waiting := api.unhealthy(self.started_at):
                detail(f"waiting for {', '.join(waiting)}")
                for component in self._components:
                    if component.exit_code is not None:
                        raise StackError(_ended(component))
                if time.monotonic() > deadline:
                    raise StackError(
                        f"Airflow is not healthy after {HEALTHY_SECONDS:.0f} s: "
                        f"{', '.join(waiting)}. See the logs in {self.state.logs}."
                    )
                self._signals.pause(LOOK_SECONDS)

    def _stop(self) -> None:
        """Airflow first: the running tasks and the components still write to the database."""
        with contextlib.suppress(OSError):  # the terminal may be gone
            say("Stopping …")
        try:
            server = self.state.processes / "api-server.json"
            others = set(self.state.processes.glob("*.json")) - {server}
            processes.stop(others)
            processes.stop([server])
        finally:
            self._postgres.stop()


def _ended(service: Service) -> str:
    return (
        f"Airflow's {service.name} ended with exit code {service.exit_code}. "
        f"The end of {service.log}:\n{service.log_tail()}"
    )
