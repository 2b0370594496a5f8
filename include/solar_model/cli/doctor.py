"""``solar doctor``: what is missing, before a cycle finds out."""

from __future__ import annotations

import typer

from solar_model.cli import app


@app.command()
def doctor() -> None:
    """Look at every configured connection: what is wrong, and how to mend it.

    The database is that of AIRFLOW_CONN_SOLAR_DB, the exchanges are those of SOLAR_EXCHANGES. In
    each exchange a small file is put, fetched and removed. Where SOLAR_RUNNER is http or exchange,
    the runners are looked at too. Ends with 1 when something is wrong.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from solar_model.pipeline.connections import from_environment
    from solar_model.pipeline.doctor import examine
    from solar_model.settings import settings

    table = Table("", "what", "check", "what is wrong, and how to mend it")
    for column in table.columns:
        column.overflow = "fold"  # an address is shown in full
    healthy = True
    console = Console(stderr=True)
    with console.status("") as status:
        for finding in examine(settings(), from_environment):
            status.update(f"{finding.subject}: {finding.check}")
            healthy &= finding.problem is None
            mark = "[green]✓[/]" if finding.problem is None else "[red]✗[/]"
            # what is found is text, not markup
            table.add_row(mark, *map(Text, (finding.subject, finding.check, finding.problem or "")))
    Console().print(table)
    if not healthy:
        raise typer.Exit(1)
