"""Real weather without a network."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from solar_stack.errors import StackError


def typical_year() -> Path:
    """The typical meteorological year of Greensboro, North Carolina, that pvlib brings."""
    pvlib = find_spec("pvlib")
    if pvlib is None or not pvlib.submodule_search_locations:
        raise StackError("pvlib is not installed. Start with make, which installs what is needed.")
    return Path(pvlib.submodule_search_locations[0]) / "data" / "723170TYA.CSV"
