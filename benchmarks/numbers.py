"""What follows from the measurements."""

from __future__ import annotations

import statistics
from itertools import pairwise
from typing import Any

SIMULATION = "run_simulation"
Results = dict[str, Any]


def path_s(tasks: dict[str, dict[str, float]]) -> float:
    """Seconds of a cycle's tasks without the simulation."""
    return sum(task["total_s"] for name, task in tasks.items() if name != SIMULATION)


def floor_s(part: Results) -> float:
    """Seconds that Postgres alone takes for the households out and the rows in."""
    return float(part["floor"]["query_s"] + part["floor"]["copy_s"])


def original_path_s(results: Results) -> float:
    """Seconds per household of the original way, without the simulation."""
    original = results["original"]
    total = sum(
        seconds
        for name, seconds in original["tasks"].items()
        if name.endswith("_s") and not name.endswith("_cpu_s") and name != f"{SIMULATION}_s"
    )
    return float(total / original["households"])


def growth_ratio(growth: list[dict[str, float]]) -> float:
    """How much longer the last third of the inserts takes than the first third: medians."""
    third = max(len(growth) // 3, 1)
    first, last = (
        statistics.median(part["insert_s"] for part in parts)
        for parts in (growth[:third], growth[-third:])
    )
    return last / first


def each_further_us(seconds: dict[int, float]) -> list[float | None]:
    """What each household adds [µs], by size, to a community of the size before; None at first."""
    sizes = sorted(seconds)
    added = [
        (seconds[size] - seconds[less]) / (size - less) * 1e6 for less, size in pairwise(sizes)
    ]
    return [None, *added]


def all_cpu_s(tasks: dict[str, dict[str, float]]) -> float:
    """Processor seconds of a cycle's tasks and of Postgres for them, without the simulation."""
    return sum(
        task["total_cpu_s"] + task["server_cpu_s"]
        for name, task in tasks.items()
        if name != SIMULATION
    )


def floor_cpu_s(part: Results) -> float:
    """Processor seconds that Postgres alone takes; the system counts in hundredths."""
    return max(float(part["floor"]["query_cpu_s"] + part["floor"]["copy_cpu_s"]), 0.01)
