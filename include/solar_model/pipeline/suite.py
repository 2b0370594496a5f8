"""The Great Expectations suite of the results: the contract, the physical rules, the drift.

Great Expectations looks at a frame of numbers: the energies, and for each rule by how much a row
keeps or misses it. Names of households are not among them: they would cost most of its time, and
whoever reads a validation need not learn who lives where. What it finds names a rule and numbers;
the rows behind them are found by :mod:`solar_model.validation`, from the same rules.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeGuard

import polars as pl
from numpy.typing import NDArray

from solar_model.contracts import (
    ENERGY_COLUMNS,
    FLOW_COLUMNS,
    RESIDUALS,
    Results,
    columns_of,
    is_ascending,
    limits_of,
)
from solar_model.physics import RULES

# Each total of a manifest is rounded to a millionth, and so many small numbers were added.
TOTAL_TOLERANCE_KWH = 1e-5
_EXAMPLES = 3

Bounds = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Asked:
    """What a results file must answer.

    Attributes
    ----------
    households : int
        Households of the input file: each has one row in each tick.
    ticks : sequence of datetime.datetime
        In order.
    totals_kwh : mapping of str to float
        What the runner says that the rows sum up to; empty when it says nothing.
    usual_kwh : mapping of str to (float, float)
        Least and greatest sum that is no surprise after the days before; empty without a history.
    """

    households: int
    ticks: Sequence[datetime]
    totals_kwh: Mapping[str, float] = field(default_factory=dict)
    usual_kwh: Bounds = field(default_factory=dict)


@dataclass(frozen=True)
class Validation:
    """What Great Expectations found.

    Attributes
    ----------
    blocking, warnings : tuple of str
        Expectations that failed, in words: those that stop the file, and those that do not.
    passed : int
        Number of expectations that were met.
    statistics : dict
        Its own account, in numbers.
    outcome : great_expectations.core.ExpectationSuiteValidationResult
        All of it.
    """

    blocking: tuple[str, ...]
    warnings: tuple[str, ...]
    passed: int
    statistics: dict[str, Any]
    outcome: Any

    @property
    def result(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        account = json.dumps(self.outcome.to_json_dict())
        # Postgres knows no infinity in JSON: as text
        told: dict[str, Any] = json.loads(account, parse_constant=str)
        return told

    @property
    def page(self) -> str:
        """All of it, as a page of Data Docs (HTML)."""
        gx, _ = great_expectations()
        content = gx.render.renderer.ValidationResultsPageRenderer().render(self.outcome)
        return str(page_view().render(content))

    @property
    def succeeded(self) -> bool:
        """Whether no blocking expectation failed."""
        return not self.blocking


def great_expectations() -> tuple[Any, Any]:
    """Import Great Expectations and its expectations: seconds, so only where they are used."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # it calls home at import
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    import great_expectations.execution_engine.pandas_execution_engine as engine
    import great_expectations.expectations as expect
    import great_expectations.render.renderer
    import great_expectations.render.view

    # of frames below so many bytes it takes a fingerprint, twice: a sixth of the gate's time
    engine.HASH_THRESHOLD = 0
    # before each sum it asks one number after the other whether it is a Decimal: a quarter
    gx.util.does_ndarray_contain_decimal_dtype = _holds_decimals
    return gx, expect


@cache
def page_view() -> Any:
    """What makes a page of a validation, its templates compiled: that takes longer than a page."""
    gx, _ = great_expectations()
    view = gx.render.view.DefaultJinjaPageView()
    for name in view.env.list_templates(extensions=["j2"]):
        view.env.get_template(name)
    return view


def _holds_decimals(data: NDArray[Any]) -> TypeGuard[NDArray[Any]]:
    return data.dtype == object and any(isinstance(value, Decimal) for value in data)


def evidence(beside: pl.DataFrame, ticks: Sequence[datetime]) -> pl.DataFrame:
    """The numbers that the suite looks at, one row per row of results.

    Parameters
    ----------
    beside : polars.DataFrame
        From :func:`solar_model.physics.beside_systems`.
    ticks : sequence of datetime.datetime
        Ticks that were asked for.
    """
    asked = pl.Series(ticks, dtype=pl.Datetime("us", "UTC")).implode()
    again = pl.struct("user_id", "timestamp").is_duplicated()
    if is_ascending(beside, "timestamp", "user_id"):
        again = pl.lit(False)
    # marks as float64: other columns Great Expectations compares one Python number at a time
    return beside.select(
        *ENERGY_COLUMNS,
        *(residual.alias(f"{name}_residual_kwh") for name, (residual, _) in RESIDUALS.items()),
        *(rule.headroom_kwh.alias(f"{rule.name}_headroom_kwh") for rule in RULES),
        known_household=pl.col("battery_capacity_kwh").is_not_null().cast(pl.Float64),
        asked_tick=pl.col("timestamp").is_in(asked).fill_null(False).cast(pl.Float64),
        repeated=again.cast(pl.Float64),
    )


def suite(asked: Asked) -> Any:
    """The expectations of a results file, as Great Expectations knows them."""
    gx, expect = great_expectations()
    between, total = expect.ExpectColumnValuesToBeBetween, expect.ExpectColumnSumToBeBetween
    columns = columns_of(Results)
    marks = ("known_household", "asked_tick", "repeated")
    rules = [f"{rule.name}_headroom_kwh" for rule in RULES]
    residuals = {f"{name}_residual_kwh": bound for name, (_, bound) in RESIDUALS.items()}
    blocking = [
        expect.ExpectTableColumnsToMatchSet(
            column_set=[*ENERGY_COLUMNS, *residuals, *rules, *marks], exact_match=True
        ),
        expect.ExpectTableRowCountToEqual(value=asked.households * len(asked.ticks)),
        between(column="known_household", min_value=1),
        between(column="asked_tick", min_value=1),
        between(column="repeated", max_value=0),
        *(expect.ExpectColumnValuesToNotBeNull(column=name) for name in ENERGY_COLUMNS),
        *(between(column=name, **limits_of(columns[name])) for name in ENERGY_COLUMNS),
        *(
            between(column=name, min_value=-bound, max_value=bound)
            for name, bound in residuals.items()
        ),
        *(
            between(column=name, min_value=0, meta=_notes(rule.expected))
            for name, rule in zip(rules, RULES, strict=True)
        ),
        *(
            total(
                column=name,
                min_value=value - TOTAL_TOLERANCE_KWH,
                max_value=value + TOTAL_TOLERANCE_KWH,
                meta=_notes("the sum that the runner's manifest tells"),
            )
            for name, value in asked.totals_kwh.items()
            if name in FLOW_COLUMNS
        ),
    ]
    warnings = [
        total(
            column=name,
            min_value=low,
            max_value=high,
            severity="warning",
            meta=_notes("like the same time of the days before"),
        )
        for name, (low, high) in asked.usual_kwh.items()
    ]
    return gx.ExpectationSuite(name="results", expectations=blocking + warnings)


def _notes(words: str) -> dict[str, Any]:
    return {"notes": {"format": "string", "content": words}}


def validate(numbers: pl.DataFrame, asked: Asked) -> Validation:
    """Run the suite on what :func:`evidence` gives."""
    gx, _ = great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("results")
        .add_dataframe_asset("results")
        .add_batch_definition_whole_dataframe("ticks")
        .get_batch({"dataframe": numbers.to_pandas()})
    )
    outcome = batch.validate(suite(asked), result_format="BASIC")
    for result in outcome.results:
        seen = result.result.get("observed_value")
        if hasattr(seen, "item"):  # Data Docs cannot show the numbers of numpy 2
            result.result["observed_value"] = seen.item()
    failed = [result for result in outcome.results if not result.success]
    told = {
        kind: tuple(_in_words(one) for one in failed if _severity(one) == kind)
        for kind in ("critical", "warning")
    }
    statistics = {
        **outcome.statistics,
        "rows": len(numbers),
        "blocking": len(told["critical"]),
        "warnings": len(told["warning"]),
    }
    return Validation(
        blocking=told["critical"],
        warnings=told["warning"],
        passed=len(outcome.results) - len(failed),
        statistics=statistics,
        outcome=outcome,
    )


def _severity(result: Any) -> str:
    return "warning" if result.expectation_config.severity == "warning" else "critical"


def _in_words(result: Any) -> str:
    asked = result.expectation_config
    about = {k: v for k, v in asked.kwargs.items() if k not in ("batch_id", "column")}
    found = ", ".join(map(str, _found(result)))
    count = result.result.get("unexpected_count")
    return (
        f"Great Expectations: {asked.type}"
        + (f" on {asked.kwargs['column']}" if "column" in asked.kwargs else "")
        + f" {about}"
        + (f": {count:,} rows, such as " if count is not None else ": found ")
        + found
    )


def _found(result: Any) -> Iterator[Any]:
    told = result.exception_info
    # of the expectation, or of each number that it could not be given
    troubles = [one for one in (told, *told.values()) if isinstance(one, dict)]
    if messages := {one["exception_message"] for one in troubles if one.get("exception_message")}:
        yield from sorted(messages)
    elif "partial_unexpected_list" in result.result:
        yield from result.result["partial_unexpected_list"][:_EXAMPLES]
    else:
        yield result.result.get("observed_value")
