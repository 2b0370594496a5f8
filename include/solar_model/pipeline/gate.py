"""The quality gate: the contract and the Great Expectations suite, before anything is inserted."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from solar_model.contracts import SURPLUS_TOLERANCE_KWH, UUID_PATTERN, Results, columns_of
from solar_model.errors import ResultsError
from solar_model.ticks import TIMESTAMP_FORMAT, timestamp_text
from solar_model.validation import validate_results

_DATE_PATTERN = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIMESTAMP_PATTERN = rf"^{_DATE_PATTERN}T(?:[01]\d|2[0-3]):(?:00|15|30|45):00$"
_NEVER_NEGATIVE = ("generation_kwh", "consumption_kwh", "grid_import_kwh", "grid_export_kwh")
_EXAMPLES = 3


def suite(households: int, tick: datetime) -> Any:
    """The expectations that a tick's results must meet, as Great Expectations knows them.

    Parameters
    ----------
    households : int
        Households of the input file: each has exactly one row.
    tick : datetime.datetime
        The tick that was asked for.
    """
    gx, expect = great_expectations()
    return gx.ExpectationSuite(
        name="results",
        expectations=[
            expect.ExpectTableColumnsToMatchSet(
                column_set=[*columns_of(Results), *_RESIDUALS], exact_match=True
            ),
            expect.ExpectTableRowCountToEqual(value=households),
            expect.ExpectColumnValuesToBeUnique(column="user_id"),
            expect.ExpectColumnValuesToMatchRegex(column="user_id", regex=UUID_PATTERN),
            expect.ExpectColumnValuesToMatchRegex(column="timestamp", regex=_TIMESTAMP_PATTERN),
            expect.ExpectColumnValuesToBeInSet(
                column="timestamp", value_set=[timestamp_text(tick)]
            ),
            *(expect.ExpectColumnValuesToNotBeNull(column=name) for name in columns_of(Results)),
            *(
                expect.ExpectColumnValuesToBeBetween(column=name, min_value=0)
                for name in _NEVER_NEGATIVE
            ),
            *(
                expect.ExpectColumnValuesToBeBetween(
                    column=name, min_value=-SURPLUS_TOLERANCE_KWH, max_value=SURPLUS_TOLERANCE_KWH
                )
                for name in _RESIDUALS
            ),
        ],
    )


# What should be zero: Great Expectations looks at single columns fastest.
_RESIDUALS = {
    "surplus_residual_kwh": pl.col("surplus_kwh")
    - (pl.col("generation_kwh") - pl.col("consumption_kwh")),
    "balance_residual_kwh": pl.col("generation_kwh")
    + pl.col("battery_discharge_kwh")
    + pl.col("grid_import_kwh")
    - pl.col("consumption_kwh")
    - pl.col("battery_charge_kwh")
    - pl.col("grid_export_kwh"),
}


def great_expectations() -> tuple[Any, Any]:
    """Import Great Expectations and its expectations: seconds, so only where they are used."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # it calls home at import
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    import great_expectations.expectations as expect

    return gx, expect


def check(results: pl.DataFrame, households: pl.DataFrame, tick: datetime) -> int:
    """Check a tick's results against the contract and the suite.

    Parameters
    ----------
    results : polars.DataFrame
        As :func:`solar_model.files.read_results` reads them.
    households : polars.DataFrame
        The input that they were computed from.
    tick : datetime.datetime
        The tick that was asked for.

    Returns
    -------
    int
        Number of checks that were made and passed by the suite.

    Raises
    ------
    ResultsError
        Lists every failed check with examples.
    """
    report = validate_results(results, households)
    failures = [str(failure) for failure in report]
    outcome = run_suite(results, len(households), tick)
    failures += list(_failed(outcome))
    if failures:
        raise ResultsError(
            f"{len(failures)} checks failed, nothing will be inserted:\n- " + "\n- ".join(failures)
        )
    return len(outcome.results)


def run_suite(results: pl.DataFrame, households: int, tick: datetime) -> Any:
    """Great Expectations' own result for a tick's results."""
    gx, _ = great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    frame = results.with_columns(
        timestamp=pl.col("timestamp").dt.strftime(TIMESTAMP_FORMAT), **_RESIDUALS
    ).to_pandas()
    batch = (
        context.data_sources.add_pandas("results")
        .add_dataframe_asset("results")
        .add_batch_definition_whole_dataframe("tick")
        .get_batch({"dataframe": frame})
    )
    return batch.validate(suite(households, tick), result_format="BASIC")


def _failed(outcome: Any) -> Iterator[str]:
    for result in outcome.results:
        if not result.success:
            asked = result.expectation_config
            rule = {k: v for k, v in asked.kwargs.items() if k not in ("batch_id", "column")}
            column = asked.kwargs.get("column")
            found = result.result.get("partial_unexpected_list") or [
                result.result.get("observed_value")
            ]
            count = result.result.get("unexpected_count")
            yield (
                f"Great Expectations: {asked.type}"
                + (f" on {column}" if column else "")
                + (f" {rule}" if rule else "")
                + (f": {count:,} rows, such as " if count is not None else ": found ")
                + ", ".join(repr(value) for value in found[:_EXAMPLES])
            )
