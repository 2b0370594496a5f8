"""Weather of a file: a year that is matched by month, day and time of day, whatever the year."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from solar_model.community.sun import Sun, location_cells
from solar_model.community.weather.files import WeatherFile, day_of_common_year, read_weather_file
from solar_model.community.weather.sky import Sky, follow_clear_sky, over_cells
from solar_model.errors import WeatherError
from solar_model.ticks import TICKS_PER_DAY, tick_start


class TypicalYear:
    """Weather from a TMY3, EPW or CSV file.

    The file's row gives the energy of its interval. Within the interval, and from the file's site
    to the cells around it, irradiance follows the clear sky: the beam that of DNI, global and
    diffuse light that of GHI. At the site itself each row's energy is kept; a CSV names no site,
    so there every cell counts as the site. Temperature and wind are the row's.

    Parameters
    ----------
    path : path
        The file.
    sha256 : str, optional
        Checksum that the file must have, as a record of an earlier run holds it.

    Raises
    ------
    WeatherError
        When the file cannot be read, or is not the recorded one.
    InputError
        When its content breaks its format.
    """

    def __init__(self, path: str | Path, sha256: str | None = None) -> None:
        self._path = Path(path)
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise WeatherError(f"weather file {path} cannot be read: {error.strerror}") from error
        self._sha256 = hashlib.sha256(content).hexdigest()
        if sha256 is not None and sha256 != self._sha256:
            raise WeatherError(
                f"weather file {path} is not the one of the recorded run: its SHA-256 is "
                f"{self._sha256}, recorded was {sha256}. Put the recorded file back, or name "
                "another weather."
            )
        self._file = _read_once(str(self._path), self._sha256)
        self._site = None if self._file.site is None else location_cells(*self._file.site)[:2]

    @property
    def name(self) -> str:
        """``file:`` and the path."""
        return f"file:{self._path}"

    def sky(self, tick: int, sun: Sun) -> Sky:
        """The file's weather of the tick's month, day and time of day."""
        file = self._file
        local_tick = tick + file.utc_offset_ticks
        start = tick_start(local_tick)
        quarter = local_tick % TICKS_PER_DAY
        day = int(day_of_common_year(start.month, start.day))
        row = file.rows[day, quarter // file.ticks_per_row]
        if np.isnan(row).any():
            raise WeatherError(
                f"weather file {self._path} has no weather for {start:%d %B %H:%M} "
                f"(UTC{file.utc_offset_ticks / 4:+g})"
            )
        ghi, dni, dhi, temp_air, wind_speed = row.tolist()
        return Sky(
            *follow_clear_sky(
                (ghi, dni, dhi),
                first_tick=tick - quarter % file.ticks_per_row,
                ticks=file.ticks_per_row,
                site=self._site or (sun.latitude_deg, sun.longitude_deg),
                sun=sun,
            ),
            temp_air_c=over_cells(sun, temp_air),
            wind_speed_m_s=over_cells(sun, wind_speed),
        )

    def record(self) -> dict[str, str]:
        """The path, and the checksum that holds the file to it."""
        return {"file": str(self._path), "sha256": self._sha256}


@lru_cache(maxsize=8)
def _read_once(path: str, sha256: str) -> WeatherFile:  # noqa: ARG001
    return read_weather_file(Path(path))
