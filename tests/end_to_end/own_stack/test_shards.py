"""A cycle in shards through the real Airflow, which reads their number with the DAGs."""

from __future__ import annotations

import pytest
from tests.end_to_end.conftest import DAG, booted

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(900)]

SHARDS = 2
FIRST, SECOND = "2024-06-11T17:00:00Z", "2024-06-11T17:15:00Z"


@pytest.fixture(scope="module")
def sharded(tmp_path_factory):
    with booted(tmp_path_factory.mktemp("stack"), SOLAR_SHARDS=str(SHARDS)) as cycle:
        yield cycle


def entries(cycle, tick: str) -> list[tuple]:
    return cycle.sql(
        "SELECT status::text, attempt, rows_inserted, results_file, error, started_at "
        "FROM simulation_runs WHERE tick = %s ORDER BY shard",
        tick,
    )


def households(cycle, tick: str) -> int:
    [(rows, users)] = cycle.sql(
        'SELECT count(*), count(DISTINCT user_id) FROM energy_data WHERE "timestamp" = %s', tick
    )
    assert rows == users
    return rows


def test_each_shard_has_its_files_and_its_row_and_the_tick_is_whole(sharded):
    sharded.run(FIRST)
    assert households(sharded, FIRST) == 1000
    shards = entries(sharded, FIRST)
    assert {shard[0] for shard in shards} == {"completed"}
    assert sum(shard[2] for shard in shards) == 1000
    exchange = sharded.settings.home / "exchange"
    for number, shard in enumerate(shards):
        assert shard[3] == f"results_20240611_1700-{number:05d}-of-00002.csv"
        assert (exchange / shard[3]).is_file()
    [told] = sharded.messages("2024-06-11T17:00:00")
    assert (told["status"], told["record_count"]) == ("completed", 1000)
    assert told["result_file"] == "results_20240611_1700-*-of-00002.csv"
    assert not any((sharded.settings.home / "work").glob("*2024-06-11T17-00*"))


def test_a_shard_that_fails_holds_up_no_other_and_is_mended_alone(sharded):
    good = sharded.query.read_text()
    sharded.query.write_text(
        "SELECT user_id, panel_wattage, battery_capacity_kwh, inverter_capacity_kw, "
        "household_size, panel_count / CASE WHEN solar_shard(user_id::text, 2) = 1 THEN 0 ELSE 1 "
        "END AS panel_count FROM user_systems WHERE panel_count > 0"
    )
    try:
        run_id = sharded.trigger(SECOND)
        assert sharded.wait(run_id) == "failed"
    finally:
        sharded.query.write_text(good)
    before = entries(sharded, SECOND)
    assert [shard[0] for shard in before] == ["completed", "failed"]
    assert "division by zero" in before[1][4]
    assert households(sharded, SECOND) == before[0][2] > 400
    [told] = sharded.messages("2024-06-11T17:15:00")
    assert (told["status"], told["record_count"]) == ("failed", 0)

    sharded.post(
        f"dags/{DAG}/clearTaskInstances",
        {"dag_run_id": run_id, "dry_run": False, "only_failed": True},
    )
    assert sharded.wait(run_id) == "success"
    after = entries(sharded, SECOND)
    assert [shard[0] for shard in after] == ["completed"] * SHARDS
    assert after[0] == before[0], "the other was computed again"
    assert households(sharded, SECOND) == 1000
