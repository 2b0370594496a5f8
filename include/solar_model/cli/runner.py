"""``solar runner``: simulate for others, over HTTP or by watching an exchange."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from solar_model.cli import app


@app.command()
def runner(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8700,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where jobs live and are found again; by default SOLAR_HOME/runner."),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="TLS certificate (PEM), with its chain."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Private key of the certificate (PEM)."),
    ] = None,
    max_size_mb: Annotated[
        float, typer.Option(min=0, max=1_000_000, help="Largest CSV that is taken.")
    ] = 256,
    max_jobs: Annotated[int, typer.Option(min=1, help="Most jobs that wait or run.")] = 16,
) -> None:
    """Simulate for others over HTTP; docs/runners.md shows the calls.

    Both sides share SOLAR_RUNNER_SECRET. A kill costs nothing: started again, the runner goes on
    with the jobs in its folder.

    Example: SOLAR_RUNNER_SECRET=… solar runner --port 8700
    """
    import logging
    import ssl

    import uvicorn

    from solar_model.errors import ConfigurationError
    from solar_model.runner.jobs import Limits
    from solar_model.runner.protocol import LOCAL_HOSTS
    from solar_model.runner.server import create_app
    from solar_model.settings import settings

    if (certificate is None) != (key is None):
        raise ConfigurationError("--certificate and --key belong together")
    if certificate:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
        except OSError as error:  # OpenSSL names neither file
            raise ConfigurationError(
                f"{certificate} and {key} cannot be used as certificate and private key (PEM): "
                f"{error.strerror or error}"
            ) from error
    if certificate is None and host not in LOCAL_HOSTS:
        typer.secho(
            f"Listening on {host} without TLS: households would travel in the clear, and clients "
            "refuse plain http beyond their own machine. Give --certificate and --key, or put a "
            "proxy with TLS in front.",
            err=True,
            fg=typer.colors.YELLOW,
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = settings()
    application = create_app(
        folder or config.home / "runner",
        config.require_runner_secret(),
        Limits(input_bytes=int(max_size_mb * 2**20), unfinished_jobs=max_jobs),
    )
    scheme = "https" if certificate else "http"
    typer.echo(f"Runner at {scheme}://{host}:{port}; Ctrl-C ends it")
    uvicorn.run(
        application,
        host=host,
        port=port,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        limit_concurrency=64,
        # its lines would show signed links
        access_log=False,
        log_level="warning",
    )


@app.command()
def watch(
    url: Annotated[
        str | None,
        typer.Argument(help="The exchange, such as file:///FOLDER; by default SOLAR_EXCHANGES."),
    ] = None,
    once: Annotated[bool, typer.Option(help="Do what there is to do, and end.")] = False,
    every: Annotated[
        float, typer.Option(min=0.1, max=86_400, help="Seconds between two looks.")
    ] = 5.0,
    announce: Annotated[
        str | None,
        typer.Option(help="Who is told of each result: https://AIRFLOW/solar-runner/results."),
    ] = None,
) -> None:
    """Watch an exchange, and simulate each users_input_*.csv that has no results yet.

    Safe to start twice and to kill: results appear whole or not at all, and whoever computes them
    writes the same bytes.

    Example: solar watch file:///mnt/exchange
    """
    from solar_model.runner.watch import Watcher
    from solar_model.settings import settings

    watcher = Watcher(url or settings().exchange_urls[0], announce_url=announce, say=typer.echo)
    if once:
        watcher.look()
    else:
        watcher.go_on(every)
