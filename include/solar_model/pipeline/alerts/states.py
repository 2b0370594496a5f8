"""The table ``alerts``: a row for each state that began, open until it ended.

Who finds an open state again begins nothing; so a state is told twice, when it begins and when it
ends, however often somebody looks in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Observation:
    """Whether a state holds.

    Attributes
    ----------
    kind : str
        Name of a kind of alert.
    holds : bool
        Whether it holds now.
    words : str
        What was found; when it does not hold, what it looks like instead.
    facts : mapping
        What the mail needs to find the run: ``tick``, ``dag_id``, ``run_id``, ``task_id``.
    key : str
        Tells states of one kind apart; by default there is one.
    """

    kind: str
    holds: bool
    words: str
    facts: Mapping[str, Any]
    key: str = ""


@dataclass(frozen=True)
class Alert:
    """A row of ``alerts``."""

    id: int
    key: str
    kind: str
    facts: dict[str, Any]
    begun_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    ending: str | None


# A state that goes on adds the ticks that it affects.
_BEGIN = """
INSERT INTO alerts AS alert (key, kind, facts) VALUES (%(key)s, %(kind)s, %(facts)s)
ON CONFLICT (key) WHERE ended_at IS NULL DO UPDATE SET
    seen_at = clock_timestamp(),
    facts = CASE
        WHEN alert.facts -> 'ticks' @> (excluded.facts -> 'ticks') THEN alert.facts
        WHEN excluded.facts ? 'ticks' THEN alert.facts || jsonb_build_object(
            'ticks', (alert.facts -> 'ticks') || (excluded.facts -> 'ticks'))
        ELSE alert.facts
    END
"""

_OPEN = """
SELECT id, key, kind, facts, begun_at, seen_at, ended_at, ending FROM alerts
WHERE kind = %s AND ended_at IS NULL
"""

_END = """
UPDATE alerts SET ended_at = clock_timestamp(), ending = %s WHERE key = %s AND ended_at IS NULL
"""

_UNTOLD = """
SELECT id, key, kind, facts, begun_at, seen_at, ended_at, ending FROM alerts
WHERE begin_told_at IS NULL OR (ended_at IS NOT NULL AND end_told_at IS NULL)
ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""


def record(connection: Connection, observations: Iterable[Observation]) -> None:
    """Begin the states that hold, and end those that do not; what is not observed stays."""
    with connection.transaction():
        for seen in observations:
            key = seen.key or seen.kind
            if seen.holds:
                facts = Jsonb({"words": seen.words, **seen.facts})
                connection.execute(_BEGIN, {"key": key, "kind": seen.kind, "facts": facts})
            else:
                connection.execute(_END, (seen.words, key))


def open_alerts(connection: Connection, kind: str) -> list[Alert]:
    """States of a kind that have begun and not ended."""
    with connection.transaction(), connection.cursor(row_factory=class_row(Alert)) as cursor:
        return cursor.execute(_OPEN, (kind,)).fetchall()


def next_untold(connection: Connection) -> Alert | None:
    """A state whose begin or end was not told, locked until the caller commits."""
    with connection.cursor(row_factory=class_row(Alert)) as cursor:
        return cursor.execute(_UNTOLD).fetchone()


def told(connection: Connection, alert: Alert, trouble: str | None = None) -> None:
    """Note that a state was told as it is now, or in ``trouble`` why nobody could be told."""
    connection.execute(
        """
        UPDATE alerts SET
            begin_told_at = coalesce(begin_told_at, clock_timestamp()),
            end_told_at = CASE WHEN ended_at IS NOT NULL THEN clock_timestamp() END,
            trouble = %s
        WHERE id = %s
        """,
        (trouble, alert.id),
    )


def not_told(connection: Connection, alert: Alert, trouble: str) -> None:
    """Note why the mail could not be delivered; the next one who tells tries again."""
    connection.execute("UPDATE alerts SET trouble = %s WHERE id = %s", (trouble, alert.id))
