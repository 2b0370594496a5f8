"""``solar watch``: what is put into an exchange comes back as results, once and whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import ROOT
from tests.support.disks import no_file_larger_than
from tests.support.runners import SECRET, request_file

from solar_model.manifest import Manifest
from solar_model.pipeline.exchange import open_exchange
from solar_model.runner.answers import require_answer
from solar_model.runner.watch import Watcher
from solar_model.runner.work import simulate_file
from solar_model.settings import settings


@pytest.fixture
def exchange(tmp_path):
    return open_exchange((tmp_path / "exchange").as_uri())


def put(exchange, folder, tick="2024-06-11T17:00:00", **more):
    """An input file of a tick in the exchange."""
    path = request_file(folder / tick.replace(":", ""), **more)
    named = path.with_name(f"users_input_{tick.translate({45: None, 58: None, 84: '_'})}.csv")
    path.rename(named)
    asked = Manifest.read(path)
    Manifest.of(
        named, rows=asked.rows, tick=tick, steps=asked.steps, seed=7, weather=asked.weather
    ).write(named)
    exchange.put(named)
    return named


def test_every_input_gets_the_results_of_this_machine_the_latest_first(exchange, tmp_path):
    first = put(exchange, tmp_path)
    put(exchange, tmp_path, "2024-06-11T17:15:00")
    said: list[str] = []
    watcher = Watcher(exchange.url, say=said.append)
    assert watcher.look() == 2
    done = [line for line in said if "is there" in line]
    assert ["171500" in line for line in done] == [True, False]
    results = exchange.get("results_20240611_1700.csv", tmp_path / "got")
    here = simulate_file(first, tmp_path / "here")
    assert results.path.read_bytes() == here.read_bytes()
    require_answer(Manifest.read(results.path), Manifest.read(first))
    assert watcher.look() == 0
    assert Watcher(exchange.url).look() == 0, "a second watcher has nothing to do"


def test_what_is_put_anew_is_computed_anew(exchange, tmp_path):
    put(exchange, tmp_path)
    watcher = Watcher(exchange.url)
    assert watcher.look() == 1
    time.sleep(0.05)  # the exchange's clock must tell before from after
    again = put(exchange, tmp_path / "again", households=30)
    assert watcher.look() == 1
    results = exchange.get("results_20240611_1700.csv", tmp_path / "got")
    require_answer(Manifest.read(results.path), Manifest.read(again))


def test_what_cannot_be_computed_is_told_once_and_does_not_stop_the_others(exchange, tmp_path):
    bad = put(exchange, tmp_path, "2024-06-11T17:15:00", weather="sunny")
    put(exchange, tmp_path)
    said: list[str] = []
    watcher = Watcher(exchange.url, say=said.append)
    assert watcher.look() == 1
    assert watcher.look() == 0
    [complaint] = [line for line in said if "cannot be simulated" in line]
    assert bad.name in complaint and "this is no weather" in complaint


def test_a_disk_of_the_watcher_that_is_full_is_told_as_that(exchange, tmp_path):
    put(exchange, tmp_path, households=1000)
    said: list[str] = []
    watcher = Watcher(exchange.url, say=said.append)
    # enough for the households, not for their results
    with no_file_larger_than(110_000):
        assert watcher.look() == 0
    assert "results_20240611_1700.csv'; trying again" in said[-1]
    assert "File too large: '/" in said[-1]
    assert watcher.look() == 1


def test_a_weather_file_of_the_watcher_is_read_for_those_alone_who_know_the_key(
    exchange, tmp_path, monkeypatch
):
    file = tmp_path / "weather.csv"
    file.write_text("not a weather of anybody")
    asked = put(exchange, tmp_path, weather=[0.9, f"file:{file}"])
    said: list[str] = []
    assert Watcher(exchange.url, say=said.append).look() == 0
    assert "Set SOLAR_RUNNER_SECRET on both sides" in said[-1]

    monkeypatch.setenv("SOLAR_RUNNER_SECRET", SECRET)
    settings.cache_clear()
    Manifest.read(asked).sealed(SECRET).write(asked)
    exchange.put(asked)
    assert Watcher(exchange.url).look() == 1


def test_two_watchers_at_once_leave_one_whole_result(exchange, tmp_path):
    asked = put(exchange, tmp_path)
    watchers = [Watcher(exchange.url, say=lambda _line: None) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        assert 1 <= sum(pool.map(Watcher.look, watchers)) <= 2
    results = exchange.get("results_20240611_1700.csv", tmp_path / "got")
    require_answer(Manifest.read(results.path), Manifest.read(asked))


def watch(exchange, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-u", "-c", "from solar_model.cli import app; app()", "watch"),
            *(exchange.url, *options),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "include")},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_killed_in_the_middle_nothing_half_written_is_seen_and_the_next_one_does_it(
    exchange, tmp_path
):
    put(exchange, tmp_path, households=300, steps=400)
    watcher = watch(exchange, "--every", "0.1")
    assert watcher.stdout is not None
    while "300 households" not in (line := watcher.stdout.readline()):
        assert line, "it ended"
    time.sleep(0.2)
    watcher.send_signal(signal.SIGKILL)
    watcher.wait()
    assert [one.name for one in exchange.list() if one.name.startswith("results")] == []
    done = watch(exchange, "--once")
    said, _ = done.communicate(timeout=120)
    assert done.returncode == 0
    assert "results_20240611_1700.csv is there" in said
    assert exchange.get("results_20240611_1700.csv", tmp_path / "got").rows == 300 * 400


@pytest.mark.slow
def test_it_goes_on_when_the_exchange_is_away(tmp_path):
    (tmp_path / "exchange").write_text("not a folder")
    watcher = watch(open_exchange((tmp_path / "exchange").as_uri()), "--every", "0.1")
    assert watcher.stdout is not None
    lines = [watcher.stdout.readline() for _ in range(3)]
    watcher.terminate()
    watcher.wait()
    assert "watching file://" in lines[0]
    assert all("cannot be read" in line for line in lines[1:])
