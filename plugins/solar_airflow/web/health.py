"""``GET /solar/health`` and ``GET /solar/metrics``.

Each a ``def``, not an ``async def``: the database is asked in a thread, not in the event loop.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST

from solar_airflow.connections import solar_conninfo
from solar_airflow.web.access import VIEWER, viewer_or_metrics_token
from solar_model.errors import ConfigurationError
from solar_model.pipeline.health import Health, health_of, without_database
from solar_model.pipeline.health.metrics import exposition

router = APIRouter()


@router.get("/health", dependencies=[VIEWER])
def health() -> dict[str, Any]:
    """Is everybody served? The answer is 200 whatever ``status`` says."""
    return _health().to_dict()


@router.get("/metrics", dependencies=[Depends(viewer_or_metrics_token)])
def metrics() -> Response:
    """The same for Prometheus."""
    return Response(exposition(_health()), media_type=CONTENT_TYPE_LATEST)


def _health() -> Health:
    try:
        return health_of(solar_conninfo())
    except ConfigurationError as error:
        return without_database(str(error))
