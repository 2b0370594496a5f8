"""What the project adds to Airflow's API server below ``/solar``: one module per router."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow.configuration import conf

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The app, imported with the first request: Airflow loads plugins in every process."""
    from solar_airflow.web.app import app

    await app(scope, receive, send)


_BASE = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")

# The dashboard in Airflow's own navigation, shown at /plugin/solar.
VIEW = {
    "name": "Solar",
    "href": f"{_BASE}/solar/dashboard",
    "destination": "nav",
    "url_route": "solar",
    "nav_top_level": True,
    "icon": f"{_BASE}/solar/static/sun.svg",
}
MOUNTED = {"app": app, "url_prefix": "/solar", "name": "Solar"}
