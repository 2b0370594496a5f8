"""A run is computed again from what was recorded of it; what differs is found and told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from solar_airflow.replay import ReplayOperator
from solar_model.cli import app
from solar_model.errors import InputError, ReplayError, TransferError
from solar_model.files import read_results
from solar_model.manifest import Manifest
from solar_model.pipeline import households, runs
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.exchange import open_exchange
from solar_model.pipeline.housekeeping import drop_old_days
from solar_model.pipeline.insertion import insert
from solar_model.pipeline.references import Cycle, FileReference
from solar_model.pipeline.replay import replay, sample
from solar_model.pipeline.snapshot import take_snapshot
from solar_model.runner.work import simulate_file
from solar_model.settings import load_settings
from solar_model.ticks import TICK, timestamp_text

NOON = datetime(2024, 6, 11, 16, tzinfo=UTC)


def no_connections(_):
    return None


@pytest.fixture
def config(tmp_path):
    return load_settings(home=tmp_path / "home", weather="stochastic")


@pytest.fixture
def run(connection, config):
    """Compute and store a tick as a cycle does; gives the id of its run."""
    load_sample(connection, 20, seed=1)

    def run_tick(tick=NOON, kept_here=False, steps=1, weather=None, **part) -> str:
        folder = config.work_dir / f"manual__{tick:%H%M}-{steps}"
        run_id = runs.start(
            connection, tick=tick, airflow_run_id=folder.name, seed=config.seed, steps=steps, **part
        )
        cycle = Cycle(
            timestamp_text(tick), run_id, config.seed, weather, str(folder), steps, **part
        )
        snapshot = take_snapshot(
            connection, tick=tick, sql_file=config.households_sql, folder=folder, **part
        )
        given, _ = households.write_input(connection, cycle, snapshot, config)
        results = simulate_file(given.path, folder / "runner")
        manifest = Manifest.read(results)
        exchange = open_exchange(config.exchange_urls[0], no_connections)
        exchange.put(given.path)
        insert(
            connection,
            run_id,
            read_results(results),
            weather=manifest.weather,
            exchange=exchange.url,
            input_file=given.name,
            input_sha256=given.sha256,
            results_file=results.name,
            results_sha256=FileReference.of(results, manifest.rows).sha256,
        )
        if not kept_here:
            given.path.unlink()
        return run_id

    return run_tick


def test_the_same_comes_out_again(connection, config, run):
    runs_of_an_hour = [run(NOON + i * TICK) for i in range(3)]
    for run_id in runs_of_an_hour:
        found = replay(connection, run_id, config, no_connections)
        assert found.differences == ()
        assert found.rows == 20
        assert "identical" in str(found) and found.sha256 in str(found)


def test_an_input_that_was_kept_beside_the_work_will_do(connection, config, run):
    run_id = run(kept_here=True)
    for file in (config.home / "exchange").iterdir():
        file.unlink()
    assert replay(connection, run_id, config, no_connections).differences == ()


def test_what_was_changed_in_the_database_is_told_by_line_column_and_value(connection, config, run):
    run_id = run()
    connection.execute(
        """
        UPDATE energy_data SET consumption_kwh = 9.5
        WHERE user_id = (SELECT max(user_id::text)::uuid FROM energy_data)
        """
    )
    connection.execute(
        "DELETE FROM energy_data WHERE user_id = (SELECT min(user_id::text)::uuid FROM energy_data)"
    )
    connection.execute(
        """
        INSERT INTO energy_data (user_id, "timestamp", generation_kwh, consumption_kwh,
            surplus_kwh, source, simulation_run_id)
        VALUES (gen_random_uuid(), %s, 1, 2, -1, 'SIMULATION', %s)
        """,
        (NOON, run_id),
    )
    connection.commit()
    lost, unknown, changed_value = replay(connection, run_id, config, no_connections).differences
    assert lost == "1 rows are not in energy_data, the first of line 2"
    assert unknown == "1 rows of energy_data are of nobody whom the replay has"
    assert changed_value.startswith(
        "consumption_kwh differs in 1 rows, first in line 21: stored 9.5"
    )


def test_households_that_were_set_aside_are_not_missed(connection, config, run):
    run_id = run()
    [(user,)] = connection.execute("SELECT min(user_id::text) FROM energy_data").fetchall()
    connection.execute("DELETE FROM energy_data WHERE user_id::text = %s", (user,))
    connection.execute(
        "INSERT INTO quarantine (simulation_run_id, stage, user_id, reasons, row_values) "
        "VALUES (%s, 'results', %s, '{cannot be believed}', '{}')",
        (run_id, user),
    )
    connection.commit()
    assert replay(connection, run_id, config, no_connections).differences == ()


def test_another_seed_than_was_recorded_gives_other_bytes(connection, config, run):
    run_id = run()
    runs.record(connection, run_id, seed=config.seed + 1)
    connection.commit()
    found = replay(connection, run_id, config, no_connections)
    assert found.differences[0].startswith("SHA-256 is ")
    assert not found.other_version

    runs.record(connection, run_id, model_version="0.0.1")
    connection.commit()
    found = replay(connection, run_id, config, no_connections)
    assert found.other_version
    assert "computed by version 0.0.1 of the model" in str(found)


def test_an_input_that_is_gone_or_of_another_run_is_told(connection, config, run):
    run_id = run()
    connection.execute("UPDATE user_systems SET panel_count = panel_count + 1")
    connection.commit()
    other = run()  # its input takes the place of the first one's
    assert other == run_id
    runs.record(connection, run_id, input_sha256="0" * 64)
    connection.commit()
    with pytest.raises(TransferError, match=r"another run of the tick.*|SOLAR_EXCHANGE_RETENTION"):
        replay(connection, run_id, config, no_connections)
    open_exchange(config.exchange_urls[0], no_connections).expire(timedelta(seconds=-60))
    with pytest.raises(TransferError, match=r"kept for 7 days.*is not in the exchange file://"):
        replay(connection, run_id, config, no_connections)


def test_any_tick_of_a_run_over_many_is_replayed_until_one_of_them_was_run_again(
    connection, config, run
):
    run(steps=4)
    ids = [
        run_id
        for (run_id,) in connection.execute("SELECT id::text FROM simulation_runs ORDER BY tick")
    ]
    for run_id in ids:
        found = replay(connection, run_id, config, no_connections)
        assert (found.differences, found.rows) == ((), 20)
    assert run(NOON + 2 * TICK, weather="0.5") == ids[2]
    assert replay(connection, ids[2], config, no_connections).differences == ()
    with pytest.raises(InputError, match=r"1 of the 4 ticks .* have been run again since"):
        replay(connection, ids[0], config, no_connections)


def test_a_shard_of_a_run_over_many_is_replayed_with_its_own_weather(connection, config, run):
    second = run(steps=4, weather="0.5", shard=1, shards=2)
    assert replay(connection, second, config, no_connections).differences == ()
    run(steps=4, weather="1.0", shard=0, shards=2)
    assert replay(connection, second, config, no_connections).differences == ()


def test_a_run_whose_day_was_dropped_is_refused_and_not_drawn(connection, config, run, replay_task):
    run_id, other = run(), run(NOON + timedelta(days=1))
    drop_old_days(connection, config, NOON + config.data_retention + timedelta(days=1))
    with pytest.raises(InputError, match=r"rows of 2024-06-11 were dropped.*Restore the day"):
        replay(connection, run_id, config, no_connections)
    assert [(one["run_id"], one["identical"]) for one in replay_task()] == [(other, True)]


def test_a_run_whose_tick_is_split_otherwise_by_now_is_refused(connection, config, run):
    run_id = run()
    second = run(shard=1, shards=3)
    runs.fail(connection, "manual__1600-1", "out of memory", shard=0)
    with pytest.raises(InputError, match="begun with other shards since"):
        replay(connection, run_id, config, no_connections)
    assert replay(connection, second, config, no_connections).differences == ()


def test_what_is_no_run_or_stored_nothing_is_refused(connection, config):
    with pytest.raises(InputError, match=r"no run; found 'yesterday'"):
        replay(connection, "yesterday", config, no_connections)
    with pytest.raises(InputError, match="no such run"):
        replay(connection, "00000000-0000-0000-0000-000000000000", config, no_connections)
    run_id = runs.start(connection, tick=NOON, airflow_run_id="manual", seed=1)
    with pytest.raises(InputError, match="stored nothing"):
        replay(connection, run_id, config, no_connections)


def test_a_sample_is_drawn_again_the_same_and_only_of_its_day(connection, run):
    for i in range(6):
        run(NOON + i * TICK)
    now = datetime.now(tz=UTC)
    span = {"since": now - timedelta(days=1), "until": now + timedelta(minutes=1)}
    drawn = sample(connection, **span, count=3, seed=1)
    assert len(set(drawn)) == 3
    assert sample(connection, **span, count=3, seed=1) == drawn
    assert any(sample(connection, **span, count=3, seed=seed) != drawn for seed in range(2, 6))
    assert len(sample(connection, **span, count=100, seed=1)) == 6
    earlier = {"since": now - timedelta(days=2), "until": now - timedelta(days=1)}
    assert sample(connection, **earlier, count=3, seed=1) == []


def test_on_the_command_line(database, connection, config, run, monkeypatch):
    run_id = run()
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", "postgresql://solar@db.example.org/solar")
    monkeypatch.setattr("solar_model.pipeline.database.connect", lambda _: database.connect())
    monkeypatch.setattr("solar_model.settings.settings", lambda: config)
    good = CliRunner().invoke(app, ["replay", run_id])
    assert (good.exit_code, "identical" in good.output) == (0, True), good.output
    connection.execute("DELETE FROM energy_data")
    connection.commit()
    bad = CliRunner().invoke(app, ["replay", run_id])
    assert (bad.exit_code, "20 rows are not in energy_data" in bad.output) == (1, True), bad.output


@pytest.fixture
def replay_task(database, config, monkeypatch):
    """Runs the daily task, as of now."""
    monkeypatch.setattr("solar_airflow.replay.settings", lambda: config)
    monkeypatch.setattr("solar_airflow.replay.open_database", lambda _: database.connect())
    monkeypatch.setattr("solar_airflow.replay.connection_text", no_connections)

    def execute():
        now = datetime.now(tz=UTC) + timedelta(minutes=1)
        dag_run = SimpleNamespace(logical_date=now, run_after=now)
        return ReplayOperator(task_id="replay").execute({"dag_run": dag_run, "params": {"runs": 2}})

    return execute


def test_the_daily_task_fails_for_good_on_a_difference(connection, run, replay_task):
    for i in range(2):
        run(NOON + i * TICK)
    assert [one["identical"] for one in replay_task()] == [True, True]
    connection.execute("UPDATE energy_data SET generation_kwh = generation_kwh + 0.000001")
    connection.commit()
    with pytest.raises(
        ReplayError, match=r"2 of 2 replays differ.*generation_kwh differs in 20 rows"
    ):
        replay_task()
    # of another version of the model it is a warning
    connection.execute("UPDATE simulation_runs SET model_version = '0.0.1'")
    connection.commit()
    assert [one["identical"] for one in replay_task()] == [False, False]
