"""The operator's day: when it is, and what the ledger and Airflow have to say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.ledger import add_run

from solar_model.pipeline.alerts import Failure
from solar_model.pipeline.alerts.states import Observation
from solar_model.ticks import TICK, parse_tick

# the newest tick that has to be finished, and when the monitor looks at it
DUE = parse_tick(datetime.now(tz=UTC) - timedelta(minutes=6))
NOW = DUE + timedelta(minutes=6)
UI = "https://airflow.example.org"


class Airflow:
    """What Airflow's scheduler would answer."""

    def __init__(self, ticks=(), run_ids=(), state="success") -> None:
        self.ticks, self.run_ids, self.state = set(ticks), set(run_ids), state

    def __call__(self, *, ticks=None, run_ids=None, states=None) -> int:
        found = self.ticks & set(ticks) if ticks else self.run_ids & set(run_ids)
        return len(found) if not states or self.state in states else 0


def good_day(connection, until=DUE, ticks=8) -> None:
    for number in range(ticks):
        add_run(connection, until - number * TICK, timings_s={"run_simulation": 2.0})


def holds(kind="quarantine", **facts) -> Observation:
    return Observation(kind, True, "It is so.", facts)


def failure(tick, run="scheduled", dag="solar_simulation", **more) -> Failure:
    facts = {"task_id": "run_simulation", "words": "no weather", "seconds": 12.5} | more
    return Failure(dag, f"{run}__{tick:%Y-%m-%dT%H:%M:%S+00:00}", tick=tick, **facts)
