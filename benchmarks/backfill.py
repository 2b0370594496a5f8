"""What a backfill costs, a day at once and tick by tick: ``python -m benchmarks.backfill``.

Processor time of each step in this process, so that other work on the machine matters little. The
numbers stand in docs/backfill.md; Postgres's own time and Airflow's come on top.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from solar_model.files import read_results, read_users
from solar_model.manifest import Manifest
from solar_model.pipeline import database, drift, gate, households, runs, validations
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.insertion import insert
from solar_model.pipeline.references import Cycle
from solar_model.pipeline.suite import Asked, great_expectations
from solar_model.runner.work import simulate_file
from solar_model.settings import PROJECT_ROOT, load_settings
from solar_model.ticks import TICK, TICKS_PER_DAY, timestamp_text
from solar_stack.postgres import EmbeddedPostgres
from solar_stack.show import say

SIZES = (1_000, 10_000)
TICKS = 4
FIRST_DAY = datetime(2024, 6, 10, tzinfo=UTC)
QUERY = PROJECT_ROOT / "include" / "sql" / "households.sql"
STEPS = ("query", "write", "simulate", "validate", "insert")


def main(sizes: tuple[int, ...]) -> None:
    """Measure each size of the community, and say what came out as a table of Markdown."""
    # not below a folder of ours alone: as root, Postgres runs as another user
    home = Path(tempfile.mkdtemp(prefix="solar-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    great_expectations()
    lines = [
        f"| households | run | {' | '.join(STEPS)} | whole day |",
        "|---|---" + "|---" * 6 + "|",
    ]
    postgres = EmbeddedPostgres(home / "postgres")
    with postgres:
        info = postgres.dsn("solar")
        database.upgrade(info)
        for number, size in enumerate(sizes):
            day = FIRST_DAY + number * timedelta(days=30)
            with database.connect(info) as connection:
                connection.execute("DROP TABLE IF EXISTS users, user_systems CASCADE")
                load_sample(connection, size, seed=1)
                connection.commit()
                _run(connection, home, day - TICK, 1)  # warm
                whole = _run(connection, home, day, TICKS_PER_DAY)
                later = day + timedelta(days=1)
                few = [_run(connection, home, later + n * TICK, 1) for n in range(TICKS)]
            tick = {step: sum(one[step] for one in few) / TICKS for step in STEPS}
            for name, taken, times in (("a day", whole, 1), ("a tick", tick, TICKS_PER_DAY)):
                shown = " | ".join(f"{taken[step]:.2f}" for step in STEPS)
                total = times * sum(taken[step] for step in STEPS)
                lines.append(f"| {size:,} | {name} | {shown} | {total:.0f} s |")
    postgres.remove()
    say("\n".join(lines))


def _run(connection: Any, home: Path, first: datetime, steps: int) -> dict[str, float]:
    """Processor time of each step of a run over some ticks [s]."""
    taken: dict[str, float] = {}

    def timed(step: str, action: Callable[[], Any]) -> Any:
        begin = time.process_time()
        result = action()
        taken[step] = time.process_time() - begin
        return result

    folder = home / "work" / f"{first:%Y%m%d%H%M}"
    run_id = runs.start(
        connection, tick=first, airflow_run_id=f"bench {first}", seed=7, steps=steps
    )
    cycle = Cycle(timestamp_text(first), run_id, 7, None, str(folder), steps)
    config = load_settings(weather="stochastic")
    snapshot = timed(
        "query", lambda: households.query(connection, tick=first, sql_file=QUERY, folder=folder)
    )
    given, _ = timed("write", lambda: households.write_input(connection, cycle, snapshot, config))
    results = timed("simulate", lambda: simulate_file(given.path, folder))
    manifest = Manifest.read(results)

    def validate() -> None:
        asked = Asked(
            given.rows,
            cycle.ticks,
            totals_kwh=manifest.totals_kwh,
            usual_kwh=drift.usual(connection, cycle.ticks, given.rows),
        )
        verdict = gate.judge(results, read_users(given.path), asked, config.quarantine_limit)
        verdict.raise_if_refused()
        validations.save(connection, run_id, verdict.validation)
        connection.commit()

    timed("validate", validate)
    timed(
        "insert",
        lambda: insert(connection, run_id, read_results(results), weather=manifest.weather),
    )
    return taken


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
