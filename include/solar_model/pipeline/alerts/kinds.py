"""What can be wrong: how bad it is and what to do, for the mails; ``docs/runbook.md`` says more."""

from __future__ import annotations

from dataclasses import dataclass

from solar_model.pipeline.health import DEGRADED, UNHEALTHY


@dataclass(frozen=True)
class Kind:
    """A kind of alert.

    Attributes
    ----------
    name : str
        Also the anchor of its entry in the runbook.
    title, over : str
        Subject of the mail when it begins, and when it has ended.
    severity : str
        ``degraded``: served, but not everybody or not as promised. ``unhealthy``: no fresh data,
        or data that cannot be believed.
    effect : str
        What it means to users.
    steps : tuple of str
        What to do, in this order.
    """

    name: str
    title: str
    over: str
    severity: str
    effect: str
    steps: tuple[str, ...]


_ALL = (
    Kind(
        "late",
        "A cycle is late",
        "The cycles are in time again",
        DEGRADED,
        "Users see this quarter of an hour later than promised; nothing is lost.",
        (
            "Open the run: the task that is running is what holds it up.",
            "Does it wait for a runner, an exchange or the database? Trigger the DAG solar_doctor: "
            "it names the one that is away.",
            "Leave the run alone: it is stopped by itself before the next one needs its place.",
        ),
    ),
    Kind(
        "failed",
        "A task failed for good",
        "What failed has succeeded",
        DEGRADED,
        "What the run would have done is not done; for a cycle, users miss this quarter of an "
        "hour, and what was stored before stays as it was.",
        (
            "Read the end of the log: the error says what was expected and what to do.",
            "Mend the cause, then clear the failed task; the run goes on from there.",
            "Clear older failed runs of the cycle, too: each tick is replaced, none is doubled.",
        ),
    ),
    Kind(
        "stale",
        "No new data for 20 minutes",
        "New data comes in again",
        UNHEALTHY,
        "Users see old numbers.",
        (
            "Open the DAG solar_simulation: is it switched on, and how did its last runs end?",
            "No runs at all: look at the scheduler. Failed runs: the mail about them says why.",
            "When it runs again, backfill the ticks that are missing (docs/backfill.md).",
        ),
    ),
    Kind(
        "unscheduled",
        "A tick was never scheduled",
        "Every tick is scheduled again",
        DEGRADED,
        "Users miss these quarters of an hour until somebody fills them in.",
        (
            "Was the DAG solar_simulation switched off, or the scheduler down? Start it.",
            "Backfill the ticks that the mail names (docs/backfill.md).",
        ),
    ),
    Kind(
        "quarantine",
        "Many households were set aside",
        "Few households are set aside again",
        DEGRADED,
        "These households have no data for the tick; the others are served.",
        (
            "Ask the table quarantine for the reasons: most share one.",
            "Mend the households' data, or the query if it changed.",
            "Run the tick again: clear its run.",
        ),
    ),
    Kind(
        "degraded",
        "Some results could not be believed",
        "All results pass again",
        DEGRADED,
        "Households whose results failed a check have no data for the tick; the others are served.",
        (
            "Open the validation report: it names the check and the households.",
            "Another runner or model version than before? Have the worker simulate "
            "(SOLAR_RUNNER=local) and run the tick again.",
        ),
    ),
    Kind(
        "stuck",
        "A run ended without saying so",
        "The ledger of runs is in order again",
        DEGRADED,
        "The tick counts as running though nobody works on it; users miss it.",
        (
            "Its worker was probably killed: look at the machine's memory at that time.",
            "Clear the run, so that the tick is computed.",
        ),
    ),
    Kind(
        "coverage",
        "Households are not served",
        "Every household is served or set aside again",
        UNHEALTHY,
        "Users without a row have no data, and nobody can say why.",
        (
            "Run `solar doctor`: does the household query still find everybody?",
            "Compare the input file of the run with user_systems, then run the tick again.",
        ),
    ),
    Kind(
        "energy_balance",
        "The energy totals do not close",
        "The energy totals close again",
        UNHEALTHY,
        "The numbers of the tick cannot be believed, although each row passed its checks.",
        (
            "Has anybody changed rows of energy_data by hand? Run the tick again.",
            "Does it come back? Keep the files of the run and report it as a defect.",
        ),
    ),
    Kind(
        "exchange",
        "No exchange can be reached",
        "An exchange can be reached again",
        UNHEALTHY,
        "Cycles cannot hand over their files: the next one will fail.",
        (
            "Trigger the DAG solar_doctor: it says what each exchange needs.",
            "Add a folder as the last of SOLAR_EXCHANGES, so that cycles go on meanwhile.",
        ),
    ),
    Kind(
        "runner",
        "No runner can be reached",
        "A runner can be reached again",
        UNHEALTHY,
        "Nobody simulates: the next cycle will fail.",
        (
            "Trigger the DAG solar_doctor: it says what is wrong with each runner.",
            "Set SOLAR_RUNNER_FALLBACK_LOCAL=True, so that the worker simulates meanwhile.",
        ),
    ),
    Kind(
        "database",
        "The database does not answer",
        "The database answers again",
        UNHEALTHY,
        "Nothing can be read or stored, and no other alert can be noticed meanwhile.",
        (
            "Is the server up, its disk not full, its password unchanged? `solar doctor` asks it.",
            "When it is back, clear the failed runs of solar_simulation.",
        ),
    ),
)

KINDS = {kind.name: kind for kind in _ALL}
