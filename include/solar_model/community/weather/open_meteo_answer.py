"""What Open-Meteo answers for one place and day, held to what was asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from solar_model.community.sun import sun_at
from solar_model.community.weather.sky import QUANTITIES, follow_clear_sky
from solar_model.errors import WeatherError, WeatherServiceError
from solar_model.ticks import TICKS_PER_HOUR, tick_start

# As the service calls them, in the order of a value's columns.
VARIABLES = {
    "shortwave_radiation": QUANTITIES["ghi"],
    "direct_normal_irradiance": QUANTITIES["dni"],
    "diffuse_radiation": QUANTITIES["dhi"],
    "temperature_2m": QUANTITIES["temp_air"],
    "wind_speed_10m": QUANTITIES["wind_speed"],
}
_UNITS = {"time": "iso8601"} | {name: variable.unit for name, variable in VARIABLES.items()}
COARSE_CELLS_PER_DEGREE = 4
# The service answers for the middle of a model's cell, up to half a degree wide, on land.
_NEAR_DEG = 1.0
RECORDED_DECIMALS = 3

Place = tuple[int, int]  # row and column of a coarse cell


@dataclass(frozen=True)
class Day:
    """What the service says about one place: values by the stamp at their interval's end."""

    ticks_per_value: int
    by_stamp: dict[str, list[Any]]

    @classmethod
    def parse(cls, answer: Any, place: Place) -> Day:
        """The values of an answer.

        Raises
        ------
        WeatherServiceError
            When it is of another form, place, zone or unit than was asked for.
        """
        for block, ticks in (("minutely_15", 1), ("hourly", TICKS_PER_HOUR)):
            table = answer.get(block) if isinstance(answer, Mapping) else None
            if isinstance(table, Mapping):
                missing = [name for name in _UNITS if name not in table]
                if missing:
                    raise WeatherServiceError(f"open-meteo's answer lacks {', '.join(missing)}")
                columns = [table[name] for name in _UNITS]
                if not all(isinstance(column, list) for column in columns):
                    raise WeatherServiceError("open-meteo's answer has columns that are no lists")
                if len({len(column) for column in columns}) > 1:
                    raise WeatherServiceError("open-meteo's answer has columns of uneven length")
                _require_as_asked(answer, answer.get(f"{block}_units"), place)
                rows = zip(*columns, strict=True)
                return cls(ticks, {str(stamp): values for stamp, *values in rows})
        raise WeatherServiceError("open-meteo's answer has neither minutely_15 nor hourly values")

    def values(self, tick: int, place: Place) -> list[float]:
        """GHI, DNI, DHI, temperature, wind speed of a tick."""
        first = tick - tick % self.ticks_per_value
        stamp = f"{tick_start(first + self.ticks_per_value):%Y-%m-%dT%H:%M}"
        ghi, dni, dhi, temp_air, wind_speed = usable(
            self.by_stamp.get(stamp, [None] * len(VARIABLES)), f"{stamp} UTC", place
        )
        if self.ticks_per_value > 1:
            latitude_deg, longitude_deg = coordinates(place)
            site = np.array([latitude_deg]), np.array([longitude_deg])
            within = follow_clear_sky(
                (ghi, dni, dhi), first, self.ticks_per_value, site, sun_at(tick, *site)
            )
            ghi, dni, dhi = (float(values[0]) for values in within)
        numbers = [max(ghi, 0.0), max(dni, 0.0), max(dhi, 0.0), temp_air, wind_speed]
        return [round(number, RECORDED_DECIMALS) for number in numbers]


def usable(values: list[Any], when: str, place: Place) -> list[float]:
    """Values of one place, one for each variable, all of which can be true."""
    for (name, can_be), value in zip(VARIABLES.items(), values, strict=True):
        # JSON's true is an int to Python
        if type(value) not in (int, float) or not can_be.low <= value <= can_be.high:
            raise WeatherError(
                f"open-meteo has no usable {name} for {when} at {coordinates(place)}: {value!r}"
            )
    return [float(value) for value in values]


def coordinates(place: Place) -> tuple[float, float]:
    """Latitude and longitude of the middle of a coarse cell [degrees]."""
    return place[0] / COARSE_CELLS_PER_DEGREE, place[1] / COARSE_CELLS_PER_DEGREE


def _require_as_asked(answer: Mapping[str, Any], units: Any, place: Place) -> None:
    # the service states all of it; a mirror that is silent is taken at what was asked
    stated = units if isinstance(units, Mapping) else {}
    wrong = [
        f"{name} in {stated[name]!r} instead of {unit!r}"
        for name, unit in _UNITS.items()
        if stated.get(name, unit) != unit
    ]
    offset = answer.get("utc_offset_seconds", 0)
    if offset != 0:
        wrong.append(f"times {offset!r} s ahead of UTC instead of 0")
    latitude, longitude = coordinates(place)
    where = answer.get("latitude", latitude), answer.get("longitude", longitude)
    if not _near(where, (latitude, longitude)):
        wrong.append(f"the place {where} instead of {(latitude, longitude)}")
    if wrong:
        raise WeatherServiceError(f"open-meteo answers something else: {'; '.join(wrong)}")


def _near(where: tuple[Any, Any], asked: tuple[float, float]) -> bool:
    if not all(type(one) in (int, float) for one in where):
        return False
    east_deg = (where[1] - asked[1] + 180.0) % 360.0 - 180.0
    return bool(
        abs(where[0] - asked[0]) <= _NEAR_DEG
        and abs(east_deg) * math.cos(math.radians(asked[0])) <= _NEAR_DEG
    )
