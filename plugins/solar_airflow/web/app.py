"""The app below ``/solar``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.app import get_auth_manager
from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse, Response

from solar_airflow.web import dashboard, health, runbook, validations
from solar_model.pseudonyms import pseudonymised

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

app = FastAPI(title="Community solar", docs_url=None, redoc_url=None, openapi_url=None)
app.include_router(health.router)
app.include_router(dashboard.router)
app.include_router(runbook.router)
app.include_router(validations.router)


@app.exception_handler(HTTPException)
async def to_login(request: Request, error: HTTPException) -> Response:
    """Somebody who follows a link of a mail logs in first; a program is told 401."""
    if error.status_code == 401 and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(get_auth_manager().get_url_login(next_url=str(request.url)))
    return await http_exception_handler(request, error)


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Let Airflow's log of accesses, written after this, say which page and not whose."""
    try:
        await app(scope, receive, send)
    finally:
        if "/household" in scope["path"]:
            scope["path"] = pseudonymised(scope["path"])
            scope["query_string"] = b""


MOUNTED = {"app": serve, "url_prefix": "/solar", "name": "Solar"}
