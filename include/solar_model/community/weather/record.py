"""A run's record of its weather, tick by tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def record_of_tick(record: Any, tick: int) -> Any:
    """What ``Weather.record`` of a run over many ticks would say of a run of one of them.

    Parameters
    ----------
    record : object
        Of the run.
    tick : int
        Index of one of its ticks.
    """
    if not isinstance(record, dict):
        return record
    if "spans" in record:
        for span in record["spans"]:
            first, last = span["ticks"]
            if first <= tick <= last:
                return record_of_tick(span["weather"], tick)
    if "open-meteo" in record:
        known = record["open-meteo"]
        values = known["ticks"].get(str(tick), [])
        here = [(cell, value) for cell, value in zip(known["cells"], values, strict=False) if value]
        return {
            "open-meteo": {
                "cells": [cell for cell, _ in here],
                "ticks": {str(tick): [value for _, value in here]},
            }
        }
    return record


def joint_record(records: Sequence[Any]) -> Any:
    """One record of a tick that several runs have computed, each for its part of the community.

    Parameters
    ----------
    records : sequence of object
        Of each, as `record_of_tick` gives it; where they are of different providers, the first
        counts. What is of a place of its own is taken from all.
    """
    first = records[0]
    if not (isinstance(first, dict) and "open-meteo" in first):
        return first
    parts = [one["open-meteo"] for one in records if isinstance(one, dict) and "open-meteo" in one]
    ticks: dict[str, dict[tuple[float, float], Any]] = {}
    for part in reversed(parts):  # the first has the last word
        for tick, values in part["ticks"].items():
            here = zip(map(tuple, part["cells"]), values, strict=True)
            ticks.setdefault(tick, {}).update({cell: value for cell, value in here if value})
    cells = sorted({cell for known in ticks.values() for cell in known})
    return {
        "open-meteo": {
            "cells": [list(cell) for cell in cells],
            "ticks": {tick: [known.get(cell) for cell in cells] for tick, known in ticks.items()},
        }
    }


def record_of_ticks(record: Any, first: int, last: int) -> Any:
    """A provider's record without the ticks before and after some, for which others spoke.

    Parameters
    ----------
    record : object
        Of one provider.
    first, last : int
        Index of the first and of the last tick.
    """
    if not (isinstance(record, dict) and "open-meteo" in record):
        return record
    known = record["open-meteo"]
    ticks = {at: values for at, values in known["ticks"].items() if first <= int(at) <= last}
    return {"open-meteo": {**known, "ticks": ticks}}
