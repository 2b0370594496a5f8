"""When runs are made by themselves: for what is only backfilled, never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

if TYPE_CHECKING:
    from airflow.utils.types import DagRunType
    from pendulum import DateTime


class BackfillTimetable(CronTriggerTimetable):
    """The times that a backfill may ask for; the scheduler itself makes no run of them.

    Airflow backfills only what has a schedule. It asks with ``catchup`` for a backfill, and
    without for the schedule of a DAG that does not catch up.
    """

    @property
    def summary(self) -> str:
        """What the UI shows as the schedule."""
        return "backfills only"

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next run of a backfill; none of the schedule."""
        if not restriction.catchup:
            return None
        if restriction.latest is not None:
            # the last day is meant as a whole, whatever time of it is named
            restriction = restriction._replace(latest=restriction.latest.end_of("day"))
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )

    def generate_run_id(
        self,
        *,
        run_type: DagRunType,
        run_after: DateTime,
        data_interval: DataInterval | None,
        **extra: Any,
    ) -> str:
        """A name that no run of one tick has: the ledger knows runs by their names alone."""
        return run_type.generate_run_id(suffix=f"from_{run_after.isoformat()}")
