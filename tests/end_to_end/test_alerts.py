"""Alerts through the real Airflow and a real mail server: what an operator finds in the morning."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from email.message import EmailMessage
from urllib.parse import quote

import pytest
import requests
from tests.end_to_end.conftest import DAG, Cycle
from tests.support.mailbox import sections

pytestmark = pytest.mark.end_to_end

MAIL_SECONDS = 60
MONITOR = "solar_monitor"


@pytest.fixture(autouse=True)
def nothing_is_wrong(cycle):
    """What other tests have broken, and the operator was told of, is over."""
    cycle.sql(
        "UPDATE alerts SET ended_at = now(), begin_told_at = now(), end_told_at = now() "
        "WHERE ended_at IS NULL AND kind <> 'late'"
    )


@pytest.fixture
def monitor(cycle) -> Callable[[], str]:
    """Have the monitor look now; returns the state of its run."""

    def look() -> str:
        return cycle.wait(cycle.api.trigger(MONITOR), MONITOR)

    return look


def arrived(cycle: Cycle, kind: str, number: int = 1, containing: str = "") -> list[EmailMessage]:
    """The mails of a kind, once there are so many."""

    def found() -> list[EmailMessage]:
        return [
            mail
            for mail in cycle.mailbox.about(kind)
            if containing in mail["Subject"] + mail.get_content()
        ]

    deadline = time.monotonic() + MAIL_SECONDS
    while len(found()) < number:
        assert time.monotonic() < deadline, (
            kind,
            [mail["Subject"] for mail in cycle.mailbox.mails],
        )
        time.sleep(0.2)
    return found()


def links(mail: EmailMessage) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in sections(mail)["LINKS"].splitlines())


@contextmanager
def broken_query(cycle: Cycle):
    """A household query that lacks most of its columns."""
    good = cycle.query.read_text()
    cycle.query.write_text("SELECT user_id, panel_count FROM user_systems")
    try:
        yield
    finally:
        cycle.query.write_text(good)


def fail(cycle: Cycle, tick: str) -> str:
    with broken_query(cycle):
        run_id = cycle.trigger(tick)
        assert cycle.wait(run_id) == "failed"
    return run_id


def failed(cycle: Cycle) -> list[str]:
    """All failed runs, once nothing runs: a scheduled one may have met the broken query, too."""
    while [run for run in cycle.api.runs(DAG) if run["state"] in ("queued", "running")]:
        time.sleep(0.2)
    return [run["dag_run_id"] for run in cycle.api.runs(DAG) if run["state"] == "failed"]


def repeat(cycle: Cycle, run_id: str) -> None:
    cycle.repeat(run_id)
    assert cycle.wait(run_id) == "success"


def test_the_deadline_of_a_scheduled_cycle_is_told_and_those_of_past_ones_are_not(cycle):
    cycle.run("2024-06-23T17:00:00Z")
    run_id = cycle.scheduled()
    [mail, *_] = arrived(cycle, "late")
    told = sections(mail)
    assert "was not finished" in told["WHAT HAPPENED"]
    assert links(mail)["Run"].startswith(f"{cycle.api.address}/dags/{DAG}/runs/scheduled__")
    for each in cycle.mailbox.about("late"):
        assert "2024-06" not in each["Subject"]
    cycle.wait(run_id)


def test_a_failed_task_is_told_once_and_again_when_it_is_mended(cycle, monitor):
    # not of a run of the schedule that met the broken query, too: that is a state of its own
    ours = "(2024-06-23 18:"
    for tick in ("2024-06-23T18:00:00Z", "2024-06-23T18:15:00Z"):
        fail(cycle, tick)
    mails = arrived(cycle, "failed", containing=ours)
    assert len(mails) == 1, "the second failure is the same state"
    told = sections(mails[0])
    assert told["WHAT HAPPENED"].startswith(f"the task write_input_csv of {DAG} failed: ")
    assert "panel_wattage" in told["WHAT HAPPENED"]
    assert "/tasks/write_input_csv" in links(mails[0])["Log"]
    assert links(mails[0])["Validation report"].startswith("none")
    *others, last = sorted(failed(cycle), key=lambda run_id: run_id.startswith("manual__"))
    for other in others:
        repeat(cycle, other)
    assert monitor() == "success"
    assert len(arrived(cycle, "failed", containing=ours)) == 1
    repeat(cycle, last)
    assert monitor() == "success"
    [_, over] = arrived(cycle, "failed", 2, containing=ours)
    assert over["In-Reply-To"] == mails[0]["Message-ID"]


def test_a_mail_server_that_is_away_harms_no_cycle_and_is_caught_up_with(cycle, monitor):
    cycle.mailbox.refusing = True
    try:
        run_id = fail(cycle, "2024-06-23T19:00:00Z")
        [(status, error)] = cycle.sql(
            "SELECT status::text, error FROM simulation_runs WHERE airflow_run_id = %s", run_id
        )
        assert (status, "panel_wattage" in error) == ("failed", True)
        logs = (cycle.settings.home / "logs").rglob("*write_input_csv*/*.log")
        words = "An alert could not be delivered"
        assert any(words in log.read_text(errors="replace") for log in logs), "it was tried"
        assert monitor() == "failed", "somebody who looks at Airflow must see it"
    finally:
        cycle.mailbox.refusing = False
    ours = "(2024-06-23 19:00"
    assert not [mail for mail in cycle.mailbox.about("failed") if ours in mail["Subject"]]
    assert monitor() == "success"
    arrived(cycle, "failed", containing=ours)
    for each in failed(cycle):
        repeat(cycle, each)
    assert monitor() == "success"


def test_the_monitor_compares_the_ledger_with_what_airflow_knows(cycle, monitor):
    run_id = cycle.run("2024-06-23T20:00:00Z")
    cycle.wait(cycle.scheduled())
    # as if its worker had been killed, and as if the schedule had been at work for two hours
    cycle.sql(
        "UPDATE simulation_runs SET status = 'running', started_at = now() - interval '2 minutes' "
        "WHERE airflow_run_id = %s",
        run_id,
    )
    cycle.sql(
        "INSERT INTO simulation_runs (tick, airflow_run_id, seed, model_version, schema_version) "
        "SELECT min(tick) - interval '135 minutes', 'scheduled__long_ago', 1, '1', '1' "
        "FROM simulation_runs WHERE airflow_run_id LIKE 'scheduled%%'"
    )
    try:
        assert monitor() == "success"
        [stuck] = arrived(cycle, "stuck", containing="2024-06-23 20:00")
        assert links(stuck)["Run"].endswith(quote(run_id))
        [lost] = arrived(cycle, "unscheduled")
        assert sections(lost)["WHAT HAPPENED"].count(":") >= 7  # the eighth was run
    finally:
        cycle.sql("DELETE FROM simulation_runs WHERE airflow_run_id = 'scheduled__long_ago'")
    repeat(cycle, run_id)
    assert monitor() == "success"
    assert len(arrived(cycle, "stuck", 2)) == 2
    health = requests.get(
        f"{cycle.api.address}/solar/health",
        headers=dict(cycle.api._session.headers),
        timeout=30,
    ).json()
    assert "stuck" not in health["alerts"]
    assert health["checks"]["exchange"]["status"] == "healthy", "the monitor has looked"


def test_the_runbook_is_where_the_mails_say(cycle):
    [mail, *_] = arrived(cycle, "late")
    address, _, entry = links(mail)["Runbook"].partition("#")
    answer = requests.get(address, headers=dict(cycle.api._session.headers), timeout=30)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert f'<h2 id="{entry}">' in answer.text
    assert requests.get(address, timeout=30).status_code == 401
