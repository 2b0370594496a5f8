"""Alerts on a real Postgres, by a real mail server: who is told what, when, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from tests.support.ledger import add_run
from tests.support.mailbox import RECIPIENTS, Mailbox, mailbox, sections

from solar_model.pipeline.alerts import Failure, Teller, deadline_missed, observe, succeeded
from solar_model.pipeline.alerts.kinds import KINDS
from solar_model.pipeline.alerts.situation import situation
from solar_model.pipeline.alerts.states import Observation
from solar_model.pipeline.doctor import examine
from solar_model.settings import PROJECT_ROOT, load_settings
from solar_model.ticks import TICK, parse_tick
from solar_stack.ports import free_port

# the newest tick that has to be finished, and when the monitor looks at it
DUE = parse_tick(datetime.now(tz=UTC) - timedelta(minutes=6))
NOW = DUE + timedelta(minutes=6)
UI = "https://airflow.example.org"
HEADINGS = {
    "WHAT HAPPENED",
    "HOW BAD IT IS",
    "SLOWEST TASK",
    "LAST GOOD TICK",
    "WHAT TO DO",
    "WHEN YOU HEAR AGAIN",
    "LINKS",
}


@pytest.fixture
def post() -> Mailbox:
    with mailbox() as box:
        yield box


@pytest.fixture
def teller(post, tmp_path) -> Teller:
    config = load_settings(home=tmp_path, alert_emails=RECIPIENTS)
    return Teller(config, {"smtp_default": post.connection}.get, UI)


class Airflow:
    """What Airflow's scheduler would answer."""

    def __init__(self, ticks=(), run_ids=(), state="success") -> None:
        self.ticks, self.run_ids, self.state = set(ticks), set(run_ids), state

    def __call__(self, *, ticks=None, run_ids=None, states=None) -> int:
        found = self.ticks & set(ticks) if ticks else self.run_ids & set(run_ids)
        return len(found) if not states or self.state in states else 0


@pytest.fixture
def monitor(connection, teller):
    """Have the monitor look; returns the kinds that it says hold."""

    def look(now=NOW, airflow=None) -> set[str]:
        seen = observe(connection, now, teller.config, airflow or Airflow())
        assert teller.tell(connection, seen) is None
        return {each.kind for each in seen if each.holds}

    return look


def scheduled(connection, tick, **facts) -> str:
    return add_run(connection, tick, **facts)


def good_day(connection, until=DUE, ticks=8) -> None:
    for number in range(ticks):
        scheduled(connection, until - number * TICK, timings_s={"run_simulation": 2.0})


def holds(kind="quarantine", **facts) -> Observation:
    return Observation(kind, True, "It is so.", facts)


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
        scheduled(connection, DUE - number * TICK, timings_s={"run_simulation": 2.0})
    began = datetime.now(tz=UTC) - timedelta(seconds=300)
    timings = {"query_households": 1.0, "write_input_csv": 1.0, "upload_input": 1.0}
    run_id = scheduled(
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


@pytest.mark.parametrize(
    ("status", "seconds", "state", "told"),
    [
        ("running", None, "running", 1),
        ("completed", 301, "success", 1),
        ("completed", 299, "success", 0),
        ("failed", 200, "failed", 0),
        ("failed", 200, "running", 0),
    ],
)
def test_a_deadline_is_told_once_unless_the_run_has_failed_or_was_in_time(
    connection, teller, post, status, seconds, state, told
):
    scheduled(connection, DUE, status=status, seconds=seconds)
    run_id = f"scheduled__{DUE:%Y-%m-%dT%H:%M:%S+00:00}"
    for _ in range(2):
        seen = deadline_missed(connection, run_id, DUE, state, teller.config)
        teller.tell(connection, seen)
    assert len(post.about("late")) == told


def test_a_run_that_never_began_is_late_and_one_that_failed_before_it_began_is_not(
    connection, teller
):
    assert deadline_missed(connection, "scheduled__x", DUE, "queued", teller.config)
    assert not deadline_missed(connection, "scheduled__x", DUE, "failed", teller.config)


def failure(tick, run="scheduled", dag="solar_simulation", **more) -> Failure:
    facts = {"task_id": "run_simulation", "words": "no weather", "seconds": 12.5} | more
    return Failure(dag, f"{run}__{tick:%Y-%m-%dT%H:%M:%S+00:00}", tick=tick, **facts)


def test_a_failed_task_is_told_with_its_error_and_its_log(connection, teller, post):
    good_day(connection, DUE - TICK)
    scheduled(connection, DUE, status="failed", timings_s={"query_households": 0.5})
    log = f"{UI}/dags/solar_simulation/runs/x/tasks/run_simulation?try_number=4"
    teller.tell(connection, [failure(DUE, log_url=log).observed()])
    [mail] = post.about("failed")
    told = sections(mail)
    assert told["WHAT HAPPENED"] == (
        "the task run_simulation of solar_simulation failed: no weather"
    )
    assert told["SLOWEST TASK"] == "run_simulation: 12.5 s; usually 2.0 s"
    assert f"Log: {log}" in told["LINKS"]


def test_the_validation_report_is_linked_while_it_has_a_page(connection, teller, post):
    run_id = scheduled(connection, DUE, status="degraded")
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


def test_cycles_that_fail_one_after_the_other_are_one_state_until_one_succeeds(
    connection, teller, post, monitor
):
    for number in range(3):
        tick = DUE - (3 - number) * TICK
        scheduled(connection, tick, status="failed")
        teller.tell(connection, [failure(tick).observed()])
        monitor()
    assert len(post.about("failed")) == 1
    later = datetime.now(tz=UTC)
    scheduled(connection, DUE, finished_at=later)
    monitor()
    monitor()
    [_, over] = post.about("failed")
    assert over["Subject"].startswith("[solar] What failed has succeeded")


def test_a_failing_backfill_is_one_mail_and_ends_when_each_of_its_ticks_is_mended(
    connection, teller, post, monitor
):
    ticks = [DUE - number * TICK for number in range(40, 44)]
    for tick in ticks:
        teller.tell(connection, [failure(tick, "backfill").observed()])
    assert len(post.about("failed")) == 1
    good_day(connection, ticks=2)
    later = datetime.now(tz=UTC) + timedelta(seconds=1)
    for tick in ticks[1:]:
        run_id = f"backfill__{tick}"
        add_run(connection, tick, airflow_run_id=run_id, finished_at=later)
    monitor()
    assert len(post.about("failed")) == 1, "one tick is still missing"
    add_run(connection, ticks[0], airflow_run_id=f"manual__{ticks[0]}", finished_at=later)
    monitor()
    assert len(post.about("failed")) == 2


def test_the_failure_of_another_dag_ends_with_its_next_success(connection, teller, post, monitor):
    run_id = "scheduled__2026-01-01T03:00:00+00:00"
    seen = Failure("solar_maintenance", run_id, "back_up", "the disk is full").observed()
    good_day(connection)
    teller.tell(connection, [seen])
    monitor()
    assert len(post.about("failed")) == 1
    teller.tell(connection, [succeeded("solar_maintenance", "scheduled__later")])
    assert len(post.about("failed")) == 2


def test_a_good_day_alarms_nobody(connection, monitor, post):
    good_day(connection)
    assert monitor() == set()
    assert post.mails == []


def test_before_the_schedule_was_started_nobody_is_told(connection, monitor):
    assert monitor() == set()
    add_run(connection, datetime(2024, 6, 11, 17, tzinfo=UTC), airflow_run_id="manual__2024")
    assert monitor() == set()


def test_no_new_data_for_twenty_minutes(connection, monitor, post):
    good_day(connection, DUE - 2 * TICK)
    assert "stale" in monitor(airflow=Airflow([DUE, DUE - TICK]))
    [mail] = post.about("stale")
    assert "No new data for" in sections(mail)["WHAT HAPPENED"]
    scheduled(connection, DUE)
    assert "stale" not in monitor()
    assert len(post.about("stale")) == 2


def test_a_cycle_that_is_queued_for_too_long_is_late_before_it_has_a_row(connection, monitor, post):
    good_day(connection, DUE - TICK)
    waiting = Airflow([DUE], state="queued")
    for _ in range(2):
        assert monitor(airflow=waiting) == {"late", "stale"}
    scheduled(connection, DUE, seconds=400)
    assert monitor() == {"late"}
    assert len(post.about("late")) == 1
    soon = DUE + TICK
    scheduled(connection, soon)
    monitor(soon + timedelta(minutes=6))
    assert [mail["Subject"] for mail in post.about("late")][1].startswith(
        "[solar] The cycles are in time again"
    )


def test_ticks_that_were_never_scheduled_are_named_once(connection, monitor, post):
    scheduled(connection, DUE - 6 * TICK)
    scheduled(connection, DUE)
    lost = [DUE - number * TICK for number in (5, 4, 3, 2, 1)]
    # one of them failed before it could write to the ledger: that was told by its task
    known = Airflow([lost[0], DUE])
    assert monitor(airflow=known) == {"unscheduled"}
    [mail] = post.about("unscheduled")
    words = sections(mail)["WHAT HAPPENED"]
    assert all(f"{tick:%Y-%m-%d %H:%M}" in words for tick in lost[1:])
    assert f"{lost[0]:%Y-%m-%d %H:%M}" not in words
    scheduled(connection, DUE + TICK)
    scheduled(connection, DUE + 2 * TICK)
    assert monitor(NOW + 2 * TICK, known) == set()
    assert len(post.about("unscheduled")) == 2
    assert monitor(NOW + 2 * TICK, known) == set()
    assert len(post.about("unscheduled")) == 2


@pytest.mark.parametrize(("aside", "told"), [(10, 0), (11, 1)])
def test_a_quarantine_beyond_the_threshold(connection, monitor, post, aside, told):
    good_day(connection, DUE - TICK)
    scheduled(connection, DUE, households_quarantined=aside, rows_inserted=1000 - aside)
    monitor()
    assert len(post.about("quarantine")) == told


def test_a_run_whose_row_stays_running_though_airflow_has_ended_it(connection, monitor, post):
    good_day(connection)
    old = DUE - 3 * TICK
    connection.execute("UPDATE simulation_runs SET status = 'running' WHERE tick = %s", (old,))
    connection.commit()
    run_id = f"scheduled__{old:%Y-%m-%dT%H:%M:%S+00:00}"
    assert monitor(airflow=Airflow(run_ids=[run_id], state="running")) == set()
    assert monitor(airflow=Airflow(run_ids=[run_id], state="failed")) == {"stuck"}
    [mail] = post.about("stuck")
    assert f"{old:%Y-%m-%d %H:%M}" in sections(mail)["WHAT HAPPENED"]


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("coverage", {"rows_inserted": 900}),
        ("energy_balance", {"grid_export_kwh": 51.0}),
    ],
)
def test_a_promise_that_is_broken(connection, monitor, post, kind, wrong):
    good_day(connection, DUE - TICK)
    scheduled(connection, DUE, **wrong)
    assert kind in monitor()
    assert len(post.about(kind)) == 1


def test_an_exchange_that_is_away(connection, monitor, post, teller):
    good_day(connection)
    [url] = teller.config.exchange_urls
    connection.execute("INSERT INTO probes VALUES (%s, 'no such host', 0.1)", (url,))
    connection.commit()
    assert monitor() == {"exchange"}
    connection.execute("UPDATE probes SET problem = NULL")
    connection.commit()
    assert monitor() == set()
    assert len(post.about("exchange")) == 2


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
    assert [mail["Subject"] for mail in post.mails[1:]] == [
        "[solar] The database can be reached again"
    ]


def test_an_outage_that_could_not_be_told_is_told_later(teller, post):
    post.refusing = True
    assert teller.tell_outage("connection refused")
    post.refusing = False
    assert teller.tell_outage("connection refused") is None
    assert len(post.mails) == 1


def test_each_kind_has_its_entry_in_the_runbook():
    entries = (PROJECT_ROOT / "docs" / "runbook.md").read_text().split("\n## ")[1:]
    found = {entry.split("\n", 1)[0].strip("`"): entry for entry in entries}
    assert set(found) == set(KINDS)
    for kind, entry in found.items():
        assert KINDS[kind].title in entry, kind
        for part in ("**What it means**", "**Look at**", "**Do**"):
            assert part in entry, (kind, part)
