"""Airflow's configuration, as environment variables, and its four components on one machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import psycopg

from solar_model.settings import PROJECT_ROOT
from solar_stack.ports import HOST
from solar_stack.processes import Service
from solar_stack.state import Secrets, State, write_private

# In the order in which they end: the tasks of the scheduler report to the api-server.
COMPONENTS = ("scheduler", "dag-processor", "triggerer", "api-server")
# What Airflow calls them where it keeps their heartbeats.
JOB_TYPES = {
    "scheduler": "SchedulerJob",
    "dag-processor": "DagProcessorJob",
    "triggerer": "TriggererJob",
}
# The scheduler waits for running tasks. The triggerer sits out ten seconds even when it has
# nothing to do; its triggers are made to be taken up again. The api-server is asked by nobody
# when its turn comes, closes at once, and then tidies its memory for seconds.
GRACE_SECONDS = {"scheduler": 25.0, "triggerer": 2.0, "api-server": 1.0}
ADMIN, VIEWER = "admin", "viewer"
SOLAR_CONNECTION = "AIRFLOW_CONN_SOLAR_DB"
OWNER_CONNECTION = "AIRFLOW_CONN_SOLAR_DB_OWNER"

# What a caller may tune with the same variables. Measured: with the defaults of Airflow a run of
# eight short tasks takes 10 s, with these 2 to 4 s.
TUNING = {
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
    "AIRFLOW__CORE__PARALLELISM": "8",
    # our executor waits instead, and wakes when a task ends
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
    # a file that was changed is read at the next refresh all the same
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
    # the stack has just seen to it; each component would read all of Airflow's migrations
    "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
}
# The same for workers that may die alone. A cycle has five minutes: with the defaults of Airflow
# that much goes by before the tasks of a dead worker are started again elsewhere.
FLEET_TUNING = {
    # Celery's executor does not wait
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "4",
    # the tasks are forks of a worker that has imported what they need
    "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": '{"imports": ["solar_airflow.preload_celery"]}',
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "15",
}
# How this project uses Airflow, wherever its parts run.
USAGE = {
    "AIRFLOW__CORE__AUTH_MANAGER": (
        "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
    ),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:ADMIN,{VIEWER}:VIEWER",
    "GX_ANALYTICS_ENABLED": "False",
}
PASSWORDS_FILE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"


def environment(
    caller: Mapping[str, str],
    state: State,
    secrets: Secrets,
    *,
    port: int,
    airflow_dsn: str,
    solar_dsn: str,
) -> dict[str, str]:
    """Environment variables of everything that the stack starts.

    Parameters
    ----------
    caller : mapping
        The variables of the caller; its ``SOLAR_*``, its connections and what it tunes are kept.
    state : State
        Folders of the stack.
    secrets : Secrets
        Keys of the stack.
    port : int
        Port of the api-server.
    airflow_dsn, solar_dsn : str
        The databases of the embedded Postgres; the caller's ``AIRFLOW_CONN_SOLAR_DB`` goes before
        the second.
    """
    address = f"http://{HOST}:{port}"
    result = {**TUNING, **caller}
    # Compiled modules are kept beside their sources, where every process finds them.
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONHOME"):
        result.pop(name, None)
    # no task changes the schema
    result.pop(OWNER_CONNECTION, None)
    result.setdefault(SOLAR_CONNECTION, solar_dsn)
    local = [caller.get("NO_PROXY") or caller.get("no_proxy"), HOST, "localhost"]
    result["NO_PROXY"] = result["no_proxy"] = ",".join(filter(None, local))
    return result | {
        **USAGE,
        "AIRFLOW_HOME": str(state.airflow),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": secrets.session_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "solar_airflow.executor.LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_dsn.replace("://", "+psycopg2://", 1),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(state.logs / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(state.logs / "dags"),
        PASSWORDS_FILE: str(state.airflow / "passwords.json"),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(PROJECT_ROOT / "include"), caller.get("PYTHONPATH")])
        ),
        "SOLAR_HOME": str(state.home),
    }


def write_logins(variables: Mapping[str, str], admin_password: str, viewer_password: str) -> None:
    """The file from which Airflow's simple auth manager reads the passwords of the UI."""
    passwords = {ADMIN: admin_password, VIEWER: viewer_password}
    write_private(Path(variables[PASSWORDS_FILE]), json.dumps(passwords))


def service(state: State, variables: Mapping[str, str], name: str, *arguments: str) -> Service:
    """An ``airflow`` command as a service, not yet started."""
    return Service(
        name,
        [sys.executable, "-m", "airflow", *arguments],
        log=state.logs / f"{name}.log",
        record=state.processes / f"{name}.json",
        environment=variables,
        grace_seconds=GRACE_SECONDS.get(name, 10.0),
    )


def components(state: State, variables: Mapping[str, str]) -> list[Service]:
    """The four components as services, not yet started."""
    # All tasks run on this machine, and the api-server reads their logs from the disk.
    options = {"scheduler": ["--skip-serve-logs"], "triggerer": ["--skip-serve-logs"]}
    return [service(state, variables, name, name, *options.get(name, [])) for name in COMPONENTS]


def forget(dsn: str, component: str) -> None:
    """Tell Airflow that a component is gone, and with it what it had in hand.

    The next one takes up at once the tasks (of a scheduler) or the triggers (of a triggerer) of
    one that has failed; for one that may still live it would first wait, for minutes.
    """
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE job SET state = 'failed', end_date = now() "
            "WHERE job_type = %s AND state = 'running'",
            (JOB_TYPES.get(component),),
        )


def is_migrated(dsn: str) -> bool:
    """Whether the metadata database was brought to this version of Airflow by an earlier start.

    ``airflow db migrate`` takes 9 s to find that there is nothing to do.
    """
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database "
            "WHERE datname = current_database()"
        ).fetchone()
    return row == (_migrated(),)


def note_migrated(dsn: str) -> None:
    """Keep in the database itself that it was migrated: so the note goes where the tables go."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            psycopg.sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                psycopg.sql.Identifier(connection.info.dbname), psycopg.sql.Literal(_migrated())
            )
        )


def _migrated() -> str:
    return f"migrated by Airflow {version('apache-airflow-core')}"
