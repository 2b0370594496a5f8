"""Mesa without side effects: its import makes ``spawn`` the way this process starts others.

Airflow forks its tasks from a process that has imported everything; spawned ones import it all
again, which makes a cycle of seconds take minutes.
"""

from __future__ import annotations

import logging
import multiprocessing

_chosen = multiprocessing.get_start_method(allow_none=True)

import mesa  # noqa: E402

multiprocessing.set_start_method(_chosen, force=True)

# It has a line to say for each step.
logging.getLogger("MESA").setLevel(logging.WARNING)

__all__ = ["mesa"]
