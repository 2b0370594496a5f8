"""The project's Airflow plugin: registers what Airflow must know of ``solar_airflow``."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from solar_airflow import alerts, announcements, links, preload, web
from solar_airflow.timetables import BackfillTimetable


class SolarPlugin(AirflowPlugin):
    """Community solar in Airflow."""

    name = "solar"
    fastapi_apps = [announcements.MOUNTED, web.MOUNTED]  # noqa: RUF012
    external_views = [web.VIEW]  # noqa: RUF012
    deadline_references = [alerts.ScheduledTick]  # noqa: RUF012
    operator_extra_links = [links.ValidationLink()]  # noqa: RUF012
    timetables = [BackfillTimetable]  # noqa: RUF012
    listeners = [preload]  # noqa: RUF012 - Airflow reads this attribute as a plain list
