"""The end of old days: dropped as they were backed up, or not at all."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import psycopg

from solar_model.pipeline.housekeeping import backups
from solar_model.pipeline.housekeeping.partitions import LOCK_TIMEOUT, days
from solar_model.settings import Settings

log = logging.getLogger(__name__)


def drop_old_days(connection: psycopg.Connection[Any], config: Settings, now: datetime) -> str:
    """Drop the days that are older than ``SOLAR_DATA_RETENTION``; says what was dropped.

    Each is dropped together with a look at its backup: a file that is gone or damaged, or rows
    that changed since, are backed up anew first.

    Raises
    ------
    psycopg.errors.ObjectNotInPrerequisiteState
        When a day changed between its backup and its end; it stays.
    """
    oldest = (now - config.data_retention).astimezone(UTC).date()
    old = [day for day in days(connection) if day < oldest]
    for number, day in enumerate(old, 1):
        if not backups.holds(connection, day, config.backup_folder):
            backups.back_up(connection, day, config.backup_folder)
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
            connection.execute("SELECT energy_data_drop(%s)", (day,))
            # Postgres counts from nothing if the day comes back, and may come to the same number
            connection.execute("UPDATE backups SET changes = NULL WHERE day = %s", (day,))
        log.info("Dropped %s (%d of %d)", day, number, len(old))
    return f"{len(old)} days before {oldest} dropped"
