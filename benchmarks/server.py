"""Processor time of Postgres: what a task costs does not end at the client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import psycopg

from benchmarks.apart import Measured


class Server:
    """The processes of a Postgres on this machine.

    Parameters
    ----------
    info : str
        Connection URI.
    """

    def __init__(self, info: str) -> None:
        with psycopg.connect(info) as connection:
            backend = psutil.Process(connection.info.backend_pid)
            postmaster = backend.parent()
        if postmaster is None:
            raise RuntimeError("this Postgres does not run on this machine")
        self._postmaster = postmaster

    @contextmanager
    def timed(self, into: Measured, name: str) -> Iterator[None]:
        """Measure a block: ``<name>_s`` of processor time of all of its processes together."""
        began_s = self._cpu_s()
        yield
        into[f"{name}_s"] = self._cpu_s() - began_s

    def _cpu_s(self) -> float:
        own = self._postmaster.cpu_times()
        total_s = own.children_user + own.children_system  # of those that have ended
        for process in self._postmaster.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total_s += times.user + times.system
        return total_s
