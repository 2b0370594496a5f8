"""Alerts on a real Postgres, by a real mail server: who is told what, and how often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from tests.support.alerts import DUE, UI, failure, good_day, holds
from tests.support.ledger import add_run
from tests.support.mailbox import RECIPIENTS, sections

from solar_model.pipeline.alerts import Teller, deadline_missed
from solar_model.pipeline.alerts.kinds import KINDS
from solar_model.pipeline.alerts.situation import situation
from solar_model.pipeline.alerts.states import Observation
from solar_model.pipeline.doctor import examine
from solar_model.settings import PROJECT_ROOT, load_settings
from solar_model.ticks import TICK
from solar_stack.ports import free_port

HEADINGS = {
    "WHAT HAPPENED",
    "HOW BAD IT IS",
    "SLOWEST TASK",
    "LAST GOOD TICK",
    "WHAT TO DO",
    "WHEN YOU HEAR AGAIN",
    "LINKS",
}


def test_a_state_is_told_when_it_begins_and_when_it_ends_and_not_in_between(
    connection, teller, post
):
    for _ in range(5):
        assert teller.tell(connection, [holds()]) is None
    [begun] = post.mails
    for _ in range(3):
        teller.tell(connection, [Observation("quarantine", False, "Nobody is set aside.", {})])
    [_, over] = post.mails
    assert begun["Subject"] == "[solar] Many households were set aside"
    assert over["Subject"] == "[solar] Few households are set aside again"
    assert over["In-Reply-To"] == over["References"] == begun["Message-ID"]
    assert sections(over)["WHAT HAPPENED"].endswith("Nobody is set aside.")
    teller.tell(connection, [holds()])
    assert len(post.mails) == 3, "the same again is a new state"
    assert len({mail["Message-ID"] for mail in post.mails}) == 3


def test_a_mail_says_what_how_bad_how_slow_when_last_good_and_what_to_do(connection, teller, post):
    for number in range(1, 5):
        add_run(connection, DUE - number * TICK, timings_s={"run_simulation": 2.0})
    began = datetime.now(tz=UTC) - timedelta(seconds=300)
    timings = {"query_households": 1.0, "write_input_csv": 1.0, "upload_input": 1.0}
    run_id = add_run(
        connection, DUE, status="running", seconds=None, timings_s=timings, started_at=began
    )
    airflow_id = f"scheduled__{DUE:%Y-%m-%dT%H:%M:%S+00:00}"
    seen = deadline_missed(connection, airflow_id, DUE, "running", teller.config)
    assert teller.tell(connection, seen) is None

    [mail] = post.about("late")
    assert mail["To"] == "operator@example.org, night@example.org"
    assert mail["Subject"] == f"[solar] A cycle is late ({DUE:%Y-%m-%d %H:%M} UTC)"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert abs(parsedate_to_datetime(mail["Date"]) - datetime.now(tz=UTC)) < timedelta(minutes=1)
    told = sections(mail)
    assert set(told) == HEADINGS
    assert f"due at {DUE:%H:%M} UTC and was not finished 5 minutes later" in told["WHAT HAPPENED"]
    assert told["HOW BAD IT IS"].startswith("Degraded. Users see")
    assert "The service as a whole: " in told["HOW BAD IT IS"]
    task, rest = told["SLOWEST TASK"].split(": ", 1)
    assert task == "run_simulation"
    assert float(rest.split()[0]) >= 297
    assert rest.endswith("and it is still running; usually 2.0 s")
    assert told["LAST GOOD TICK"] == f"{DUE - TICK:%Y-%m-%d %H:%M} UTC, 1,000 households"
    assert told["WHAT TO DO"].startswith("1. ") and "\n2. " in told["WHAT TO DO"]
    links = dict(line.split(": ", 1) for line in told["LINKS"].splitlines())
    run = f"{UI}/dags/solar_simulation/runs/{airflow_id}".replace(":", "%3A").replace("+", "%2B")
    assert links["Run"] == links["Log"] == run.replace("https%3A", "https:")
    assert links["Runbook"] == f"{UI}/solar/runbook#late"
    assert run_id not in links["Validation report"]


def test_of_several_shards_the_slowest_counts_and_a_tick_is_good_when_all_are(connection, teller):
    for shard, seconds in enumerate((2.0, 5.0)):
        add_run(connection, DUE - TICK, shard=shard, timings_s={"run_simulation": 1.0})
        status = ("completed", "failed")[shard]
        timings = {"run_simulation": seconds}
        add_run(connection, DUE, shard=shard, status=status, timings_s=timings)
    around = situation(connection, {"tick": DUE.isoformat()}, teller.config)
    assert (around.slowest.task, around.slowest.seconds) == ("run_simulation", 5.0)
    assert around.slowest.usual_s == 1.0
    assert around.last_good == (DUE - TICK, 2000)


def test_a_failed_task_is_told_with_its_error_and_its_log(connection, teller, post):
    good_day(connection, DUE - TICK)
    add_run(connection, DUE, status="failed", timings_s={"query_households": 0.5})
    log = f"{UI}/dags/solar_simulation/runs/x/tasks/run_simulation?try_number=4"
    teller.tell(connection, [failure(DUE, log_url=log).observed()])
    [mail] = post.about("failed")
    told = sections(mail)
    assert told["WHAT HAPPENED"] == (
        "the task run_simulation of solar_simulation failed: no weather"
    )
    assert told["SLOWEST TASK"] == "run_simulation: 12.5 s; usually 2.0 s"
    assert f"Log: {log}" in told["LINKS"]


@pytest.mark.parametrize("others", ["completed", "running"])
def test_of_several_shards_the_report_of_the_worst_is_linked(connection, teller, post, others):
    for shard, status in enumerate((others, "degraded", others)):
        run_id = add_run(connection, DUE, shard=shard, shards=3, status=status)
        connection.execute(
            "INSERT INTO validations VALUES (%s, %s, '{}', '{}', 'a page')", (run_id, shard != 1)
        )
    connection.commit()
    teller.tell(connection, [holds("degraded", tick=DUE.isoformat())])
    [(worst,)] = connection.execute(
        "SELECT id::text FROM simulation_runs WHERE shard = 1"
    ).fetchall()
    assert f"/solar/validations/{worst}" in sections(post.mails[0])["LINKS"]


def test_the_validation_report_is_linked_while_it_has_a_page(connection, teller, post):
    run_id = add_run(connection, DUE, status="degraded")
    link = f"Validation report: {UI}/solar/validations/{run_id}"
    connection.execute(
        "INSERT INTO validations VALUES (%s, false, '{}', '{}', 'a page')", (run_id,)
    )
    connection.commit()
    teller.tell(connection, [holds("degraded", tick=DUE.isoformat())])
    assert link in sections(post.mails[0])["LINKS"]
    connection.execute("UPDATE validations SET page = NULL")
    connection.commit()
    teller.tell(connection, [holds("coverage", tick=DUE.isoformat())])
    assert link not in sections(post.mails[1])["LINKS"]


def test_a_mail_that_is_refused_is_tried_again(connection, teller, post):
    post.refusing = True
    problem = teller.tell(connection, [holds()])
    assert "the disk is full" in problem
    assert connection.execute("SELECT trouble FROM alerts").fetchone() == (problem,)
    connection.commit()
    post.refusing = False
    assert teller.tell(connection, []) is None
    assert len(post.mails) == 1


def test_the_doctor_greets_the_mail_server_when_somebody_is_to_be_told(post, teller):
    def problem(connections) -> str | None:
        [found] = [each for each in examine(teller.config, connections) if each.subject == "alerts"]
        return found.problem

    assert problem(teller.connections) is None
    assert "AIRFLOW_CONN_SMTP_DEFAULT" in problem({}.get)
    nowhere = post.connection.replace(str(post.port), str(free_port()))
    assert "the mail server 127.0.0.1" in problem({"smtp_default": nowhere}.get)
    assert post.mails == []
    nobody = load_settings(home=teller.config.home, alert_emails=None)
    assert not [each for each in examine(nobody, {}.get) if each.subject == "alerts"]


def test_without_a_mail_server_the_trouble_is_said_and_nothing_is_lost(connection, tmp_path):
    config = load_settings(home=tmp_path, alert_emails=RECIPIENTS)
    problem = Teller(config, {}.get, UI).tell(connection, [holds()])
    assert "AIRFLOW_CONN_SMTP_DEFAULT" in problem
    assert connection.execute("SELECT begin_told_at FROM alerts").fetchone() == (None,)


def test_without_recipients_nobody_is_told_neither_now_nor_later(connection, teller, post):
    nobody = Teller(load_settings(alert_emails=None), teller.connections, UI)
    assert nobody.tell(connection, [holds()]) is None
    [(trouble,)] = connection.execute("SELECT trouble FROM alerts").fetchall()
    assert trouble == "SOLAR_ALERT_EMAILS is not set"
    connection.commit()
    teller.tell(connection, [])
    assert post.mails == []


def test_a_database_that_is_away_is_told_once_and_when_it_is_back(teller, post):
    assert teller.tell_outage_is_over() is None
    for _ in range(3):
        assert teller.tell_outage("connection refused") is None
    [mail] = post.about("database")
    assert "connection refused" in sections(mail)["WHAT HAPPENED"]
    assert f"{UI}/solar/runbook#database" in sections(mail)["LINKS"]
    for _ in range(2):
        assert teller.tell_outage_is_over() is None
    assert [mail["Subject"] for mail in post.mails[1:]] == ["[solar] The database answers again"]


def test_an_outage_that_could_not_be_told_is_told_later(teller, post):
    post.refusing = True
    assert teller.tell_outage("connection refused")
    post.refusing = False
    assert teller.tell_outage("connection refused") is None
    assert len(post.mails) == 1


def test_a_note_of_an_outage_that_was_broken_off_keeps_nobody_silent(teller, post):
    teller.config.work_dir.mkdir(parents=True)
    (teller.config.work_dir / "database-is-away.json").touch()
    assert teller.tell_outage_is_over() is None
    assert post.mails == []
    assert teller.tell_outage("connection refused") is None
    assert teller.tell_outage("connection refused") is None
    assert len(post.mails) == 1


def test_many_who_tell_of_an_outage_at_once_are_one_mail(teller, post):
    with ThreadPoolExecutor(16) as crowd:
        told = list(crowd.map(teller.tell_outage, ["connection refused"] * 64))
    assert set(told) == {None}
    assert len(post.mails) == 1
    assert [path.name for path in teller.config.work_dir.iterdir()] == ["database-is-away.json"]


def test_an_outage_is_told_where_nothing_can_be_noted(teller, post, tmp_path):
    (tmp_path / "file").touch()
    config = load_settings(home=tmp_path / "file", alert_emails=RECIPIENTS)
    nowhere = Teller(config, teller.connections, UI)
    assert nowhere.tell_outage("connection refused") is None
    assert nowhere.tell_outage_is_over() is None
    assert len(post.mails) == 1


def test_each_kind_has_its_entry_in_the_runbook():
    entries = (PROJECT_ROOT / "docs" / "runbook.md").read_text().split("\n## ")[1:]
    found = {entry.split("\n", 1)[0].strip("`"): entry for entry in entries}
    assert set(found) == set(KINDS)
    for kind, entry in found.items():
        assert KINDS[kind].title in entry, kind
        for part in ("**What it means**", "**Look at**", "**Do**"):
            assert part in entry, (kind, part)
