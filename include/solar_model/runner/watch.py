"""The runner that watches an exchange: simulates every input file that has no results yet."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from solar_model.community.weather.specs import files_in
from solar_model.errors import InputError, SolarModelError, TransferError
from solar_model.manifest import Manifest
from solar_model.pipeline.exchange import open_exchange
from solar_model.pseudonyms import pseudonymised
from solar_model.runner.work import simulate_file
from solar_model.scratch import scratch_folder
from solar_model.settings import settings
from solar_model.ticks import INPUT_NAME, results_of
from solar_model.webhook import deliver


class Watcher:
    """Watches an exchange.

    It keeps nothing: an input file is done when its results are newer than itself, by the clock of
    the exchange. Two watchers may compute the same tick; they write the same bytes.

    Parameters
    ----------
    url : str
        The exchange.
    announce_url : str, optional
        Who is told of each end, signed with ``SOLAR_RUNNER_SECRET``.
    say : callable
        Takes a line about what is going on.
    """

    def __init__(
        self, url: str, *, announce_url: str | None = None, say: Callable[[str], object] = print
    ) -> None:
        self.exchange = open_exchange(url)
        self._announce_url = announce_url
        config = settings()
        self._secret = config.require_runner_secret() if announce_url else config.seal_secret
        self._say = say
        # what cannot be computed stays so until it is put anew
        self._given_up: set[tuple[str, datetime]] = set()

    def go_on(self, every_s: float, for_s: float = math.inf) -> None:
        """Look again and again, for a while or for ever, whatever happens to the exchange."""
        self._tell(f"watching {self.exchange.url} for users_input_*.csv")
        until = time.monotonic() + for_s
        while time.monotonic() < until:
            try:
                self.look()
            except (SolarModelError, OSError) as error:
                self._tell(f"the exchange cannot be read: {error}")
            time.sleep(every_s)

    def look(self) -> int:
        """Simulate what has no results, the latest tick first.

        Returns
        -------
        int
            Ticks simulated.
        """
        return sum(self._simulate(name, written) for name, written in self.pending())

    def pending(self) -> list[tuple[str, datetime]]:
        """Names of input files without results, and when they were written; latest tick first."""
        written = {stored.name: stored.modified for stored in self.exchange.list()}
        inputs = sorted(filter(INPUT_NAME.fullmatch, written), reverse=True)
        return [
            (name, written[name])
            for name in inputs
            if (name, written[name]) not in self._given_up
            and not (results_of(name) in written and written[results_of(name)] >= written[name])
        ]

    def _simulate(self, name: str, written: datetime) -> bool:
        with scratch_folder("watch") as folder:
            began = time.monotonic()
            try:
                fetched = self.exchange.get(name, folder)
                self._tell(f"{name}: {fetched.rows:,} households")
                results = self._computed(fetched.path, folder)
                if (name, written) not in self.pending():
                    self._tell(f"{name}: somebody else was faster, or it was put anew")
                    return False
                put = self.exchange.put(results)
            except (TransferError, OSError) as error:  # the exchange, or no room here
                self._tell(f"{name}: {error}; trying again")
                return False
            except SolarModelError as error:
                self._given_up.add((name, written))
                self._tell(f"{name}: cannot be simulated: {error}")
                self._announce(name, None)
                return False
            self._tell(f"{name}: done in {time.monotonic() - began:.1f} s, {put.name} is there")
            self._announce(name, Manifest.read(results))
            return True

    def _computed(self, households: Path, folder: Path) -> Path:
        """Results, sealed and from a sealed request if there is a key."""
        asked = Manifest.read(households)
        if self._secret is None:
            if files_in(asked.weather):
                raise InputError(
                    "without a seal, anybody could have files of this machine read",
                    value=asked.weather,
                    expected="weather that needs no file",
                    hint="Set SOLAR_RUNNER_SECRET on both sides, or the pipeline's SOLAR_WEATHER "
                    "to another weather",
                )
            return simulate_file(households, folder)
        asked.require_seal(self._secret)
        results = simulate_file(households, folder)
        Manifest.read(results).sealed(self._secret).write(results)
        return results

    def _announce(self, name: str, results: Manifest | None) -> None:
        if self._announce_url is None:
            return
        message = {
            "status": "completed" if results else "failed",
            "timestamp": _tick_of(name),
            "result_file": results.name if results else None,
            "record_count": results.rows if results else 0,
        }
        problem = deliver(self._announce_url, message, self._secret)
        if problem:
            self._tell(f"{name}: not announced: {problem}")

    def _tell(self, line: str) -> None:
        self._say(f"{datetime.now(tz=UTC):%H:%M:%S} {pseudonymised(line)}")


def _tick_of(name: str) -> str:
    day, time_of_day, _ = INPUT_NAME.fullmatch(name).groups()  # type: ignore[union-attr]
    return datetime.strptime(day + time_of_day, "%Y%m%d%H%M%S").isoformat()
