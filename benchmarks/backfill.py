"""How long a backfill takes, a day at once and tick by tick: ``python -m benchmarks.backfill``.

With a stack of its own, in a folder that is removed again; the numbers stand in docs/backfill.md.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from solar_model.pipeline import database
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.runs import DAILY_DAG
from solar_model.settings import load_settings
from solar_model.ticks import TICK, TICKS_PER_DAY
from solar_stack.api import AirflowApi
from solar_stack.cycle import DAG_ID, LOOK_SECONDS, wait_for_dag
from solar_stack.ports import free_port
from solar_stack.postgres import EmbeddedPostgres
from solar_stack.show import say
from solar_stack.signals import Signals
from solar_stack.stack import Stack

SIZES = (1_000, 10_000)
FIRST_DAY = datetime(2024, 6, 10, tzinfo=UTC)
TICKS = 4


def main(sizes: tuple[int, ...]) -> None:
    """Measure each size of the community, and say what came out as a table of Markdown."""
    # not below /tmp/…/: as root, Postgres runs as a user that must reach it
    home = Path(tempfile.mkdtemp(prefix="solar-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    lines = ["| households | a day at once | rows per second | four ticks one by one | a day so |"]
    lines += ["|---|---|---|---|---|"]
    stack = Stack(load_settings(home=home / "state", port=free_port()), Signals())
    try:
        with stack.up() as api:
            for dag_id in (DAG_ID, DAILY_DAG):
                wait_for_dag(stack, api, Signals(), dag_id)
            api.unpause(DAG_ID)
            _seconds(api, DAILY_DAG, FIRST_DAY, FIRST_DAY)  # warm
            for number, size in enumerate(sizes, 1):
                _settle(stack, size)
                day = FIRST_DAY + number * timedelta(days=30)
                day_s = _seconds(api, DAILY_DAG, day, day)
                # the day after, which starts from the batteries of this one
                tick = day + timedelta(days=1)
                few_s = _seconds(api, DAG_ID, tick, tick + (TICKS - 1) * TICK)
                lines.append(
                    f"| {size:,} | {day_s:.1f} s | {size * TICKS_PER_DAY / day_s:,.0f} "
                    f"| {few_s:.1f} s | {few_s / TICKS * TICKS_PER_DAY / 60:.0f} min |"
                )
    finally:
        EmbeddedPostgres(stack.state.postgres).remove()
    say("\n" + "\n".join(lines))


def _settle(stack: Stack, households: int) -> None:
    with database.connect(stack.solar) as connection:
        connection.execute("TRUNCATE users, user_systems")
        load_sample(connection, households, seed=1)
        connection.commit()


def _seconds(api: AirflowApi, dag_id: str, first: datetime, last: datetime) -> float:
    """Time of a backfill from when it is asked for to its end."""
    begin = time.monotonic()
    number = api.backfill(dag_id, first, last)
    while not api.backfill_ended(number):
        time.sleep(LOOK_SECONDS)
    took = time.monotonic() - begin
    failed = [run for run in api.runs(dag_id) if run["state"] == "failed"]
    if failed:
        raise RuntimeError(f"a run has failed: {failed[0]['dag_run_id']}")
    return took


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
