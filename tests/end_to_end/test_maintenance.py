"""House-keeping in the real Airflow, as the schedule starts it by itself."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.end_to_end

DAG = "solar_maintenance"
START_SECONDS = 60


@pytest.fixture(scope="module")
def maintained(cycle) -> str:
    """The run that the schedule starts when Airflow sees the DAG for the first time."""
    deadline = time.monotonic() + START_SECONDS
    while not (runs := cycle.api.runs(DAG)):
        assert time.monotonic() < deadline, "nobody unpaused it, and still it must run"
        time.sleep(0.2)
    return str(runs[-1]["dag_run_id"])


def test_it_runs_by_itself_and_makes_room_for_a_week(cycle, maintained):
    assert maintained.startswith("scheduled__")
    assert cycle.wait(maintained, DAG) == "success"
    assert [task["task_id"] for task in cycle.api.tasks(DAG, maintained)] == [
        "make_days_ahead",
        "back_up",
        "drop_old_days",
        "remove_old_pages",
        "remove_old_files",
    ]
    past = datetime.now(tz=UTC).date() + timedelta(days=6)
    [(found,)] = cycle.sql("SELECT to_regclass(%s) IS NOT NULL", f"energy_data_{past:%Y%m%d}")
    assert found


def test_a_past_day_is_backed_up_the_next_night(cycle, maintained):
    cycle.wait(maintained, DAG)
    cycle.run("2024-06-22T17:00:00Z")
    run_id = cycle.api.trigger(DAG)
    assert cycle.wait(run_id, DAG) == "success"
    backup = cycle.settings.home / "backups" / "backup_energy_data_20240622.sql"
    assert "1000 rows" in backup.read_text().splitlines()[0]
    # nobody dropped it: the retention of the tests is ten years
    [(rows,)] = cycle.sql(
        "SELECT count(*) FROM energy_data WHERE \"timestamp\" = '2024-06-22 17:00+00'"
    )
    assert rows == 1000


def test_each_cycle_leaves_a_line_in_the_simulation_log(cycle):
    run_id = cycle.run("2024-06-22T18:00:00Z")
    logs = sorted((cycle.settings.home / "logs").glob("simulation_log_*.log"))
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    [told] = [line for line in lines if line["airflow_run_id"] == run_id]
    assert (told["status"], told["rows_inserted"]) == ("completed", 1000)
    assert told["timings_s"]["run_simulation"] > 0
