"""However many shards a cycle is split into, the database is the same afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.support.open_meteo import serving

from solar_model.errors import ConfigurationError
from solar_model.files import read_results
from solar_model.manifest import Manifest
from solar_model.pipeline import dashboard, households, ledger, runs
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.health import readings
from solar_model.pipeline.insertion import insert
from solar_model.pipeline.references import Cycle
from solar_model.pipeline.repetition import seed_of, weather_of
from solar_model.pipeline.snapshot import take_snapshot
from solar_model.runner.work import simulate_file
from solar_model.settings import PROJECT_ROOT, load_settings, settings
from solar_model.ticks import timestamp_text

NOON = datetime(2024, 6, 10, 17, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
QUERY = PROJECT_ROOT / "include" / "sql" / "households.sql"
HOUSEHOLDS = 100
TOTALS = ("generation_kwh", "consumption_kwh", "battery_soc_kwh", "surplus_kwh")


@pytest.fixture
def community(connection):
    load_sample(connection, HOUSEHOLDS, seed=1)
    connection.execute(
        "UPDATE user_systems SET household_size = 0 WHERE user_id = "
        "(SELECT min(user_id::text)::uuid FROM user_systems)"
    )
    connection.commit()
    return connection


def run_shard(
    connection, folder: Path, tick: datetime, shard: int, shards: int, weather: str = "stochastic"
) -> Path:
    """The steps of a shard's cycle that decide about rows, without Airflow; its results."""
    part = {"shard": shard, "shards": shards}
    run_id = runs.start(connection, tick=tick, airflow_run_id=f"{tick} of {shards}", seed=7, **part)
    cycle = Cycle(timestamp_text(tick), run_id, 7, None, str(folder / str(shard)), **part)
    snapshot = take_snapshot(
        connection, tick=tick, sql_file=QUERY, folder=folder / str(shard), **part
    )
    written, _ = households.write_input(connection, cycle, snapshot, load_settings(weather=weather))
    results = simulate_file(written.path, folder)
    insert(
        connection,
        run_id,
        read_results(results),
        weather=Manifest.read(results).weather,
        results_file=results.name,
    )
    return results


def run(connection, folder: Path, tick: datetime, shards: int) -> list[Path]:
    return [run_shard(connection, folder, tick, shard, shards) for shard in range(shards)]


def stored(connection) -> list[tuple]:
    """All rows, but for which run has written them."""
    return connection.execute(
        'SELECT "timestamp", user_id, generation_kwh, consumption_kwh, battery_soc_kwh, '
        "battery_charge_kwh, battery_discharge_kwh, grid_import_kwh, grid_export_kwh, "
        "surplus_kwh, source FROM energy_data ORDER BY 1, 2"
    ).fetchall()


def sums(connection, tick: datetime) -> tuple:
    totals = ", ".join(f"round(sum({name})::numeric, 6)" for name in TOTALS)
    return connection.execute(
        f"SELECT sum(rows_inserted), sum(households_queried), sum(households_quarantined), "
        f"{totals} FROM simulation_runs WHERE tick = %s",
        (tick,),
    ).fetchone()


def given_states(folder: Path) -> dict[str, float]:
    """The batteries' states in the input files of a tick."""
    files = sorted(folder.glob("*/users_input_*.csv"))
    rows = pl.concat([pl.read_csv(file) for file in files]).select("user_id", "battery_soc_kwh")
    assert rows["user_id"].is_unique().all()
    return dict(rows.iter_rows())


def stored_states(connection, tick: datetime) -> dict[str, float]:
    return dict(
        connection.execute(
            'SELECT user_id::text, battery_soc_kwh FROM energy_data WHERE "timestamp" = %s', (tick,)
        ).fetchall()
    )


def test_after_sixteen_shards_as_after_one(community, tmp_path):
    ticks = (NOON, NOON + QUARTER)
    for tick in ticks:
        run(community, tmp_path / "one", tick, 1)
    rows, totals = stored(community), [sums(community, tick) for tick in ticks]
    assert len(rows) == 2 * (HOUSEHOLDS - 1)
    community.execute("TRUNCATE energy_data, simulation_runs CASCADE")
    community.commit()

    for tick in ticks:
        results = run(community, tmp_path / "many", tick, 16)
    assert stored(community) == rows
    assert [sums(community, tick) for tick in ticks] == totals
    assert [file.name for file in results[:4:3]] == [
        "results_20240610_1715-00000-of-00016.csv",
        "results_20240610_1715-00003-of-00016.csv",
    ]
    assert community.execute("SELECT count(*) FROM quarantine").fetchone() == (2,)
    inputs = sorted((tmp_path / "many").glob("*/users_input_20240610_171500-*.csv"))
    sizes = [len(pl.read_csv(file)) for file in inputs]
    assert (len(sizes), sum(sizes)) == (16, HOUSEHOLDS - 1)
    # what looks at the ledger sees one tick
    now = NOON + 2 * QUARTER
    assert [tick.rows_inserted for tick in readings.read(community, now).day] == [
        HOUSEHOLDS - 1
    ] * 2
    assert [one.stored for one in ledger.entries(community, *ticks, now)] == [True, True]
    assert dashboard.energy(community, *ticks)["rows_inserted"] == [HOUSEHOLDS - 1] * 2


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (5, 3), (3, 5)])
def test_a_tick_may_be_split_otherwise_when_it_is_run_again(community, tmp_path, before, after):
    run(community, tmp_path / "before", NOON, before)
    rows, totals = stored(community), sums(community, NOON)
    run(community, tmp_path / "after", NOON, after)
    assert stored(community) == rows
    assert sums(community, NOON) == totals
    shards = community.execute("SELECT shard, shards FROM simulation_runs ORDER BY shard")
    assert shards.fetchall() == [(shard, after) for shard in range(after)]


def test_batteries_go_on_after_a_tick_in_which_some_shards_failed(community, tmp_path):
    run(community, tmp_path / "0", NOON, 3)
    run_shard(community, tmp_path / "1", NOON + QUARTER, 0, 3)
    runs.start(community, tick=NOON + QUARTER, airflow_run_id="it fails", seed=7, shard=1, shards=3)
    runs.fail(community, "it fails", "why", shard=1)
    run(community, tmp_path / "2", NOON + 2 * QUARTER, 3)
    for shard, last in ((0, NOON + QUARTER), (1, NOON), (2, NOON)):
        file = f"{shard}/users_input_20240610_173000-{shard:05d}-of-00003.csv"
        given = pl.read_csv(tmp_path / "2" / file)
        left = dict(
            community.execute(
                'SELECT user_id::text, battery_soc_kwh FROM energy_data WHERE "timestamp" = %s '
                "AND solar_shard(user_id::text, 3) = %s",
                (last, shard),
            ).fetchall()
        )
        assert dict(given.select("user_id", "battery_soc_kwh").iter_rows()) == left


@pytest.mark.parametrize("after", [1, 3])
def test_batteries_go_on_after_a_tick_that_was_to_be_split_otherwise_and_failed(
    community, tmp_path, after
):
    run(community, tmp_path / "0", NOON, 1)
    run(community, tmp_path / "1", NOON + QUARTER, 1)
    for shard in range(3):
        runs.start(
            community, tick=NOON + QUARTER, airflow_run_id="again", seed=7, shard=shard, shards=3
        )
    runs.fail(community, "again", "no weather")
    run(community, tmp_path / "2", NOON + 2 * QUARTER, after)
    assert given_states(tmp_path / "2") == stored_states(community, NOON + QUARTER)


@pytest.mark.parametrize("after", [1, 2, 3, 5])
@pytest.mark.parametrize("before", [1, 4])
def test_each_battery_goes_on_from_its_last_row_however_the_ticks_were_split(
    community, tmp_path, before, after
):
    run(community, tmp_path / "0", NOON, before)
    failing = NOON + QUARTER
    for shard in (0, 2):
        run_shard(community, tmp_path / "1", failing, shard, 3)
    runs.start(community, tick=failing, airflow_run_id="it fails", seed=7, shard=1, shards=3)
    runs.fail(community, "it fails", "out of memory", shard=1)
    run(community, tmp_path / "2", NOON + 2 * QUARTER, after)
    last = stored_states(community, NOON) | stored_states(community, failing)
    assert given_states(tmp_path / "2") == last


def test_a_shard_that_never_began_is_missed(community, tmp_path):
    run(community, tmp_path / "0", NOON, 3)
    tick, now = NOON + QUARTER, NOON + 2 * QUARTER
    for shard in (0, 2):
        run_shard(community, tmp_path / "1", tick, shard, 3)
    [entry] = ledger.entries(community, tick, tick, now)
    assert (entry.state, entry.stored) == (ledger.State.RUNNING, False)
    # as when its first task fails before it has reached the database, or the run's time is up
    runs.fail(community, f"{tick} of 3", "too many connections", shard=1)
    [entry] = ledger.entries(community, tick, tick, now)
    assert (entry.state, entry.stored) == (ledger.State.FAILED, False)
    newest = readings.read(community, now).day[-1]
    assert (newest.status, newest.error) == ("failed", "too many connections")

    run(community, tmp_path / "2", NOON + 2 * QUARTER, 3)
    last = stored_states(community, NOON) | stored_states(community, tick)
    assert given_states(tmp_path / "2") == last
    run_shard(community, tmp_path / "1", tick, 1, 3)
    attempts = "SELECT DISTINCT attempt, status::text FROM simulation_runs"
    assert community.execute(attempts).fetchall() == [(1, "completed")]


def test_a_shard_that_never_began_is_missed_where_the_tick_was_split_otherwise(community, tmp_path):
    run(community, tmp_path / "0", NOON, 1)
    for shard in (1, 2):
        run_shard(community, tmp_path / "1", NOON, shard, 3)
    runs.fail(community, f"{NOON} of 3", "the run took longer than it may")
    [entry] = ledger.entries(community, NOON, NOON, NOON + QUARTER)
    assert (entry.state, entry.stored) == (ledger.State.FAILED, False)
    run_shard(community, tmp_path / "1", NOON, 0, 3)
    [entry] = ledger.entries(community, NOON, NOON, NOON + QUARTER)
    assert entry.stored
    shards = community.execute("SELECT shard, attempt FROM simulation_runs ORDER BY shard")
    assert shards.fetchall() == [(0, 2), (1, 1), (2, 1)]


def test_what_a_tick_was_computed_with_is_known_from_any_of_its_shards(community, tmp_path):
    runs.start(community, tick=NOON, airflow_run_id="it fails", seed=7, shard=0, shards=3)
    runs.fail(community, "it fails", "why")
    run_shard(community, tmp_path, NOON, 1, 3)
    assert seed_of(community, [NOON], None, 1) == 7
    assert weather_of(community, [NOON], None, "0.9") == "stochastic"


def test_each_shard_has_the_weather_of_its_own_places(community, tmp_path, monkeypatch):
    # of a service, which is asked for the places of a shard alone, each far from all others
    community.execute(
        "UPDATE user_systems SET longitude = -80, latitude = 40 + solar_shard(user_id::text, 3)"
    )
    community.commit()

    def run_all(shards: int) -> None:
        for shard in range(shards):
            run_shard(community, tmp_path / str(shards), NOON, shard, shards, "open-meteo")

    with serving() as server:
        monkeypatch.setenv("SOLAR_OPEN_METEO_URL", server.url)
        settings.cache_clear()
        run_all(3)
        first = stored(community)
        assert [query["latitude"] for _, query in server.asked] == ["40", "41", "42"]
        run_all(3)
        run_all(1)
        assert stored(community) == first
        assert len(server.asked) == 3, "what is recorded is not asked for again"


def test_a_tick_that_is_split_anew_counts_nobody_twice(community, tmp_path):
    run(community, tmp_path / "whole", NOON, 1)
    for shard in (1, 2):
        run_shard(community, tmp_path / "parts", NOON, shard, 3)
    runs.start(community, tick=NOON, airflow_run_id="it fails", seed=7, shard=0, shards=3)
    runs.fail(community, "it fails", "why", shard=0)
    rows, generated = community.execute(
        "SELECT sum(rows_inserted)::int, sum(generation_kwh) FROM simulation_runs WHERE shard > 0"
    ).fetchone()
    seen = readings.read(community, NOON + QUARTER)
    assert seen.today_kwh == pytest.approx(generated)
    [tick] = seen.day
    assert tick.households_queried == tick.rows_inserted + tick.households_quarantined
    assert (tick.rows_inserted, len(stored(community))) == (rows, HOUSEHOLDS - 1)


def test_the_whole_has_ended_well_when_every_shard_has(community, tmp_path):
    name = f"{NOON} of 3"
    assert runs.outcome(community, name) is None
    run_shard(community, tmp_path, NOON, 0, 3)
    run_shard(community, tmp_path, NOON, 2, 3)
    assert runs.outcome(community, name)["status"] == "failed"
    run_shard(community, tmp_path, NOON, 1, 3)
    told = runs.outcome(community, name)
    assert (told["status"], told["record_count"]) == ("completed", HOUSEHOLDS - 1)
    assert told["result_file"] == "results_20240610_1700-*-of-00003.csv"
    first = community.execute("SELECT id::text FROM simulation_runs WHERE shard = 0").fetchone()
    assert told["run_id"] == first[0]


def test_a_shard_that_has_nobody_says_what_to_set(community, tmp_path):
    with pytest.raises(ConfigurationError, match=r"no household .* Set SOLAR_SHARDS to less"):
        run(community, tmp_path, NOON, 1000)


def test_whoever_has_no_proper_id_is_in_one_shard_too(connection):
    found = connection.execute(
        "SELECT solar_shard(NULL, 16), solar_shard('nobody', 16), "
        "solar_shard('A1B2C3D4-0000-4000-8000-000000000000', 16) = "
        "solar_shard('a1b2c3d4-0000-4000-8000-000000000000', 16)"
    ).fetchone()
    assert all(0 <= shard < 16 for shard in found[:2])
    assert found[2]
