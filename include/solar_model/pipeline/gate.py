"""The quality gate: the contract, the physical rules and the suite, before anything is inserted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from solar_model.errors import ResultsError
from solar_model.physics import beside_systems
from solar_model.pipeline.suite import Asked, Validation, evidence, validate
from solar_model.settings import settings
from solar_model.validation import failed_checks


@dataclass(frozen=True)
class Verdict:
    """What becomes of a results file.

    Attributes
    ----------
    validation : Validation
        What Great Expectations said.
    refusal : str or None
        Why nothing of it may be inserted: every failed check with examples.
    """

    validation: Validation
    refusal: str | None

    def raise_if_refused(self) -> None:
        """Raise `ResultsError`, unless the results may be inserted."""
        if self.refusal:
            raise ResultsError(self.refusal)


def judge(results: pl.DataFrame, households: pl.DataFrame, asked: Asked) -> Verdict:
    """Hold results against everything that is known about them.

    Parameters
    ----------
    results : polars.DataFrame
        As :func:`solar_model.files.read_results` reads them.
    households : polars.DataFrame
        The input that they were computed from, as :func:`solar_model.files.read_users` reads it.
    asked : Asked
        What the file must answer.
    """
    beside = beside_systems(results, households, asked.ticks, settings())
    validation = validate(evidence(beside, asked.ticks), asked)
    failures = [str(failure) for failure in failed_checks(results, households, beside)]
    failures += _other_ticks(results, asked.ticks)
    failures += validation.blocking
    refusal = (
        f"{len(failures)} checks failed, nothing will be inserted:\n- " + "\n- ".join(failures)
        if failures
        else None
    )
    return Verdict(validation, refusal)


def _other_ticks(results: pl.DataFrame, ticks: Sequence[datetime]) -> list[str]:
    found = set(results["timestamp"].drop_nulls().unique()) - set(ticks)
    return [f"timestamp: expected the tick that was asked for, found {min(found)}"] if found else []
