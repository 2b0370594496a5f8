"""SIGKILL at random moments of a cycle, for workers, the scheduler and Postgres.

The same ticks run twice on one stack: undisturbed, which also tells how long a cycle takes, and
then with somebody who kills. What the database holds afterwards must be the same.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from tests.conftest import ROOT
from tests.end_to_end.conftest import DAG, Cycle, booted

from solar_model.settings import Settings
from solar_stack.restarts import Restarts
from solar_stack.signals import Signals
from solar_stack.stack import Stack

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.slow,
    pytest.mark.kills,
    pytest.mark.timeout(3600),
]

SEED = 20240911
# At moments of one cycle; a task has three retries.
KILLS = 3
VICTIMS = ("worker", "task", "scheduler", "postgres", "session of postgres")
TICKS = [datetime(2024, 6, 11, 10, tzinfo=UTC) + i * timedelta(minutes=15) for i in range(11)]
RECOVERY_SECONDS = 900  # a machine may have a lot else to do
# Checked by the next tick after the last kill, which nobody disturbs.
NEXT = TICKS[-1] + timedelta(minutes=15)


@pytest.fixture(scope="module")
def dags() -> Iterator[Path]:
    """The cycle without its schedule, whose retries do not wait."""
    folder = Path(tempfile.mkdtemp(prefix="solar-dags-"))
    text = (ROOT / "dags" / f"{DAG}.py").read_text()
    for ours, here in (
        ('schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC")', "schedule=None"),
        ("graph.DEFAULT_ARGS", 'graph.DEFAULT_ARGS | {"retry_delay": timedelta(seconds=1)}'),
    ):
        assert ours in text
        text = text.replace(ours, here)
    (folder / f"{DAG}.py").write_text(text)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def watched(tmp_path_factory, dags) -> Iterator[tuple[Cycle, Stack]]:
    """A stack, and what looks after it; nothing here ends too often to be started again."""
    made = []

    def make(settings: Settings, signals: Signals) -> Stack:
        made.append(Stack(settings, signals, Restarts(most=1000)))
        return made[0]

    home = tmp_path_factory.mktemp("kills")
    with booted(home, make=make, AIRFLOW__CORE__DAGS_FOLDER=str(dags)) as cycle:
        yield cycle, made[0]


class Killer:
    """Finds and kills the processes of a stack."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.killed: Counter[str] = Counter()

    def kill(self, victim: str) -> bool:
        """Kill a process, when there is one at the moment."""
        try:
            process = getattr(self, f"_{victim.replace(' ', '_')}")()
            if process is None:
                return False
            process.kill()
        except (psutil.Error, FileNotFoundError):
            return False
        self.killed[victim] += 1
        return True

    def _scheduler(self) -> psutil.Process:
        record = self.home / "processes" / "scheduler.json"
        pid = json.loads(record.read_text())["pid"]
        return psutil.Process(pid)

    def _worker(self) -> psutil.Process | None:
        """One that works, rather than one that waits."""
        workers = [
            child
            for child in self._scheduler().children()
            if " ".join(child.cmdline()).startswith("airflow worker")
        ]
        return max(workers, key=lambda worker: len(worker.children()), default=None)

    def _task(self) -> psutil.Process | None:
        worker = self._worker()
        return next(iter(worker.children()), None) if worker else None

    def _postgres(self) -> psutil.Process:
        lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        return psutil.Process(int(lines[0]))

    def _session_of_postgres(self) -> psutil.Process | None:
        sessions = [
            child
            for child in self._postgres().children()
            if " ".join(child.cmdline()).startswith("postgres: solar")
        ]
        return next(iter(sessions), None)

    @property
    def _cluster(self) -> Path:
        return (self.home / "postgres" / "cluster").resolve()


def finish(
    cycle: Cycle,
    stack: Stack,
    run_id: str,
    plan: list[tuple[float, str]],
    length: float,
    killer: Killer,
) -> None:
    """Wait for a run, as `make run` does, and kill on the way.

    The plan says whom, and after which part of a cycle's length in seconds; what was done is taken
    off it.
    """
    began = time.monotonic()
    while True:
        if plan and time.monotonic() - began > plan[0][0] * length and killer.kill(plan[0][1]):
            plan.pop(0)
            continue
        stack.watch()
        state = cycle.api.run(DAG, run_id)["state"]
        if state in ("success", "failed"):
            assert state == "success", cycle.task_states(run_id)
            return
        assert time.monotonic() - began < RECOVERY_SECONDS, cycle.task_states(run_id)
        time.sleep(0.02)


def stored(cycle: Cycle) -> list[tuple]:
    """All that depends on what was computed, not on when and how often it was tried."""
    rows = cycle.sql(
        'SELECT "timestamp", user_id, generation_kwh, consumption_kwh, battery_soc_kwh, '
        "battery_charge_kwh, battery_discharge_kwh, grid_import_kwh, grid_export_kwh, "
        "surplus_kwh, source::text FROM energy_data ORDER BY 1, 2, 11"
    )
    runs = cycle.sql(
        "SELECT tick, status::text, seed, weather, input_sha256, results_sha256, rows_inserted, "
        "generation_kwh, error, finished_at IS NOT NULL FROM simulation_runs ORDER BY tick"
    )
    return rows + runs


def orphans(cycle: Cycle) -> list[Path]:
    home = cycle.settings.home
    return [*(home / "work").iterdir(), *(home / "exchange").glob(".*")]


def test_who_kills_changes_nothing(watched):
    cycle, stack = watched
    killer = Killer(cycle.settings.home)
    calm, lengths = {}, []
    for tick in TICKS:
        began = time.monotonic()
        calm[tick] = cycle.trigger(tick.isoformat())
        finish(cycle, stack, calm[tick], [], 0.0, killer)
        lengths.append(time.monotonic() - began)
    expected = stored(cycle)
    assert len(expected) == len(TICKS) * (1000 + 1)
    length = sorted(lengths)[len(lengths) // 2]

    cycle.sql("TRUNCATE energy_data, simulation_runs CASCADE")
    drawn = random.Random(SEED)
    plans = [sorted((drawn.random(), drawn.choice(VICTIMS)) for _ in range(KILLS)) for _ in TICKS]
    again = itertools.cycle(calm.values())
    while plans:
        plan, run_id = plans.pop(0), next(again)
        cycle.repeat(run_id)
        began = time.monotonic()
        finish(cycle, stack, run_id, plan, length, killer)
        if plan:  # it was over before: the machine is faster now
            length = time.monotonic() - began
            plans.append(plan)
    print(f"killed in cycles of {length:.1f} s: {dict(killer.killed)}")
    assert killer.killed.total() == KILLS * len(TICKS)
    assert stored(cycle) == expected

    # so that the next cycle takes them for what they are, and not for drafts of this moment
    for path in (cycle.settings.home / "exchange").glob(".*"):
        os.utime(path, (0, 0))
    finish(cycle, stack, cycle.trigger(NEXT.isoformat()), [], 0.0, killer)
    assert orphans(cycle) == []
