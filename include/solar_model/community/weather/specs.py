"""From what a caller writes as ``weather`` to a provider, with fallbacks and a record."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from solar_model.community.sun import Sun
from solar_model.community.weather.choices import Open, Span, Weather
from solar_model.community.weather.given import ClearSkyFactor, GivenIrradiance
from solar_model.community.weather.open_meteo import OpenMeteo
from solar_model.community.weather.sky import QUANTITIES, Sky
from solar_model.community.weather.stochastic import StochasticClouds
from solar_model.community.weather.typical_year import TypicalYear
from solar_model.errors import InputError, WeatherError
from solar_model.settings import settings
from solar_model.ticks import tick_start

MAX_FACTOR = 1.2
EXPECTED = (
    "a number from 0 to 1.2 (of clear-sky irradiance), stochastic, open-meteo, file:PATH (TMY3, "
    'EPW or CSV), {"ghi", "dni", "dhi", "temp_air", "wind_speed"}, {"clear_sky_index", '
    '"temp_air", "wind_speed"}, or several of these in order of preference: with commas, or as a '
    'JSON list, which a path with a comma needs: ["file:a,b.csv", 0.5]'
)
_AMBIENT = {"temp_air": "temp_air_c", "wind_speed": "wind_speed_m_s"}
_IRRADIANCE = {"ghi": "ghi_w_m2", "dni": "dni_w_m2", "dhi": "dhi_w_m2"}
# Whoever states the weather has no sensor's offset: no irradiance is below 0.
_LIMITS = {"clear_sky_index": (0.0, 1.5)} | {
    name: (0.0 if name in _IRRADIANCE else quantity.low, quantity.high)
    for name, quantity in QUANTITIES.items()
}


def open_weather(spec: Any, seed: int) -> Weather:
    """The weather that a specification asks for.

    Parameters
    ----------
    spec : number, str, mapping or sequence
        A factor in [0, 1.2] on clear-sky irradiance; ``"stochastic"``; ``"open-meteo"``;
        ``"file:PATH"``; a mapping with ``ghi``, ``dni`` and ``dhi`` [W/m²], or with
        ``clear_sky_index``, and with ``temp_air`` [°C] and ``wind_speed`` [m/s] where they are
        known; what ``Weather.record`` gave; or several of these in order of preference, as a
        list or as text with commas. Text may also be the JSON of any of them.
    seed : int
        Of the run, for stochastic weather.

    Returns
    -------
    Weather

    Raises
    ------
    InputError
        When the specification is none of these, or the only weather file breaks its format.
    WeatherError
        When no provider can be opened; says why for each.
    """
    specs = choices(spec)
    if not specs:
        raise _unknown(spec)
    return Weather([(one, _opener(one, seed)) for one in specs])


def choices(spec: Any) -> list[Any]:
    """What a specification names, in order of preference.

    Raises
    ------
    InputError
        When text in it cannot be read.
    """
    spec = _from_text(spec)
    return list(spec) if isinstance(spec, Sequence) and not isinstance(spec, str) else [spec]


def files_in(spec: Any) -> set[str]:
    """Files of this machine that a specification names, however deep inside.

    For who takes specifications from others: what is wrong with a file is told with its content.

    Raises
    ------
    InputError
        When text in it cannot be read.
    """
    found: set[str] = set()
    within = [spec]
    while within:
        part = _from_text(within.pop())
        if isinstance(part, str):
            if part.startswith("file:"):
                found.add(part.removeprefix("file:"))
        elif isinstance(part, Mapping):
            if "file" in part:
                found.add(str(part["file"]))
            within.extend(part.values())
        elif isinstance(part, Sequence):
            within.extend(part)
    return found


class RecordedSpans:
    """Weather that several providers gave one after the other in an earlier run.

    Parameters
    ----------
    spans : list of dict
        What stands below ``spans`` in ``Weather.record()``.
    seed : int
        Of the run.
    """

    name = "recorded"

    def __init__(self, spans: Sequence[Mapping[str, Any]], seed: int) -> None:
        try:
            self._spans = [
                Span(int(first), int(last), open_weather(weather, seed))
                for (first, last), weather in ((span["ticks"], span["weather"]) for span in spans)
            ]
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InputError(
                "recorded weather cannot be read",
                expected='{"spans": [{"ticks": [first, last], "weather": …}, …]}',
                hint=repr(error),
            ) from error

    def sky(self, tick: int, sun: Sun) -> Sky:
        """The recorded weather of one tick."""
        for span in self._spans:
            if span.first <= tick <= span.last:
                return span.provider.sky(tick, sun)
        raise WeatherError(f"the recorded weather has nothing for {tick_start(tick):%F %R} UTC")

    def record(self) -> dict[str, Any]:
        """The record, with what was really used where it named a choice."""
        return {
            "spans": [
                {"ticks": [span.first, span.last], "weather": span.provider.record()}
                for span in self._spans
            ]
        }


def _from_text(spec: Any) -> Any:
    """Text from a form or a command line as what it stands for."""
    if not isinstance(spec, str):
        return spec
    text = spec.strip()
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:  # of thousands of digits or brackets, too
            raise _unknown(spec) from error
    parts = [part.strip() for part in text.split(",")]
    return parts if len(parts) > 1 else parts[0]


def _opener(spec: Any, seed: int) -> Open:
    """A function that opens the provider of one specification."""
    if isinstance(spec, Mapping):
        return _mapping_opener(spec, seed)
    if isinstance(spec, str):
        if spec == "stochastic":
            return lambda: StochasticClouds(seed)
        if spec == "open-meteo":
            return lambda: OpenMeteo(settings().open_meteo_url)
        if spec.startswith("file:") and len(spec) > len("file:"):
            return lambda: TypicalYear(spec.removeprefix("file:"))
    factor = _number(spec)
    if factor is None or not 0.0 <= factor <= MAX_FACTOR:
        raise _unknown(spec)
    return lambda: ClearSkyFactor(factor, spec=factor)


def _mapping_opener(spec: Mapping[str, Any], seed: int) -> Open:
    keys = set(spec)
    if keys == {"open-meteo"}:
        return lambda: OpenMeteo(settings().open_meteo_url, recorded=spec["open-meteo"])
    if keys == {"spans"}:
        return lambda: RecordedSpans(spec["spans"], seed)
    if keys == {"file", "sha256"} and all(isinstance(value, str) for value in spec.values()):
        return lambda: TypicalYear(spec["file"], sha256=spec["sha256"])
    # in a fixed order, as the record and the manifest show it
    given = {key: _limited(spec, key) for key in _LIMITS if key in keys}
    ambient = {_AMBIENT[key]: value for key, value in given.items() if key in _AMBIENT}
    rest = keys - set(_AMBIENT)
    if rest == {"clear_sky_index"}:
        return lambda: ClearSkyFactor(given["clear_sky_index"], spec=given, **ambient)
    if rest == set(_IRRADIANCE):
        irradiance = {_IRRADIANCE[key]: given[key] for key in _IRRADIANCE}
        return lambda: GivenIrradiance(**irradiance, spec=given, **ambient)
    raise _unknown(dict(spec))


def _limited(spec: Mapping[str, Any], key: str) -> float:
    low, high = _LIMITS[key]
    value = _number(spec[key])
    if value is None or not low <= value <= high:
        raise InputError(
            f"weather has an unusable {key}",
            value=spec[key],
            expected=f"a number from {low:g} to {high:g}",
        )
    return value


def _number(value: Any) -> float | None:
    """A finite number, also as text; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _unknown(spec: Any) -> InputError:
    return InputError(
        "this is no weather",
        value=spec,
        expected=EXPECTED,
        hint="A cycle that names none takes that of SOLAR_WEATHER",
    )
