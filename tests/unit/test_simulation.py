"""The one call of every runner, from file to file: contract, random access, errors."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from solar_model import SolarModelError, run_simulation, validate_results
from solar_model.community.model import Community, HouseholdBlock
from solar_model.errors import InputError
from solar_model.files import read_results, read_users, write_users
from solar_model.manifest import Manifest
from solar_model.sample import sample_households
from solar_model.settings import settings
from solar_model.whole_files import sha256_of

START = "2024-09-11T17:30:00"  # afternoon into evening at the default site


@pytest.fixture
def users_csv(tmp_path) -> Path:
    # households at their own places, with half-known states and their own time zones
    frame = sample_households(60, seed=5).with_columns(
        battery_soc_kwh=pl.when(pl.int_range(pl.len()) % 3 == 0).then(
            pl.col("battery_capacity_kwh") / 4
        ),
        timezone=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("Europe/Berlin")),
    )
    path = tmp_path / "users.csv"
    write_users(frame, path)
    return path


def simulate(users: Path, *, steps: int = 1, start: str = START, weather: object = "stochastic"):
    output = users.with_name(f"{users.stem}_results.csv")
    run_simulation(users, output, steps=steps, start_time=start, weather=weather, seed=3)
    return output


def test_the_file_meets_the_contract_for_every_household_and_tick(users_csv):
    output = simulate(users_csv, steps=5)
    assert not validate_results(output, users_csv), str(validate_results(output, users_csv))
    frame = read_results(output)
    users = read_users(users_csv)["user_id"].to_list()
    assert frame["user_id"].to_list() == users * 5
    assert frame["timestamp"].is_sorted()
    assert frame["timestamp"].n_unique() == 5
    assert frame["generation_kwh"].max() > 0
    assert frame["battery_charge_kwh"].max() > 0


def test_the_summary_tells_what_is_in_the_file(users_csv):
    output = users_csv.with_name("results.csv")
    done: list[int] = []
    summary = run_simulation(
        str(users_csv), str(output), steps=3, start_time=START, seed=3, progress=done.append
    )
    assert summary
    assert (summary.households, summary.ticks, summary.rows) == (60, 3, 180)
    assert summary.first_tick == START
    assert summary.sha256 == sha256_of(output)
    assert summary.weather == 0.9
    assert done == [1, 2, 3]
    frame = read_results(output)
    for name, total in summary.totals_kwh.items():
        rows = frame[-60:] if name == "battery_soc_kwh" else frame
        assert total == pytest.approx(rows[name].sum(), abs=1e-6), name
    manifest = Manifest.read(output)
    manifest.verify(output)
    assert (manifest.rows, manifest.tick, manifest.steps, manifest.seed) == (180, START, 3, 3)


def test_the_same_call_gives_the_same_bytes(users_csv):
    first = simulate(users_csv, steps=2).read_bytes()
    assert simulate(users_csv, steps=2).read_bytes() == first


@pytest.mark.parametrize(
    "weather",
    [
        0.5,
        "stochastic",
        "file:/no/such/file.epw,stochastic",
        {"ghi": 500.0, "dni": 400.0, "dhi": 200.0, "temp_air": 20.0, "wind_speed": 2.0},
        {"clear_sky_index": 0.7, "temp_air": 20.0, "wind_speed": 2.0},
    ],
)
def test_the_weather_that_was_used_gives_the_same_results_again(users_csv, weather):
    output = users_csv.with_name("results.csv")
    first = run_simulation(users_csv, output, 2, START, weather, seed=3)
    recorded = Manifest.read(output).weather
    assert first.totals_kwh["generation_kwh"] > 0
    again = run_simulation(users_csv, output, 2, START, recorded, seed=3)
    assert again.sha256 == first.sha256


def test_without_a_seed_the_project_s_seed_counts(users_csv):
    output = users_csv.with_name("results.csv")
    summaries = [
        run_simulation(users_csv, output, start_time=START, seed=seed)
        for seed in (None, settings().seed, settings().seed + 1)
    ]
    assert summaries[0].seed == settings().seed
    assert summaries[0].sha256 == summaries[1].sha256
    assert summaries[0].sha256 != summaries[2].sha256


def test_any_integer_is_a_seed(users_csv):
    output = users_csv.with_name("results.csv")
    for seed in (-1, 2**80, np.int32(7)):
        assert run_simulation(users_csv, output, start_time=START, seed=seed).seed == seed


def test_a_start_time_is_rounded_down_and_offsets_count(users_csv):
    frames = [
        read_results(simulate(users_csv, start=start))
        for start in (START, "2024-09-11T17:44:59", "2024-09-11T19:30:00+02:00")
    ]
    assert frames[0].equals(frames[1])
    assert frames[0].equals(frames[2])


def test_many_ticks_in_one_call_equal_one_tick_in_many_calls(users_csv):
    steps = 8
    together = simulate(users_csv, steps=steps).read_text().splitlines()
    apart = together[:1]
    state = read_users(users_csv)
    for step in range(steps):
        minutes = 17 * 60 + 30 + 15 * step
        one = users_csv.with_name(f"tick_{step}.csv")
        write_users(state, one)
        output = simulate(one, start=f"2024-09-11T{minutes // 60:02}:{minutes % 60:02}:00")
        apart += output.read_text().splitlines()[1:]
        after = read_results(output).select("user_id", "battery_soc_kwh")
        state = state.drop("battery_soc_kwh").join(after, on="user_id", maintain_order="left")
    assert apart == together


def rows_by_user(output: Path) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for line in output.read_text().splitlines()[1:]:
        rows.setdefault(line[:36], []).append(line)
    return rows


def test_rows_do_not_depend_on_order_company_or_shard(users_csv, tmp_path):
    everyone = rows_by_user(simulate(users_csv, steps=3))
    users = read_users(users_csv)
    parts = {
        "reversed": users.reverse(),
        "shuffled": users.sample(fraction=1, shuffle=True, seed=1),
        "alone": users[17:18],
        "some": users[5:50:7],
        **{f"shard_{i}": users[start : start + 23] for i, start in enumerate((0, 23, 46))},
    }
    for name, part in parts.items():
        path = tmp_path / f"{name}.csv"
        write_users(part, path)
        rows = rows_by_user(simulate(path, steps=3))
        assert list(rows) == part["user_id"].to_list(), name
        for user_id, lines in rows.items():
            assert lines == everyone[user_id], (name, user_id)


def test_a_new_household_changes_nobody_s_data(users_csv, tmp_path):
    everyone = rows_by_user(simulate(users_csv))
    path = tmp_path / "more.csv"
    # far away, in another time zone, as the first row
    new = sample_households(1, seed=99).with_columns(
        latitude=pl.lit(-33.9),
        longitude=pl.lit(151.2),
        battery_soc_kwh=pl.lit(None, pl.Float64),
        timezone=pl.lit("Australia/Sydney"),
    )
    write_users(pl.concat([new, read_users(users_csv)], how="diagonal_relaxed"), path)
    more = rows_by_user(simulate(path))
    assert len(more) == len(everyone) + 1
    assert all(more[user_id] == lines for user_id, lines in everyone.items())


def test_six_columns_stand_for_the_site_s_values(users_csv, tmp_path):
    site = settings()
    six = read_users(users_csv)[:, :6]
    write_users(six, tmp_path / "six.csv")
    spelled_out = six.with_columns(
        battery_soc_kwh=pl.col("battery_capacity_kwh") / 2,
        latitude=pl.lit(site.site_latitude_deg),
        longitude=pl.lit(site.site_longitude_deg),
        tilt_deg=pl.lit(site.site_tilt_deg),
        azimuth_deg=pl.lit(180.0),
        timezone=pl.lit(site.site_timezone),
    )
    write_users(spelled_out, tmp_path / "all.csv")
    short, full = (simulate(tmp_path / name) for name in ("six.csv", "all.csv"))
    assert short.read_bytes() == full.read_bytes()


@pytest.mark.parametrize(
    ("longitude", "zone", "far"),
    [
        (144.96, "America/New_York", True),  # Melbourne with the zone of the defaults
        (-79.95, "Asia/Tokyo", True),
        (-79.95, "America/New_York", False),
        (-157.4, "Pacific/Kiritimati", False),  # 14 hours ahead, at the other side of the date line
        (75.9, "Asia/Shanghai", False),  # Kashgar, three hours from its sun
    ],
)
def test_people_who_live_by_a_far_time_zone_are_told(
    users_csv, tmp_path, caplog, longitude, zone, far
):
    users = read_users(users_csv).with_columns(longitude=pl.lit(longitude), timezone=pl.lit(zone))
    write_users(users, tmp_path / "there.csv")
    simulate(tmp_path / "there.csv")
    words = f"{len(users)} of {len(users)} households live by a time zone that is more than 4 hours"
    assert (words in caplog.text) == far
    assert ("SOLAR_SITE_TIMEZONE" in caplog.text) == far


def test_panels_face_the_equator_on_both_hemispheres(users_csv, tmp_path):
    south = read_users(users_csv)[:5, :6].with_columns(latitude=pl.lit(-33.9))
    write_users(south, tmp_path / "unsaid.csv")
    write_users(south.with_columns(azimuth_deg=pl.lit(0.0)), tmp_path / "north.csv")
    unsaid, north = (simulate(tmp_path / name) for name in ("unsaid.csv", "north.csv"))
    assert unsaid.read_bytes() == north.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": 0}, "1 or more"),
        ({"steps": 1.5}, "whole number"),
        ({"steps": True}, "whole number"),
        ({"start_time": "yesterday"}, "ISO 8601"),
        ({"start_time": pd.NaT}, "a year from"),
        ({"start_time": "0001-01-01"}, "a year from"),
        ({"start_time": "9999-12-31T23:45:00"}, "a year from"),
        ({"start_time": "1900-01-01T00:00:00+14:00"}, "a year from"),
        ({"start_time": "2999-12-31T23:30:00", "steps": 3}, "the year 2999 or before"),
        ({"steps": 10**12}, "the year 2999 or before"),
        ({"weather": 1.3}, "weather"),
        ({"weather": "sunny"}, "weather"),
        ({"weather": "file:/no/such/file.epw"}, "file.epw"),
        ({"seed": "x"}, "seed"),
    ],
)
def test_arguments_that_make_no_sense_are_told_and_nothing_is_written(users_csv, arguments, words):
    output = users_csv.with_name("results.csv")
    with pytest.raises(SolarModelError, match=words):
        run_simulation(users_csv, output, **({"start_time": START} | arguments))
    assert list(users_csv.parent.iterdir()) == [users_csv]


def test_results_replace_neither_their_input_nor_a_folder(users_csv):
    before = users_csv.read_bytes()
    for output in (users_csv, users_csv.parent / "x" / ".." / users_csv.name, users_csv.parent):
        with pytest.raises(InputError):
            run_simulation(users_csv, output, start_time=START)
    assert users_csv.read_bytes() == before
    assert list(users_csv.parent.iterdir()) == [users_csv]


@pytest.mark.parametrize("weather", ["file:{}", "stochastic,file:{}", '["file:{}", 0.5]'])
def test_results_do_not_replace_the_weather_file(users_csv, weather):
    file = users_csv.with_name("weather.csv")
    file.write_text("whatever\n")
    with pytest.raises(InputError, match="replace their own input"):
        run_simulation(users_csv, file, start_time=START, weather=weather.format(file))
    assert file.read_text() == "whatever\n"


def test_what_is_no_place_for_results_is_told(users_csv):
    with pytest.raises(InputError, match="the input is no path; found 'DataFrame'"):
        run_simulation(read_users(users_csv), "results.csv", start_time=START)
    with pytest.raises(InputError, match="results are not compressed"):
        run_simulation(users_csv, users_csv.with_name("results.csv.gz"), start_time=START)
    assert list(users_csv.parent.iterdir()) == [users_csv]


def test_results_may_replace_a_link_that_leads_nowhere(users_csv):
    circle = users_csv.with_name("circle.csv")
    circle.symlink_to(circle.name)
    assert run_simulation(users_csv, circle, start_time=START)
    assert read_results(circle)["user_id"].to_list() == read_users(users_csv)["user_id"].to_list()


def test_a_bad_input_file_leaves_an_earlier_output_alone(users_csv):
    output = simulate(users_csv)
    before = output.read_bytes()
    users_csv.write_text(users_csv.read_text().replace(",", ";"))
    with pytest.raises(InputError, match=r"users\.csv, line 1"):
        simulate(users_csv)
    assert output.read_bytes() == before


def test_run_after_run_leaves_nothing_behind(users_csv):
    gc.collect()
    gc.disable()  # memory must come back by itself, not when the collector happens to look
    try:
        others = communities()  # other tests' own
        for _ in range(2):
            simulate(users_csv)
        kept = [one for one in communities() if not any(one is other for other in others)]
    finally:
        gc.enable()
    # mesa's table of models keeps the shells of communities, with nothing in them
    assert not any(isinstance(one, HouseholdBlock) or vars(one) for one in kept)


def communities() -> list[Community | HouseholdBlock]:
    return [one for one in gc.get_objects() if isinstance(one, Community | HouseholdBlock)]
