"""Why rows cannot be believed, in words.

For the quarantine, where each row has all its reasons, and for the message of a file that is
refused, which names the first row of each.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from solar_model.contracts import RESIDUALS
from solar_model.errors import InputError
from solar_model.repairs import Mended
from solar_model.validation import Failure, Report
from solar_model.whole_files import Place


def reasons(report: Report, mended: Mended) -> pl.DataFrame:
    """All reasons of each row that fails a check.

    Returns
    -------
    polars.DataFrame
        ``row``, counted from 0, and ``reasons``, a list of text; in the rows' order.
    """
    parts = [pl.DataFrame(schema={"row": pl.Int64, "reason": pl.String})]
    parts += [_of(failure, mended) for failure in report if "row" in failure.rows.columns]
    return (
        pl.concat(parts)
        .group_by("row", maintain_order=True)
        .agg(pl.col("reason").alias("reasons"))
        .sort("row")
    )


def _of(failure: Failure, mended: Mended) -> pl.DataFrame:
    rows = (failure.rows["row"] - 1).alias("row")
    subject = "user_id" if failure.check == "unique" else failure.column or failure.check
    values = _values(failure, mended, rows)
    return pl.DataFrame({"row": rows, "value": values}).select(
        "row",
        pl.format(
            f"{subject} {{}}, {{}} (rule {failure.check})", "value", pl.lit(failure.message)
        ).alias("reason"),
    )


def _values(failure: Failure, mended: Mended, rows: pl.Series) -> pl.Series:
    """What was found, as the end of "subject …"."""
    if failure.check == "unique":
        again = pl.DataFrame(
            {
                "user_id": mended.told["user_id"].gather(rows),
                "timestamp": mended.told["timestamp"].gather(rows),
                "line": mended.line.gather(rows),
            }
        )
        lines = pl.col("line").cast(pl.String).str.join(", ").over("user_id", "timestamp")
        return again.select(pl.format("appears in lines {}", lines)).to_series()
    if failure.check in RESIDUALS:
        residual = mended.rows[rows].select(RESIDUALS[failure.check][0].round(6)).to_series()
        return "is off by " + residual.cast(pl.String).fill_null("?") + " kWh"
    column = failure.column or "user_id"
    return "is " + mended.as_text(rows)[column].fill_null("empty")


def refusal(report: Report, mended: Mended, path: Place) -> Iterator[str]:
    """Each failed check with its first row: file, line, column, value, and what was expected.

    Households that are missing have no line; how many there are is said, not who they are: the
    message goes into logs.
    """
    for failure in report:
        if "row" not in failure.rows.columns:
            missing = f"{len(failure.rows):,} rows are missing" if len(failure.rows) else "no rows"
            yield str(InputError(missing, file=path, expected=_expected(failure)))
            continue
        rows = failure.rows["row"] - 1
        first, others = int(rows[0]), len(rows) - 1
        yield str(
            InputError(
                f"rule {failure.check}",
                file=path,
                line=int(mended.line[first]),
                column=failure.column,
                value=_values(failure, mended, rows.head(1))[0].removeprefix("is "),
                expected=_expected(failure),
                hint=f"The same is wrong in {others:,} more rows" if others else None,
            )
        )


def _expected(failure: Failure) -> str:
    return failure.message.removeprefix("expected ")
