"""The monitor on a real Postgres: which state begins when, and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.alerts import DUE, NOW, Airflow, failure, good_day
from tests.support.ledger import add_run
from tests.support.mailbox import sections

from solar_model.pipeline.alerts import Failure, deadline_missed, succeeded
from solar_model.ticks import TICK


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
    add_run(connection, DUE)
    assert "stale" not in monitor()
    assert len(post.about("stale")) == 2


def test_a_cycle_that_is_queued_for_too_long_is_late_before_it_has_a_row(connection, monitor, post):
    good_day(connection, DUE - TICK)
    waiting = Airflow([DUE], state="queued")
    for _ in range(2):
        assert monitor(airflow=waiting) == {"late", "stale"}
    add_run(connection, DUE, seconds=400)
    assert monitor() == {"late"}
    assert len(post.about("late")) == 1
    soon = DUE + TICK
    add_run(connection, soon)
    monitor(soon + timedelta(minutes=6))
    assert [mail["Subject"] for mail in post.about("late")][1].startswith(
        "[solar] The cycles are in time again"
    )


def test_ticks_that_were_never_scheduled_are_named_once(connection, monitor, post):
    add_run(connection, DUE - 6 * TICK)
    add_run(connection, DUE)
    lost = [DUE - number * TICK for number in (5, 4, 3, 2, 1)]
    # one of them failed before it could write to the ledger: that was told by its task
    known = Airflow([lost[0], DUE])
    assert monitor(airflow=known) == {"unscheduled"}
    [mail] = post.about("unscheduled")
    words = sections(mail)["WHAT HAPPENED"]
    assert all(f"{tick:%Y-%m-%d %H:%M}" in words for tick in lost[1:])
    assert f"{lost[0]:%Y-%m-%d %H:%M}" not in words
    add_run(connection, DUE + TICK)
    add_run(connection, DUE + 2 * TICK)
    assert monitor(NOW + 2 * TICK, known) == set()
    assert len(post.about("unscheduled")) == 2
    assert monitor(NOW + 2 * TICK, known) == set()
    assert len(post.about("unscheduled")) == 2


@pytest.mark.parametrize(("aside", "told"), [(10, 0), (11, 1)])
def test_a_quarantine_beyond_the_threshold(connection, monitor, post, aside, told):
    good_day(connection, DUE - TICK)
    add_run(connection, DUE, households_quarantined=aside, rows_inserted=1000 - aside)
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
    add_run(connection, DUE, **wrong)
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
    add_run(connection, DUE, status=status, seconds=seconds)
    run_id = f"scheduled__{DUE:%Y-%m-%dT%H:%M:%S+00:00}"
    for _ in range(2):
        seen = deadline_missed(connection, run_id, DUE, state, teller.config)
        teller.tell(connection, seen)
    assert len(post.about("late")) == told


def test_of_several_shards_the_last_one_tells_whether_a_cycle_is_late(connection, teller):
    for shard, seconds in enumerate((20, 301, 30)):
        add_run(connection, DUE, shard=shard, shards=3, seconds=seconds)
    run_id = f"scheduled__{DUE:%Y-%m-%dT%H:%M:%S+00:00}"
    assert deadline_missed(connection, run_id, DUE, "success", teller.config)


@pytest.mark.parametrize("kind", ["scheduled", "backfill"])
def test_a_shard_that_failed_is_not_mended_by_the_others(connection, teller, post, monitor, kind):
    good_day(connection, DUE - TICK)
    teller.tell(connection, [failure(DUE, kind).observed()])
    run = {"airflow_run_id": failure(DUE, kind).run_id, "shards": 2}
    later = datetime.now(tz=UTC) + timedelta(seconds=1)
    failed = add_run(connection, DUE, shard=0, status="failed", finished_at=later, **run)
    add_run(connection, DUE, shard=1, finished_at=later, **run)
    monitor()
    assert len(post.about("failed")) == 1
    connection.execute("UPDATE simulation_runs SET status = 'completed' WHERE id = %s", (failed,))
    connection.commit()
    monitor()
    assert len(post.about("failed")) == 2


def test_a_run_that_never_began_is_late_and_one_that_failed_before_it_began_is_not(
    connection, teller
):
    add_run(connection, DUE - TICK)
    assert deadline_missed(connection, "scheduled__x", DUE, "queued", teller.config)
    assert not deadline_missed(connection, "scheduled__x", DUE, "failed", teller.config)


def test_cycles_that_fail_one_after_the_other_are_one_state_until_one_succeeds(
    connection, teller, post, monitor
):
    for number in range(3):
        tick = DUE - (3 - number) * TICK
        add_run(connection, tick, status="failed")
        teller.tell(connection, [failure(tick).observed()])
        monitor()
    assert len(post.about("failed")) == 1
    later = datetime.now(tz=UTC)
    add_run(connection, DUE, finished_at=later)
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


@pytest.mark.parametrize(("gap", "told"), [(2, 0), (1, 1)])
def test_a_cycle_with_which_the_schedule_begins_too_late_is_not_late(
    connection, monitor, teller, post, gap, told
):
    add_run(connection, DUE - gap * TICK)
    add_run(connection, DUE, begun=310, seconds=320)
    run_id = f"scheduled__{DUE:%Y-%m-%dT%H:%M:%S+00:00}"
    assert len(deadline_missed(connection, run_id, DUE, "running", teller.config)) == told
    monitor()
    assert len(post.about("late")) == told
