"""Starting programs, and ending them for certain: all of them, and nothing that is not ours."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from solar_stack.logs import last_lines

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
    grace_seconds : float
        How long it may take to end before it is killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        record: Path,
        environment: Mapping[str, str],
        grace_seconds: float,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.record = record
        self.environment = dict(environment)
        self.grace_seconds = grace_seconds
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
            pid = self._process.pid
            record = _Record(pid, psutil.Process(pid).create_time(), self.grace_seconds)
            self.record.write_text(json.dumps(asdict(record)))

    def kill(self) -> None:
        """End at once what is left of the program and of everything that it started."""
        if self._process is None:
            return
        end({}, _session(_read(self.record)), first=signal.SIGKILL)
        self._process.wait()

    @property
    def exit_code(self) -> int | None:
        """What the program ended with; None while it runs."""
        return None if self._process is None else self._process.poll()

    def log_tail(self, lines: int = 20) -> str:
        """The end of what it wrote since its start."""
        return last_lines(self.log, lines, self._log_start)


def stop(records: Iterable[Path]) -> list[str]:
    """End the services of some records together, whoever started them.

    Parameters
    ----------
    records : iterable of path
        Records of services; those that do not exist, or whose process is long gone, are fine.

    Returns
    -------
    list of str
        Names of the records of which a process was still there.
    """
    leaders: dict[psutil.Process, float] = {}
    families: list[psutil.Process] = []
    names: list[str] = []
    present = {path: _read(path) for path in records if path.exists()}
    for path, record in present.items():
        family = _session(record)
        leaders |= {
            process: record.grace_seconds for process in family if process.pid == record.pid
        }
        families += family
        names += [path.stem] if family else []
    end(leaders, families, first=signal.SIGTERM)
    for path, record in present.items():
        # What was started after the first look, while its parent was ending.
        end({}, _session(record), first=signal.SIGTERM)
        path.unlink()
    return names


@dataclass(frozen=True)
class _Record:
    pid: int
    started: float
    grace_seconds: float


def _read(path: Path) -> _Record:
    try:
        return _Record(**json.loads(path.read_text()))
    except (ValueError, TypeError):  # half a record, of a start that was cut off
        return _Record(pid=0, started=0.0, grace_seconds=0.0)


def _session(record: _Record) -> list[psutil.Process]:
    """The program of a record, if it still runs, and every process of its session."""
    if record.pid == 0:
        return []
    with contextlib.suppress(psutil.NoSuchProcess):
        leader = psutil.Process(record.pid)
        if abs(leader.create_time() - record.started) > CLOCK_SECONDS:
            return []  # the number is another program's now, and so is its session
    family = []
    for process in psutil.process_iter(["create_time"]):
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            in_session = os.getsid(process.pid) == record.pid
            younger = process.info["create_time"] > record.started - CLOCK_SECONDS
            if in_session and younger and _alive(process):
                family.append(process)
    return family


def end(
    leaders: Mapping[psutil.Process, float],
    family: Sequence[psutil.Process],
    *,
    first: signal.Signals,
) -> None:
    """Ask processes to end, wait, then kill what is left of them and of their family.

    psutil compares the start time of a process before it signals it, so a pid that was given to
    another program in the meantime is left alone.

    Parameters
    ----------
    leaders : mapping of psutil.Process to float
        The processes that are asked, and how many seconds each may take. Each is expected to end
        its own children.
    family : sequence of psutil.Process
        Everything that must be gone afterwards.
    first : signal.Signals
        The polite signal.
    """
    begin = time.monotonic()
    for leader in leaders:
        with contextlib.suppress(psutil.NoSuchProcess):
            leader.send_signal(first)
    for leader, seconds in leaders.items():
        _wait([leader], begin + seconds)
    rest = [process for process in family if _alive(process)]
    for process in rest:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(rest, time.monotonic() + KILL_SECONDS)


def _wait(processes: Sequence[psutil.Process], deadline: float) -> None:
    while any(_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def _alive(process: psutil.Process) -> bool:
    # One that has ended stays as a zombie until its parent asks; in a container perhaps for ever.
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
