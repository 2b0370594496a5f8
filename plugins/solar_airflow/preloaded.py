"""Celery workers import this before they fork: no task imports a heavy library again.

See ``FLEET_TUNING`` in ``solar_stack.airflow``. Airflow tells its plugins of the start of a
scheduler, but not of that of a worker.
"""

from __future__ import annotations

from solar_airflow.preload import preload

preload()
