"""From URLs to exchanges, in order of preference."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from solar_model.errors import ConfigurationError, SolarModelError, TransferError
from solar_model.pipeline.connections import Lookup, from_environment
from solar_model.pipeline.exchange.exchange import Exchange
from solar_model.pipeline.exchange.folder import FolderStore
from solar_model.pipeline.exchange.patience import Patience
from solar_model.pipeline.exchange.store import Store
from solar_model.pipeline.references import FileReference

GOOGLE = "google_cloud_default"
AWS = "aws_default"
HTTP = "solar_http_exchange"

EXPECTED = (
    "file:///FOLDER, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX, gdrive://FOLDER-ID or "
    "https://HOST/FOLDER"
)

log = logging.getLogger(__name__)


def open_exchange(
    url: str, connections: Lookup = from_environment, patience: Patience | None = None
) -> Exchange:
    """The exchange behind a URL; nothing is transferred yet.

    Parameters
    ----------
    url : str
        One of ``SOLAR_EXCHANGES``.
    connections : callable
        Gives the text form of an Airflow connection by its id, None when there is none.
    patience : Patience, optional
        How often a transfer is tried.

    Raises
    ------
    ConfigurationError
        When nothing here speaks the URL's scheme, or its connection cannot be used.
    """
    patience = patience or Patience()
    try:
        parts = urlsplit(url.rstrip("/"))
        _ = parts.port  # a number beyond 65535 is none
    except ValueError:
        # what was found is not repeated: it may hold a login
        raise ConfigurationError(
            f"SOLAR_EXCHANGES: what follows {url.partition(':')[0]}:// is no address; expected "
            f"{EXPECTED}, with brackets around an IPv6 address alone"
        ) from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            f"SOLAR_EXCHANGES: the {parts.scheme} URL of {parts.hostname} holds more than an "
            "address. Move logins and tokens to the connection: URLs are shown and logged."
        )
    try:
        return Exchange(_store(parts, connections, patience), patience)
    except ImportError as error:
        raise ConfigurationError(
            f"{url}: the client library is not installed ({error.name}). "
            "Install solar-model[exchange]."
        ) from error


def _store(parts: SplitResult, connections: Lookup, patience: Patience) -> Store:
    place, prefix = parts.netloc, unquote(parts.path.strip("/"))
    # A client library is heavy: it is imported only where its scheme is used.
    if parts.scheme == "file" and place in ("", "localhost") and parts.path:
        return FolderStore(Path(unquote(parts.path)))
    if parts.scheme == "gs" and place:
        from solar_model.pipeline.exchange.gcs import GcsStore

        return GcsStore(place, prefix, connections(GOOGLE), patience)
    if parts.scheme == "s3" and place:
        from solar_model.pipeline.exchange.s3 import S3Store

        return S3Store(place, prefix, connections(AWS), patience)
    if parts.scheme == "gdrive" and place and not prefix:
        from solar_model.pipeline.exchange.drive import DriveStore

        return DriveStore(place, connections(GOOGLE), patience)
    if parts.scheme in ("https", "http") and place:
        from solar_model.pipeline.exchange.http import HttpStore

        return HttpStore(parts.geturl(), connections(HTTP), patience)
    raise ConfigurationError(
        f"SOLAR_EXCHANGES: no exchange for {parts.geturl()!r}; expected {EXPECTED}"
    )


def put_to_first(
    urls: Sequence[str],
    source: Path,
    connections: Lookup = from_environment,
    patience: Patience | None = None,
) -> FileReference:
    """Put a file into the first exchange that takes it.

    Parameters
    ----------
    urls : sequence of str
        Exchanges in order of preference.
    source : path
        A file beside its manifest.
    connections, patience
        As for :func:`open_exchange`.

    Returns
    -------
    FileReference
        Where it is now.

    Raises
    ------
    TransferError
        When none took it, and at least one may do so later.
    ConfigurationError
        When none took it, and none will until somebody mends it.
    """
    failures: list[SolarModelError] = []
    for url in urls:
        try:
            return open_exchange(url, connections, patience).put(source)
        except (TransferError, ConfigurationError) as error:
            log.warning("This exchange does not take %s: %s", source.name, error)
            failures.append(error)
    can_pass = any(isinstance(error, TransferError) for error in failures)
    raise (TransferError if can_pass else ConfigurationError)(
        f"no exchange took {source.name}: " + " | ".join(map(str, failures))
    )


def in_turn(urls: Sequence[str], carrier: str) -> list[str]:
    """Exchanges in the order to try, once one carries a part of the data.

    That one is first, then those behind it, then those before it, which did not take the data
    a moment ago.
    """
    at = urls.index(carrier) if carrier in urls else -1
    return [carrier, *urls[at + 1 :], *urls[: max(at, 0)]]


def fetch(
    wanted: FileReference,
    folder: Path,
    connections: Lookup = from_environment,
) -> FileReference:
    """Fetch the very file that was put, not another one that has taken its name.

    Parameters
    ----------
    wanted : FileReference
        The file as it was put.
    folder : path
        Where it shall go.
    connections
        As for :func:`open_exchange`.

    Returns
    -------
    FileReference
        The local file.

    Raises
    ------
    TransferError, ConfigurationError
        When the exchange does not give it.
    """
    got = open_exchange(wanted.exchange, connections).get(wanted.name, folder)
    if got.sha256 != wanted.sha256:
        raise TransferError(
            f"{wanted.uri}: SHA-256 is {got.sha256}, of what was handed over {wanted.sha256}"
        )
    return got


def get_or_move(
    wanted: FileReference,
    folder: Path,
    *,
    copy: Path,
    urls: Sequence[str],
    connections: Lookup = from_environment,
) -> tuple[FileReference, FileReference]:
    """Fetch a file from its exchange; where that has failed, by way of the next one.

    Parameters
    ----------
    wanted : FileReference
        The file as it was put.
    folder : path
        Where it shall go.
    copy : path
        What it was put from: goes into the next exchange, or anew into the same.
    urls : sequence of str
        Exchanges in order of preference.
    connections
        As for :func:`open_exchange`.

    Returns
    -------
    tuple of FileReference
        Where it is now, and the local file.

    Raises
    ------
    TransferError, ConfigurationError
        When no exchange gives it, or there is no copy.
    """
    try:
        return wanted, fetch(wanted, folder, connections)
    except (TransferError, ConfigurationError) as error:
        if not copy.is_file():
            raise
        log.warning("This exchange does not give %s back: %s", wanted.name, error)
    first, *others = in_turn(urls, wanted.exchange)
    moved = put_to_first([*others, first], copy, connections)
    return moved, fetch(moved, folder, connections)
