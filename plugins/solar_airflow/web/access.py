"""Who may do what below ``/solar``: as Airflow's own auth manager says of the cycle's DAG."""

from __future__ import annotations

import hmac
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    bearer_scheme,
    get_user,
    requires_access_dag,
)
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials

from solar_model.pipeline.runs import CYCLE_DAG
from solar_model.settings import settings

_may_look = requires_access_dag("GET", param_dag_id=CYCLE_DAG)

# Whoever may see the cycle may see how it does.
VIEWER = Depends(_may_look)


def may_run(user: GetUserDep) -> bool:
    """Whether somebody may start runs of the cycle: what to offer; Airflow decides when asked."""
    return get_auth_manager().is_authorized_dag(
        method="POST",
        access_entity=DagAccessEntity.RUN,
        details=DagDetails(id=CYCLE_DAG),
        user=user,
    )


async def viewer_or_metrics_token(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
) -> None:
    """Let in who knows ``SOLAR_METRICS_TOKEN``, and everybody who may look."""
    expected = settings().metrics_token
    given = bearer.credentials.encode() if bearer else b""
    if expected and hmac.compare_digest(given, expected.get_secret_value().encode()):
        return
    _may_look(request, await get_user(request, None, bearer))
