"""Weather of a file: a year that is matched by month, day and time of day, whatever the year."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from solar_model.community.sun import Sun, location_cells, sun_at
from solar_model.community.weather.files import WeatherFile, read_weather_file
from solar_model.community.weather.sky import (
    MAX_CLEAR_SKY_INDEX,
    Floats,
    Sky,
    follow_clear_sky,
    over_cells,
)
from solar_model.community.weather.tables import COLUMNS, day_of_common_year
from solar_model.errors import InputError, WeatherError
from solar_model.ticks import TICKS_PER_DAY, tick_index, tick_start

log = logging.getLogger(__name__)

# Of global and beam light together. Sound files lose up to 0.4 %; with a zone that is an hour off
# they lose 1.1 to 5.5 %, with two hours 6 to 15 %. Files that a program has made of others are off
# by some of it, and are used.
NOTED_LOST_LIGHT = 0.01
MAX_LOST_LIGHT = 0.1
# Enough days to tell those apart; more would only make opening slower.
_DAYS_LOOKED_AT = 23
# An hour of the sun.
FAR_DEG = 15.0
_COMMON_YEAR = tick_index(datetime(2023, 1, 1, tzinfo=UTC))


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
        When its content breaks its format, or its light does not fit its place and time zone.
    """

    def __init__(self, path: str | Path, sha256: str | None = None) -> None:
        self._path = Path(path)
        # what is read only once, or never ends: a pipe of the shell, a terminal
        if self._path.is_fifo() or self._path.is_char_device():
            raise WeatherError(f"weather file {path} cannot be read: it is no ordinary file")
        try:
            content = self._path.read_bytes()
        except (OSError, ValueError) as error:  # no path has a NUL byte
            reason = getattr(error, "strerror", None) or error
            raise WeatherError(f"weather file {path} cannot be read: {reason}") from error
        self._sha256 = hashlib.sha256(content).hexdigest()
        if sha256 is not None and sha256 != self._sha256:
            raise WeatherError(
                f"weather file {path} is not the one of the recorded run: its SHA-256 is "
                f"{self._sha256}, recorded was {sha256}. Put the recorded file back, or name "
                "another weather."
            )
        self._file = _read_once(str(self._path), self._sha256)
        self._site = None if self._file.site is None else location_cells(*self._file.site)[:2]
        self._looked_for_far_cells = False

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
        if not self._looked_for_far_cells:  # they are the same at every tick of a run
            self._looked_for_far_cells = True
            self._warn_of_far_cells(sun)
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

    def _warn_of_far_cells(self, sun: Sun) -> None:
        """The file's rows are taken at the same instant everywhere, its nights included."""
        if self._site is None:
            return
        east_deg = np.abs((sun.longitude_deg - self._site[1] + 180.0) % 360.0 - 180.0)
        far = int((east_deg > FAR_DEG).sum())
        if far:
            log.warning(
                "weather file %s: %d of %d places of the community are more than %g degrees of "
                "longitude from its own (%g), up to %.0f; there its mornings and nights come at "
                "the wrong time and light is lost. Use a weather file of their region.",
                self._path,
                far,
                len(east_deg),
                FAR_DEG,
                self._site[1][0],
                east_deg.max(),
            )

    def record(self) -> dict[str, str]:
        """The path, and the checksum that holds the file to it."""
        return {"file": str(self._path), "sha256": self._sha256}


@lru_cache(maxsize=8)
def _read_once(path: str, sha256: str) -> WeatherFile:  # noqa: ARG001
    file = read_weather_file(Path(path))
    if file.site is not None:
        _require_light_by_day(path, file, file.site)
    return file


def _require_light_by_day(path: str, file: WeatherFile, site: tuple[Floats, Floats]) -> None:
    """Refuse a file whose sun is not that of its site, so that much of its light is cut off."""
    latitude_deg, longitude_deg, _ = location_cells(*site)
    bright = np.flatnonzero(np.nansum(file.rows[:, :, 0], axis=1) > 0.0)
    if not len(bright):
        return
    # Whole days of the file would touch twice as many of UTC, whose sun takes all the time.
    step = file.ticks_per_row
    days = bright[:: max(len(bright) // _DAYS_LOOKED_AT, 1), None]
    start = days * TICKS_PER_DAY + -file.utc_offset_ticks % step
    ticks = start + np.arange(TICKS_PER_DAY - step)
    sun = sun_at(_COMMON_YEAR + ticks.reshape(-1, 1), latitude_deg, longitude_deg)
    clear = np.stack([sun.ghi_w_m2, sun.dni_w_m2]).reshape(2, -1, step).mean(axis=2)
    rows = file.rows.reshape(-1, len(COLUMNS))
    row = (ticks[:, ::step].ravel() + file.utc_offset_ticks) // step % len(rows)
    light = np.nan_to_num(rows[row, :2]).T
    lost = np.maximum(light - MAX_CLEAR_SKY_INDEX * clear, 0.0).sum() / max(light.sum(), 1.0)
    if lost <= NOTED_LOST_LIGHT:
        return
    trouble = InputError(
        f"{lost:.1%} of the light comes while the sun is down or far too low for it at "
        f"latitude {site[0][0]:g}, longitude {site[1][0]:g}, UTC{file.utc_offset_ticks / 4:+g}",
        file=path,
        line=1,
        expected=f"{NOTED_LOST_LIGHT:.0%} at most",
        hint="The time zone or the place in the header is wrong, or the stamps of the rows are",
    )
    if lost > MAX_LOST_LIGHT:
        raise trouble
    log.warning("%s; that light is cut off", trouble)
