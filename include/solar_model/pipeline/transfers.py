"""The transfer log: who moved or saw which data where, when, how much, and its checksum.

Every access to personal data by the pipeline or its pages has a row: households read, files that
went out or came in, rows written, a household looked for or looked at. Rows are added and never
changed; the moment and the role are the database's own word.
"""

from __future__ import annotations

import socket
from typing import Any, Literal

import psycopg

from solar_model.pipeline.references import FileReference

Action = Literal["query", "upload", "submit", "fetch", "download", "insert", "backup", "view"]


def record(
    connection: psycopg.Connection[Any],
    run_id: str | None,
    action: Action,
    moved: FileReference | None,
    *,
    actor: str,
    place: str | None = None,
) -> None:
    """Write a transfer to the log; the caller commits.

    Parameters
    ----------
    connection : psycopg.Connection
        The database.
    run_id : str or None
        Row of ``simulation_runs``; None in a dry run.
    action : str
        ``query``: out of the database. ``upload``, ``download``: into an exchange and from there.
        ``submit``, ``fetch``: to an HTTP runner and from there. ``insert``: into the database.
        ``backup``: into a file that is kept. ``view``: onto somebody's screen.
    moved : FileReference or None
        What was moved; None for what is no file.
    actor : str
        The task or the person.
    place : str, optional
        The other end, where it is not the file's own place.
    """
    connection.execute(
        """
        INSERT INTO transfer_log
            (simulation_run_id, action, place, bytes, rows, sha256, actor, host)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            run_id,
            action,
            place or (moved and moved.uri),
            moved and moved.bytes,
            moved and moved.rows,
            moved and moved.sha256,
            actor,
            socket.gethostname(),
        ),
    )
