"""Agent-based simulation of community solar, and the plain Python of its pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from solar_model.errors import SolarModelError

if TYPE_CHECKING:
    from solar_model.simulation import run_simulation
    from solar_model.validation import validate_results

__all__ = ["SolarModelError", "run_simulation", "validate_results"]

__version__ = "0.2.0"

SCHEMA_VERSION = "1.0"  # of the exchanged files, see solar_model.contracts


def __getattr__(name: str) -> Any:
    # the model's libraries take seconds to import: only when they are used
    if name == "run_simulation":
        from solar_model.simulation import run_simulation

        return run_simulation
    if name == "validate_results":
        from solar_model.validation import validate_results

        return validate_results
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
