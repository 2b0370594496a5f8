"""The step that simulates: on this worker, or wherever the settings say, with this worker behind.

Remote work is waited for in the triggerer. A runner that fails is left for the next one in the
list, and after the last one this worker simulates: the same bytes, whoever computed them.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import Context

from solar_airflow.operators import CycleOperator, Handover, connection_text, open_database
from solar_airflow.triggers import ExchangeTrigger, HttpRunnerTrigger
from solar_model.errors import RunnerError, RunnerRefusedError, SolarModelError
from solar_model.manifest import Manifest
from solar_model.pipeline import runners, runs
from solar_model.pipeline.references import Cycle, FileReference
from solar_model.settings import settings
from solar_model.ticks import parse_tick, results_file_name

LOCAL, EXCHANGE = "local", "exchange"
# What must be left of the task's time for this worker to simulate.
_RESERVE_S = 60.0
_JOB = "job"


class RunSimulationOperator(CycleOperator):
    """Have the tick simulated by whom the settings name."""

    def execute(self, context: Context) -> Handover:
        """Simulate here, or ask a runner and defer; a retry goes back to the runner it asked."""
        config = settings()
        began = time.time()
        if config.runner == LOCAL:
            return self._simulate_here(context, began)
        if config.runner == EXCHANGE:
            self._defer_to(EXCHANGE, context, began, tried=[])
        asked_before: Any = context["task_state_store"].get(_JOB)
        if asked_before and asked_before["id"] == self._asked().request_id:
            try:
                self._client(asked_before["runner"]).status(asked_before["id"])
            except RunnerError as error:
                self.log.warning("The job of the last try is lost: %s", error)
            else:
                self.log.info("Going back to the job of the last try: %s", asked_before)
                self._defer_to(asked_before["runner"], context, began, tried=[])
        return self._ask_next(context, began, tried=[])

    def resume(
        self, context: Context, event: dict[str, Any], runner: str, began: float, tried: list[str]
    ) -> Handover:
        """Take the results of a runner, or go on to the next one."""
        try:
            if event["status"] != "completed":
                raise RunnerError(event["reason"])
            return self._take(runner, context, began)
        except RunnerError as error:
            self._leave(runner, error)
            return self._ask_next(context, began, [*tried, runner])

    def _ask_next(self, context: Context, began: float, tried: list[str]) -> Handover:
        config = settings()
        if EXCHANGE not in tried and self._seconds_left(began) > 0:
            with open_database(self) as connection:
                candidates = runners.in_order(connection, config.runner_url_list)
            for url in candidates:
                if url in tried:
                    continue
                try:
                    job = self._client(url).submit(
                        self.file("input").path,
                        self._asked(),
                        callback_url=config.runner_callback_url,
                    )
                except RunnerError as error:
                    self._leave(url, error)
                    tried = [*tried, url]
                    continue
                context["task_state_store"].set(_JOB, {"runner": url, "id": job.id})
                self.log.info("Job %s at %s", job.id, url)
                self._defer_to(url, context, began, tried)
        if not config.runner_fallback_local:
            raise RunnerError(
                f"no runner could simulate the tick (asked: {', '.join(tried) or 'none'}), and "
                "SOLAR_RUNNER_FALLBACK_LOCAL is off"
            )
        self.log.warning("No remote runner could: this worker simulates")
        return self._simulate_here(context, began)

    def _defer_to(self, runner: str, context: Context, began: float, tried: list[str]) -> NoReturn:
        limit_s = max(min(settings().runner_time_limit_s, self._seconds_left(began)), 1.0)
        exchange = runner == EXCHANGE
        trigger = (ExchangeTrigger if exchange else HttpRunnerTrigger)(
            where=self._exchange_url() if exchange else runner,
            asked=asdict(self._asked()),
            since=datetime.fromtimestamp(began, tz=UTC).isoformat(),
            deadline=time.time() + limit_s,
        )
        self.defer(
            trigger=trigger,
            method_name=self.resume.__name__,
            kwargs={"runner": runner, "began": began, "tried": tried},
            # the trigger ends by itself; this is for a triggerer that is gone
            timeout=timedelta(seconds=limit_s + _RESERVE_S / 2),
        )

    def _take(self, runner: str, context: Context, began: float) -> Handover:
        from solar_model.runner.answers import require_answer

        asked = self._asked()
        exchange = self._exchange()
        desk = self._desk()
        desk.mkdir(parents=True, exist_ok=True)
        if runner == EXCHANGE:
            name = results_file_name(parse_tick(asked.tick))
            try:
                fetched = exchange.get(name, desk)
                require_answer(Manifest.read(fetched.path), asked, settings().seal_secret)
            except SolarModelError as error:
                raise RunnerError(str(error)) from error
            results = FileReference(
                f"{exchange.url}/{name}", fetched.rows, fetched.bytes, fetched.sha256
            )
        else:
            client = self._client(runner)
            job = client.status(asked.request_id)
            if job.error:
                raise RunnerError(f"the job failed there: {job.error}")
            results = exchange.put(client.fetch(job, asked, desk))
            with open_database(self) as connection:
                runners.succeeded(connection, runner)
        return self._handed_over(results, runner, began)

    def _simulate_here(self, context: Context, began: float) -> Handover:
        from solar_model.runner.work import simulate

        results = simulate(self._exchange(), self.file("uploaded").name, self._desk())
        return self._handed_over(results, LOCAL, began)

    def _handed_over(self, results: FileReference, runner: str, began: float) -> Handover:
        cycle = Cycle(**self.handover["cycle"])
        with open_database(self) as connection:
            runs.record_time(connection, cycle.run_id, self.task_id, time.time() - began)
        self.log.info("%s rows by %s: %s", f"{results.rows:,}", runner, results.uri)
        return {**self.handover, "results": results.to_dict(), "runner": runner}

    def _leave(self, runner: str, error: RunnerError) -> None:
        self.log.warning("Leaving %s: %s", runner, error)
        # what a runner does not accept, or never was asked, says nothing about its health
        if runner != EXCHANGE and not isinstance(error, RunnerRefusedError):
            with open_database(self) as connection:
                runners.failed(connection, runner, str(error))

    def _seconds_left(self, began: float) -> float:
        assert self.execution_timeout is not None
        return began + self.execution_timeout.total_seconds() - _RESERVE_S - time.time()

    def _asked(self) -> Manifest:
        return Manifest.read(self.file("input").path)

    def _exchange_url(self) -> str:
        return self.file("uploaded").exchange

    def _exchange(self) -> Any:
        from solar_model.pipeline.exchange import open_exchange

        return open_exchange(self._exchange_url(), connection_text)

    def _desk(self) -> Path:
        return Path(self.handover["cycle"]["work_dir"]) / "runner"

    def _client(self, url: str) -> Any:
        from solar_model.runner.client import RunnerClient

        config = settings()
        return RunnerClient(url, config.require_runner_secret(), config.runner_ca_file)
