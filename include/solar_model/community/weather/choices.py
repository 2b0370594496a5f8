"""The weather of a run: at each tick that of the first choice which has it, and their record."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from solar_model.community.sun import Sun
from solar_model.community.weather.record import record_of_ticks
from solar_model.community.weather.sky import Sky, WeatherProvider
from solar_model.errors import InputError, SolarModelError, WeatherError, WeatherServiceError

log = logging.getLogger(__name__)

Open = Callable[[], WeatherProvider]


@dataclass
class _Choice:
    """A provider that may be asked; opened when those before it have nothing."""

    spec: Any
    open: Open
    provider: WeatherProvider | None = None
    left: bool = False
    trouble: SolarModelError | None = None  # since it last gave weather


@dataclass
class Span:
    """Ticks, first to last, that had their weather from one provider."""

    first: int
    last: int
    provider: WeatherProvider


class Weather:
    """The weather of a run, at each tick that of the first choice which has it.

    A choice that has nothing for a tick, such as a file with a gap, is passed over for that tick
    alone: a tick must have the same weather whichever ticks a run began with. Only a service that
    is away, which no other run would find the same, is left for the rest of the run: it would be
    waited for at every tick.

    Parameters
    ----------
    choices : list of (specification, function that opens its provider)
        In order of preference.

    Attributes
    ----------
    failures : list of dict
        Of what failed, once until it works again: ``weather``, the specification as (shortened)
        text, and ``reason``.
    """

    def __init__(self, choices: list[tuple[Any, Open]]) -> None:
        self.failures: list[dict[str, str]] = []
        self._choices = [_Choice(spec, open_provider) for spec, open_provider in choices]
        self._spans: list[Span] = []
        first = next(self._usable(), None)
        if first is None:
            raise self._no_weather()
        _, self._provider = first

    @property
    def name(self) -> str:
        """Name of the provider in use."""
        return self._provider.name

    def sky(self, tick: int, sun: Sun) -> Sky:
        """Weather of one tick over the cells of its sun.

        Raises
        ------
        WeatherError
            When no provider has it; says why for each.
        """
        for choice, provider in self._usable():
            try:
                sky = provider.sky(tick, sun)
            except WeatherError as error:
                self._pass_over(choice, error)
            else:
                choice.trouble = None
                self._provider = provider
                self._remember(tick)
                return sky
        raise self._no_weather()

    def record(self) -> Any:
        """What was really used, ready for JSON; given to ``open_weather`` it is used again."""
        records = {id(span.provider): span.provider.record() for span in self._spans}
        if len(records) <= 1:
            return next(iter(records.values()), self._provider.record())
        return {
            "spans": [
                {
                    "ticks": [span.first, span.last],
                    "weather": record_of_ticks(records[id(span.provider)], span.first, span.last),
                }
                for span in self._spans
            ]
        }

    def _usable(self) -> Iterator[tuple[_Choice, WeatherProvider]]:
        """The choices that can be asked, in order, each opened just before."""
        for choice in self._choices:
            if choice.left:
                continue
            if choice.provider is None:
                try:
                    choice.provider = choice.open()
                except (InputError, WeatherError) as error:
                    self._pass_over(choice, error)
                    continue
            yield choice, choice.provider

    def _pass_over(self, choice: _Choice, error: SolarModelError) -> None:
        if choice.trouble is None:
            failure = {"weather": textwrap.shorten(str(choice.spec), 120), "reason": str(error)}
            self.failures.append(failure)
            if len(self._choices) > 1:  # where there is no other, it is raised
                log.warning("weather %s failed: %s", failure["weather"], failure["reason"])
        choice.trouble = error
        choice.left = choice.provider is None or isinstance(error, WeatherServiceError)

    def _no_weather(self) -> SolarModelError:
        troubles = [(choice.spec, choice.trouble) for choice in self._choices if choice.trouble]
        if len(troubles) == 1:
            return troubles[0][1]
        reasons = (f"{textwrap.shorten(str(spec), 120)}: {trouble}" for spec, trouble in troubles)
        return WeatherError("no weather could be had: " + "; ".join(reasons))

    def _remember(self, tick: int) -> None:
        last = self._spans[-1] if self._spans else None
        if last is not None and last.provider is self._provider and tick == last.last + 1:
            last.last = tick
        elif last is None or last.provider is not self._provider or tick != last.last:
            self._spans.append(Span(tick, tick, self._provider))
