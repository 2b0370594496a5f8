"""A run over many ticks leaves what as many runs of one tick would have left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from solar_model.errors import ConfigurationError
from solar_model.files import read_results
from solar_model.manifest import Manifest
from solar_model.pipeline import households, runs
from solar_model.pipeline.backend import load_sample
from solar_model.pipeline.insertion import insert
from solar_model.pipeline.references import Cycle
from solar_model.pipeline.repetition import seed_of, weather_of
from solar_model.pipeline.snapshot import take_snapshot
from solar_model.runner.work import simulate_file
from solar_model.settings import PROJECT_ROOT, load_settings
from solar_model.ticks import (
    past_ticks_of_day,
    results_of,
    tick_index,
    ticks_from,
    timestamp_text,
)

# over midnight, and after sunrise where the sample lives
FIRST = datetime(2024, 6, 10, 23, 30, tzinfo=UTC)
STEPS = 6
QUARTER = timedelta(minutes=15)
QUERY = PROJECT_ROOT / "include" / "sql" / "households.sql"
HOUSEHOLDS = 40


def run(connection, folder: Path, first: datetime, steps: int, **asked) -> Path:
    """The steps of a cycle that decide about rows, without Airflow; its results file."""
    airflow_run_id = f"{timestamp_text(first)} {steps}"
    given = {"seed": None, "weather": None} | asked
    seed = seed_of(connection, ticks_from(first, steps), given["seed"], 7)
    run_id = runs.start(
        connection, tick=first, airflow_run_id=airflow_run_id, seed=seed, steps=steps
    )
    cycle = Cycle(timestamp_text(first), run_id, seed, given["weather"], str(folder), steps)
    snapshot = take_snapshot(connection, tick=first, sql_file=QUERY, folder=folder)
    written, _ = households.write_input(
        connection, cycle, snapshot, load_settings(weather="stochastic")
    )
    results = simulate_file(written.path, folder)
    manifest = Manifest.read(results)
    insert(
        connection,
        run_id,
        read_results(results),
        weather=manifest.weather,
        input_file=written.name,
        results_file=results.name,
    )
    return results


def stored(connection) -> list[tuple]:
    return connection.execute("SELECT * FROM energy_data ORDER BY 1, 2").fetchall()


def ledger(connection) -> list[tuple]:
    return connection.execute(
        "SELECT id, tick, steps, status, seed, weather, households_queried, "
        "households_quarantined, rows_inserted, results_rows, generation_kwh, consumption_kwh, "
        "battery_soc_kwh, grid_import_kwh, surplus_kwh FROM simulation_runs ORDER BY tick"
    ).fetchall()


def quarantine(connection) -> list[tuple]:
    return connection.execute(
        "SELECT simulation_run_id, stage, user_id, reasons, row_values FROM quarantine "
        "ORDER BY 1, 3"
    ).fetchall()


@pytest.fixture
def community(connection):
    load_sample(connection, HOUSEHOLDS, seed=1)
    connection.execute(
        "UPDATE user_systems SET household_size = 0 WHERE user_id = "
        "(SELECT min(user_id::text)::uuid FROM user_systems)"
    )
    connection.commit()
    return connection


@pytest.fixture
def tick_by_tick(community, tmp_path):
    """The reference: rows, ledger, quarantine and the bodies of the results files."""
    bodies = [
        run(community, tmp_path / str(tick), tick, 1).read_bytes().split(b"\n", 1)
        for tick in ticks_from(FIRST, STEPS)
    ]
    header = bodies[0][0] + b"\n"
    content = header + b"".join(body for _, body in bodies)
    return stored(community), ledger(community), quarantine(community), content


def test_byte_for_byte_what_the_ticks_alone_would_be(community, tick_by_tick, tmp_path):
    rows, entries, aside, content = tick_by_tick
    results = run(community, tmp_path / "many", FIRST, STEPS)
    assert results.name == "results_20240610_2330-6-ticks.csv"
    assert results.read_bytes() == content
    assert len(rows) == STEPS * (HOUSEHOLDS - 1)
    assert stored(community) == rows
    assert ledger(community) == entries
    assert (len(aside), quarantine(community)) == (STEPS, aside)
    generated = [row[10] for row in entries]
    assert max(generated) > 0
    shared = community.execute(
        "SELECT DISTINCT airflow_run_id, input_file, results_file, attempt FROM simulation_runs"
    ).fetchall()
    assert shared == [
        (
            "2024-06-10T23:30:00 6",
            "users_input_20240610_233000-6-ticks.csv",
            "results_20240610_2330-6-ticks.csv",
            2,
        )
    ]


def test_the_tick_after_goes_on_from_its_batteries(community, tick_by_tick, tmp_path):
    run(community, tmp_path / "many", FIRST, STEPS)
    after = FIRST + STEPS * QUARTER
    results = run(community, tmp_path / "after", after, 1)
    given = pl.read_csv(results.parent / "users_input_20240611_010000.csv")
    last = {str(row[1]): row[4] for row in tick_by_tick[0] if row[0] == after - QUARTER}
    assert dict(given.select("user_id", "battery_soc_kwh").iter_rows()) == last


def test_each_tick_is_repeated_with_its_own_weather(community, tmp_path):
    second = FIRST + QUARTER
    run(community, tmp_path / "one", second, 1, weather='{"clear_sky_index": 0.3}')
    ticks = ticks_from(FIRST, 3)
    index = tick_index(FIRST)
    given = weather_of(community, ticks, None, "stochastic")
    assert given == {
        "spans": [
            {"ticks": [index, index], "weather": "stochastic"},
            {"ticks": [index + 1, index + 1], "weather": {"clear_sky_index": 0.3}},
            {"ticks": [index + 2, index + 2], "weather": "stochastic"},
        ]
    }
    run(community, tmp_path / "many", FIRST, 3)
    recorded = [
        weather
        for (weather,) in community.execute("SELECT weather FROM simulation_runs ORDER BY tick")
    ]
    assert recorded == ["stochastic", {"clear_sky_index": 0.3}, "stochastic"]
    assert weather_of(community, ticks, "0.5", "stochastic") == "0.5"


def test_ticks_of_different_seeds_are_no_single_run(community, tmp_path):
    run(community, tmp_path / "one", FIRST, 1, seed=1)
    run(community, tmp_path / "other", FIRST + QUARTER, 1, seed=2)
    ticks = ticks_from(FIRST, 3)
    with pytest.raises(ConfigurationError, match=r"1 at 2024-06-10 23:30, 2 at 2024-06-10 23:45"):
        seed_of(community, ticks, None, 7)
    assert seed_of(community, ticks, 3, 7) == 3
    assert seed_of(community, ticks[1:], None, 7) == 2
    assert seed_of(community, ticks[2:], None, 7) == 7


def test_a_tick_that_another_run_has_begun_since_is_left_to_it(community, tmp_path):
    run(community, tmp_path / "many", FIRST, 2)
    before = stored(community)
    run_id = runs.start(community, tick=FIRST, airflow_run_id="a day", seed=7, steps=2)
    runs.start(community, tick=FIRST + QUARTER, airflow_run_id="its tick", seed=7)
    results = read_results(tmp_path / "many" / "results_20240610_2330-2-ticks.csv")
    assert insert(community, run_id, results) == HOUSEHOLDS - 1
    assert stored(community) == before
    status = community.execute(
        "SELECT airflow_run_id, status::text FROM simulation_runs ORDER BY tick"
    ).fetchall()
    assert status == [("a day", "completed"), ("its tick", "running")]


def test_which_ticks_of_a_day_are_over():
    noon = datetime(2024, 6, 10, 12, tzinfo=UTC)
    midnight = datetime(2024, 6, 10, tzinfo=UTC)
    assert past_ticks_of_day(noon, noon) == ticks_from(midnight, 48)
    assert past_ticks_of_day(noon, noon + timedelta(minutes=14)) == ticks_from(midnight, 48)
    assert past_ticks_of_day(midnight, midnight) == []
    assert past_ticks_of_day(noon, noon - timedelta(days=1)) == []
    assert past_ticks_of_day(noon, noon + timedelta(days=9)) == ticks_from(midnight, 96)


def test_results_are_named_after_their_input():
    assert results_of("users_input_20240911_141500.csv") == "results_20240911_1415.csv"
    sharded = "users_input_20240911_141500-96-ticks-00003-of-00016.csv"
    assert results_of(sharded) == "results_20240911_1415-96-ticks-00003-of-00016.csv"
