"""The contracts of the two exchanged files: what they are, and which rows of a frame break them."""

from solar_model.contracts.checks import (
    Breach,
    breaches,
    is_ascending,
    limits_in_words,
    limits_of,
)
from solar_model.contracts.models import (
    ENERGY_COLUMNS,
    EXACT_KWH,
    FLOW_COLUMNS,
    RESIDUALS,
    SURPLUS_TOLERANCE_KWH,
    UUID_PATTERN,
    Results,
    UsersInput,
    columns_of,
    required_columns,
)

__all__ = [
    "ENERGY_COLUMNS",
    "EXACT_KWH",
    "FLOW_COLUMNS",
    "RESIDUALS",
    "SURPLUS_TOLERANCE_KWH",
    "UUID_PATTERN",
    "Breach",
    "Results",
    "UsersInput",
    "breaches",
    "columns_of",
    "is_ascending",
    "limits_in_words",
    "limits_of",
    "required_columns",
]
