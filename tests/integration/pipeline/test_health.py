"""What the database says of the latest cycles, in the words of the operator."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.test_cli_db import uri
from typer.testing import CliRunner

from solar_model.cli import app
from solar_model.pipeline import runs
from solar_model.pipeline.connections import from_environment
from solar_model.pipeline.health import Check, health, health_of
from solar_model.pipeline.health.metrics import exposition
from solar_model.pipeline.health.probes import look
from solar_model.settings import PROJECT_ROOT, load_settings
from solar_stack.ports import free_port

NOW = datetime(2024, 9, 11, 14, 20, tzinfo=UTC)
TICK = datetime(2024, 9, 11, 14, 15, tzinfo=UTC)


def cycle(
    connection,
    tick: datetime,
    status: str = "completed",
    *,
    late_s: float = 0.0,
    took_s: float | None = 60.0,
    **columns,
) -> None:
    """A cycle of the schedule."""
    run_id = runs.start(connection, tick=tick, airflow_run_id=f"scheduled__{tick}", seed=1)
    if status == "completed":
        columns = {
            "rows_inserted": 100,
            "households_queried": 100,
            "generation_kwh": 12.5,
        } | columns
    started_at = tick + timedelta(seconds=late_s)
    finished_at = None if took_s is None else tick + timedelta(seconds=took_s)
    columns = {"started_at": started_at, "finished_at": finished_at} | columns
    runs.record(connection, run_id, status=status, **columns)
    connection.commit()


def check(connection, name: str, now: datetime = NOW, **config) -> Check:
    found = health(connection, now, load_settings(**config))
    return {each.name: each for each in found.checks}[name]


def test_a_fresh_cycle_of_everybody_is_healthy(connection):
    cycle(connection, TICK)
    cycle(connection, TICK - timedelta(minutes=15))
    cycle(connection, TICK - timedelta(days=1))
    found = health(connection, NOW)
    assert (found.status, found.reasons) == ("healthy", ())
    assert set(found.to_dict()["checks"]) == {
        "freshness",
        "frequency",
        "cycle_time",
        "coverage",
        "data_quality",
        "energy_balance",
        "database",
        "exchange",
        "runner",
    }
    assert found.last_simulation == "2024-09-11T14:15:00+00:00"
    assert (found.active_users, found.total_energy_today) == (100, 25.0)


def test_before_the_first_cycle_it_is_unhealthy(connection):
    found = health(connection, NOW)
    assert (found.status, found.last_simulation, found.active_users) == ("unhealthy", None, 0)


@pytest.mark.parametrize(("minutes", "status"), [(20, "healthy"), (21, "unhealthy")])
def test_twenty_minutes_without_new_data_are_too_many(connection, minutes, status):
    cycle(connection, TICK)
    found = health(connection, TICK + timedelta(minutes=minutes))
    assert found.status == status
    if status == "unhealthy":
        assert "21 minutes" in found.reasons[0]


def test_a_failed_newest_cycle_degrades_while_the_data_is_fresh(connection):
    cycle(connection, TICK - timedelta(minutes=15))
    cycle(connection, TICK, "failed", error="run_simulation: no weather")
    found = health(connection, NOW)
    assert found.status == "degraded"
    assert "no weather" in found.reasons[0]


def test_households_set_aside_degrade(connection):
    cycle(connection, TICK, rows_inserted=97, households_quarantined=3)
    found = health(connection, NOW)
    assert found.status == "degraded"
    assert "3 households" in found.reasons[0]
    assert check(connection, "coverage").values["served_ratio"] == 0.97


def test_households_that_are_nowhere_make_it_unhealthy(connection):
    cycle(connection, TICK, rows_inserted=97, households_quarantined=2)
    found = health(connection, NOW)
    assert found.status == "unhealthy"
    assert "1 households are neither served nor set aside" in found.reasons[0]


def test_nobody_is_missed_while_shards_are_at_work(connection):
    cycle(connection, TICK - timedelta(minutes=15))
    for shard in (0, 1):
        run = runs.start(
            connection, tick=TICK, airflow_run_id="scheduled__x", seed=1, shard=shard, shards=2
        )
        runs.record(connection, run, households_queried=50)
        if shard == 0:
            assert check(connection, "coverage").status == "healthy", "the other has not begun"
            runs.record(connection, run, status="completed", rows_inserted=50)
        assert check(connection, "coverage").status == "healthy"
    runs.record(connection, run, status="completed", rows_inserted=49)
    assert "1 households are neither" in check(connection, "coverage").words


def test_a_shard_that_fails_for_hours_is_missed(connection):
    for quarters in range(8):
        tick = TICK - quarters * timedelta(minutes=15)
        for shard in (0, 1):
            name = f"scheduled__{tick}"
            run = runs.start(
                connection, tick=tick, airflow_run_id=name, seed=1, shard=shard, shards=2
            )
            runs.record(connection, run, households_queried=50)
            if shard == 0:
                runs.record(connection, run, status="completed", rows_inserted=50)
            else:
                runs.fail(connection, name, "the disk is full", shard=1)
    assert "50 households are neither" in check(connection, "coverage").words


def test_nobody_is_missed_when_a_tick_is_run_again_in_vain(connection):
    cycle(connection, TICK, rows_inserted=97, households_quarantined=3)
    run_id = runs.start(connection, tick=TICK, airflow_run_id="manual__again", seed=1)
    runs.record(connection, run_id, households_queried=100, households_quarantined=0)
    runs.fail(connection, "manual__again", "run_simulation: no weather")
    assert check(connection, "coverage").status == "unknown"


def test_one_late_start_in_a_day_is_forgiven_and_a_habit_is_not(connection):
    for number in range(60):
        cycle(connection, TICK - number * timedelta(minutes=15), late_s=29 if number % 2 else 0)
    assert check(connection, "frequency").status == "healthy"
    assert check(connection, "frequency").values["worst_jitter_seconds"] == 29.0
    # two gaps, before it and after it, are wrong by 31 s
    cycle(connection, TICK - timedelta(hours=1), late_s=60)
    assert check(connection, "frequency").status == "healthy"
    cycle(connection, TICK - timedelta(hours=2), late_s=60)
    found = check(connection, "frequency")
    assert found.status == "degraded"
    assert found.values["worst_jitter_seconds"] == 31.0
    assert found.values["punctual_ratio"] == pytest.approx(55 / 59)


def test_a_cycle_with_which_the_schedule_begins_too_late_says_nothing(connection):
    cycle(connection, TICK, late_s=310, took_s=312)
    for name in ("cycle_time", "frequency"):
        assert check(connection, name).status == "unknown"
    cycle(connection, TICK - timedelta(minutes=15))
    assert check(connection, "cycle_time").status == "degraded"


def test_what_was_repeated_later_says_nothing_about_punctuality(connection):
    for number in range(4):
        cycle(connection, TICK - number * timedelta(minutes=15))
    cycle(connection, TICK - timedelta(minutes=15), late_s=3600, took_s=3660)
    assert check(connection, "frequency").values["worst_jitter_seconds"] == 0.0
    assert check(connection, "cycle_time").values["p95_seconds"] == 60.0


@pytest.mark.parametrize(("took_s", "status"), [(300, "healthy"), (301, "degraded")])
def test_a_cycle_has_five_minutes(connection, took_s, status):
    cycle(connection, TICK, took_s=took_s)
    found = check(connection, "cycle_time")
    assert (found.status, found.values["newest_seconds"]) == (status, took_s)


def test_a_cycle_that_still_runs_counts_as_it_goes(connection):
    cycle(connection, TICK - timedelta(minutes=15))
    cycle(connection, TICK, "running", took_s=None)
    assert check(connection, "cycle_time").status == "healthy"
    found = check(connection, "cycle_time", NOW + timedelta(minutes=1))
    assert found.status == "degraded"
    assert "has been running for 360 s" in found.words


def test_energy_from_nowhere_makes_it_unhealthy(connection):
    cycle(connection, TICK, consumption_kwh=12.5)
    assert check(connection, "energy_balance").status == "unknown", "totals are missing"
    rest = dict.fromkeys(
        ("battery_charge_kwh", "battery_discharge_kwh", "grid_import_kwh", "grid_export_kwh"), 0.0
    )
    cycle(connection, TICK, consumption_kwh=12.5, **rest)
    assert check(connection, "energy_balance").status == "healthy"
    cycle(connection, TICK, consumption_kwh=12.4999, **rest)
    found = check(connection, "energy_balance")
    assert found.status == "unhealthy"
    assert found.values["residual_kwh"] == pytest.approx(0.0001)


def test_who_waits_long_for_a_lock_is_seen(connection, database, monkeypatch):
    monkeypatch.setattr("solar_model.pipeline.health.checks.LOCK_WAIT_LIMIT_S", 0.0)
    cycle(connection, TICK)
    assert check(connection, "database").status == "healthy"
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with database.connect() as holder, database.connect() as waiter:
        holder.execute("LOCK TABLE quarantine")
        thread = threading.Thread(target=waiter.execute, args=("SELECT FROM quarantine",))
        thread.start()
        try:
            while connection.execute(waiting).fetchone() == (0,):
                connection.rollback()
            found = check(connection, "database")
        finally:
            holder.rollback()
            thread.join()
    assert found.status == "degraded"
    assert found.values["waiting_sessions"] >= 1


def test_exchanges_and_runners_are_looked_at_and_one_of_several_may_be_away(connection, tmp_path):
    now = datetime.now(tz=UTC)
    alive = f"http://127.0.0.1:{free_port()}"
    dead = f"http://127.0.0.1:{free_port()}"
    (tmp_path / "there").mkdir()
    there, lost = f"file://{tmp_path}/there", f"{dead}/dav"
    config = {
        "exchanges": f"{there},{lost}",
        "runner": "http",
        "runner_urls": f"{alive},{dead}",
        "runner_secret": "s" * 16,
        "runner_fallback_local": False,
    }
    assert check(connection, "exchange", now, **config).status == "unknown"
    with http_runner(alive):
        look(connection, load_settings(**config), from_environment)
    found = {each.name: each for each in health(connection, config=load_settings(**config)).checks}
    assert found["exchange"].status == found["runner"].status == "degraded"
    assert lost in found["exchange"].words and there not in found["exchange"].words
    assert found["runner"].words.startswith(f"{dead}: ")
    assert found["runner"].values["reachable_ratio"] == 0.5
    look(connection, load_settings(**config), from_environment)
    found = check(connection, "runner", datetime.now(tz=UTC), **config)
    assert (found.status, found.values["reachable_ratio"]) == ("unhealthy", 0.0)
    later = datetime.now(tz=UTC) + timedelta(minutes=21)
    assert check(connection, "runner", later, **config).status == "unknown"


def test_an_address_that_is_none_is_told_and_the_others_are_looked_at(connection, tmp_path):
    now = datetime.now(tz=UTC)
    alive = f"http://127.0.0.1:{free_port()}"
    wrong = ("https://host:abc", "http://runner.example.org")
    (tmp_path / "there").mkdir()
    config = {
        "exchanges": f"https://[::1/dav,file://{tmp_path}/there",
        "runner": "http",
        "runner_urls": ",".join([*wrong, alive]),
        "runner_secret": "s" * 16,
    }
    with http_runner(alive):
        look(connection, load_settings(**config), from_environment)
    found = check(connection, "runner", now, **config)
    assert found.status == "degraded"
    assert found.words.count("expected https://HOST:PORT") == 2
    assert alive not in found.words
    exchange = check(connection, "exchange", now, **config)
    assert (exchange.status, exchange.values["reachable_ratio"]) == ("degraded", 0.5)


@contextmanager
def http_runner(url: str):
    """Any server that answers GET /health."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"version": "1"}'
            self.send_response(200 if self.path == "/health" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", int(url.rsplit(":", 1)[1])), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def test_prometheus_reads_the_same_numbers(connection):
    cycle(connection, TICK, timings_s={"run_simulation": 3.5})
    connection.execute("INSERT INTO alerts (key, kind, facts) VALUES ('late', 'late', '{}')")
    connection.commit()
    found = health(connection, NOW)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposition(found).decode())
        for sample in family.samples
    }
    assert samples[("solar_status",)] == 0
    assert samples[("solar_active_users",)] == 100
    assert samples[("solar_energy_today_kwh",)] == 12.5
    assert samples[("solar_last_simulation_timestamp_seconds",)] == TICK.timestamp()
    assert samples[("solar_freshness_age_seconds",)] == 300
    assert samples[("solar_check_status", "freshness")] == 0
    assert samples[("solar_check_status", "exchange")] == -1
    assert samples[("solar_task_seconds", "run_simulation")] == 3.5
    assert samples[("solar_alerts_open", "late")] == 1
    for each in found.checks:
        for name, value in each.values.items():
            assert samples[(f"solar_{each.name}_{name}",)] == value
    # what Grafana draws of them
    dashboard = json.loads((PROJECT_ROOT / "deploy" / "grafana" / "solar.json").read_text())
    drawn = [query["expr"] for panel in dashboard["panels"] for query in panel["targets"]]
    names = [re.findall(r"solar_\w+", expression) for expression in drawn]
    assert all(names)
    assert {name for each in names for name in each} <= {name for name, *_ in samples}


def test_a_database_that_does_not_answer_in_time_is_unhealthy(database, connection, monkeypatch):
    monkeypatch.setattr("solar_model.pipeline.health.TIME_LIMIT", timedelta(seconds=1))
    connection.execute("LOCK TABLE simulation_runs IN ACCESS EXCLUSIVE MODE")
    found = health_of(database.conninfo)
    assert found.status == "unhealthy"
    assert found.reasons == ("the database took longer than 1 s to answer",)
    assert [each.name for each in found.checks] == ["database"]
    assert b"solar_status 2.0" in exposition(found)


def test_the_command_says_so_and_ends_with_1(database, connection, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", uri(database.conninfo))
    done = CliRunner().invoke(app, ["health"])
    assert done.exit_code == 1
    assert done.output.startswith("unhealthy: no cycle has stored any data yet")
    now = datetime.now(tz=UTC)
    cycle(connection, now - timedelta(minutes=now.minute % 15, seconds=now.second))
    done = CliRunner().invoke(app, ["health", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["status"] == "healthy"


def test_an_unreachable_or_empty_database_is_unhealthy_in_a_sentence(empty_database, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", uri(empty_database.conninfo))
    done = CliRunner().invoke(app, ["health"])
    assert (done.exit_code, "solar db upgrade" in done.output) == (1, True)
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", "postgresql://solar:hunter2@127.0.0.1:9/solar")
    done = CliRunner().invoke(app, ["health"])
    assert (done.exit_code, "cannot be reached" in done.output) == (1, True)
    assert "hunter2" not in done.output


def test_a_database_that_refuses_is_unhealthy_in_its_words(database, connection):
    connection.execute("ALTER TABLE alerts RENAME kind TO sort")
    connection.commit()
    found = health_of(database.conninfo)
    assert found.status == "unhealthy"
    assert 'refuses to tell: column "kind" does not exist' in found.reasons[0]
