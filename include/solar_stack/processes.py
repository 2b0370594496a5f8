"""Ending processes for certain, and only those that are meant."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Sequence

import psutil

# A killed process is gone at once, unless the system itself is stuck on its input and output.
KILL_SECONDS = 5.0


def end(
    leader: psutil.Process | None,
    family: Sequence[psutil.Process],
    *,
    first: signal.Signals,
    grace_seconds: float,
) -> None:
    """Ask a process to end, wait, then kill what is left of it and its family.

    psutil compares the start time of a process before it signals it, so a pid that was given to
    another program in the meantime is left alone.

    Parameters
    ----------
    leader : psutil.Process or None
        The process that is asked; it is expected to end its own children.
    family : sequence of psutil.Process
        Everything that must be gone afterwards.
    first : signal.Signals
        The polite signal.
    grace_seconds : float
        How long the leader may take before everything is killed.
    """
    if leader is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            leader.send_signal(first)
        psutil.wait_procs([leader], timeout=grace_seconds)
    rest = [process for process in family if process.is_running()]
    for process in rest:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(rest, timeout=KILL_SECONDS)
