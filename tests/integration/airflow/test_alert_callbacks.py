"""The callbacks of alerts as Airflow calls them: with everything there, and with nothing there."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psycopg
import pytest
from tests.support.ledger import add_run
from tests.support.mailbox import RECIPIENTS, mailbox, sections
from tests.support.tasks import connection_json

from solar_airflow import alerts
from solar_model.errors import TransferError
from solar_model.settings import settings
from solar_stack.ports import free_port

DUE = datetime(2024, 9, 11, 14, 15, tzinfo=UTC)
RUN_ID = "scheduled__2024-09-11T14:15:00+00:00"


@pytest.fixture
def post():
    with mailbox() as box:
        yield box


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path, post, database):
    monkeypatch.setenv("SOLAR_HOME", str(tmp_path))
    monkeypatch.setenv("SOLAR_ALERT_EMAILS", RECIPIENTS)
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", post.connection)
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", connection_json(database.conninfo))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def no_database(monkeypatch):
    nowhere = f"postgresql://solar:hunter2@127.0.0.1:{free_port()}/solar"
    monkeypatch.setenv("AIRFLOW_CONN_SOLAR_DB", nowhere)


@pytest.fixture
def no_mail_server(monkeypatch, post):
    dead = post.connection.replace(str(post.port), str(free_port()))
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", dead)


def context(**more) -> dict:
    run = SimpleNamespace(dag_id="solar_simulation", run_id=RUN_ID, logical_date=DUE, run_after=DUE)
    task = SimpleNamespace(
        dag_id=run.dag_id,
        task_id="run_simulation",
        start_date=datetime.now(tz=UTC) - timedelta(seconds=7),
        log_url="https://airflow.example.org/log",
        get_dr_count=lambda **_: 0,
    )
    return {"dag_run": run, "run_id": RUN_ID, "task_instance": task} | more


def late(state: str = "running") -> None:
    run = {"dag_run_id": RUN_ID, "state": state}
    asyncio.run(alerts.tell_late(context={"dag_run": run, "deadline": {"id": "1"}}))


def test_a_failed_task_a_late_run_and_one_that_was_stopped_are_told(connection, post):
    add_run(connection, DUE, status="running", seconds=None)
    late()
    alerts.tell_failure(context(exception=ValueError("no weather")))
    alerts.tell_timeout(context(reason="timed_out"))
    assert len(post.about("late")) == 1
    [failed] = post.about("failed")
    told = sections(failed)
    assert "no weather" in told["WHAT HAPPENED"]
    assert told["SLOWEST TASK"].startswith("run_simulation: 7.")
    assert "https://airflow.example.org/log" in told["LINKS"]


def test_a_run_that_was_stopped_is_told_where_no_task_could(post):
    alerts.tell_timeout(context(reason="task_failure"))
    assert post.mails == []
    alerts.tell_timeout(context(reason="timed_out"))
    [mail] = post.about("failed")
    assert "was stopped" in sections(mail)["WHAT HAPPENED"]


def test_the_failure_of_another_dag_ends_with_its_success(post):
    run = SimpleNamespace(dag_id="solar_maintenance", run_id="scheduled__x", logical_date=DUE)
    task = SimpleNamespace(dag_id=run.dag_id, task_id="back_up", start_date=None, log_url="log")
    alerts.tell_failure({"dag_run": run, "run_id": run.run_id, "task_instance": task})
    alerts.tell_success({"dag_run": run, "run_id": "scheduled__y"})
    assert [mail["Subject"] for mail in post.mails] == [
        "[solar] A task failed for good",
        "[solar] What failed has succeeded",
    ]


@pytest.mark.usefixtures("no_database")
def test_without_the_database_one_mail_says_so_and_the_monitor_fails(post):
    alerts.tell_failure(context(exception=ValueError("no weather")))
    late()
    monitor = alerts.MonitorOperator(task_id="evaluate", execution_timeout=timedelta(minutes=2))
    with pytest.raises(psycopg.OperationalError) as caught:
        monitor.execute(context())
    alerts.tell_failure(context(exception=caught.value))
    [mail] = post.mails
    assert mail["Subject"] == "[solar] The database does not answer"
    assert "hunter2" not in mail.get_content()


def test_while_no_mail_goes_out_what_the_monitor_sees_is_kept(connection, post):
    monitor = alerts.MonitorOperator(task_id="evaluate", execution_timeout=timedelta(minutes=2))
    alerts._teller().tell_outage("connection refused")
    add_run(connection, DUE, households_quarantined=900, rows_inserted=100)
    post.refusing = True
    with pytest.raises(TransferError, match="could not be delivered"):
        monitor.execute(context())
    kinds = {kind for (kind,) in connection.execute("SELECT kind FROM alerts").fetchall()}
    assert "stale" in kinds


@pytest.mark.usefixtures("no_database", "no_mail_server")
def test_with_nothing_there_nobody_is_told_and_nothing_is_raised(caplog, post):
    caplog.set_level(logging.ERROR)
    alerts.tell_failure(context(exception=ValueError("no weather")))
    alerts.tell_timeout(context(reason="timed_out"))
    alerts.tell_success(context())
    late()
    assert post.mails == []
    assert caplog.text.count("An alert could not be delivered") == 4
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("variable", ["AIRFLOW_CONN_SOLAR_DB", "SOLAR_ALERT_EMAILS"])
def test_what_nobody_expects_goes_no_further_than_the_log(monkeypatch, caplog, post, variable):
    monkeypatch.setenv(variable, "nonsense")
    settings.cache_clear()
    alerts.tell_failure(context(exception=ValueError("no weather")))
    late()
    assert caplog.text.count("Nobody could be told") == 2
    assert post.mails == []
