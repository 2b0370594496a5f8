"""The cycle's tasks without Airflow's servers: what those do for a task is done here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from airflow.sdk.exceptions import TaskDeferred
from psycopg.conninfo import conninfo_to_dict

from solar_airflow import triggers
from solar_model.ticks import parse_tick


class Store:
    """What Airflow offers a task to remember things between its tries."""

    def __init__(self, kept: dict[str, object]) -> None:
        self.kept = kept

    def get(self, key, default=None):
        return self.kept.get(key, default)

    def set(self, key, value, **_more):
        # only what JSON can hold survives
        self.kept[key] = json.loads(json.dumps(value))


async def fire(trigger) -> dict:
    """The event of a trigger that another process has made from its serialised form."""
    path, arguments = trigger.serialize()
    again = getattr(triggers, path.rsplit(".", 1)[1])(**json.loads(json.dumps(arguments)))
    async for event in again.run():
        return event.payload
    raise AssertionError("the trigger has not fired")


def context_of(tick: str, **params: Any) -> dict[str, Any]:
    """What Airflow tells the tasks of a run."""
    run = SimpleNamespace(
        run_id=f"manual__{tick}",
        run_type="manual",
        logical_date=parse_tick(tick),
        run_after=None,
    )
    given = {"seed": None, "weather": None, "dry_run": False, **params}
    return {"dag_run": run, "params": given, "task_state_store": Store({})}


def attempt(
    operator: type,
    task_id: str,
    handover: dict[str, Any],
    context: dict[str, Any],
    *,
    deferred: Callable[[TaskDeferred], object] = lambda _: None,
) -> dict:
    """One try of a task, all of its deferrals included, each resumed by a new operator."""

    call, kept = operator.execute.__name__, {}
    while True:
        task = operator(
            task_id=task_id,
            handover=json.loads(json.dumps(handover)),
            execution_timeout=timedelta(minutes=4),
        )
        try:
            return getattr(task, call)(context, **kept)
        except TaskDeferred as caught:
            deferred(caught)
            event = asyncio.run(fire(caught.trigger))
            call = caught.method_name
            kept = {"event": event, **json.loads(json.dumps(caught.kwargs))}


def connection_json(conninfo: str) -> str:
    """A database as an Airflow connection."""
    found = conninfo_to_dict(conninfo)
    given = {"host": found["host"], "port": found["port"], "login": found["user"]}
    given |= {"password": found.get("password"), "schema": found["dbname"]}
    given |= {"extra": {"options": found["options"]}}
    return json.dumps({"conn_type": "postgres", **given})
