"""Health and metrics through the real Airflow: who may look, and what they see."""

from __future__ import annotations

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from tests.end_to_end.conftest import DAG, METRICS_TOKEN, Cycle

from solar_stack.airflow import ADMIN, VIEWER

pytestmark = pytest.mark.end_to_end

ENDPOINTS = ("health", "metrics")


def ask(cycle: Cycle, path: str, token: str | None = None, method: str = "GET", **options):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.request(
        method, f"{cycle.api.address}{path}", headers=headers, timeout=30, **options
    )


@pytest.fixture(scope="module")
def tokens(cycle) -> dict[str, str]:
    logins = {ADMIN: cycle.password, VIEWER: cycle.viewer_password}
    return {
        user: ask(
            cycle, "/auth/token", method="POST", json={"username": user, "password": password}
        ).json()["access_token"]
        for user, password in logins.items()
    }


@pytest.fixture(scope="module")
def tick(cycle) -> str:
    """A live tick of the schedule."""
    cycle.wait(cycle.scheduled())
    [(tick,)] = cycle.sql(
        "SELECT max(tick) FROM simulation_runs WHERE airflow_run_id LIKE 'scheduled%%' "
        "AND rows_inserted IS NOT NULL"
    )
    return tick


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(("token", "status"), [(None, 401), ("bogus", 403), (METRICS_TOKEN, 403)])
def test_nobody_looks_without_a_login(cycle, endpoint, token, status):
    if (endpoint, token) == ("metrics", METRICS_TOKEN):
        status = 200
    answer = ask(cycle, f"/solar/{endpoint}", token)
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()) == {"detail"}


def test_no_endpoint_below_solar_is_open(cycle):
    from fastapi.routing import APIRoute

    from solar_airflow.web.app import app

    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert {f"/{name}" for name in ENDPOINTS} <= {route.path for route in routes}
    for route in routes:
        for method in route.methods:
            answer = ask(cycle, f"/solar{route.path}", method=method)
            assert answer.status_code == 401, route.path


def test_somebody_in_a_browser_is_led_to_the_login(cycle):
    answer = requests.get(
        f"{cycle.api.address}/solar/health",
        headers={"Accept": "text/html"},
        allow_redirects=False,
        timeout=30,
    )
    assert answer.status_code == 307
    assert "/auth/login" in answer.headers["Location"]
    assert "solar%2Fhealth" in answer.headers["Location"]


@pytest.mark.parametrize("user", [ADMIN, VIEWER])
def test_health_says_how_the_community_is_served(cycle, tokens, tick, user):
    health = ask(cycle, "/solar/health", tokens[user]).json()
    assert health["last_simulation"] == tick.isoformat().replace("+00:00", "") + "+00:00"
    # a run of the schedule may have met a household that another test had broken
    [(served,)] = cycle.sql('SELECT count(*) FROM energy_data WHERE "timestamp" = %s', tick)
    assert health["active_users"] == served >= 999
    assert health["total_energy_today"] >= 0
    checks = health["checks"]
    assert checks["freshness"]["status"] == "healthy"
    assert checks["freshness"]["values"]["age_seconds"] < 1200
    assert checks["energy_balance"]["status"] == "healthy"
    assert checks["database"]["values"]["latency_seconds"] > 0
    wrong = [c for c in checks.values() if c["status"] in ("degraded", "unhealthy")]
    assert health["reasons"] == [c["words"] for c in wrong] or len(wrong) > 1
    assert (health["status"] == "healthy") == (not wrong)


@pytest.mark.usefixtures("tick")
@pytest.mark.parametrize("user", [ADMIN, VIEWER, None])
def test_prometheus_can_read_the_metrics(cycle, tokens, user):
    answer = ask(cycle, "/solar/metrics", tokens[user] if user else METRICS_TOKEN)
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"solar_status", "solar_active_users", "solar_freshness_age_seconds"} <= names


def test_the_token_of_the_metrics_opens_nothing_else(cycle):
    for path in ("/solar/health", f"/api/v2/dags/{DAG}"):
        assert ask(cycle, path, METRICS_TOKEN).status_code in (401, 403)


def test_a_viewer_looks_and_does_not_touch(cycle, tokens):
    runs = f"/api/v2/dags/{DAG}/dagRuns"
    begin = {"logical_date": "2024-06-21T17:00:00Z", "conf": {"dry_run": True}}
    attempts = [
        ("POST", runs, begin),
        ("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": True}),
        ("POST", f"/api/v2/dags/{DAG}/clearTaskInstances", {"dry_run": False}),
        ("POST", "/api/v2/backfills", {"dag_id": DAG, "from_date": begin["logical_date"],
                                       "to_date": begin["logical_date"]}),
        ("GET", "/api/v2/connections", None),
    ]  # fmt: skip
    for method, path, body in attempts:
        answer = ask(cycle, path, tokens[VIEWER], method, json=body)
        assert answer.status_code == 403, (method, path)
    assert ask(cycle, runs, tokens[VIEWER]).status_code == 200
    assert ask(cycle, runs, tokens[ADMIN], "POST", json=begin).status_code == 200


def test_who_looks_at_a_household_is_written_down_and_no_log_says_whose_it_was(cycle, tokens):
    [(user,)] = cycle.sql("SELECT id::text FROM users ORDER BY id LIMIT 1")
    for page in (f"households/{user}", f"households/{user}/system", f"household?id={user}"):
        assert ask(cycle, f"/solar/{page}", tokens[VIEWER]).status_code == 200
    assert cycle.sql(
        "SELECT place FROM transfer_log WHERE action = 'view' AND place LIKE %s AND actor = %s "
        "ORDER BY id",
        f"%{user}",
        VIEWER,
    ) == [(f"household {user}",), (f"system of household {user}",)]
    log = (cycle.settings.home / "logs" / "api-server.log").read_text()
    assert "/solar/households/user-" in log
    assert user not in log
