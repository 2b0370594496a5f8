"""Small communities for tests."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import polars as pl

from solar_model.community.households import Households


def user_ids(n: int) -> list[str]:
    return [str(UUID(int=0xABCD_EF00_0000_4000_8000_0000_0000_0000 + i)) for i in range(n)]


def households(**columns: Any) -> Households:
    """Households of one kind, but for the columns that are named."""
    n = len(next(iter(columns.values())))
    usual = {
        "panel_wattage_w": 400.0,
        "panel_count": 20.0,
        "battery_capacity_kwh": 10.0,
        "battery_soc_kwh": 5.0,
        "inverter_capacity_kw": 8.0,
        "household_size": 3.0,
        "latitude_deg": 52.5,
        "longitude_deg": 13.4,
        "tilt_deg": 30.0,
        "azimuth_deg": 180.0,
    }
    return Households(
        user_id=pl.Series("user_id", user_ids(n)),
        timezone=np.zeros(n, dtype=np.int64),
        timezones=("Europe/Berlin",),
        **({name: np.full(n, value) for name, value in usual.items()} | columns),
    )
