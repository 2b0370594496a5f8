"""``solar quarantine``: rows that were set aside, why, and letting them out again."""

from __future__ import annotations

import contextlib
import getpass
from enum import StrEnum
from typing import Annotated, Any

import typer

from solar_model.cli import app

quarantine = typer.Typer(
    no_args_is_help=True,
    help="Rows that were set aside because they cannot be believed. The database is the one of "
    "the connection AIRFLOW_CONN_SOLAR_DB.",
)
app.add_typer(quarantine, name="quarantine")

_SHOWN_REASON = 90


class Stage(StrEnum):
    """Where rows are set aside."""

    INPUT = "input"
    RESULTS = "results"


@quarantine.command("list")
def list_(
    user: Annotated[str | None, typer.Option(help="Only rows of this household.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only ticks from this time on, ISO 8601, UTC by default.")
    ] = None,
    stage: Annotated[
        Stage | None, typer.Option(help="input (not simulated) or results (not inserted).")
    ] = None,
    released: Annotated[
        bool, typer.Option("--released", help="Also rows that were let out.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most this many rows.")] = 50,
) -> None:
    """List what is set aside, the newest tick first, each with its first reason.

    Example: solar quarantine list --since 2024-09-11
    """
    from solar_model.pipeline import database
    from solar_model.pipeline import quarantine as rows
    from solar_model.ticks import parse_tick

    with database.of_command_line() as connection:
        found = rows.entries(
            connection,
            user_id=user,
            since=parse_tick(since) if since else None,
            stage=stage and stage.value,
            released=released,
            limit=limit + 1,
        )
        _seen(connection, "quarantine")
    for held in found[:limit]:
        reason = held.reasons[0] if held.reasons else ""
        more = f" (and {len(held.reasons) - 1} more)" if len(held.reasons) > 1 else ""
        out = " released" if held.released_at else ""
        typer.echo(
            f"{held.id:>8}  {held.tick:%Y-%m-%d %H:%M}  {held.stage:<7}  {held.user_id}  "
            f"{reason[:_SHOWN_REASON]}{more}{out}"
        )
    if len(found) > limit:
        typer.echo(f"… and more: --limit {limit * 10} shows them")
    elif not found:
        typer.echo("Nothing is set aside.")


@quarantine.command()
def show(number: Annotated[int, typer.Argument(help="Number of the row in the list.")]) -> None:
    """Show a row with all reasons, the household it is of, and whether it would pass now.

    Example: solar quarantine show 17
    """
    from solar_model.errors import InputError
    from solar_model.pipeline import database
    from solar_model.pipeline import quarantine as rows

    with database.of_command_line() as connection:
        held = rows.entry(connection, number)
        _seen(connection, f"quarantine {number}")
    typer.echo(rows.as_text(held))
    try:
        wrong = rows.recheck(held)
    except InputError:
        return
    now = "breaks " + "; ".join(wrong) if wrong else "passes"
    typer.echo(f"by the rules of today it {now}")


@quarantine.command()
def release(
    numbers: Annotated[list[int], typer.Argument(help="Numbers of the rows in the list.")],
    because: Annotated[
        str | None,
        typer.Option(help="Why to believe a row that breaks a rule; kept beside it."),
    ] = None,
) -> None:
    """Check rows again and insert those that pass; with --because, also those that do not.

    The run's totals and state follow; when nothing of it is set aside any more it is completed.

    Example: solar quarantine release 17 18 --because "meter reading confirms it"
    """
    from solar_model.errors import InputError, ResultsError
    from solar_model.pipeline import database
    from solar_model.pipeline import quarantine as rows

    kept = 0
    with database.of_command_line() as connection:
        for number in numbers:
            try:
                held = rows.release(connection, number, by=getpass.getuser(), note=because)
            except (InputError, ResultsError) as error:
                typer.secho(f"Error: {error}", err=True, fg=typer.colors.RED)
                kept += 1
            else:
                typer.echo(
                    f"row {number} is inserted; the run of {held.tick:%Y-%m-%d %H:%M} UTC "
                    f"is {held.run_status}"
                )
    if kept:
        raise typer.Exit(1)


def _seen(connection: Any, place: str) -> None:
    """Write down who has looked at people's rows, where the login may write at all."""
    import psycopg

    from solar_model.pipeline import transfers

    with contextlib.suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
        transfers.record(connection, None, "view", None, actor=getpass.getuser(), place=place)
