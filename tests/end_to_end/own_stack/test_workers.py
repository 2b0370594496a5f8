"""The cycle on Celery workers that share nothing but the databases, the queue and an exchange.

One of them is killed while it inserts, and everything that it had on its disk is gone with it.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from tests.end_to_end.conftest import DAG, Cycle, booted
from tests.support import servers

from solar_stack import airflow
from solar_stack.processes import Service
from solar_stack.programs import redis
from solar_stack.stack import Stack

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(redis() is None, reason="no Redis on this machine"),
]

EXCHANGE = "s3://community/cycle"
S3_SECRET, REDIS_SECRET = "aws-hunter2", "redis-hunter2"
WAIT_SECONDS = 180
LOOK_SECONDS = 0.2


class Worker:
    """A Celery worker with a work folder of its own, and one task at a time."""

    def __init__(self, stack: Stack, variables: dict[str, str], name: str) -> None:
        self.home = stack.state.home / f"machine-{name}"
        self.service = Service(
            name,
            [
                *(sys.executable, "-m", "airflow", "celery", "worker", "--skip-serve-logs"),
                *("--celery-hostname", f"{name}@machines", "--concurrency", "1"),
                *("--pid", str(stack.state.processes / f"{name}.pid")),
            ],
            log=stack.state.logs / f"{name}.log",
            record=stack.state.processes / f"{name}.json",
            environment={**variables, "SOLAR_HOME": str(self.home)},
            grace_seconds=5.0,
        )
        self.service.start()

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(json.loads(self.service.record.read_text())["pid"])

    def has(self, pid: int) -> bool:
        """Whether a process was started by this worker, or by one that it started."""
        return self.process in psutil.Process(pid).parents()

    def lose(self) -> None:
        """The machine is gone, in the middle of whatever it did."""
        self.service.kill()
        shutil.rmtree(self.home)


class Fleet(Stack):
    """The stack of one machine, but for the executor."""

    workers: list[Worker]

    def __init__(self, queue: int, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._queue = queue

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            **airflow.FLEET_TUNING,
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://:{REDIS_SECRET}@127.0.0.1:{self._queue}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{self._postgres.dsn('airflow')}",
            # sooner than a deployment would: the machine works on nothing else
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        }

    def _start_airflow(self, variables: dict[str, str]) -> None:
        super()._start_airflow(variables)
        self.workers = [Worker(self, variables, name) for name in ("one", "two")]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cycle, list[Worker]]]:
    with servers.s3("community", S3_SECRET) as store, servers.redis(REDIS_SECRET) as queue:
        account = {
            "conn_type": "aws",
            "login": "solar",
            "password": S3_SECRET,
            "extra": {"endpoint_url": f"http://127.0.0.1:{store}"},
        }
        variables = {
            "SOLAR_EXCHANGES": EXCHANGE,
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(account),
        }
        stacks: list[Fleet] = []

        def make(*arguments: Any) -> Fleet:
            stacks.append(Fleet(queue, *arguments))
            return stacks[0]

        with booted(tmp_path_factory.mktemp("fleet"), make=make, **variables) as cycle:
            yield cycle, stacks[0].workers


def until(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (result := found()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(LOOK_SECONDS)
    return result


def inserting(cycle: Cycle, run_id: str, partition: str) -> int | None:
    """Process of the task that waits for the table, when one does."""
    [(waiting,)] = cycle.sql(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass", partition
    )
    tasks = {task["task_id"]: task for task in cycle.api.tasks(DAG, run_id)}
    return tasks["insert_results"]["pid"] if waiting else None


def logs(cycle: Cycle, run_id: str) -> str:
    """What all tries of all tasks of a run have logged."""
    folder = cycle.settings.home / "logs" / "tasks" / f"dag_id={DAG}" / f"run_id={run_id}"
    return "".join(path.read_text() for path in sorted(folder.rglob("*.log")))


def test_a_worker_that_dies_in_the_middle_costs_no_row_and_doubles_none(fleet):
    cycle, workers = fleet
    [(partition,)] = cycle.sql("SELECT energy_data_partition('2024-06-11')")
    with psycopg.connect(cycle.conninfo) as brake:
        # the insert begins, and gets no further; what is scheduled meanwhile has other days
        lock = psycopg.sql.SQL("LOCK TABLE {} IN SHARE MODE")
        brake.execute(lock.format(psycopg.sql.Identifier(partition)))
        run_id = cycle.trigger("2024-06-11T17:00:00Z")
        pid = until(lambda: inserting(cycle, run_id, partition), "the insert")
        [lost] = [worker for worker in workers if worker.has(pid)]
        lost.lose()
    assert cycle.wait(run_id) == "success", cycle.task_states(run_id)

    assert cycle.sql(
        "SELECT status::text, rows_inserted, exchange, attempt FROM simulation_runs run "
        "WHERE airflow_run_id = %s",
        run_id,
    ) == [("completed", 1000, EXCHANGE, 1)]
    assert cycle.sql(
        "SELECT count(*), count(DISTINCT user_id), count(DISTINCT simulation_run_id) "
        "FROM energy_data WHERE \"timestamp\" = '2024-06-11T17:00:00Z'"
    ) == [(1000, 1000, 1)]
    tasks = {task["task_id"]: task for task in cycle.api.tasks(DAG, run_id)}
    assert tasks["insert_results"]["try_number"] == 2
    assert {task["state"] for task in tasks.values()} == {"success"}
    # the results were on one of the two, and both have tried to insert them
    assert f"fetching it from {EXCHANGE}" in logs(cycle, run_id)


def test_a_task_finds_the_heavy_libraries_imported(fleet):
    cycle, workers = fleet
    left = next(worker for worker in workers if worker.service.exit_code is None)
    mapped = Path(f"/proc/{left.process.pid}/maps").read_text()
    # the worker itself, which the processes of the tasks are forks of
    assert all(library in mapped for library in ("/_polars", "/psycopg_binary", "/pandas"))
    assert left.service.log.read_text().count("Preloaded") == 1
    for (run_id,) in cycle.sql("SELECT airflow_run_id FROM simulation_runs"):
        assert "Preloaded" not in logs(cycle, run_id)
