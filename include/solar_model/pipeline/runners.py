"""What the pipeline remembers of remote runners: who failed lately, and who announced results."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import psycopg
from pydantic import BaseModel, Field, field_validator

from solar_model.ticks import parse_tick

Connection = psycopg.Connection[Any]

ANNOUNCED = "SELECT EXISTS (SELECT FROM runner_announcements WHERE tick = %s AND announced_at > %s)"


def in_order(connection: Connection, runners: Sequence[str]) -> list[str]:
    """Runners in the order in which to try them.

    One that failed lately goes behind the others: for a minute after its first failure, and twice
    as long after each further one, up to an hour.
    """
    resting = {
        runner
        for (runner,) in connection.execute(
            """
            SELECT runner FROM runner_health
            WHERE failed_at + least(2 ^ (failures - 1), 60) * interval '1 minute' > now()
            """
        )
    }
    connection.commit()
    return sorted(runners, key=lambda runner: runner in resting)


def failed(connection: Connection, runner: str, reason: str) -> None:
    """Remember that a runner failed."""
    connection.execute(
        """
        INSERT INTO runner_health AS health (runner, failures, reason) VALUES (%s, 1, %s)
        ON CONFLICT (runner) DO UPDATE SET
            failures = least(health.failures + 1, 10),
            reason = excluded.reason,
            failed_at = now()
        """,
        (runner, reason[:1000]),
    )
    connection.commit()


def succeeded(connection: Connection, runner: str) -> None:
    """Forget that a runner ever failed."""
    connection.execute("DELETE FROM runner_health WHERE runner = %s", (runner,))
    connection.commit()


class Announcement(BaseModel):
    """The message by which a runner says that a tick's results are there, or that there are none.

    Attributes
    ----------
    status : str
        ``completed`` or ``failed``.
    result_file : str or None
        Name of the results file.
    timestamp : datetime
        The tick.
    record_count : int
        Rows of results.
    """

    status: Literal["completed", "failed"]
    result_file: Annotated[str, Field(max_length=200)] | None
    timestamp: datetime
    record_count: Annotated[int, Field(ge=0, lt=2**63)]

    @field_validator("timestamp")
    @classmethod
    def _is_a_tick(cls, timestamp: datetime) -> datetime:
        aware = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
        if parse_tick(aware) != aware:
            raise ValueError("not the start of a quarter of an hour")
        return aware


def announce(connection: Connection, announcement: Announcement) -> None:
    """Remember an announcement: it wakes the task that waits for the tick.

    The task asks the runner itself then; an announcement alone is no proof of anything.
    """
    connection.execute(
        """
        INSERT INTO runner_announcements (tick, status, result_file, record_count)
        VALUES (%(timestamp)s, %(status)s, %(result_file)s, %(record_count)s)
        ON CONFLICT (tick) DO UPDATE SET
            status = excluded.status,
            result_file = excluded.result_file,
            record_count = excluded.record_count,
            announced_at = now()
        """,
        announcement.model_dump(),
    )
    connection.commit()
