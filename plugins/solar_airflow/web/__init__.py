"""What the project adds to Airflow's API server below ``/solar``: one module per router."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.configuration import conf

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
