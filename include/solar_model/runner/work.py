"""What every runner does: simulate what a manifest asks for, and say what the results answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from solar_model.manifest import Manifest
from solar_model.simulation import run_simulation


def simulate_file(
    households: Path, folder: Path, *, progress: Callable[[int], object] | None = None
) -> Path:
    """Simulate what the manifest of an input file asks for.

    Parameters
    ----------
    households : path
        Input file, its manifest beside it: tick, steps, seed and weather.
    folder : path
        Where the results go; nobody may read there yet.
    progress : callable, optional
        Called after each tick with the number of ticks done.

    Returns
    -------
    path
        The results. Their manifest names the weather that was really used, which, given back as
        ``weather``, repeats the run, and the request that they answer.
    """
    asked = Manifest.read(households)
    results = folder / asked.results_name
    run_simulation(
        households,
        results,
        steps=asked.steps,
        start_time=asked.tick,
        weather=asked.weather,
        seed=asked.seed,
        progress=progress,
    )
    replace(Manifest.read(results), answers=asked.request_id).write(results)
    return results
