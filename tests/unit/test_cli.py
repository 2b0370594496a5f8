"""The command ``solar`` as a user types it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from solar_model.cli import app
from solar_model.files import read_results, read_users
from solar_model.plotting import plot_results
from solar_model.settings import PROJECT_ROOT

PNG = b"\x89PNG"


@pytest.fixture
def solar(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def day(solar) -> Path:
    assert solar("sample", 20, "users.csv").exit_code == 0
    done = solar(
        *("simulate", "users.csv", "results.csv", "--steps", 4),
        *("--start-time", "2024-06-11T16:00", "--weather", "stochastic", "--seed", 3),
    )
    assert done.exit_code == 0, done.output
    assert "20 households, 4 ticks from 2024-06-11T16:00:00 UTC" in done.output
    return Path("results.csv")


def test_sample_simulate_validate_and_plot_go_together(solar, day):
    assert len(read_results(day)) == 80
    valid = solar("validate", day, "--input", "users.csv")
    assert (valid.exit_code, valid.output) == (0, "results.csv: all checks passed\n")
    for name in ("all.png", "one.png"):
        user = read_users("users.csv")["user_id"][3]
        chosen = ["--user", user] if name == "one.png" else []
        assert solar("plot", day, "-o", name, *chosen).exit_code == 0
        assert Path(name).read_bytes().startswith(PNG)
    assert Path("all.png").read_bytes() != Path("one.png").read_bytes()


def test_a_file_that_is_not_what_its_run_wrote_is_told(solar, day):
    again = ("--steps", 4, "--start-time", "2024-06-11T16:00", "--weather", 0.5)
    assert solar("simulate", "users.csv", "other.csv", *again).exit_code == 0
    day.write_bytes(Path("other.csv").read_bytes())  # as plausible, but other numbers
    told = solar("validate", day, "--input", "users.csv")
    assert told.exit_code == 1
    assert "results.csv keeps its contract, but was changed after it was written" in told.output
    Path("results.csv.manifest.json").unlink()
    assert solar("validate", day, "--input", "users.csv").exit_code == 0


def test_samples_of_one_seed_are_the_same(solar):
    for name, seed in (("a.csv", 1), ("b.csv", 1), ("c.csv", 2)):
        assert solar("sample", 5, name, "--seed", seed).exit_code == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert Path("a.csv").read_bytes() != Path("c.csv").read_bytes()


@pytest.mark.usefixtures("day")
def test_weather_may_be_a_number_or_json(solar):
    def generated(weather: str) -> float:
        done = solar(
            *("simulate", "users.csv", "out.csv", "--start-time", "2024-06-11T16:00"),
            *("--weather", weather),
        )
        assert done.exit_code == 0, done.output
        return float(read_results("out.csv")["generation_kwh"].sum())

    half = generated('{"clear_sky_index": 0.5, "temp_air": 20, "wind_speed": 1}')
    assert 0 < half < generated("0.9")


def test_invalid_results_are_told_and_exit_with_one(solar, day):
    rows = read_results(day).with_columns(generation_kwh=pl.lit(-1.0))
    rows.write_csv("bad.csv", datetime_format="%Y-%m-%dT%H:%M:%S")
    done = solar("validate", "bad.csv")
    assert done.exit_code == 1
    assert "generation_kwh.greater_than_or_equal_to: expected at least 0; fails 80" in done.stderr
    assert "energy_balance" in done.stderr


def test_results_with_a_blank_line_are_not_drawn(solar, day):
    rows = day.read_text()
    day.write_text(rows + "\n\n")
    done = solar("plot", day, "-o", "day.png")
    line = rows.count("\n") + 1
    assert done.exit_code == 1
    assert f"line {line}, column user_id: the value cannot be read; found 'nothing'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("simulate", "absent.csv", "out.csv"), "absent.csv: there is no such file"),
        (("validate", "results.csv", "--input", "absent.csv"), "absent.csv: there is no such"),
        (("plot", "results.csv", "-o", "day.xyz"), "no such kind of picture"),
        (("plot", "results.csv", "-o", "day.pgf"), "no such kind of picture"),
        (("plot", "results.csv", "-o", "day.png", "--user", "nobody"), "nothing to draw"),
        (("simulate", "users.csv", "users.csv/out.csv"), "users.csv"),
        (("simulate", "users.csv", "out.csv", "--weather", "sunny"), "sunny"),
        (("simulate", "users.csv", "out.csv", "--start-time", "noon"), "ISO 8601"),
        (
            ("runner", "--certificate", "users.csv", "--key", "results.csv"),
            "users.csv and results.csv cannot be used as certificate and private key",
        ),
    ],
)
@pytest.mark.usefixtures("day")
def test_errors_are_sentences_and_exit_with_one(solar, arguments, words):
    before = set(Path().iterdir())
    done = solar(*arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "users.csv", "b\udcfccher.csv"),
        ("simulate", "b\udcfccher.csv", "out.csv"),
        ("validate", "results.csv", "--input", "b\udcfccher.csv"),
        ("plot", "b\udcfccher.csv", "-o", "day.png"),
    ],
)
@pytest.mark.usefixtures("day")
def test_a_name_in_letters_of_an_old_system_is_refused_in_words(solar, arguments):
    before = set(Path().iterdir())
    done = solar(*arguments)
    assert done.exit_code == 1
    assert done.stderr == "Error: b\ufffdcher.csv: the name is not in UTF-8. Give it another\n"
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("day")
def test_whoever_ends_a_simulation_finds_nothing_half_written(number):
    before = set(Path().iterdir())
    command = "from solar_model.cli import app; app()"
    simulating = subprocess.Popen(
        [sys.executable, "-c", command, "simulate", "users.csv", "out.csv", "--steps", "1000000"],
        stderr=subprocess.PIPE,
        # also where the tests themselves run in the background, or below nohup
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    try:
        while set(Path().iterdir()) == before:
            assert simulating.poll() is None
            time.sleep(0.05)
        simulating.send_signal(number)
        _, told = simulating.communicate(timeout=30)
    finally:
        simulating.kill()
    assert simulating.returncode == (130 if number == signal.SIGINT else -signal.SIGTERM)
    assert told == b""
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize(
    "arguments", [("simulate", "a"), ("sample", "0", "a.csv"), ("simulate", "a", "b", "--steps", 0)]
)
def test_wrong_usage_exits_with_two(solar, arguments):
    assert solar(*arguments).exit_code == 2


def test_help_teaches_every_command(solar):
    overview = solar("--help").output
    for command in ("sample", "simulate", "validate", "plot"):
        assert command in overview
        assert "Example: solar" in solar(command, "--help").output


def test_help_does_not_wait_for_the_model_s_libraries():
    code = "import sys, solar_model.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(PROJECT_ROOT / "include")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "typer" in loaded
    assert not {"mesa", "numpy", "pandas", "pandera", "polars", "pvlib"} & set(loaded)


def test_a_picture_shows_nothing_where_ticks_are_missing(day):
    rows = read_results(day)
    ticks = rows["timestamp"].unique().sort()
    gap = rows.filter(pl.col("timestamp").is_in(ticks[1:3].implode()).not_())
    drawn = [plot_results(part).axes[0].lines[0].get_ydata() for part in (rows, gap)]
    assert len(drawn[0]) == len(drawn[1]) == 5
    assert [bool(missing) for missing in np.isnan(drawn[1])] == [False, True, True, False, False]


def test_a_picture_of_a_long_time_shows_days(day):
    tick = read_results(day).filter(pl.col("timestamp") == pl.col("timestamp").min())
    year = pl.concat(
        tick.with_columns(pl.col("timestamp") + timedelta(days=number)) for number in range(365)
    )
    [load] = plot_results(year).axes[0].lines
    assert len(load.get_ydata()) == 366
    assert np.allclose(load.get_ydata(), tick["consumption_kwh"].sum() * 4)
