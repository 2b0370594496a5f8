"""Great Expectations' Data Docs of each run, behind Airflow's login and without its network.

The page comes from Great Expectations; its scripts and what it would fetch from elsewhere are left
out, and the browser is told to run and fetch nothing but what we serve.
"""

from __future__ import annotations

import re
from datetime import UTC
from html import escape
from uuid import UUID

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse

from solar_airflow.web.access import VIEWER
from solar_airflow.web.database import Database
from solar_model.pipeline import validations
from solar_model.pipeline.validations import Page

router = APIRouter(dependencies=[VIEWER])

_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)
_FETCHED_OR_RUN = re.compile(
    r"<(script|style)\b.*?</\1\s*>|<(?:link|img)\b[^>]*>|\son\w+=\"[^\"]*\"",
    re.DOTALL | re.IGNORECASE,
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Validation of {tick} – Community solar</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="../static/solar.css">
    <link rel="stylesheet" href="../static/validation.css">
    <script src="../static/theme.js"></script>
  </head>
  <body>
    <header>
      <a href="../dashboard?tick={link}">Community solar</a>
      <h1>Validation of {tick} UTC</h1>
      <span class="verdict" data-succeeded="{succeeded}">{verdict}</span>
      <span class="muted">by Great Expectations, {validated} UTC</span>
    </header>
    {body}
  </body>
</html>
"""


@router.get("/validations/{simulation_run_id}")
def validation(simulation_run_id: UUID, database: Database) -> HTMLResponse:
    """What Great Expectations said about the results of a run."""
    page = validations.page_of(database, simulation_run_id)
    if page is None:
        raise HTTPException(404, f"the run {simulation_run_id} has no validation, or none any more")
    return HTMLResponse(_framed(page), headers={"Content-Security-Policy": _POLICY})


@router.get("/validations")
def of_airflow_run(run: str, database: Database, shard: int | None = None) -> RedirectResponse:
    """The same, by the id of the Airflow run, and its shard where there are several."""
    found = validations.run_of(database, run, shard)
    if found is None:
        raise HTTPException(404, f"the run {run} has no validation yet, or none any more")
    return RedirectResponse(f"validations/{found}")


def _framed(page: Page) -> str:
    body = _BODY.search(page.html)
    tick = page.tick.astimezone(UTC)
    return _PAGE.format(
        tick=f"{tick:%Y-%m-%d %H:%M}",
        link=f"{tick:%Y-%m-%dT%H:%M:%SZ}",
        succeeded=str(page.succeeded).lower(),
        verdict="✓ passed" if page.succeeded else "✕ failed",
        validated=f"{page.validated_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        # whatever has no body is shown as the text that it is
        body=_FETCHED_OR_RUN.sub("", body[1]) if body else escape(page.html),
    )
