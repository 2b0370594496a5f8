"""``solar db``: the schema of the solar database."""

from __future__ import annotations

from typing import Annotated

import typer

from solar_model.cli import app

db = typer.Typer(
    no_args_is_help=True,
    help="Bring the tables of the solar database up to date. The database is the one of the "
    "connection AIRFLOW_CONN_SOLAR_DB; AIRFLOW_CONN_SOLAR_DB_OWNER, where it is set, names the "
    "login that may change the schema.",
)
app.add_typer(db, name="db")


@db.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="Revision to go to.")] = "head",
) -> None:
    """Make or change our tables so that they fit this version; safe to repeat.

    Tables users and user_systems are the backend's and are not touched.
    """
    from solar_model.pipeline import schema

    schema.upgrade(_owner(), revision)
    typer.echo("The solar database is up to date.")


@db.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="Revision to go back to; base removes all.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: data that no longer fits is lost.")
    ] = False,
) -> None:
    """Go back to an earlier revision of our tables; what it does not know is lost."""
    from solar_model.pipeline import schema

    if not yes:
        typer.confirm(f"Go back to revision {revision} and lose what it does not know?", abort=True)
    schema.downgrade(_owner(), revision)
    typer.echo(f"The solar database is at revision {revision}.")


def _owner() -> str:
    from solar_model.pipeline import database

    return database.owner_conninfo(database.conninfo_from_environment())
