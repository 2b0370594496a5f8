"""``solar sample``, ``simulate``, ``validate``, ``plot``: the model from the command line.

And ``pseudonym``, which finds a user in the logs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from solar_model.cli import app

Seed = Annotated[int | None, typer.Option(help="Same seed, same community; by default SOLAR_SEED.")]


@app.command()
def sample(
    households: Annotated[int, typer.Argument(min=1, help="Number of households.")],
    output: Annotated[Path, typer.Argument(help="Input CSV to write.")],
    seed: Seed = None,
) -> None:
    """Make a plausible community: systems, batteries and people around the site.

    Example: solar sample 1000 users.csv
    """
    from solar_model.files import write_users
    from solar_model.sample import sample_households
    from solar_model.settings import settings

    write_users(sample_households(households, settings().seed if seed is None else seed), output)
    typer.echo(f"{households:,} households written to {output}")


@app.command()
def simulate(
    input_file: Annotated[Path, typer.Argument(metavar="IN", help="Input CSV of households.")],
    output_file: Annotated[Path, typer.Argument(metavar="OUT", help="Results CSV to write.")],
    steps: Annotated[int, typer.Option(min=1, help="Ticks of 15 minutes; 96 are a day.")] = 1,
    start_time: Annotated[
        str | None,
        typer.Option(
            help="First tick, such as 2024-06-11T14:15:00, in UTC unless it has an offset; "
            "by default now. Rounded down to a quarter of an hour."
        ),
    ] = None,
    weather: Annotated[
        str,
        typer.Option(
            help="A number from 0 to 1.2 (times clear sky), stochastic, open-meteo, file:PATH "
            '(TMY3, EPW or CSV), or JSON such as \'{"clear_sky_index": 0.7, "temp_air": 20, '
            '"wind_speed": 2}\'. Several, separated by commas, are tried in order.'
        ),
    ] = "0.9",
    seed: Seed = None,
) -> None:
    """Simulate every household of a file, tick by tick.

    Writes one row per household and tick, and a manifest next to the file. Six columns are enough
    as input (docs/data-dictionary.md has all of them).

    Example: solar simulate users.csv results.csv --steps 96 --weather stochastic
    """
    from solar_model.simulation import run_simulation

    with _progress(steps) as tick_done:
        summary = run_simulation(
            input_file, output_file, steps, start_time, weather, seed, progress=tick_done
        )
    totals = summary.totals_kwh
    typer.echo(
        f"{summary.households:,} households, {summary.ticks:,} ticks from {summary.first_tick} UTC "
        f"in {summary.seconds:.1f} s: generated {totals['generation_kwh']:,.1f} kWh, "
        f"used {totals['consumption_kwh']:,.1f}, bought {totals['grid_import_kwh']:,.1f}, "
        f"fed in {totals['grid_export_kwh']:,.1f}; "
        f"{totals['battery_soc_kwh']:,.1f} in the batteries"
    )
    typer.echo(f"{summary.rows:,} rows written to {output_file}, SHA-256 {summary.sha256}")


@app.command()
def validate(
    results_file: Annotated[Path, typer.Argument(metavar="FILE", help="Results CSV.")],
    input_file: Annotated[
        Path | None,
        typer.Option("--input", help="The input CSV of the run: also checks coverage and limits."),
    ] = None,
) -> None:
    """Check that results keep their contract; exit code 1 and every failed check when not.

    Where the manifest of the run lies beside the file, the file must also be what was written then.

    Example: solar validate results.csv --input users.csv
    """
    from solar_model.manifest import Manifest
    from solar_model.validation import validate_results
    from solar_model.whole_files import sha256_of

    report = validate_results(results_file, input_file)
    if report:
        typer.echo(f"{results_file} does not keep its contract:\n{report}", err=True)
        raise typer.Exit(1)
    manifest = Manifest.path_of(results_file)
    if manifest.exists() and Manifest.read(results_file).sha256 != sha256_of(results_file):
        typer.echo(
            f"{results_file} keeps its contract, but was changed after it was written: its SHA-256 "
            f"is not that of {manifest.name}. Take the file as the run wrote it, or simulate again",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(f"{results_file}: {report}")


@app.command()
def plot(
    results_file: Annotated[Path, typer.Argument(metavar="FILE", help="Results CSV.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Picture to write (.png, .svg).")],
    user: Annotated[
        str | None, typer.Option(help="Draw this household instead of the community.")
    ] = None,
) -> None:
    """Draw where energy came from and went: sun, battery, grid and load over time.

    Example: solar plot results.csv -o day.png --user 550e8400-e29b-41d4-a716-446655440000
    """
    from solar_model.files import read_results
    from solar_model.plotting import plot_results, save_figure

    save_figure(plot_results(read_results(results_file), user), output)
    typer.echo(f"drawn to {output}")


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[int], object]]:
    """A progress bar on a terminal's standard error; silent elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Simulating ticks", total=steps)
        yield lambda done: progress.update(task, completed=done)


@app.command()
def pseudonym(
    user_ids: Annotated[list[str], typer.Argument(help="Ids as they are in the database.")],
) -> None:
    """Tell what users are called in the logs of this machine.

    Names are made with SOLAR_PSEUDONYM_KEY, or with the key that this machine keeps.

    Example: solar pseudonym 0191e3a2-7c1d-7b5a-9f00-1a2b3c4d5e6f
    """
    from solar_model import pseudonyms

    for user_id in user_ids:
        typer.echo(f"{user_id} {pseudonyms.pseudonym(user_id)}")
