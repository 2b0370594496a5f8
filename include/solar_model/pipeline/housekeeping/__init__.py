"""House-keeping: room for tomorrow, a backup of yesterday, and an end for what is old.

Nothing is dropped that is not backed up: the database itself refuses.
Nothing that is in a backup is lost by a later one.
"""

from __future__ import annotations

from solar_model.pipeline.housekeeping.backups import back_up_days
from solar_model.pipeline.housekeeping.expiry import (
    remove_old_exchange_files,
    remove_old_logs,
    remove_old_pages,
)
from solar_model.pipeline.housekeeping.partitions import make_days_ahead
from solar_model.pipeline.housekeeping.retention import drop_old_days

__all__ = [
    "back_up_days",
    "drop_old_days",
    "make_days_ahead",
    "remove_old_exchange_files",
    "remove_old_logs",
    "remove_old_pages",
]
