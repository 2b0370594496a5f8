"""The project's Airflow plugin: registers what Airflow must know of ``solar_airflow``."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from solar_airflow import alerts, links, preload, web
from solar_airflow.timetables import BackfillTimetable


class SolarPlugin(AirflowPlugin):
    """Community solar in Airflow."""

    name = "solar"
    external_views = [web.VIEW]  # noqa: RUF012
    deadline_references = [alerts.ScheduledTick]  # noqa: RUF012
    operator_extra_links = [links.ValidationLink()]  # noqa: RUF012
    timetables = [BackfillTimetable]  # noqa: RUF012
    listeners = [preload]  # noqa: RUF012 - Airflow reads this attribute as a plain list

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]  # only read
        """Imported when the API server asks for them: Airflow loads plugins in every process."""
        from solar_airflow.announcements import MOUNTED as ANNOUNCEMENTS
        from solar_airflow.web.app import MOUNTED as PAGES

        return [ANNOUNCEMENTS, PAGES]
