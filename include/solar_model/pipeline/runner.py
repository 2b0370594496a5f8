"""The local runner: fetches a tick's input from the exchange, simulates it, and puts results back.

A remote runner does the same with the same files, and its results are the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from solar_model.files import Manifest
from solar_model.pipeline.connections import Lookup, from_environment
from solar_model.pipeline.exchange import open_exchange
from solar_model.pipeline.references import FileReference
from solar_model.simulation import run_simulation
from solar_model.ticks import parse_tick, results_file_name


def simulate(
    uploaded: FileReference, desk: Path, connections: Lookup = from_environment
) -> FileReference:
    """Simulate what the manifest of an input file in an exchange asks for.

    Parameters
    ----------
    uploaded : FileReference
        The input file in an exchange; its manifest names tick, seed and weather.
    desk : path
        Folder for the runner's own copies.
    connections : callable
        Gives the exchange's connection.

    Returns
    -------
    FileReference
        The results in the same exchange; their manifest names the weather that was really used,
        which, given back as ``weather``, repeats the run.
    """
    exchange = open_exchange(uploaded.exchange, connections)
    households = exchange.get(uploaded.name, desk).path
    asked = Manifest.read(households)
    output = desk / results_file_name(parse_tick(asked.tick))
    run_simulation(
        households,
        output,
        steps=asked.steps,
        start_time=asked.tick,
        weather=asked.weather,
        seed=asked.seed,
    )
    return exchange.put(output)
