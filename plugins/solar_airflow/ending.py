"""How a cycle ends: who is told, what is removed, and what the ledger says when it failed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from airflow.sdk import BaseOperator, Context

from solar_airflow.connections import connection_text, open_database
from solar_airflow.cycle import tick_of
from solar_model.errors import ResultsError, SolarModelError
from solar_model.pipeline import runs, work_folders
from solar_model.pseudonyms import pseudonymised
from solar_model.settings import settings

log = logging.getLogger(__name__)


class NotifyOperator(BaseOperator):
    """Tell the webhook and the simulation log how the cycle ended; never harm the cycle."""

    def execute(self, context: Context) -> None:
        """Send the message; log why when it cannot be delivered."""
        from solar_model.webhook import deliver

        config = settings()
        if context["params"]["dry_run"]:
            self.log.info("Dry run: nobody is notified")
            return
        self._note(context["dag_run"].run_id, config.log_folder)
        if config.notify_url is None:
            self.log.info("SOLAR_NOTIFY_URL is not set: nobody to notify")
            return
        message = self._message(context)
        secret = config.notify_secret
        problem = deliver(config.notify_url, message, secret.get_secret_value() if secret else None)
        if problem:
            self.log.warning("Not notified: %s. The cycle is not affected.", problem)
        else:
            self.log.info("Notified: %s", message["status"])
            if message["run_id"]:
                now = datetime.now(tz=UTC)
                with (
                    self._harmless("The ledger does not know that somebody was notified"),
                    open_database(self.execution_timeout) as connection,
                ):
                    runs.finish(connection, context["dag_run"].run_id, notified_at=now)

    def _note(self, airflow_run_id: str, folder: Path) -> None:
        from solar_model.pipeline import journal

        with (
            self._harmless("The simulation log lacks this cycle"),
            open_database(self.execution_timeout) as connection,
        ):
            journal.note(connection, airflow_run_id, folder)

    def _message(self, context: Context) -> dict[str, Any]:
        message = {
            "status": "failed",
            "result_file": None,
            "timestamp": tick_of(context),
            "record_count": 0,
            "run_id": None,
        }
        with (
            self._harmless("The database cannot say how the cycle ended"),
            open_database(self.execution_timeout) as connection,
        ):
            message |= runs.outcome(connection, context["dag_run"].run_id) or {}
        return message

    @contextmanager
    def _harmless(self, consequence: str) -> Iterator[None]:
        """What cannot be had is a warning."""
        try:
            yield
        except (psycopg.Error, OSError, SolarModelError) as error:
            self.log.warning("%s: %s", consequence, error)


class CleanUpOperator(BaseOperator):
    """Remove the cycle's temporary files, and old ones of the exchanges; only after success."""

    def execute(self, context: Context) -> None:
        """Remove what can be removed; what cannot is a warning.

        Raises
        ------
        ResultsError
            When shards are missing: Airflow takes no notice of tasks that its DAG has no more.
        """
        from solar_model.pipeline.exchange import Patience, open_exchange

        config = settings()
        with open_database(self.execution_timeout) as connection:
            if left := runs.unfinished(connection, context["dag_run"].run_id):
                raise ResultsError(
                    f"shards {', '.join(map(str, left))} of this run were not computed, as when "
                    "SOLAR_SHARDS is changed in the middle of it: clear the run as a whole."
                )
            work_folders.remove(context["dag_run"].run_id, config.work_dir)
            finished = work_folders.remove_finished(connection, config.work_dir)
        swept = work_folders.sweep(config.work_dir, config.exchange_retention)
        self.log.info("Removed the run's folder and %s others", finished + swept)
        for url in config.exchange_urls:
            try:
                # once: the next cycle tries again, this one has done its work
                exchange = open_exchange(url, connection_text, Patience(attempts=1))
                removed = exchange.expire(config.exchange_retention)
            except SolarModelError as error:
                self.log.warning("Old files stay in an exchange: %s", error)
            else:
                self.log.info("Removed %s old files from %s", removed, url)


def record_failure(context: Context) -> None:
    """Callback of a task that failed for good: the ledger says why, of its shard."""
    task = context["task_instance"]
    index = getattr(task, "map_index", -1)
    shard = index if index >= 0 else None
    error = f"{task.task_id}: {context.get('exception')}"
    # what comes after the cycle has failed does not hide why
    again = task.task_id not in ("notify", "clean_up")
    _record(context["run_id"], error, shard=shard, again=again)


def record_timeout(context: Context) -> None:
    """Callback of a run that failed as a whole: its tasks cannot say that its time was up.

    It may come late, when the run is already being repeated; so it keeps out of the rest.
    """
    if context.get("reason") == "timed_out":
        _record(context["run_id"], "the run took longer than it may, and was stopped")


def _record(airflow_run_id: str, error: str, **which: Any) -> None:
    kept = work_folders.folder_of(airflow_run_id, settings().work_dir)
    log.error("The temporary files of the cycle are kept for a look in %s*", kept)
    with open_database() as connection:
        runs.fail(connection, airflow_run_id, pseudonymised(error), **which)
