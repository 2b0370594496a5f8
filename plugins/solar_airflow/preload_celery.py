"""Celery workers import this before they fork: no task imports a heavy library again.

See ``FLEET_TUNING`` in ``solar_stack.airflow``. Airflow tells its plugins of the start of a
scheduler, but not of that of a worker.
"""

from __future__ import annotations

import gc

from solar_airflow.preload import preload

preload()
# A full collection in a task would look through all of this, and take 0.3 s for it. The executor of
# one machine freezes it by itself before it forks.
gc.freeze()
