"""``solar certificate``: the proof that no energy was made or lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from solar_model.cli import app


@app.command()
def certificate(
    since: Annotated[
        str | None, typer.Option(help="Ticks from this time on, ISO 8601, UTC by default.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Ticks before this time; by default, up to the newest.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also draw them (.png, .svg).")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="At most this many ticks, the newest; 96 where no time is given.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the energy certificate of each tick; exit code 1 when one does not hold.

    Energies in kWh. The residual is what comes from nowhere or vanishes; the bound is what rounding
    can leave. The database is the one of the connection AIRFLOW_CONN_SOLAR_DB.

    Example: solar certificate --since 2024-09-11 -o conservation.png
    """
    from solar_model.pipeline import certificates, database
    from solar_model.ticks import parse_tick

    with database.of_command_line() as connection:
        found = certificates.between(
            connection,
            parse_tick(since) if since else None,
            parse_tick(until) if until else None,
            limit or (None if since or until else 96),
        )
    if found.is_empty():
        typer.echo("No run has a certificate there.")
        return
    typer.echo(
        "tick (UTC)        households    generated   consumed   imported   exported     losses"
        "   to stores   residual      bound"
    )
    for row in found.iter_rows(named=True):
        stored = row["stored_after_kwh"] - row["stored_before_kwh"]
        typer.echo(
            f"{row['tick']:%Y-%m-%d %H:%M}  {row['households']:>10,}  "
            f"{row['generation_kwh']:>11,.3f}{row['consumption_kwh']:>11,.3f}"
            f"{row['grid_import_kwh']:>11,.3f}{row['grid_export_kwh']:>11,.3f}"
            f"{row['losses_kwh']:>11,.3f}{stored:>+12,.3f}"
            f"{row['residual_kwh']:>+11.1e}{row['bound_kwh']:>11.1e}"
            + ("" if row["holds"] else "  DOES NOT HOLD")
        )
    if output:
        from solar_model.plotting import plot_certificates, save_figure

        save_figure(plot_certificates(found), output)
        typer.echo(f"drawn to {output}")
    if not found["holds"].all():
        raise typer.Exit(1)
