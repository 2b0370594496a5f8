"""The transfer log: who moved which data where, when, how much, and its checksum.

Every access of the pipeline to personal data has a row: households read, files that went out or
came in, rows written. Rows are added and never changed; the moment and the role are the
database's own word.
"""

from __future__ import annotations

import socket
from typing import Any, Literal

import psycopg

from solar_model.pipeline.references import FileReference

Action = Literal["query", "upload", "submit", "fetch", "download", "insert"]


def record(
    connection: psycopg.Connection[Any],
    run_id: str | None,
    action: Action,
    moved: FileReference,
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
    moved : FileReference
        What was moved.
    actor : str
        The task or the command that moved it.
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
            place or moved.uri,
            moved.bytes,
            moved.rows,
            moved.sha256,
            actor,
            socket.gethostname(),
        ),
    )
