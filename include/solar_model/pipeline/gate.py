"""The quality gate: what of a results file may be inserted.

Harmless defects are mended, rows that cannot be believed are set aside with every reason, and a
file that is wrong as a whole is refused. Whatever is left has passed the contract, the rules of
what a system can do, and Great Expectations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from solar_model.errors import ResultsError
from solar_model.pipeline.reasons import reasons, refusal
from solar_model.pipeline.suite import Asked, Validation, evidence, validate
from solar_model.repairs import Mended, Repair, mend_results
from solar_model.validation import Failure, Report, examine
from solar_model.whole_files import Place

# A file that fails one of these is wrong as a whole.
_WHOLE = ("not_empty", "coverage", "stranger")

_QUARANTINE: dict[str, pl.DataType | type[pl.DataType]] = {
    "user_id": pl.String,
    "timestamp": pl.Datetime("us", "UTC"),
    "line": pl.Int64,
    "reasons": pl.List(pl.String),
    "raw": pl.String,
    "household": pl.String,
}


@dataclass(frozen=True)
class Verdict:
    """What becomes of a results file.

    Attributes
    ----------
    accepted : polars.DataFrame
        Rows that may be inserted, mended.
    quarantined : polars.DataFrame
        All rows of households of which one cannot be believed, and households that are missing:
        ``user_id``, ``timestamp``, ``line``, ``reasons``, ``raw`` (the row as JSON, every value as
        text), ``household`` (its row of the input, as JSON).
    repairs : tuple of Repair
        What was mended.
    validation : Validation
        What Great Expectations said about the file as it came.
    refusal : str or None
        Why nothing of it may be inserted; None when something may.
    """

    accepted: pl.DataFrame
    quarantined: pl.DataFrame
    repairs: tuple[Repair, ...]
    validation: Validation
    refusal: str | None

    @property
    def as_it_came(self) -> bool:
        """Whether the accepted rows are those of the file, byte for byte."""
        return not self.repairs and self.quarantined.is_empty()

    def raise_if_refused(self) -> None:
        """Raise `ResultsError`, unless the results may be inserted."""
        if self.refusal:
            raise ResultsError(self.refusal)


def judge(path: Place, users: pl.DataFrame, asked: Asked, limit: float) -> Verdict:
    """Hold a results file against everything that is known about it.

    Parameters
    ----------
    path : str or path-like
        The results: one tick, or several.
    users : polars.DataFrame
        The input that they were computed from, as `read_users` returns it.
    asked : Asked
        What the file must answer.
    limit : float
        Share of households that may be set aside; with more the file is refused.

    Raises
    ------
    InputError
        When it is no CSV file of the contract's columns.
    """
    mended = mend_results(path)
    found = examine(mended.told, users, asked.ticks)
    report = Report((*found.report, *_out_of_order(mended, users, found.report)))
    doubtful = _doubtful(report, mended, users)
    believed = ~mended.told["user_id"].is_in(doubtful.implode()).fill_null(True)

    numbers = evidence(found.beside, asked.ticks)
    validation = validate(numbers, asked)
    problems = list(refusal(_whole(report, doubtful), mended, path))
    if not problems and len(doubtful) > limit * len(users):
        problems = [
            f"{len(doubtful):,} of {len(users):,} households cannot be believed, more than "
            f"SOLAR_QUARANTINE_LIMIT allows ({limit:.2%})",
            *refusal(report, mended, path),
        ]
    if not problems:
        problems += (
            # the totals that the runner told are no longer those of the rows that are left
            validate(
                numbers.filter(believed),
                replace(asked, households=len(users) - len(doubtful), totals_kwh={}, usual_kwh={}),
            ).blocking
            if len(doubtful)
            else validation.blocking
        )
    return Verdict(
        accepted=mended.rows.filter(believed),
        quarantined=_set_aside(report, mended, users, doubtful, believed),
        repairs=mended.repairs,
        validation=validation,
        refusal="\n- ".join(["nothing will be inserted:", *problems]) if problems else None,
    )


def accepted(path: Place, aside: Sequence[str]) -> pl.DataFrame:
    """Rows that a verdict accepted, read again: mended, without the users that are set aside."""
    return mend_results(path).rows.filter(~pl.col("user_id").is_in(list(aside)))


def _doubtful(report: Report, mended: Mended, users: pl.DataFrame) -> pl.Series:
    """Households of the input with a row that cannot be believed.

    All ticks of such a household are set aside: the state of its battery is carried from each row
    into the next.
    """
    rows = report.bad_rows - 1
    named = mended.told["user_id"].gather(rows).drop_nulls().unique()
    return users["user_id"].filter(users["user_id"].is_in(named.implode()))


def _whole(report: Report, doubtful: pl.Series) -> Report:
    """What is wrong with the file as a whole.

    A household whose row cannot be read is not missing.
    """
    kept = []
    for failure in report:
        if failure.check == "coverage":
            missing = failure.rows.filter(~pl.col("user_id").is_in(doubtful.implode()))
            failure = replace(failure, rows=missing)
            if missing.is_empty():
                continue
        if failure.check in _WHOLE:
            kept.append(failure)
    return Report(tuple(kept))


def _out_of_order(mended: Mended, users: pl.DataFrame, report: Report) -> list[Failure]:
    """Rows that stand where another household's row belongs: whose are the numbers?"""
    if any(failure.check in _WHOLE for failure in report):
        return []  # every row would be
    doubtful = _doubtful(report, mended, users)
    rows = mended.told.select("user_id").with_row_index("row", offset=1).cast({"row": pl.Int64})
    rows = rows.filter(~pl.col("user_id").is_in(doubtful.implode()))
    order = users["user_id"].filter(~users["user_id"].is_in(doubtful.implode()))
    if order.is_empty() or len(rows) % len(order):
        return []
    ticks = len(rows) // len(order)
    expected = pl.concat([order] * ticks) if ticks else order.clear()
    misplaced = rows.filter(pl.Series(rows["user_id"] != expected))
    words = "expected the households in the order of the input"
    return [Failure("row_order", words, misplaced, "user_id")] if len(misplaced) else []


def _set_aside(
    report: Report,
    mended: Mended,
    users: pl.DataFrame,
    doubtful: pl.Series,
    believed: pl.Series,
) -> pl.DataFrame:
    rows = pl.DataFrame({"row": (~believed).arg_true().cast(pl.Int64)})
    index = rows["row"]
    own = rows.join(reasons(report, mended), on="row", how="left", maintain_order="left")
    texts = mended.as_text(index)
    present = pl.DataFrame(
        {
            "user_id": texts["user_id"],
            "timestamp": mended.rows["timestamp"].gather(index),
            "line": mended.line.gather(index),
            "reasons": own["reasons"].fill_null(
                pl.Series([["another row of this household cannot be believed"]])
            ),
            "raw": texts.select(pl.struct(pl.all()).struct.json_encode()).to_series(),
        },
        schema_overrides={name: _QUARANTINE[name] for name in ("line", "reasons")},
    )
    missing = [
        failure.rows.select(
            "user_id",
            "timestamp",
            line=pl.lit(None, pl.Int64),
            reasons=pl.concat_list(pl.lit("the results have no row of this household")),
            raw=pl.lit("{}"),
        )
        for failure in _whole(report, doubtful)
        if failure.check == "coverage"
    ]
    aside = pl.concat([present, *missing])
    # of these few, not of the whole community
    systems = users.join(aside.select("user_id"), on="user_id", how="semi").select(
        "user_id", household=pl.struct(pl.all()).struct.json_encode()
    )
    return aside.join(systems, on="user_id", how="left", maintain_order="left").select(*_QUARANTINE)
