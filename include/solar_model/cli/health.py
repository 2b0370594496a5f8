"""``solar health``: is the community served?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from solar_model.cli import app

_MARKS = {"healthy": "[green]✓[/]", "degraded": "[yellow]![/]", "unhealthy": "[red]✗[/]"}


@app.command()
def health(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Say whether cycles run and everybody is served; exit code 0 when healthy, 1 when not.

    Looks at the database of the connection AIRFLOW_CONN_SOLAR_DB: the same checks as
    /solar/health in Airflow and the DAG solar_monitor. docs/health.md says what each one means.

    Example: solar health --json
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from solar_model.pipeline.database import conninfo_from_environment
    from solar_model.pipeline.health import HEALTHY, health_of

    found = health_of(conninfo_from_environment())
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        typer.echo(f"{found.status}: {'; '.join(found.reasons) or 'all is well'}")
        typer.echo(
            f"last simulation {found.last_simulation or 'never'}, {found.active_users:,} active "
            f"users, {found.total_energy_today:,.1f} kWh generated today (UTC)"
        )
        table = Table("", "check", "what was found")
        for check in found.checks:
            # what is found is text, not markup
            table.add_row(_MARKS.get(check.status, "·"), check.name, Text(check.words))
        Console().print(table)
    if found.status != HEALTHY:
        raise typer.Exit(1)
