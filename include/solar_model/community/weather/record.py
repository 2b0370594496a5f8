"""A run's record of its weather, tick by tick."""

from __future__ import annotations

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
