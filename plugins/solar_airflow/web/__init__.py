"""What the project adds to Airflow's API server below ``/solar``: one module per router."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The app, imported with the first request: Airflow loads plugins in every process."""
    from solar_airflow.web.app import app

    await app(scope, receive, send)


MOUNTED = {"app": app, "url_prefix": "/solar", "name": "Solar"}
