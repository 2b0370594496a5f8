"""Starting programs, and ending them for certain: all of them, and nothing that is not ours."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

# A killed process is gone at once, unless the system itself is stuck on its input and output.
KILL_SECONDS = 5.0
LOOK_SECONDS = 0.02
# The start of a process is told relative to the clock, which may have been set since.
CLOCK_SECONDS = 5.0


class Service:
    """A program that runs in the background, in a session of its own.

    Everything that it starts stays in its session, so that all of it can be found and ended, even
    by a later process: the record of the program is kept in a file.

    Parameters
    ----------
    name : str
        Names its log and its record.
    command : sequence of str
        The program and its arguments.
    log : path
        Its output is appended here.
    record : path
        Who it is, for a later start.
    environment : mapping
        All of its environment variables.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        record: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.record = record
        self.environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Start the program."""
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(self._process.pid).create_time()
            self.record.write_text(json.dumps({"pid": self._process.pid, "started": started}))

    @property
    def exit_code(self) -> int | None:
        """What the program ended with; None while it runs."""
        return None if self._process is None else self._process.poll()

    def log_tail(self, lines: int = 20) -> str:
        """The end of what it wrote since its start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


def stop(records: Iterable[Path], *, grace_seconds: float) -> list[str]:
    """End the services of some records together, whoever started them.

    Parameters
    ----------
    records : iterable of path
        Records of services; those that do not exist, or whose process is long gone, are fine.
    grace_seconds : float
        How long all of them may take before they are killed.

    Returns
    -------
    list of str
        Names of the records of which a process was still there.
    """
    leaders: list[psutil.Process] = []
    families: list[psutil.Process] = []
    names: list[str] = []
    present = [record for record in records if record.exists()]
    for record in present:
        leader, family = _members(record)
        if family:
            names.append(record.stem)
        leaders += [leader] if leader else []
        families += family
    end(leaders, families, first=signal.SIGTERM, grace_seconds=grace_seconds)
    for record in present:
        # What was started after the first look, while its parent was ending.
        end([], _members(record)[1], first=signal.SIGTERM, grace_seconds=0)
        record.unlink()
    return names


def _members(record: Path) -> tuple[psutil.Process | None, list[psutil.Process]]:
    """The program of a record if it still runs, and every process of its session."""
    try:
        kept = json.loads(record.read_text())
        pid, started = int(kept["pid"]), float(kept["started"])
    except (ValueError, KeyError):  # written half, by a start that was cut off
        return None, []
    leader = None
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(pid)
        if abs(leader.create_time() - started) > CLOCK_SECONDS:
            return None, []  # the number is another program's now, and so is its session
    family = []
    for process in psutil.process_iter(["create_time"]):
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            in_session = os.getsid(process.pid) == pid
            younger = process.info["create_time"] > started - CLOCK_SECONDS
            if in_session and younger and _alive(process):
                family.append(process)
    return leader, family


def end(
    leaders: Sequence[psutil.Process],
    family: Sequence[psutil.Process],
    *,
    first: signal.Signals,
    grace_seconds: float,
) -> None:
    """Ask processes to end, wait, then kill what is left of them and of their family.

    psutil compares the start time of a process before it signals it, so a pid that was given to
    another program in the meantime is left alone.

    Parameters
    ----------
    leaders : sequence of psutil.Process
        The processes that are asked; each is expected to end its own children.
    family : sequence of psutil.Process
        Everything that must be gone afterwards.
    first : signal.Signals
        The polite signal.
    grace_seconds : float
        How long the leaders may take before everything is killed.
    """
    for leader in leaders:
        with contextlib.suppress(psutil.NoSuchProcess):
            leader.send_signal(first)
    _wait(leaders, grace_seconds)
    rest = [process for process in family if _alive(process)]
    for process in rest:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(rest, KILL_SECONDS)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def _alive(process: psutil.Process) -> bool:
    # One that has ended stays as a zombie until its parent asks; in a container perhaps for ever.
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
