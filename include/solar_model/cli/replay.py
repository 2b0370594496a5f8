"""``solar replay``: would the same come out again?"""

from __future__ import annotations

from typing import Annotated

import typer

from solar_model.cli import app


@app.command()
def replay(
    run_id: Annotated[str, typer.Argument(help="The id of a row of simulation_runs.")],
) -> None:
    """Compute a run again from its recorded input, seed and weather, and compare.

    Says whether the results are the same bytes and whether energy_data holds their rows. The
    database is that of AIRFLOW_CONN_SOLAR_DB; the input is looked for in the work folder and in
    the exchanges. Nothing is changed. Ends with 1 when something differs, and says what.

    Example: solar replay 0b6f0f4e-7d3c-4a0e-9f0d-0c1f6a3c9b52
    """
    from rich.console import Console

    from solar_model.pipeline import database
    from solar_model.pipeline.connections import from_environment
    from solar_model.pipeline.replay import replay
    from solar_model.settings import settings

    with (
        Console(stderr=True).status("Replaying") as status,
        database.of_command_line() as connection,
    ):
        found = replay(connection, run_id, settings(), from_environment, progress=status.update)
    typer.echo(str(found), err=bool(found.differences))
    if found.differences:
        raise typer.Exit(1)
