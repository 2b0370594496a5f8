"""The data dictionary, made from the contracts: ``python -m solar_model.data_dictionary``."""

from __future__ import annotations

from inspect import getdoc
from typing import Any

import pandera.polars as pa
import polars as pl

from solar_model import SCHEMA_VERSION
from solar_model.contracts import (
    RESIDUALS,
    SURPLUS_TOLERANCE_KWH,
    Results,
    UsersInput,
    columns_of,
    limits_in_words,
)
from solar_model.physics import RULES

_TYPES = {
    pl.String: "text",
    pl.Int64: "whole number",
    pl.Float64: "number",
    pl.Datetime: "time",
}

_HEADER = "| column | type | unit | sign | range | condition | default | meaning |"


def markdown() -> str:
    """Markdown page with every column of both files."""
    return f"""# Data dictionary

Made from `solar_model.contracts` by `python -m solar_model.data_dictionary`; schema version
{SCHEMA_VERSION}. Text is UTF-8, columns are separated by commas, the first line is the header.

## `users_input_YYYYMMDD_HHMMSS.csv`

{getdoc(UsersInput)}

{_table(UsersInput)}

Columns with a default may be missing or empty.

## `results_YYYYMMDD_HHMM.csv`

{getdoc(Results)}

{_table(Results)}

Numbers have exactly six decimals. The surplus is accepted within {SURPLUS_TOLERANCE_KWH} kWh.

Across its columns, each row keeps:

{_row_rules()}

Held against the household's row in the input file and the sun over its place, it keeps also:

{_system_rules()}
"""


def _row_rules() -> str:
    checks = {check.name: check.error for check in Results.to_schema().checks}
    rows = [f"| `{name}` | {checks[name]} |" for name in RESIDUALS]
    return "\n".join(["| rule | expected |", "|---|---|", *rows])


def _system_rules() -> str:
    rows = [f"| `{rule.name}` | `{rule.column}` | {rule.expected} |" for rule in RULES]
    return "\n".join(["| rule | column | expected |", "|---|---|---|", *rows])


def _table(model: type[pa.DataFrameModel]) -> str:
    rows = [_row(name, column) for name, column in columns_of(model).items()]
    return "\n".join([_HEADER, "|---" * 8 + "|", *rows])


def _row(name: str, column: Any) -> str:
    about = column.metadata
    cells = (
        f"`{name}`",
        _TYPES[column.dtype.type.base_type()],
        about["unit"],
        about.get("sign", ""),
        limits_in_words(column),
        about.get("condition", ""),
        about.get("default", "" if column.required else "none"),
        column.description,
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(markdown(), end="")
