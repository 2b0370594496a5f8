"""The command ``solar``: one module per group of commands, heavy imports only where they run.

Exit codes: 0 when all is well, 1 when something is wrong with the data or the world (the message
says what), 2 when the command itself makes no sense.
"""

from __future__ import annotations

from typing import Any

import typer

from solar_model.errors import SolarModelError


class _Plainly(typer.core.TyperGroup):
    """Errors that a user can do something about are told in a sentence, not in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (SolarModelError, OSError) as error:  # no room, no permission, …
            raise _failed(str(error)) from error
        except ModuleNotFoundError as error:
            raise _failed(
                f"this command needs {error.name}, which is not part of the model alone. "
                "Run it from the project's folder, in the environment that make sets up."
            ) from error


def _failed(message: str) -> typer.Exit:
    typer.secho(f"Error: {message}", err=True, fg=typer.colors.RED)
    return typer.Exit(1)


app = typer.Typer(
    cls=_Plainly,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
    help="""
    Simulate a solar community, quarter of an hour by quarter of an hour.

    Try it:

        solar sample 1000 users.csv

        solar simulate users.csv results.csv --steps 96 --start-time 2024-06-11

        solar validate results.csv --input users.csv

        solar plot results.csv -o day.png

    Settings such as the site's place and time zone come from SOLAR_* environment variables.
    """,
)

# they register on the app
from solar_model.cli import (  # noqa: E402
    certificate,  # noqa: F401
    community,  # noqa: F401
    db,  # noqa: F401
    doctor,  # noqa: F401
    health,  # noqa: F401
    quarantine,  # noqa: F401
    replay,  # noqa: F401
    runner,  # noqa: F401
)
