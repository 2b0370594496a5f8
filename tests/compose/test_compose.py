"""The deployment of docker-compose.yaml, brought up for real: `make test-compose`.

Takes the stand-ins of `stand_ins/` for the images that docker-compose.yaml names, but for that the
file as it is, in a copy of the project with secrets of its own. With SOLAR_IMAGE in the environment
that image of Airflow is taken, and none is built. Grafana and the mail catcher are no
packages of Debian, so those two are not started.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from tests.compose.docker import daemon, run, stand_ins
from tests.conftest import ROOT

from solar_stack import dotenv
from solar_stack.api import AirflowApi
from solar_stack.errors import StackError
from solar_stack.ports import free_port

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(3600)]

DAG = "solar_simulation"
PROJECT = "solar-test-compose"
ALWAYS = {"postgres", "redis", "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor"}
ALWAYS |= {"airflow-triggerer", "airflow-worker"}
WAIT_SECONDS = 1200
LOOK_SECONDS = 1.0


class Deployment:
    """A copy of the project, and the containers made of it."""

    def __init__(self, folder: Path, images: dict[str, str]) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("AIRFLOW", "FLOWER", "PROMETHEUS")}
        ports = {f"{name}_PORT": str(port) for name, port in self.ports.items()}
        own = {"COMPOSE_PROJECT_NAME": PROJECT, "SOLAR_IMAGE": "solar-stand-in:airflow"}
        self.environment = {**own, **os.environ, **images, **ports}
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
        self._compose = ["docker-compose"] if plugin else ["docker", "compose"]
        self.secrets = dict(
            line.split("=", 1)
            for line in (folder / ".env").read_text().splitlines()
            if "=" in line and not line.startswith("#")
        )
        self.api = AirflowApi(
            f"http://127.0.0.1:{self.ports['AIRFLOW']}", "admin", self.secrets["ADMIN_PASSWORD"]
        )

    def compose(self, *arguments: str) -> str:
        return run(*self._compose, *arguments, cwd=self.folder, env=self.environment)

    def containers(self, service: str) -> list[str]:
        """Identifiers of the running containers of a service."""
        return run("docker", "ps", "--quiet", *labels(service)).split()

    def health(self) -> dict[str, list[str]]:
        """What Docker says of the containers of each service."""
        format_ = '{{.Label "com.docker.compose.service"}}\t{{.Status}}'
        found: dict[str, list[str]] = {}
        for line in run("docker", "ps", "--all", "--format", format_, *labels()).splitlines():
            service, status = line.split("\t")
            found.setdefault(service, []).append(status)
        return found

    def wait_until_healthy(self, *services: str) -> None:
        def healthy() -> bool:
            health = self.health()
            return all(
                service in health and all("(healthy)" in status for status in health[service])
                for service in services
            )

        until(healthy, f"{', '.join(services)} to be healthy", self.health)

    def connect(self) -> psycopg.Connection:
        """To the solar database, by the network of the containers."""
        [container] = self.containers("postgres")
        networks = json.loads(
            run("docker", "inspect", "--format", "{{json .NetworkSettings.Networks}}", container)
        )
        [network] = networks.values()
        return psycopg.connect(
            host=network["IPAddress"],
            user="postgres",
            password=self.secrets["POSTGRES_PASSWORD"],
            dbname="solar",
        )

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(statement, parameters).fetchall()

    def ended(self, run_id: str) -> str:
        def state() -> str | None:
            state = self.api.run(DAG, run_id)["state"]
            return state if state in ("success", "failed") else None

        return until(state, run_id, lambda: self.api.tasks(DAG, run_id))

    def require_once(self, tick: str) -> None:
        """Every household of the sample has its row of the tick, once."""
        households = int(self.secrets["SAMPLE_HOUSEHOLDS"])
        assert self.sql(
            'SELECT count(*), count(DISTINCT user_id) FROM energy_data WHERE "timestamp" = %s', tick
        ) == [(households, households)]


def labels(service: str | None = None) -> list[str]:
    found = [f"--filter=label=com.docker.compose.project={PROJECT}"]
    return found + ([f"--filter=label=com.docker.compose.service={service}"] if service else [])


def until(found: Callable[[], Any], what: str, otherwise: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (result := found()):
        assert time.monotonic() < deadline, f"waited in vain for {what}: {otherwise()}"
        time.sleep(LOOK_SECONDS)
    return result


def said(text: str) -> None:
    print(f"{datetime.now(tz=UTC):%H:%M:%S} {text}", flush=True)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("compose")
    project = folder / "project"
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in listed.rstrip("\0").split("\0"):
        target = project / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    dotenv.main(project)
    with daemon(folder):
        said("Building the stand-ins")
        deployment = Deployment(project, stand_ins(folder))
        try:
            if "SOLAR_IMAGE" not in os.environ:
                said("Building the image of Airflow from the lock")
                deployment.compose("build", "airflow-init")
            said("Bringing everything up")
            deployment.compose("up", "--detach")
            deployment.wait_until_healthy(*ALWAYS)
            said(f"Healthy: {', '.join(sorted(ALWAYS))}")
            yield deployment
        finally:
            log = folder / "containers.log"
            log.write_text(deployment.compose("logs", "--no-color"))
            said(f"Taking it down; what the containers said is in {log}")
            deployment.compose("--profile", "flower", "--profile", "monitoring", "down",
                               "--volumes", "--remove-orphans")  # fmt: skip
        assert not run("docker", "ps", "--all", "--quiet", *labels())
        assert not run("docker", "volume", "ls", "--quiet", *labels())


@pytest.fixture(scope="module")
def awake(deployment: Deployment) -> Deployment:
    """The DAG is there and switched on, and its first scheduled run has ended well."""

    def known() -> bool:
        try:
            deployment.api.unpause(DAG)
        except StackError:
            return False
        return True

    until(known, "the DAG", deployment.health)
    run_id = until(lambda: deployment.api.runs(DAG), "a run", deployment.health)[-1]["dag_run_id"]
    assert deployment.ended(run_id) == "success"
    said(f"{run_id} has ended well")
    return deployment


def test_a_cycle_runs_through_it(awake):
    run_id = awake.api.trigger(DAG, datetime(2024, 6, 11, 17, tzinfo=UTC))
    assert awake.ended(run_id) == "success"
    awake.require_once("2024-06-11T17:00:00Z")


def test_no_container_may_more_than_it_must(deployment):
    for service in ALWAYS:
        [container] = deployment.containers(service)[:1]
        assert run("docker", "exec", container, "id", "-u") != "0", service
        tried = subprocess.run(
            ["docker", "exec", "--user", "0", container, "touch", "/opt/written"],
            capture_output=True,
            text=True,
        )
        assert "Read-only file system" in tried.stderr, service


def test_of_two_workers_one_may_die(awake):
    awake.compose("up", "--detach", "--scale", "airflow-worker=2")
    until(lambda: len(awake.containers("airflow-worker")) == 2, "two workers", awake.health)
    awake.wait_until_healthy("airflow-worker")
    said("Two workers are healthy")
    with awake.connect() as brake:
        # the insert begins, and gets no further
        brake.execute("LOCK TABLE energy_data IN SHARE MODE")
        run_id = awake.api.trigger(DAG, datetime(2024, 6, 11, 17, 15, tzinfo=UTC))

        def inserting() -> str | None:
            [(waiting,)] = awake.sql(
                "SELECT count(*) FROM pg_locks "
                "WHERE NOT granted AND relation = 'energy_data'::regclass"
            )
            tasks = {task["task_id"]: task for task in awake.api.tasks(DAG, run_id)}
            return tasks["insert_results"]["hostname"] if waiting else None

        worker = until(inserting, "the insert", awake.health)
        assert any(container.startswith(worker) for container in awake.containers("airflow-worker"))
        run("docker", "kill", worker)
        said(f"Killed the worker {worker} while it inserted")
    assert awake.ended(run_id) == "success"
    awake.require_once("2024-06-11T17:15:00Z")
    tasks = {task["task_id"]: task for task in awake.api.tasks(DAG, run_id)}
    assert tasks["insert_results"]["try_number"] == 2
    assert tasks["insert_results"]["hostname"] != worker
    said("Its task was done by the other one, once")


def test_the_profiles_come_up_too(awake):
    awake.compose("--profile", "flower", "up", "--detach", "--no-deps", "flower")
    awake.compose("--profile", "monitoring", "up", "--detach", "--no-deps", "prometheus")
    awake.wait_until_healthy("flower", "prometheus")
    said("Healthy: flower, prometheus")
    login = ("admin", awake.secrets["FLOWER_PASSWORD"])
    flower = f"http://127.0.0.1:{awake.ports['FLOWER']}/api/workers"
    assert requests.get(flower, timeout=30).status_code == requests.codes.unauthorized
    assert requests.get(flower, auth=login, timeout=30).ok

    prometheus = f"http://127.0.0.1:{awake.ports['PROMETHEUS']}/api/v1/query"

    def scraped() -> list[Any]:
        asked = requests.get(prometheus, {"query": "solar_status"}, timeout=30)
        return asked.json()["data"]["result"]

    assert until(scraped, "Prometheus to have the metrics", awake.health)
    said("Prometheus has the metrics")
