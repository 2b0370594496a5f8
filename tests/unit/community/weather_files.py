"""Weather files for tests: the year of Greensboro that pvlib brings, in other formats."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pvlib

from solar_model.community.weather.tables import COLUMNS

TMY3 = Path(str(files(pvlib) / "data" / "723170TYA.CSV"))
OFFSET_H = -5


def write_epw(
    path: Path,
    rows: np.ndarray,
    *,
    latitude: Any = 36.1,
    longitude: Any = -79.95,
    zone: Any = OFFSET_H,
) -> Path:
    """Real weather in the clothes of EnergyPlus: 35 columns, hours 1 to 24."""
    with path.open("w", newline="", encoding="latin-1") as file:
        writer = csv.writer(file)
        station = ["Greensboro", "NC", "USA", "TMY3", "723170"]
        writer.writerow(["LOCATION", *station, latitude, longitude, zone, 273])
        for title in ("DESIGN CONDITIONS", "TYPICAL/EXTREME PERIODS", "GROUND TEMPERATURES"):
            writer.writerow([title, 0])
        writer.writerow(["HOLIDAYS/DAYLIGHT SAVINGS", "No", 0, 0, 0])
        writer.writerow(["COMMENTS 1", "température"])
        writer.writerow(["COMMENTS 2", ""])
        writer.writerow(["DATA PERIODS", 1, 1, "Data", "Sunday", "1/ 1", "12/31"])
        for at, (ghi, dni, dhi, temp_air, wind_speed) in enumerate(rows):
            when = datetime(2001, 1, 1) + timedelta(hours=at)
            row = [when.year, when.month, when.day, when.hour + 1, 60, "?"]
            row += [temp_air, 10, 50, 101325, 0, 0, 300, ghi, dni, dhi, 0, 0, 0, 0, 180]
            writer.writerow([*row, wind_speed, *[0] * 13])
    return path


def write_csv(path: Path, stamps: pd.DatetimeIndex, values: np.ndarray) -> Path:
    frame = pd.DataFrame(values, columns=list(COLUMNS))
    frame.insert(0, "timestamp", [stamp.isoformat() for stamp in stamps])
    frame.to_csv(path, index=False)
    return path


def day_rows() -> str:
    """Rows of a CSV for a bright day of June, without their header."""
    return "".join(f"2024-06-11T{hour:02}:00:00,500,400,200,15,2\n" for hour in range(24))
