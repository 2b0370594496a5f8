"""The exchange: where the cycle's files lie for whoever simulates them.

A file is put together with its manifest, whole or not at all, and is checked against it when it
is fetched.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from solar_model.errors import ConfigurationError, TransferError
from solar_model.files import Manifest, atomic_write
from solar_model.pipeline.references import FileReference


class FolderExchange:
    """Exchange in a folder that both sides can reach: a disk, a mount, a synchronised drive.

    Parameters
    ----------
    folder : path
        Made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def url(self) -> str:
        """Address of the exchange."""
        return self.folder.absolute().as_uri()

    def put(self, source: Path) -> FileReference:
        """Copy a file and its manifest into the exchange; the same name is replaced.

        Returns
        -------
        FileReference
            The copy, verified against the manifest by reading it back.

        Raises
        ------
        TransferError
            When the copy is not what the manifest says.
        """
        manifest = Manifest.read(source)
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / source.name
        _copy(source, target)
        manifest.verify(target)
        # the manifest last: who sees it can rely on the file
        manifest.write(target)
        return FileReference.of(target, manifest.rows)

    def get(self, name: str, folder: Path) -> FileReference:
        """Fetch a file and its manifest into a folder.

        Returns
        -------
        FileReference
            The local file, verified against the manifest.

        Raises
        ------
        TransferError
            When it is missing or not what its manifest says.
        """
        source = self.folder / name
        try:
            manifest = Manifest.read(source)
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / name
            _copy(source, target)
        except FileNotFoundError as error:
            raise TransferError(
                f"{name} is not in the exchange {self.url}: {error.filename} is missing"
            ) from error
        manifest.verify(target)
        manifest.write(target)
        return FileReference.of(target, manifest.rows)

    def list(self) -> tuple[Stored, ...]:
        """The files whose manifest is there, by name."""
        if not self.folder.exists():
            return ()
        return tuple(
            Stored(path.name, datetime.fromtimestamp(path.stat().st_mtime, tz=UTC))
            for path in sorted(self.folder.iterdir())
            if Manifest.path_of(path).is_file()
        )


@dataclass(frozen=True)
class Stored:
    """A file as the exchange describes it: its name, and when it was written."""

    name: str
    modified: datetime


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as original, atomic_write(target) as copy:
        shutil.copyfileobj(original, copy)


def open_exchange(url: str) -> FolderExchange:
    """The exchange behind a URL.

    Raises
    ------
    ConfigurationError
        When nothing here speaks the URL's scheme.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return FolderExchange(Path(unquote(parts.path)))
    raise ConfigurationError(
        f"SOLAR_EXCHANGES: no exchange for {parts.scheme or url!r}; expected file:///FOLDER"
    )
