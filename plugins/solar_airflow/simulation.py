"""The step that simulates: on this worker, or wherever the settings say, with this worker behind.

Remote work is waited for in the triggerer. A runner that fails is left for the next one in the
list, and after the last one this worker simulates: the same bytes, whoever computed them.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from airflow.sdk import Context

from solar_airflow.backfills import step_back
from solar_airflow.connections import connection_text, open_database
from solar_airflow.cycle import CycleOperator, Handover, step_of
from solar_airflow.triggers import ExchangeTrigger, HttpRunnerTrigger
from solar_model.errors import (
    ConfigurationError,
    ExchangeAwayError,
    RunnerError,
    RunnerRefusedError,
    SolarModelError,
    TransferError,
)
from solar_model.manifest import Manifest
from solar_model.pipeline import runners, runs, transfers
from solar_model.pipeline.references import FileReference
from solar_model.pseudonyms import users_hidden
from solar_model.settings import settings

LOCAL, EXCHANGE = "local", "exchange"
# Share of the task's time that must be left for this worker to simulate.
_RESERVE = 0.25
# What is remembered of an earlier try longer than this after its wait is of an earlier run.
_STALE_S = 600.0
_JOB = "job"


class RunSimulationOperator(CycleOperator):
    """Have the tick simulated by whom the settings name."""

    @users_hidden()
    def execute(self, context: Context) -> Handover:
        """Simulate here, or ask a runner and defer; a retry goes back to the runner it asked."""
        step_back(context)
        with open_database(self.execution_timeout) as connection:
            self.require_ours(connection, context)
        config = settings()
        began = time.time()
        if config.runner == LOCAL:
            return self._simulate_here(began)
        before: Any = context["task_state_store"].get(_JOB)
        if before and before["id"] == self._asked().request_id:
            if 0 < began - before["until"] < _STALE_S:
                return self._look_once(before, began)
            if config.runner != EXCHANGE and self._is_known(before):
                self.log.info("Going back to the job of the last try: %s", before)
                self._defer_to(before["runner"], context, began, tried=[])
        if config.runner == EXCHANGE:
            self._defer_to(EXCHANGE, context, began, tried=[])
        return self._ask_next(context, began, tried=[])

    @users_hidden()
    def resume(
        self,
        context: Context,
        event: dict[str, Any],
        runner: str,
        began: float,
        tried: list[str],
        uploaded: dict[str, Any],
    ) -> Handover:
        """Take the results of a runner, or go on to the next one."""
        self.handover = {**self.handover, "uploaded": uploaded}
        try:
            if event["status"] != "completed":
                raise (ExchangeAwayError if event["away"] else RunnerError)(event["reason"])
            return self._take(runner, began)
        except ExchangeAwayError as error:
            return self._move(error, context, began, tried)
        except RunnerError as error:
            self._leave(runner, error)
            return self._ask_next(context, began, [*tried, runner])

    def _look_once(self, before: dict[str, Any], began: float) -> Handover:
        """Take what is there when the wait of the last try was in vain: no more time for another.

        That is so when the triggerer is gone: nobody has woken the task while there was time.
        """
        self.log.warning(
            "Nobody ended the wait of the last try (is the triggerer running?): %s", before
        )
        self.handover = {**self.handover, "uploaded": before["uploaded"]}
        try:
            return self._take(before["runner"], began)
        except RunnerError as error:
            if not settings().runner_fallback_local:
                raise
            self.log.warning("%s: %s; this worker simulates", before["runner"], error)
            return self._simulate_here(began)

    def _is_known(self, before: dict[str, Any]) -> bool:
        try:
            self._client(before["runner"]).status(before["id"])
        except RunnerError as error:
            self.log.warning("The job of the last try is lost: %s", error)
            return False
        return True

    def _move(
        self, error: ExchangeAwayError, context: Context, began: float, tried: list[str]
    ) -> Handover:
        """Put the input into the next exchange, for whoever watches that one."""
        from solar_model.pipeline.exchange import put_to_first

        away = self.file("uploaded").exchange
        self.log.warning("Leaving %s: %s", away, error)
        tried = [*tried, away]
        others = [url for url in self._exchanges() if url not in tried]
        if others and self._seconds_left(began) > 0:
            try:
                uploaded = put_to_first(others, self.input_path(), connection_text)
            except (TransferError, ConfigurationError) as refusal:
                self.log.warning("%s", refusal)
            else:
                self._moved("upload", uploaded)
                self.handover = {**self.handover, "uploaded": uploaded.to_dict()}
                self._defer_to(EXCHANGE, context, began, tried)
        return self._ask_next(context, began, [*tried, EXCHANGE])

    def _ask_next(self, context: Context, began: float, tried: list[str]) -> Handover:
        config = settings()
        if EXCHANGE not in tried and self._seconds_left(began) > 0:
            with open_database(self.execution_timeout) as connection:
                candidates = runners.in_order(connection, config.runner_url_list)
            for url in candidates:
                if url in tried:
                    continue
                try:
                    job = self._client(url).submit(
                        self.input_path(),
                        self._asked(),
                        callback_url=config.runner_callback_url,
                    )
                except RunnerError as error:
                    self._leave(url, error)
                    tried = [*tried, url]
                    continue
                self.log.info("Job %s at %s", job.id, url)
                self._moved("submit", self.file("input"), url)
                self._defer_to(url, context, began, tried)
        if not config.runner_fallback_local:
            raise RunnerError(
                f"no runner could simulate the tick (asked: {', '.join(tried) or 'none'}), and "
                "SOLAR_RUNNER_FALLBACK_LOCAL is off"
            )
        self.log.warning("No remote runner could: this worker simulates")
        return self._simulate_here(began)

    def _defer_to(self, runner: str, context: Context, began: float, tried: list[str]) -> NoReturn:
        exchange = runner == EXCHANGE
        asked = self._asked()
        allowed_s = asked.steps * settings().runner_time_limit_s
        limit_s = max(min(allowed_s, self._seconds_left(began)), 1.0)
        uploaded = self.file("uploaded")
        trigger = (ExchangeTrigger if exchange else HttpRunnerTrigger)(
            where=uploaded.exchange if exchange else runner,
            asked=asdict(asked),
            since=datetime.fromtimestamp(began, tz=UTC).isoformat(),
            deadline=time.time() + limit_s,
        )
        context["task_state_store"].set(
            _JOB,
            {
                "runner": runner,
                "id": asked.request_id,
                "until": trigger.deadline,
                "uploaded": uploaded.to_dict(),
            },
        )
        self.defer(
            trigger=trigger,
            method_name=self.resume.__name__,
            kwargs={
                "runner": runner,
                "began": began,
                "tried": tried,
                "uploaded": uploaded.to_dict(),
            },
            # the trigger ends by itself; this is for a triggerer that is gone
            timeout=timedelta(seconds=limit_s + self._reserve_s / 2),
        )

    def _take(self, runner: str, began: float) -> Handover:
        outbox = self._outbox()
        if runner == EXCHANGE:
            return self._handed_over(self._found(outbox), runner, began)
        client = self._client(runner)
        asked = self._asked()
        job = client.status(asked.request_id)
        if job.status != "completed":
            why = f": {job.error}" if job.error else ""
            raise RunnerError(f"the job is {job.status} there{why}")
        fetched = FileReference.of(client.fetch(job, asked, outbox), asked.rows * asked.steps)
        self._moved("fetch", fetched, runner)
        results = self._put(fetched.path)
        with open_database(self.execution_timeout) as connection:
            runners.succeeded(connection, runner)
        return self._handed_over(results, runner, began)

    def _found(self, outbox: Path) -> FileReference:
        """What somebody has put into the exchange, if it answers what was asked."""
        from solar_model.pipeline.exchange import open_exchange
        from solar_model.runner.answers import require_answer

        asked = self._asked()
        name = asked.results_name
        try:
            exchange = open_exchange(self.file("uploaded").exchange, connection_text)
            fetched = exchange.get(name, outbox)
        except (TransferError, ConfigurationError) as error:
            raise ExchangeAwayError(str(error)) from error
        try:
            require_answer(Manifest.read(fetched.path), asked, settings().seal_secret)
        except SolarModelError as error:
            raise RunnerError(str(error)) from error
        results = replace(fetched, uri=f"{exchange.url}/{name}")
        self._moved("fetch", results)
        return results

    def _simulate_here(self, began: float) -> Handover:
        from solar_model.runner.work import simulate_file

        results = self._put(simulate_file(self.input_path(), self._outbox()))
        return self._handed_over(results, LOCAL, began)

    def _put(self, results: Path) -> FileReference:
        """Put results where the input lies, or into the next exchange that takes them."""
        from solar_model.pipeline.exchange import put_to_first

        put = put_to_first(self._exchanges(), results, connection_text)
        self._moved("upload", put)
        return put

    def _moved(
        self, action: transfers.Action, what: FileReference, place: str | None = None
    ) -> None:
        with open_database(self.execution_timeout) as connection:
            self.moved(connection, self.cycle, action, what, place)

    def _handed_over(self, results: FileReference, runner: str, began: float) -> Handover:
        with open_database(self.execution_timeout) as connection:
            runs.record_time(connection, self.cycle.run_id, step_of(self), time.time() - began)
        self.log.info("%s rows by %s: %s", f"{results.rows:,}", runner, results.uri)
        return {**self.handover, "results": results.to_dict(), "runner": runner}

    def _leave(self, runner: str, error: RunnerError) -> None:
        self.log.warning("Leaving %s: %s", runner, error)
        # what a runner does not accept, or never was asked, says nothing about its health
        if runner != EXCHANGE and not isinstance(error, RunnerRefusedError):
            with open_database(self.execution_timeout) as connection:
                runners.failed(connection, runner, str(error))

    @property
    def _allowed_s(self) -> float:
        if self.execution_timeout is None:
            raise ConfigurationError(
                f"the task {self.task_id} has no time limit, and how long a runner is waited for "
                "is a part of it. Give the task an execution_timeout"
            )
        return self.execution_timeout.total_seconds()

    @property
    def _reserve_s(self) -> float:
        return _RESERVE * self._allowed_s

    def _seconds_left(self, began: float) -> float:
        return began + self._allowed_s - self._reserve_s - time.time()

    def _asked(self) -> Manifest:
        return Manifest.read(self.input_path())

    def _exchanges(self) -> list[str]:
        from solar_model.pipeline.exchange import in_turn

        return in_turn(settings().exchange_urls, self.file("uploaded").exchange)

    def _outbox(self) -> Path:
        outbox = self.cycle.outbox
        outbox.mkdir(parents=True, exist_ok=True)
        return outbox

    def _client(self, url: str) -> Any:
        from solar_model.runner.client import RunnerClient

        config = settings()
        return RunnerClient(url, config.require_runner_secret(), config.runner_ca_file)
