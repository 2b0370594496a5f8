"""Alerts: a mail when a state begins and one when it ends; none of it can harm a cycle.

A state begins in one of three places: where a task fails for good, where Airflow sees that a
deadline is over, and in the monitor, which also sees when states end. All of them write to the
table ``alerts``, and whoever wrote mails what was not told yet.
"""

from __future__ import annotations

from solar_model.pipeline.alerts.failures import Failure, succeeded
from solar_model.pipeline.alerts.lateness import deadline_missed
from solar_model.pipeline.alerts.monitor import observe
from solar_model.pipeline.alerts.teller import Teller

__all__ = ["Failure", "Teller", "deadline_missed", "observe", "succeeded"]
