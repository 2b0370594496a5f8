"""Where something was measured: the machine, and the versions of what ran."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

LIBRARIES = (
    *("apache-airflow-core", "great-expectations", "mesa", "numpy", "pandas", "pandera", "polars"),
    *("psycopg", "pvlib"),
)


def machine(postgres_version: str) -> dict[str, str]:
    """What the numbers depend on."""
    return {
        "measured": datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processors": f"{os.cpu_count()} × {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        # of programs that want a processor: more than there are, and seconds are too long
        "other load": f"{os.getloadavg()[0]:.1f} on average of a minute",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Postgres": postgres_version,
        **{name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else []
    return names[0] if names else platform.machine()
