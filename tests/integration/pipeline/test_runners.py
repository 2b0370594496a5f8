"""What the database remembers of remote runners."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from solar_model.pipeline import runners
from solar_model.pipeline.runners import ANNOUNCED, Announcement, announce

ONE, TWO, THREE = "https://one", "https://two", "https://three"


def age(connection, runner: str, minutes: float) -> None:
    connection.execute(
        "UPDATE runner_health SET failed_at = now() - %s WHERE runner = %s",
        (timedelta(minutes=minutes), runner),
    )


def test_who_failed_lately_is_asked_last_and_longer_each_time(connection):
    every = [ONE, TWO, THREE]
    assert runners.in_order(connection, every) == every
    runners.failed(connection, ONE, "is away")
    assert runners.in_order(connection, every) == [TWO, THREE, ONE]
    age(connection, ONE, 1.1)
    assert runners.in_order(connection, every) == every
    runners.failed(connection, ONE, "is away")
    age(connection, ONE, 1.1)
    assert runners.in_order(connection, every) == [TWO, THREE, ONE]
    age(connection, ONE, 2.1)
    assert runners.in_order(connection, every) == every
    for _ in range(20):
        runners.failed(connection, ONE, "is away")
    age(connection, ONE, 59)
    assert runners.in_order(connection, every) == [TWO, THREE, ONE]
    age(connection, ONE, 61)
    assert runners.in_order(connection, every) == every


def test_who_is_well_again_is_asked_in_turn(connection):
    for runner in (ONE, TWO):
        runners.failed(connection, runner, "hangs")
    assert runners.in_order(connection, [ONE, TWO, THREE]) == [THREE, ONE, TWO]
    runners.succeeded(connection, ONE)
    assert runners.in_order(connection, [ONE, TWO, THREE]) == [ONE, THREE, TWO]


def test_an_announcement_is_heard_by_who_asked_before_it(connection):
    tick = datetime(2024, 6, 11, 17, tzinfo=UTC)
    told = Announcement(
        status="completed", result_file="r.csv", timestamp="2024-06-11T17:00:00", record_count=3
    )

    def heard(since: datetime) -> bool:
        return connection.execute(ANNOUNCED, (tick, since)).fetchone()[0]

    before = datetime.now(tz=UTC) - timedelta(seconds=5)
    assert not heard(before)
    announce(connection, told)
    announce(connection, told)
    assert heard(before)
    assert not heard(datetime.now(tz=UTC) + timedelta(seconds=5))


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "splendid"},
        {"timestamp": "2024-06-11T17:01:00"},
        {"record_count": -1},
        {"result_file": "x" * 500},
    ],
)
def test_an_announcement_that_makes_no_sense_is_refused(changed):
    message = {
        "status": "completed",
        "result_file": "r.csv",
        "timestamp": "2024-06-11T17:00:00",
        "record_count": 3,
    }
    with pytest.raises(ValidationError):
        Announcement.model_validate(message | changed)
