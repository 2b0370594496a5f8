"""The checks: each holds the readings against one promise, and says in words what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from solar_model.pipeline.health.readings import Readings, Tick
from solar_model.settings import Settings
from solar_model.ticks import TICK

HEALTHY, DEGRADED, UNHEALTHY, UNKNOWN = "healthy", "degraded", "unhealthy", "unknown"

# A cycle every 15 minutes, finished within 5: later than this, one is missing.
FRESH = timedelta(minutes=20)
JITTER_LIMIT_S = 30.0
# One late start in a day is a busy machine; one in twenty is a habit.
PUNCTUAL_SHARE = 0.95
LATENCY_LIMIT_S = 1.0
LOCK_WAIT_LIMIT_S = 30.0
# The six totals are rounded to a millionth each.
BALANCE_BOUND_KWH = 1e-5
# The monitor looks every five minutes.
PROBE_AGE = timedelta(minutes=20)


@dataclass(frozen=True)
class Check:
    """What came out of one check.

    Attributes
    ----------
    name, status : str
        ``unknown`` where there is nothing to judge: it does not count.
    words : str
        What was found.
    values : dict
        The numbers behind it; the unit is at the end of each name.
    """

    name: str
    status: str
    words: str
    values: dict[str, float]


def freshness(readings: Readings, config: Settings) -> Check:  # noqa: ARG001
    """New data within 20 minutes."""
    if readings.latest is None:
        return Check("freshness", UNHEALTHY, "no cycle has stored any data yet", {})
    age = readings.now - readings.latest.tick
    values = {"age_seconds": age.total_seconds()}
    if age > FRESH:
        words = f"no new data for {age / timedelta(minutes=1):.0f} minutes"
        return Check("freshness", UNHEALTHY, words, values)
    words = f"the newest data is of {readings.latest.tick:%H:%M} UTC"
    return Check("freshness", HEALTHY, words, values)


def frequency(readings: Readings, config: Settings) -> Check:  # noqa: ARG001
    """A cycle every 15 minutes, within 30 seconds."""
    off_s = [
        abs((after.started_at - before.started_at - TICK).total_seconds())
        for before, after in pairwise(readings.live)
        if after.tick - before.tick == TICK
    ]
    if not off_s:
        return Check("frequency", UNKNOWN, "no two live cycles in a row within a day", {})
    share = sum(off <= JITTER_LIMIT_S for off in off_s) / len(off_s)
    values = {"worst_jitter_seconds": max(off_s), "punctual_ratio": share}
    words = f"{share:.0%} of the cycles started within {JITTER_LIMIT_S:.0f} s of their time"
    words += f", the worst {max(off_s):.0f} s off"
    return Check("frequency", DEGRADED if share < PUNCTUAL_SHARE else HEALTHY, words, values)


def took(tick: Tick, readings: Readings) -> timedelta:
    """From when a cycle was due to its end, or to now."""
    return (tick.finished_at or readings.now) - tick.tick


def cycle_time(readings: Readings, config: Settings) -> Check:
    """The whole cycle within its limit."""
    live = readings.live
    if not live:
        return Check("cycle_time", UNKNOWN, "no live cycle within a day", {})
    seconds = sorted(took(tick, readings).total_seconds() for tick in live if tick.finished_at)
    newest = took(live[-1], readings)
    values = {"newest_seconds": newest.total_seconds()}
    if seconds:
        values["p95_seconds"] = seconds[int(0.95 * (len(seconds) - 1))]
    done = "took" if live[-1].finished_at else "has been running for"
    words = f"the cycle of {live[-1].tick:%H:%M} UTC {done} {newest.total_seconds():.0f} s"
    if newest > config.cycle_limit:
        words += f", the limit is {config.cycle_limit.total_seconds():.0f} s"
        return Check("cycle_time", DEGRADED, words, values)
    return Check("cycle_time", HEALTHY, words, values)


def coverage(readings: Readings, config: Settings) -> Check:  # noqa: ARG001
    """Every household is served; one that is set aside has a reason."""
    newest = readings.whole
    if newest is None or newest.rows_inserted is None:
        return Check("coverage", UNKNOWN, "nobody was served yet", {})
    aside = newest.households_quarantined or 0
    asked = newest.households_queried or newest.rows_inserted + aside
    values = {
        "served_ratio": newest.rows_inserted / asked if asked else 0.0,
        "quarantined_households": float(aside),
    }
    if not asked:
        return Check("coverage", UNHEALTHY, "the household query finds nobody", values)
    if lost := asked - newest.rows_inserted - aside:
        words = f"{lost:,} households are neither served nor set aside"
        return Check("coverage", UNHEALTHY, words, values)
    if aside:
        words = f"{aside:,} households are set aside; see the table quarantine"
        return Check("coverage", DEGRADED, words, values)
    return Check("coverage", HEALTHY, f"all {asked:,} households are served", values)


def data_quality(readings: Readings, config: Settings) -> Check:  # noqa: ARG001
    """What is inserted has passed every check; the newest cycle did not fail."""
    newest = readings.newest
    if newest is None:
        return Check("data_quality", UNKNOWN, "no cycle yet", {})
    ended = [tick.status for tick in readings.day if tick.status != "running"]
    good = sum(status == "completed" for status in ended)
    values = {"good_ticks_ratio": good / len(ended)} if ended else {}
    of_tick = f"the cycle of {newest.tick:%Y-%m-%d %H:%M} UTC"
    if newest.status == "failed":
        return Check("data_quality", DEGRADED, f"{of_tick} failed: {newest.error}", values)
    if newest.status == "degraded":
        words = f"{of_tick} is degraded: results of some households could not be believed"
        return Check("data_quality", DEGRADED, words, values)
    words = f"{good} of {len(ended)} cycles of the last day passed every check"
    return Check("data_quality", HEALTHY, words, values)


def energy_balance(readings: Readings, config: Settings) -> Check:  # noqa: ARG001
    """The community's totals close: nothing comes from nowhere."""
    latest = readings.latest
    if latest is None or latest.balance_residual_kwh is None:
        return Check("energy_balance", UNKNOWN, "no totals yet", {})
    residual = latest.balance_residual_kwh
    values = {"residual_kwh": residual}
    if abs(residual) > BALANCE_BOUND_KWH:
        words = f"{residual:+.6f} kWh of {latest.tick:%H:%M} UTC come from nowhere"
        return Check("energy_balance", UNHEALTHY, words, values)
    return Check("energy_balance", HEALTHY, "the totals close", values)


def database(readings: Readings, config: Settings) -> Check:  # noqa: ARG001
    """The database answers at once, and nobody waits long for a lock."""
    values = {
        "latency_seconds": readings.latency_s,
        "waiting_sessions": float(readings.waiting),
        "longest_wait_seconds": readings.longest_wait_s,
    }
    if readings.longest_wait_s > LOCK_WAIT_LIMIT_S:
        words = (
            f"{readings.waiting} sessions wait for a lock, one for {readings.longest_wait_s:.0f} s"
        )
        return Check("database", DEGRADED, words, values)
    words = f"it answers in {1000 * readings.latency_s:.1f} ms"
    status = DEGRADED if readings.latency_s > LATENCY_LIMIT_S else HEALTHY
    return Check("database", status, words, values)


def exchange(readings: Readings, config: Settings) -> Check:
    """At least one exchange can be reached, better all of them."""
    return _reachable("exchange", config.exchange_urls, readings, UNHEALTHY)


def runner(readings: Readings, config: Settings) -> Check:
    """Those who shall simulate can be reached."""
    if config.runner == "http":
        worst = DEGRADED if config.runner_fallback_local else UNHEALTHY
        return _reachable("runner", config.runner_url_list, readings, worst)
    if config.runner == "exchange" and readings.latest and readings.latest.runner == "local":
        words = "nobody watches the exchange: the worker simulated itself"
        return Check("runner", DEGRADED, words, {})
    return Check("runner", HEALTHY, f"runner is {config.runner}", {})


def _reachable(name: str, urls: tuple[str, ...], readings: Readings, worst: str) -> Check:
    oldest = readings.now - PROBE_AGE
    seen = {probe.subject: probe for probe in readings.probes if probe.looked_at > oldest}
    found = {url: seen[url] for url in urls if url in seen}
    if not found:
        return Check(name, UNKNOWN, "the DAG solar_monitor has not looked lately", {})
    away = {url: probe.problem for url, probe in found.items() if probe.problem}
    values = {
        "reachable_ratio": 1 - len(away) / len(found),
        "slowest_answer_seconds": max(probe.seconds for probe in found.values()),
    }
    if away:
        words = "; ".join(f"{url}: {problem}" for url, problem in away.items())
        return Check(name, worst if len(away) == len(found) else DEGRADED, words, values)
    return Check(name, HEALTHY, f"{', '.join(found)} can be reached", values)


CHECKS: tuple[Callable[[Readings, Settings], Check], ...] = (
    freshness,
    data_quality,
    energy_balance,
    coverage,
    cycle_time,
    frequency,
    database,
    exchange,
    runner,
)
