"""What `make run` tells of a cycle: all of its shards together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb
from tests.support.ledger import add_run

from solar_model.pipeline.summary import run_summary

TICK = datetime(2024, 6, 11, 12, tzinfo=UTC)
RUN = "manual__2024-06-11T12:00:00+00:00"


def store(connection, run_id: str, users: range, generation_kwh: float) -> None:
    connection.execute("SELECT energy_data_partition(%s)", (TICK.date(),))
    for user in users:
        connection.execute(
            'INSERT INTO energy_data ("timestamp", user_id, generation_kwh, consumption_kwh, '
            "battery_soc_kwh, battery_charge_kwh, battery_discharge_kwh, grid_import_kwh, "
            "grid_export_kwh, surplus_kwh, source, simulation_run_id) "
            "VALUES (%s, %s, %s, 0.25, 1, 0, 0, 0, %s, %s, 'SIMULATION', %s)",
            (
                TICK,
                f"00000000-0000-4000-8000-{user:012}",
                generation_kwh,
                generation_kwh - 0.25,
                generation_kwh - 0.25,
                run_id,
            ),
        )
    connection.commit()


def test_the_shards_of_a_cycle_are_one(connection):
    facts = {"airflow_run_id": RUN, "shards": 2, "weather": Jsonb(0.9)}
    first = add_run(connection, TICK, seconds=30, households_queried=3, **facts)
    store(connection, first, range(3), generation_kwh=1.0)
    second = add_run(
        connection, TICK, shard=1, begun=5, seconds=50, households_queried=2,
        households_quarantined=1, status="degraded", **facts,
    )  # fmt: skip
    store(connection, second, range(3, 4), generation_kwh=2.0)
    told = run_summary(connection, RUN)
    assert (told.tick, told.status, told.weather) == (TICK, "degraded", 0.9)
    assert (told.households_queried, told.households_quarantined, told.rows_stored) == (5, 1, 4)
    assert told.checks_passed == 40
    assert (told.generation_kwh, told.consumption_kwh, told.grid_export_kwh) == (5.0, 1.0, 4.0)
    assert told.battery_soc_kwh == 4.0
    assert told.balance_residual_kwh == 0.0
    assert told.finished_at - told.started_at == timedelta(seconds=49)


def test_a_cycle_is_as_good_as_its_worst_shard_and_ends_with_the_last(connection):
    facts = {"airflow_run_id": RUN, "shards": 3}
    add_run(connection, TICK, **facts)
    add_run(connection, TICK, shard=1, status="failed", error="no weather", **facts)
    add_run(connection, TICK, shard=2, status="running", seconds=None, **facts)
    told = run_summary(connection, RUN)
    assert (told.status, told.error, told.finished_at) == ("failed", "no weather", None)


def test_a_run_that_made_none_has_no_summary(connection):
    assert run_summary(connection, RUN) is None
