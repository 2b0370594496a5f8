"""What the project adds to Airflow's API server below ``/solar``: one module per router."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow.configuration import conf

from solar_model.pseudonyms import pseudonymised

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The app, imported with the first request: Airflow loads plugins in every process."""
    from solar_airflow.web.app import app

    try:
        await app(scope, receive, send)
    finally:
        _hide_user(scope)


def _hide_user(scope: Scope) -> None:
    """Let Airflow's log of accesses, written after this, say which page and not whose."""
    if "/household" in scope["path"]:
        scope["path"] = pseudonymised(scope["path"])
        scope["query_string"] = b""


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
