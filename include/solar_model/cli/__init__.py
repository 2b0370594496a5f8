"""The command ``solar``: one module per group of commands, heavy imports only where they run.

Exit codes: 0 when all is well, 1 when something is wrong with the data or the world (the message
says what), 2 when the command itself makes no sense, 130 after Ctrl-C.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer

from solar_model.errors import SolarModelError


class _Plainly(typer.core.TyperGroup):
    """Errors that a user can do something about are told in a sentence, not in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with _cleaning_up():
                return super().invoke(ctx)
        except (SolarModelError, OSError) as error:  # no room, no permission, …
            raise _failed(str(error)) from error
        except ModuleNotFoundError as error:
            raise _failed(
                f"this command needs {error.name}, which is not part of the model alone. "
                "Run it from the project's folder, in the environment that make sets up."
            ) from error


class _Ended(SystemExit):
    """Somebody ends the command; of the kind that nothing takes for an error."""


@contextmanager
def _cleaning_up() -> Iterator[None]:
    """Let a command that is ended, or loses its terminal, leave as little behind as Ctrl-C does."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise _Ended(128 + signal.SIGTERM)

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGTERM)  # by which a server ends in its own way

    ours = {
        number: handler
        for number, handler in ((signal.SIGTERM, end), (signal.SIGHUP, hang_up))
        if signal.getsignal(number) is signal.SIG_DFL  # nohup ignores SIGHUP, and so it stays
    }
    for number, handler in ours.items():
        signal.signal(number, handler)
    try:
        yield
    except _Ended:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
        raise  # the first process of a container is not ended by it
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


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
