"""The quarantine: rows that were set aside, with every reason, and the way back for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import class_row

from solar_model.contracts import ENERGY_COLUMNS, Results, UsersInput
from solar_model.errors import InputError, ResultsError
from solar_model.intake import typed
from solar_model.pipeline import certificates, runs
from solar_model.pipeline.insertion import SOURCE
from solar_model.validation import examine

Connection = psycopg.Connection[Any]

INPUT, RESULTS = "input", "results"


def store(connection: Connection, run_id: str, stage: str, rejected: pl.DataFrame) -> None:
    """Set rows aside with their reasons, in place of those of an earlier attempt.

    Parameters
    ----------
    connection : psycopg.Connection
        The caller commits.
    run_id : str
        The run, see :mod:`solar_model.pipeline.runs`.
    stage : str
        Where they stood out: `INPUT`, then in all ticks of the run, or `RESULTS`.
    rejected : polars.DataFrame
        From :func:`solar_model.intake.split_households` or a gate's verdict.
    """
    row_of = runs.hold(connection, run_id)
    rows = list(row_of.values())
    connection.execute(
        "DELETE FROM quarantine WHERE simulation_run_id = ANY(%s) AND stage = %s", (rows, stage)
    )
    wanted = ("user_id", "timestamp", "line", "reasons", "raw", "household")
    absent = [pl.lit(None).alias(name) for name in wanted if name not in rejected.columns]
    with connection.cursor().copy(
        "COPY quarantine (simulation_run_id, stage, user_id, line, reasons, row_values, household) "
        "FROM STDIN"
    ) as copy:
        # the few rows that were set aside, not the community
        for user_id, tick, *told in rejected.with_columns(*absent).select(wanted).iter_rows():
            # a row whose time cannot be read has none
            for row_id in rows if stage == INPUT else [row_of.get(tick, run_id)]:
                copy.write_row((row_id, stage, user_id, *told))


def set_aside(connection: Connection, run_id: str) -> list[str]:
    """Users whose results are set aside in a run."""
    with connection.transaction():  # leaves none open behind it
        found = connection.execute(
            "SELECT DISTINCT user_id FROM quarantine "
            "WHERE simulation_run_id = %s AND stage = %s AND released_at IS NULL",
            (run_id, RESULTS),
        ).fetchall()
    return [user_id for (user_id,) in found]


@dataclass(frozen=True)
class Entry:
    """A row of the quarantine.

    Attributes
    ----------
    id : int
        Its number.
    tick : datetime.datetime
        Of its run.
    run_status : str
        How that run ended.
    stage : str
        `INPUT`: the household as the database has it breaks the contract, and was not simulated.
        `RESULTS`: what was computed for it cannot be believed.
    line : int or None
        Line in the results file.
    row_values, household : dict
        The row as it came, and the row of the input that it answers; of one set aside by the
        contract of the input, the state of its battery.
    released_at, released_by, release_note
        When it was let out, by whom and why; None while it is in.
    """

    id: int
    run_id: str
    tick: datetime
    run_status: str
    file: str | None
    stage: str
    user_id: str | None
    line: int | None
    reasons: list[str]
    row_values: dict[str, Any]
    household: dict[str, Any] | None
    created_at: datetime
    released_at: datetime | None
    released_by: str | None
    release_note: str | None


_ENTRIES = """
SELECT
    held.id, run.id::text AS run_id, run.tick, run.status::text AS run_status,
    run.results_file AS file, held.stage, held.user_id, held.line, held.reasons, held.row_values,
    held.household, held.created_at, held.released_at, held.released_by, held.release_note
FROM quarantine AS held JOIN simulation_runs AS run ON run.id = held.simulation_run_id
WHERE (%(id)s::bigint IS NULL OR held.id = %(id)s)
  AND (%(user_id)s::text IS NULL OR lower(held.user_id) = lower(%(user_id)s))
  AND (%(since)s::timestamptz IS NULL OR run.tick >= %(since)s)
  AND (%(stage)s::text IS NULL OR held.stage = %(stage)s)
  AND (%(released)s OR held.released_at IS NULL)
ORDER BY run.tick DESC, held.id
LIMIT %(limit)s
"""


def entries(
    connection: Connection,
    *,
    user_id: str | None = None,
    since: datetime | None = None,
    stage: str | None = None,
    released: bool = False,
    limit: int | None = None,
) -> list[Entry]:
    """Rows that are set aside, those of the newest tick first."""
    asked = {"id": None, "user_id": user_id, "since": since, "stage": stage}
    with connection.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(_ENTRIES, {**asked, "released": released, "limit": limit}).fetchall()


def entry(connection: Connection, number: int) -> Entry:
    """One row of the quarantine, also when it was let out.

    Raises
    ------
    InputError
        When there is no such row.
    """
    asked = dict.fromkeys(("user_id", "since", "stage", "limit"))
    with connection.cursor(row_factory=class_row(Entry)) as cursor:
        found = cursor.execute(_ENTRIES, {**asked, "id": number, "released": True}).fetchone()
    if found is None:
        raise InputError(
            "no such row in the quarantine",
            value=number,
            expected="a number that `solar quarantine list` shows",
            hint="A tick that is run again starts with an empty quarantine",
        )
    return found


def recheck(held: Entry) -> list[str]:
    """What is still wrong with a row of results by the rules of today; empty when nothing is."""
    results, users = _frames(held)
    report = examine(results, users, [held.tick]).report
    return [f"{failure.check}: {failure.message}" for failure in report]


def _frames(held: Entry) -> tuple[pl.DataFrame, pl.DataFrame]:
    if held.stage != RESULTS or not held.row_values or held.household is None:
        raise InputError(
            f"row {held.id} of the quarantine holds no results that could be inserted",
            hint="Mend the household in the database, then run the tick again: what is set aside "
            "is computed anew",
        )
    results = pl.DataFrame({k: [v] for k, v in held.row_values.items()}, infer_schema_length=None)
    household = {name: [value] for name, value in held.household.items()}
    users, _ = typed(UsersInput, pl.DataFrame(household, infer_schema_length=None))
    return results, users


def release(connection: Connection, number: int, *, by: str, note: str | None = None) -> Entry:
    """Insert a row of the quarantine as if it had never been in.

    Parameters
    ----------
    connection : psycopg.Connection
        Outside a transaction.
    number : int
        Row of the quarantine.
    by : str
        Who lets it out.
    note : str, optional
        Why it is believed though it breaks a rule; without it, a row that still does stays in.

    Raises
    ------
    ResultsError
        When it breaks a rule and nobody says why it is to be believed; when it holds no numbers
        that could be inserted, its run has no rows, or the household has one for that tick.
    """
    with connection.transaction():
        row = connection.execute(
            "SELECT simulation_run_id FROM quarantine WHERE id = %s", (number,)
        ).fetchone()
        # who runs the tick again waits here, or has emptied the quarantine before: each locks the
        # run first, so that none waits for the other
        connection.execute("SELECT FROM simulation_runs WHERE id = %s FOR UPDATE", row or (None,))
        held = entry(connection, number)
        if held.released_at is not None:
            raise ResultsError(f"row {number} was released by {held.released_by} before")
        if held.run_status not in ("completed", "degraded"):
            raise ResultsError(
                f"the run of {held.tick:%Y-%m-%d %H:%M} UTC is {held.run_status}: nothing of it is "
                "in the database. Run the tick again"
            )
        wrong = recheck(held)
        if wrong and note is None:
            raise ResultsError(
                f"row {number} still cannot be believed:\n- " + "\n- ".join(wrong) + "\nTo insert "
                "it all the same, say why with --because"
            )
        _insert(connection, held)
        connection.execute(
            "UPDATE quarantine SET released_at = now(), released_by = %s, release_note = %s "
            "WHERE id = %s",
            (by, note, number),
        )
        return entry(connection, number)


# What the run says about itself is true again in the same instant.
_UPDATE_RUN = sql.SQL(
    """
    UPDATE simulation_runs SET
        {sums},
        rows_inserted = rows_inserted + 1,
        households_quarantined = households_quarantined - 1,
        status = CASE
            WHEN EXISTS (
                SELECT FROM quarantine AS other
                WHERE other.simulation_run_id = simulation_runs.id AND other.stage = 'results'
                  AND other.released_at IS NULL AND other.id <> %(held)s
            ) THEN 'degraded' ELSE 'completed' END::simulation_status
    WHERE id = %(run_id)s
    """
).format(
    sums=sql.SQL(", ").join(
        sql.SQL("{0} = round(({0} + {1})::numeric, 6)::float8").format(
            sql.Identifier(name), sql.Placeholder(name)
        )
        for name in ENERGY_COLUMNS
    )
)

_INSERT_ROW = sql.SQL(
    'INSERT INTO energy_data ("timestamp", user_id, source, simulation_run_id, {columns}) '
    "VALUES (%(tick)s, %(user_id)s, %(source)s, %(run_id)s, {values}) ON CONFLICT DO NOTHING"
).format(
    columns=sql.SQL(", ").join(map(sql.Identifier, ENERGY_COLUMNS)),
    values=sql.SQL(", ").join(map(sql.Placeholder, ENERGY_COLUMNS)),
)


def _insert(connection: Connection, held: Entry) -> None:
    results, users = _frames(held)
    rows, _ = typed(Results, results)
    energies = rows.select(ENERGY_COLUMNS).row(0, named=True)
    broken = [name for name, value in energies.items() if value is None or not abs(value) < 1e6]
    if broken:
        raise ResultsError(
            f"row {held.id} holds no numbers that could be inserted: "
            + ", ".join(f"{name} is {held.row_values.get(name)}" for name in broken)
        )
    values = {**energies, "tick": held.tick, "user_id": held.user_id, "run_id": held.run_id}
    done = connection.execute(_INSERT_ROW, {**values, "source": SOURCE})
    if not done.rowcount:
        raise ResultsError("the household has a row for this tick already")
    connection.execute(_UPDATE_RUN, {**values, "held": held.id})
    [certificate] = certificates.certify(
        rows.with_columns(timestamp=pl.lit(held.tick).cast(rows.schema["timestamp"])),
        users,
        [held.tick],
    ).values()
    certificates.store(connection, held.run_id, certificate, add=True)


def as_text(held: Entry) -> str:
    """Everything about a row, as an operator reads it."""
    lines = [
        f"Row {held.id} of the quarantine, stage {held.stage}",
        f"tick       {held.tick:%Y-%m-%d %H:%M} UTC, run {held.run_id} ({held.run_status})",
        f"household  {held.user_id}",
    ]
    if held.line is not None:
        lines.append(f"line       {held.line} of {held.file or 'the results file'}")
    lines += ["reasons", *(f"  - {reason}" for reason in held.reasons)]
    lines += ["row", f"  {json.dumps(held.row_values)}"]
    if held.household:
        lines += ["input", f"  {json.dumps(held.household)}"]
    if held.released_at:
        lines.append(
            f"released   {held.released_at:%Y-%m-%d %H:%M} by {held.released_by}"
            + (f": {held.release_note}" if held.release_note else "")
        )
    return "\n".join(lines)
