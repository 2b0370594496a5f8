"""The dashboard: its pages below ``/solar``, and what they show as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from starlette.staticfiles import StaticFiles

from solar_airflow.web.access import VIEWER, may_run
from solar_airflow.web.database import Database
from solar_model.errors import InputError
from solar_model.pipeline import dashboard, household, transfers
from solar_model.settings import settings
from solar_model.ticks import parse_tick

router = APIRouter(dependencies=[VIEWER])
_files = StaticFiles(directory=Path(__file__).parent / "static")


@router.get("/dashboard")
async def page(request: Request) -> Response:
    """The first page."""
    return await _file("dashboard.html", request)


@router.get("/household")
async def household_page(request: Request) -> Response:
    """The page of one household, ``?id=…``."""
    return await _file("household.html", request)


@router.get("/static/{path:path}")
async def static(path: str, request: Request) -> Response:
    """What the pages are made of."""
    return await _file(path, request)


async def _file(path: str, request: Request) -> Response:
    response = await _files.get_response(path, request.scope)
    # an updated page never runs with an older script; what has not changed is a 304
    response.headers["Cache-Control"] = "no-cache"
    return response


@router.get("/overview")
def overview(database: Database) -> dict[str, Any]:
    """Seven days of the community and of its ticks."""
    return dashboard.overview(database, datetime.now(tz=UTC))


@router.get("/ticks/{tick}")
def tick(
    tick: str, database: Database, runnable: Annotated[bool, Depends(may_run)]
) -> dict[str, Any]:
    """What became of one tick, and whether the reader may run it again."""
    try:
        start = parse_tick(tick)
    except InputError as error:
        raise HTTPException(422, str(error)) from error
    told = dashboard.tick_detail(database, start, datetime.now(tz=UTC))
    return told | {"may_run": runnable}


@router.get("/households")
def households(prefix: str, database: Database, viewer: GetUserDep) -> dict[str, Any]:
    """Households of the newest tick whose id begins so; who has seen them is written down."""
    try:
        found = household.search(database, prefix)
    except InputError:
        found = []
    if found:
        _note_view(database, viewer, f"households {prefix.strip()[:36]}…")
    return {"households": found}


@router.get("/households/{user_id}")
def household_history(user_id: UUID, database: Database, viewer: GetUserDep) -> dict[str, Any]:
    """The last days of one household; who has seen them is written down."""
    _note_view(database, viewer, f"household {user_id}")
    now = datetime.now(tz=UTC)
    told = household.history(database, user_id, *dashboard.shown_range(now))
    return told | {"now": int(now.timestamp())}


@router.get("/households/{user_id}/system")
def household_system(user_id: UUID, database: Database, viewer: GetUserDep) -> dict[str, Any]:
    """Its system as the household query has it now; who has seen it is written down."""
    _note_view(database, viewer, f"system of household {user_id}")
    return {"system": household.system(database, user_id, settings().households_sql)}


def _note_view(database: Database, viewer: GetUserDep, place: str) -> None:
    transfers.record(database, None, "view", None, actor=viewer.get_name(), place=place)
    database.commit()
