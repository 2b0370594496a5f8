"""Airflow's LocalExecutor, for a scheduler that somebody starts again when it ends."""

from __future__ import annotations

import os
import sys

from airflow.executors import local_executor


class LocalExecutor(local_executor.LocalExecutor):
    """Ends the scheduler when one of its workers was killed.

    The workers share one queue. Who is killed while it waits there dies with the queue's lock, and
    then nobody ever gets a task again, though all else looks well. The next scheduler takes up at
    once what was running.
    """

    def _check_workers(self) -> None:
        dead = [pid for pid, worker in self.workers.items() if not worker.is_alive()]
        if dead:
            self.log.critical("Workers %s ended; the scheduler ends, to be started again", dead)
            sys.stdout.flush()
            # no good-bye: that would wait for workers who wait for the queue
            os._exit(os.EX_SOFTWARE)
        super()._check_workers()  # type: ignore[no-untyped-call]
