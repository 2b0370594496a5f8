"""House-keeping as Airflow operators: one step each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from solar_airflow.connections import Database, connection_text, open_database
from solar_model.settings import Settings, settings


class DatabaseStepOperator(BaseOperator):
    """A step that works on the solar database.

    Parameters
    ----------
    step : callable
        Takes the connection, the settings and the time; returns what it did, in words.
    """

    def __init__(self, *, step: Callable[[Database, Settings, datetime], str], **kwargs: Any):
        super().__init__(**kwargs)
        self.step = step

    def execute(self, context: Context) -> str:
        """Do it, and say what was done."""
        with open_database(self.execution_timeout) as connection:
            done = self.step(connection, settings(), datetime.now(tz=UTC))
        self.log.info("%s", done)
        return done


class RemoveOldFilesOperator(BaseOperator):
    """Remove old logs, and what is old in the exchanges."""

    def execute(self, context: Context) -> str:
        """Do it, and say what was done."""
        from airflow.configuration import conf

        from solar_model.pipeline.housekeeping import remove_old_exchange_files, remove_old_logs

        config = settings()
        folders = {config.log_folder, Path(conf.get("logging", "base_log_folder"))}
        logs = remove_old_logs(sorted(folders), config, datetime.now(tz=UTC))
        self.log.info("%s", logs)
        # last, because it fails when an exchange is away
        return f"{logs}; {remove_old_exchange_files(config, connection_text)}"
