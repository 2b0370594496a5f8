"""Whole cycles through the real Airflow, driven by its REST API as a client would."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from tests.end_to_end.conftest import DAG

pytestmark = pytest.mark.end_to_end

NOON = "2024-06-11T17:00:00Z"
NEXT = "2024-06-11T17:15:00Z"


def ledger(cycle, tick: str) -> dict:
    columns = (
        "status::text, attempt, rows_inserted, households_queried, households_quarantined, "
        "results_sha256, checks_passed, error, weather, seed, notified_at IS NOT NULL AS notified"
    )
    [row] = cycle.sql(
        f"SELECT to_jsonb(run) FROM (SELECT {columns} FROM simulation_runs WHERE tick = %s) run",
        tick,
    )
    return row[0]


def rows(cycle, tick: str) -> list[tuple]:
    return cycle.sql('SELECT * FROM energy_data WHERE "timestamp" = %s ORDER BY user_id', tick)


@pytest.fixture(scope="module")
def first(cycle) -> str:
    """A cycle that went well."""
    return cycle.run(NOON)


def test_the_scheduler_starts_a_cycle_by_itself(cycle):
    run_id = cycle.scheduled()
    assert cycle.wait(run_id) == "success"
    tick = cycle.api.run(DAG, run_id)["logical_date"]
    assert ledger(cycle, tick)["status"] == "completed"
    assert len(rows(cycle, tick)) == 1000


def test_a_cycle_fills_the_database_and_says_so(cycle, first):
    assert set(cycle.task_states(first).values()) == {"success"}
    run = ledger(cycle, NOON)
    assert (run["status"], run["attempt"], run["error"]) == ("completed", 1, None)
    assert run["households_queried"] == run["rows_inserted"] == 1000
    assert run["households_quarantined"] == 0
    assert run["checks_passed"] >= 20
    [totals] = cycle.sql(
        "SELECT count(*), count(DISTINCT user_id), sum(generation_kwh), "
        "abs(sum(generation_kwh + battery_discharge_kwh + grid_import_kwh - consumption_kwh "
        '- battery_charge_kwh - grid_export_kwh)) FROM energy_data WHERE "timestamp" = %s',
        NOON,
    )
    assert totals[:2] == (1000, 1000)
    assert totals[2] > 0
    assert totals[3] < 1e-6


@pytest.mark.usefixtures("first")
def test_the_webhook_is_told_and_can_trust_it(cycle):
    [told] = cycle.messages("2024-06-11T17:00:00")
    assert told["status"] == "completed"
    assert told["result_file"] == "results_20240611_1700.csv"
    assert told["record_count"] == 1000
    assert cycle.sql("SELECT tick FROM simulation_runs WHERE id = %s", told["run_id"])
    for headers, body in cycle.webhook.messages:
        at, digest = (part.split("=")[1] for part in headers["X-Solar-Signature"].split(","))
        key = b"a key that both sides know"
        expected = hmac.new(key, at.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(digest, expected)


def test_temporary_files_are_gone_and_exchanged_ones_are_there(cycle, first):
    assert not any((cycle.settings.home / "work").glob(f"*{first.split('__')[1][:10]}*"))
    exchange = cycle.settings.home / "exchange"
    for name in ("users_input_20240611_170000.csv", "results_20240611_1700.csv"):
        assert (exchange / name).is_file()
        assert (exchange / f"{name}.manifest.json").is_file()


def test_all_tasks_of_a_run_are_told_however_many_airflow_gives_at_once(cycle, first, monkeypatch):
    whole = cycle.api.tasks(DAG, first)
    assert len(whole) == 9
    monkeypatch.setattr("solar_stack.api.PAGE_SIZE", 2)
    paged = cycle.api.tasks(DAG, first)
    assert {task["task_id"] for task in paged} == {task["task_id"] for task in whole}
    assert len(paged) == 9


def test_data_never_travels_through_airflow(cycle, first):
    somebody = cycle.sql("SELECT user_id::text FROM energy_data LIMIT 1")[0][0]
    for task in cycle.task_states(first):
        path = f"dags/{DAG}/dagRuns/{first}/taskInstances/{task}/xcomEntries"
        for entry in cycle.api.request("GET", path)["xcom_entries"]:
            value = str(cycle.api.request("GET", f"{path}/{entry['key']}")["value"])
            assert len(value) < 4000
            assert somebody not in value


@pytest.mark.usefixtures("first")
def test_secrets_and_households_stay_out_of_the_logs(cycle):
    password = cycle.conninfo.split("password=")[1].split()[0]
    households = {user for (user,) in cycle.sql("SELECT id::text FROM users LIMIT 50")}
    logs = [path for path in (cycle.settings.home / "logs").rglob("*.log") if path.is_file()]
    assert any("insert_results" in str(path) for path in logs)
    for path in logs:
        text = path.read_text(errors="replace")
        assert password not in text, path
        assert "a key that both sides know" not in text, path
        assert not any(user in text for user in households), path


def test_batteries_go_on_where_they_stopped_and_an_old_tick_starts_before_itself(cycle, first):
    cycle.run(NEXT)
    after = rows(cycle, NEXT)
    exchange = cycle.settings.home / "exchange"
    stored = dict(
        cycle.sql(
            'SELECT user_id::text, battery_soc_kwh FROM energy_data WHERE "timestamp" = %s', NOON
        )
    )
    given = states(exchange / "users_input_20240611_171500.csv")
    assert given == stored
    assert len(set(given.values())) > 100

    before = rows(cycle, NOON)
    cycle.repeat(first)
    assert cycle.wait(first) == "success"
    assert rows(cycle, NOON) == before
    assert rows(cycle, NEXT) == after
    assert ledger(cycle, NOON)["status"] == "completed"
    assert states(exchange / "users_input_20240611_170000.csv") != given


def states(path: Path) -> dict[str, float]:
    import polars as pl

    frame = pl.read_csv(path)
    return dict(frame.select("user_id", "battery_soc_kwh").iter_rows())


def test_parameters_of_a_manual_run_are_used_and_remembered(cycle):
    tick = "2024-06-12T17:00:00Z"
    run_id = cycle.run(tick, weather="0.35", seed=99)
    run = ledger(cycle, tick)
    assert run["seed"] == 99
    assert "0.35" in str(run["weather"])
    before = rows(cycle, tick)
    cycle.repeat(run_id)
    assert cycle.wait(run_id) == "success"
    assert rows(cycle, tick) == before


@pytest.mark.parametrize("conf", [{"seed": -1}, {"dry_run": "perhaps"}, {"weather": 5}])
def test_parameters_that_make_no_sense_are_refused_by_the_form(cycle, conf):
    from solar_stack.errors import StackError

    with pytest.raises(StackError, match="Invalid input for param"):
        cycle.trigger("2024-06-12T18:00:00Z", **conf)


def test_a_dry_run_leaves_no_trace(cycle):
    tick = "2024-06-13T17:00:00Z"
    run_id = cycle.run(tick, dry_run=True)
    assert set(cycle.task_states(run_id).values()) == {"success"}
    assert rows(cycle, tick) == []
    assert cycle.sql("SELECT * FROM simulation_runs WHERE tick = %s", tick) == []
    assert cycle.messages("2024-06-13T17:00:00") == []


@pytest.mark.usefixtures("first")
def test_a_dry_run_of_a_tick_that_is_there_changes_nothing(cycle):
    before = rows(cycle, NOON), ledger(cycle, NOON)
    # another time of the same quarter of an hour: Airflow takes each logical date once
    cycle.run("2024-06-11T17:05:00Z", dry_run=True)
    assert (rows(cycle, NOON), ledger(cycle, NOON)) == before


def test_broken_households_are_set_aside_and_the_others_served(cycle):
    tick = "2024-06-14T17:00:00Z"
    [(broken,)] = cycle.sql(
        "UPDATE user_systems SET household_size = 0 WHERE user_id = "
        "(SELECT user_id FROM user_systems LIMIT 1) RETURNING user_id::text"
    )
    try:
        cycle.run(tick)
    finally:
        cycle.sql("UPDATE user_systems SET household_size = 2 WHERE user_id = %s", broken)
    run = ledger(cycle, tick)
    assert (run["households_queried"], run["households_quarantined"]) == (1000, 1)
    assert run["rows_inserted"] == 999
    [(user, reasons)] = cycle.sql(
        "SELECT user_id, reasons FROM quarantine JOIN simulation_runs run "
        "ON run.id = simulation_run_id WHERE tick = %s",
        tick,
    )
    assert user == broken
    assert "household_size" in reasons[0]


def test_a_webhook_that_is_down_does_not_fail_the_cycle(cycle):
    tick = "2024-06-15T17:00:00Z"
    cycle.webhook.status = 500
    try:
        cycle.run(tick)
    finally:
        cycle.webhook.status = 200
    run = ledger(cycle, tick)
    assert (run["status"], run["notified"]) == ("completed", False)


def test_what_is_wrong_fails_at_once_is_told_and_is_mended_by_a_rerun(cycle):
    tick = "2024-06-16T17:00:00Z"
    good = cycle.query.read_text()
    cycle.query.write_text("SELECT user_id, panel_count FROM user_systems")
    try:
        run_id = cycle.trigger(tick)
        assert cycle.wait(run_id) == "failed"
    finally:
        cycle.query.write_text(good)
    tasks = {task["task_id"]: task for task in cycle.api.tasks(DAG, run_id)}
    assert tasks["write_input_csv"]["state"] == "failed"
    assert tasks["write_input_csv"]["try_number"] == 1, "a contract is not retried"
    assert tasks["insert_results"]["state"] == "upstream_failed"
    assert tasks["clean_up"]["state"] == "upstream_failed"
    run = ledger(cycle, tick)
    assert run["status"] == "failed"
    assert "write_input_csv" in run["error"] and "panel_wattage" in run["error"]
    [told] = cycle.messages("2024-06-16T17:00:00")
    assert (told["status"], told["record_count"]) == ("failed", 0)
    kept = [path for path in (cycle.settings.home / "work").iterdir() if any(path.iterdir())]
    assert kept
    assert any(
        str(path) in log.read_text(errors="replace")
        for path in kept
        for log in (cycle.settings.home / "logs").rglob("*write_input_csv*/*.log")
    )

    cycle.repeat(run_id)
    assert cycle.wait(run_id) == "success"
    run = ledger(cycle, tick)
    assert (run["status"], run["error"], run["rows_inserted"]) == ("completed", None, 1000)
    assert not any(path.exists() for path in kept)
