"""Logs of programs that run for long: how they end, and when they begin anew."""

from __future__ import annotations

import os
from pathlib import Path

from solar_model.settings import LONG_LOG_BYTES

END_BYTES = 100_000


def last_lines(log: Path, lines: int, since: int = 0) -> str:
    """The end of a log, read without what comes before it.

    Parameters
    ----------
    log : path
        A file that may be very long.
    lines : int
        How many lines at most; fewer when they are very long themselves.
    since : int
        Where in the file that begins which is of interest.
    """
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        # house-keeping begins a long log anew
        first = since if since <= size else 0
        file.seek(max(first, size - END_BYTES))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def begin_long_one_anew(log: Path) -> None:
    """Move a long log to ``NAME.1``, in place of what is there; nobody may be writing to it."""
    if log.exists() and log.stat().st_size > LONG_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
