"""Jobs of the HTTP runner: on the disk, each a folder, whole or not there.

``<id>/`` holds the input file with its manifest and, once there is an end, either the folder
``results`` or ``error.json``. Each of the three appears by one rename, so a kill at any moment
leaves a job that is found again and worked on from its start.
"""

from __future__ import annotations

import fcntl
import json
import logging
import queue
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solar_model.errors import ConfigurationError, InputError, SolarModelError
from solar_model.files import read_users
from solar_model.manifest import Manifest
from solar_model.runner.work import simulate_file
from solar_model.ticks import input_file_name, parse_tick
from solar_model.whole_files import atomic_write

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 5.0


class TooManyJobsError(SolarModelError):
    """The runner has as many unfinished jobs as it may."""


@dataclass(frozen=True)
class Limits:
    """How much a runner takes on.

    Attributes
    ----------
    input_bytes : int
        Largest CSV.
    result_rows : int
        Most households times ticks of a job.
    unfinished_jobs : int
        Most jobs that wait or run.
    kept_hours : float
        How long a finished job is kept for those who fetch it.
    """

    input_bytes: int = 256 * 2**20
    result_rows: int = 100_000_000
    unfinished_jobs: int = 16
    kept_hours: float = 24.0


@dataclass(frozen=True)
class Job:
    """A job as it is at one moment.

    Attributes
    ----------
    asked : Manifest
        Of the input file; its ``request_id`` is the name of the job.
    status : str
        ``queued``, ``running``, ``completed`` or ``failed``.
    ticks_done : int
        Progress of a running job.
    results : Manifest or None
        Of the results of a completed job.
    error : str or None
        Why a job failed.
    """

    asked: Manifest
    status: str
    ticks_done: int = 0
    results: Manifest | None = None
    error: str | None = None

    @property
    def id(self) -> str:
        """Name of the job."""
        return self.asked.request_id

    def message(self) -> dict[str, Any]:
        """What is told to those who wait, in the words of the webhook."""
        return {
            "job": self.id,
            "status": self.status,
            "timestamp": self.asked.tick,
            "result_file": self.results.name if self.results else None,
            "record_count": self.results.rows if self.results else 0,
            "error": self.error,
        }


@dataclass
class Jobs:
    """The jobs of one runner, worked on one after the other by a thread of this process.

    Attributes
    ----------
    folder : path
        Where they live; nobody else's.
    limits : Limits
        How much is taken on.
    finished : callable
        Called with each job that has ended and the callback URL of who asked for it, if any.
    """

    folder: Path
    limits: Limits = field(default_factory=Limits)
    finished: Callable[[Job, str | None], None] = lambda _job, _callback_url: None

    def __post_init__(self) -> None:
        for folder in (self._jobs, self.uploads):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                f"another runner works in {self.folder}; give each its own --folder"
            ) from None
        self._submitting = threading.Lock()
        self._progress: dict[str, int] = {}
        self._queue: queue.Queue[str] = queue.Queue()

    @property
    def _jobs(self) -> Path:
        return self.folder / "jobs"

    @property
    def uploads(self) -> Path:
        """Folder for files on their way in."""
        return self.folder / "uploads"

    def start(self) -> int:
        """Take up what an earlier process left, and begin to work.

        Returns
        -------
        int
            Unfinished jobs that were found.
        """
        for left in (*self.uploads.iterdir(), *self._jobs.glob(".*"), *self._jobs.glob("*/.*")):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        found = sorted(self._unfinished(), key=lambda job: job.stat().st_mtime)
        for job in found:
            self._queue.put(job.name)
        threading.Thread(target=self._work, name="solar-jobs", daemon=True).start()
        return len(found)

    def submit(
        self,
        csv: Path,
        *,
        tick: str,
        steps: int,
        seed: int,
        weather: Any,
        callback_url: str | None = None,
    ) -> tuple[Job, bool]:
        """Accept a request, once: the same request is the same job; a failed one is tried again.

        Parameters
        ----------
        csv : path
            Input file below ``uploads``; taken over.
        tick, steps, seed, weather
            As in `run_simulation`.
        callback_url : str, optional
            Who is told of the end.

        Returns
        -------
        job : Job
        new : bool
            Whether it was put into the queue.

        Raises
        ------
        InputError
            When the file breaks its contract.
        TooManyJobsError
            When there is no room.
        """
        draft = self._jobs / f".{uuid.uuid4().hex}"
        draft.mkdir()
        try:
            households = csv.rename(draft / input_file_name(parse_tick(tick)))
            rows = len(_read(households))
            if rows * steps > self.limits.result_rows:
                raise InputError(
                    "the job is too large",
                    value=f"{rows:,} households, {steps:,} ticks",
                    expected=f"{self.limits.result_rows:,} rows of results at most",
                    hint="Split it",
                )
            asked = Manifest.of(
                households, rows=rows, tick=tick, steps=steps, seed=seed, weather=weather
            )
            asked.write(households)
            _write_json(draft / "callback.json", callback_url)
            return self._accept(draft, asked.request_id)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _accept(self, draft: Path, name: str) -> tuple[Job, bool]:
        with self._submitting:
            self._sweep()
            job = self._jobs / name
            if job.exists():
                # whoever asks again may listen elsewhere now
                (draft / "callback.json").replace(job / "callback.json")
                if not (job / "error.json").exists():
                    return self._load(job), False
            if self.unfinished() >= self.limits.unfinished_jobs:
                raise TooManyJobsError(
                    f"{self.limits.unfinished_jobs} jobs wait already; try again later"
                )
            if job.exists():
                (job / "error.json").unlink()
            else:
                draft.rename(job)
            self._queue.put(name)
            return self._load(job), True

    def get(self, name: str) -> Job | None:
        """A job by its name, None when there is none."""
        # a path that leads elsewhere is no name
        if not re.fullmatch("[0-9a-f]{32}", name) or not (self._jobs / name).is_dir():
            return None
        return self._load(self._jobs / name)

    def results_of(self, job: Job) -> Path:
        """The results file of a completed job."""
        assert job.results is not None
        return self._jobs / job.id / "results" / job.results.name

    def unfinished(self) -> int:
        """Number of jobs that wait or run."""
        return len(self._unfinished())

    def _unfinished(self) -> list[Path]:
        return [
            job
            for job in self._jobs.glob("[!.]*")
            if not (job / "results").exists() and not (job / "error.json").exists()
        ]

    def _load(self, job: Path) -> Job:
        asked = Manifest.read(_input_of(job))
        if (job / "results").exists():
            [results] = (job / "results").glob("*.csv")
            return Job(asked, "completed", asked.steps, Manifest.read(results))
        if (job / "error.json").exists():
            return Job(asked, "failed", error=json.loads((job / "error.json").read_bytes()))
        ticks_done = self._progress.get(job.name)
        return Job(asked, "queued") if ticks_done is None else Job(asked, "running", ticks_done)

    def _work(self) -> None:
        while True:
            job = self._jobs / self._queue.get()
            try:
                self._do(job)
            except Exception:
                # such as a disk that is too full even to say so: it comes again after the others
                log.exception("The job %s has come to no end", job.name)
                time.sleep(_PAUSE_SECONDS)
                if job in self._unfinished():
                    self._queue.put(job.name)

    def _do(self, job: Path) -> None:
        self._progress[job.name] = 0
        try:
            self._simulate(job)
        except OSError as error:
            log.error("Job %s: %s", job.name, error)
            _write_json(job / "error.json", disk_trouble(error))
        except Exception as error:
            # also a defect: whoever waits must hear of it
            words = str(error) if isinstance(error, SolarModelError) else repr(error)
            _write_json(job / "error.json", words)
        finally:
            del self._progress[job.name]
        callback_url = json.loads((job / "callback.json").read_bytes())
        self.finished(self._load(job), callback_url)

    def _simulate(self, job: Path) -> None:
        draft = job / ".results"
        shutil.rmtree(draft, ignore_errors=True)

        def ticks_done(done: int) -> None:
            self._progress[job.name] = done

        simulate_file(_input_of(job), draft, progress=ticks_done)
        draft.rename(job / "results")

    def _sweep(self) -> None:
        oldest = time.time() - self.limits.kept_hours * 3600
        unfinished = self._unfinished()
        for job in self._jobs.glob("[!.]*"):
            if job not in unfinished and job.stat().st_mtime < oldest:
                shutil.rmtree(job)


def disk_trouble(error: OSError) -> str:
    """What those who ask are told; where files lie here is nobody's business."""
    return f"the runner's disk refuses: {error.strerror or type(error).__name__}"


def _input_of(job: Path) -> Path:
    [households] = job.glob("users_input_*.csv")
    return households


def _read(households: Path) -> Any:
    try:
        return read_users(households)
    except InputError as error:
        raise InputError(
            error.problem,
            file=households.name,  # where it lies here is nobody's business
            line=error.line,
            column=error.column,
            value=error.value,
            expected=error.expected,
            hint=error.hint,
        ) from None


def _write_json(path: Path, value: Any) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(value).encode())
