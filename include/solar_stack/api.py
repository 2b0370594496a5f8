"""Airflow's REST API, as any client would use it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests

from solar_stack.errors import AwayError, StackError

PAGE_SIZE = 100  # Airflow gives no more at once
SECONDS = 60.0  # a busy machine may take its time
AWAY_SECONDS = 240.0  # a start of all components, on such a machine


class AirflowApi:
    """A client of one api-server.

    Parameters
    ----------
    address : str
        Such as ``http://127.0.0.1:8080``.
    user, password : str
        A login of the UI.
    while_away : callable, optional
        Called again and again while questions are not answered because a part of Airflow, or its
        database, is being started again; without it, the first failure counts.
    """

    def __init__(
        self,
        address: str,
        user: str,
        password: str,
        while_away: Callable[[], None] | None = None,
    ) -> None:
        self.address = address
        self._while_away = while_away
        self._login = {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy has no business between here and here

    def unhealthy(self, since: datetime) -> list[str]:
        """Components that are not healthy, or were last so before some time.

        An earlier start leaves its heartbeats in the database. The api-server itself is named
        when it does not answer.
        """
        try:
            # what tasks talk to is made when it is first asked: let no task wait for it
            self._session.get(f"{self.address}/execution/health", timeout=SECONDS)
            answer = self._session.get(f"{self.address}/api/v2/monitor/health", timeout=SECONDS)
            states = answer.json()
        except (requests.RequestException, ValueError):
            return ["api-server"]
        return [
            name.replace("_", "-")
            for name in ("scheduler", "dag_processor", "triggerer")
            if states[name]["status"] != "healthy"
            or _time(states[name][f"latest_{name}_heartbeat"]) < since
        ]

    def has_dag(self, dag_id: str, since: datetime) -> bool:
        """Whether the DAG was found and parsed since some time."""
        dag = self.request("GET", f"dags/{dag_id}", missing_ok=True)
        return dag is not None and not dag["is_stale"] and _time(dag["last_parsed_time"]) >= since

    def import_errors(self) -> list[str]:
        """What Airflow says of the DAG files that it could not import."""
        found = self.request("GET", "importErrors")["import_errors"]
        return [f"{error['filename']}:\n{error['stack_trace']}" for error in found]

    def unpause(self, dag_id: str) -> None:
        """Let the DAG run on its schedule."""
        self.request("PATCH", f"dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, logical_date: datetime | None = None, **parameters: Any) -> str:
        """Start a run, of now or of another time; its identifier."""
        date = logical_date.isoformat() if logical_date else None
        body = {"logical_date": date, "conf": parameters}
        run = self.request("POST", f"dags/{dag_id}/dagRuns", json=body)
        return str(run["dag_run_id"])

    def backfill(self, dag_id: str, first: datetime, last: datetime) -> int:
        """Have the runs of a range made, also those that were before; the backfill's number."""
        body = {
            "dag_id": dag_id,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "max_active_runs": 1,
            "reprocess_behavior": "completed",
        }
        return int(self.request("POST", "backfills", json=body)["id"])

    def has_backfill(self, dag_id: str) -> bool:
        """Whether a backfill of the DAG has not ended."""
        newest = {"dag_id": dag_id, "order_by": "-id", "limit": "1"}
        found = self.request("GET", "backfills", params=newest)["backfills"]
        return any(one["completed_at"] is None for one in found)

    def backfill_ended(self, number: int) -> bool:
        """Whether all runs of a backfill have ended, well or badly."""
        return self.request("GET", f"backfills/{number}")["completed_at"] is not None

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """One run: ``state``, ``start_date``, ``end_date`` and so on."""
        return dict(self.request("GET", f"dags/{dag_id}/dagRuns/{run_id}"))

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The latest runs, the newest first."""
        options = {"order_by": "-start_date", "limit": "20"}
        return list(self.request("GET", f"dags/{dag_id}/dagRuns", params=options)["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run: ``task_id``, ``state``, ``duration`` and so on."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[dict[str, Any]] = []
        while True:
            asked = {"limit": PAGE_SIZE, "offset": len(found)}
            page = self.request("GET", path, params=asked)
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def request(self, method: str, path: str, *, missing_ok: bool = False, **options: Any) -> Any:
        """Any other request; ``path`` below ``/api/v2/`` or from the root, the answer's JSON."""
        url = self.address + (path if path.startswith("/") else f"/api/v2/{path}")
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                return self._request(method, url, missing_ok, options)
            except AwayError:
                # what is no question may have been done although nobody said so
                if method != "GET" or self._while_away is None or time.monotonic() > deadline:
                    raise
                self._while_away()

    def _request(self, method: str, url: str, missing_ok: bool, options: dict[str, Any]) -> Any:
        try:
            answer = self._session.request(method, url, timeout=SECONDS, **options)
            if answer.status_code == requests.codes.unauthorized:
                self._authenticate()
                answer = self._session.request(method, url, timeout=SECONDS, **options)
            if missing_ok and answer.status_code == requests.codes.not_found:
                return None
            answer.raise_for_status()
        except requests.HTTPError as error:
            server_failed = error.response.status_code >= requests.codes.server_error
            raise (AwayError if server_failed else StackError)(
                f"Airflow refused {method} {url}: {error.response.text}"
            ) from error
        except requests.RequestException as error:
            raise AwayError(f"Airflow does not answer {method} {url}: {error}") from error
        return answer.json()

    def _authenticate(self) -> None:
        answer = self._session.post(f"{self.address}/auth/token", json=self._login, timeout=SECONDS)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
