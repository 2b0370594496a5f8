"""Every error that this package raises on purpose.

A message says what was wanted, what was found and what to do: an operator reads it at night.
"""

from __future__ import annotations

from typing import Any


class SolarModelError(Exception):
    """Base class of all errors raised on purpose by ``solar_model``."""


class ConfigurationError(SolarModelError):
    """A setting, an option or a connection is missing or cannot be used."""


class InputError(SolarModelError):
    """A file or a value that breaks its contract.

    Parameters
    ----------
    problem : str
        What is wrong, in a few words.
    file : str or path, optional
        File that holds the value.
    line : int, optional
        Line in the file, counted from 1, the header being line 1.
    column : str, optional
        Column of the contract.
    value : object, optional
        The value that was found.
    expected : str, optional
        What the contract asks for.
    hint : str, optional
        What to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: Any = None,
        line: int | None = None,
        column: str | None = None,
        value: Any = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.line = line
        self.column = column
        self.value = value
        self.expected = expected
        self.hint = hint
        super().__init__(self._message())

    def _message(self) -> str:
        place = [self.file] if self.file else []
        if self.line is not None:
            place.append(f"line {self.line}")
        if self.column is not None:
            place.append(f"column {self.column}")
        parts = [", ".join(place) + ": " + self.problem if place else self.problem]
        if self.value is not None:
            text = str(self.value)
            parts.append(f"found {text[:80]!r}" + ("…" if len(text) > 80 else ""))
        if self.expected:
            parts.append(f"expected {self.expected}")
        message = "; ".join(parts)
        return f"{message}. {self.hint}" if self.hint else message


class ResultsError(SolarModelError):
    """Results that fail validation; the message lists every failed check with examples."""


class ReplayError(SolarModelError):
    """A run that, computed again, gave something else than what is stored."""


class WeatherError(SolarModelError):
    """A weather provider could not give the weather that was asked for."""


class WeatherServiceError(WeatherError):
    """A weather service that cannot be reached, refuses, or answers what cannot be used."""


class TransferError(SolarModelError):
    """A file could not be moved or does not match its manifest; another try may help."""


class SignatureError(SolarModelError):
    """A message that was not signed by somebody who knows the key, or not just now."""


class RunnerError(SolarModelError):
    """A remote runner that cannot be reached, hangs, fails, or answers what cannot be used."""


class ExchangeAwayError(RunnerError):
    """An exchange that went away while somebody's results were waited for there."""


class RunnerRefusedError(RunnerError):
    """A runner that is well, but does not accept this request; the message says why."""
