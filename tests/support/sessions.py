"""Sessions of the database that get into each other's way."""

from __future__ import annotations

import time


def wait_until_waiting(connection, pid: int) -> str:
    """Wait until a session waits for a lock; what it is doing there."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        [(waits, query)] = connection.execute(
            "SELECT wait_event_type = 'Lock', query FROM pg_stat_activity WHERE pid = %s", (pid,)
        ).fetchall()
        connection.commit()
        if waits:
            return str(query)
        time.sleep(0.02)
    raise AssertionError("the session never came to the lock")
