"""Airflow's LocalExecutor, for a scheduler that somebody starts again when it ends."""

from __future__ import annotations

import os
import sys
from multiprocessing import connection

from airflow.executors import local_executor

# How long a run that somebody asks for may wait until it is seen, when no task ends before.
LONGEST_WAIT_SECONDS = 0.5


class LocalExecutor(local_executor.LocalExecutor):
    """Wakes the scheduler when a task ends, and ends it when a worker was killed."""

    def sync(self) -> None:
        """Wait here for what the scheduler waits for, so that its loop need not sleep.

        A scheduler that sleeps sees the end of each task late; one that sleeps for a tenth of a
        second, to see it sooner, keeps a third of a processor busy with looking.
        """
        results = self.result_queue._reader  # type: ignore[attr-defined]
        ends = [worker.sentinel for worker in self.workers.values()]
        connection.wait([results, *ends], LONGEST_WAIT_SECONDS)
        super().sync()

    def _check_workers(self) -> None:
        """End the scheduler when one of its workers was killed.

        The workers share one queue. Who is killed while it waits there dies with the queue's lock,
        and then nobody ever gets a task again, though all else looks well. The next scheduler
        takes up at once what was running.
        """
        dead = [pid for pid, worker in self.workers.items() if not worker.is_alive()]
        if dead:
            self.log.critical("Workers %s ended; the scheduler ends, to be started again", dead)
            sys.stdout.flush()
            # no good-bye: that would wait for workers who wait for the queue
            os._exit(os.EX_SOFTWARE)
        super()._check_workers()  # type: ignore[no-untyped-call]
