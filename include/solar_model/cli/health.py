"""``solar health``: is the community served?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from solar_model.cli import app


@app.command()
def health(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Say whether cycles run and everybody is served; exit code 0 when healthy, 1 when not.

    Looks at the database of the connection AIRFLOW_CONN_SOLAR_DB. Unhealthy is more than 20
    minutes without new data; degraded is a failed newest cycle or households set aside.

    Example: solar health --json
    """
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
    if found.status != HEALTHY:
        raise typer.Exit(1)
