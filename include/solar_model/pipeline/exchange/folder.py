"""A folder that both sides can reach: a disk, a mount, a synchronised drive."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from solar_model.errors import ConfigurationError, TransferError
from solar_model.pipeline.exchange.store import NotInExchange, Sink, Store, Stored
from solar_model.scratch import sweep_drafts
from solar_model.whole_files import atomic_write


class FolderStore(Store):
    """Files in a folder, which is made when it is missing.

    Parameters
    ----------
    folder : path
        The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.url = self.folder.as_uri()

    def write(self, name: str, source: Path) -> None:
        """Write a draft beside, and rename it when it is whole and on the disk."""
        with (
            self._errors(name),
            source.open("rb") as original,
            atomic_write(self.folder / name) as copy,
        ):
            shutil.copyfileobj(original, copy)

    def read(self, name: str, sink: Sink) -> None:
        """Copy the bytes of a file."""
        with self._errors(name), (self.folder / name).open("rb") as file:
            shutil.copyfileobj(file, sink)

    def stat(self, name: str) -> Stored:
        """Describe a file."""
        with self._errors(name):
            return _stored(self.folder / name)

    def list(self) -> Iterator[Stored]:
        """Describe every file."""
        with self._errors("the folder"):
            if self.folder.exists():
                for path in self.folder.iterdir():
                    # another process may just have removed it
                    with suppress(FileNotFoundError):
                        if path.is_file():
                            yield _stored(path)

    def delete(self, name: str) -> None:
        """Remove a file."""
        with self._errors(name):
            (self.folder / name).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove the drafts of writers that were killed."""
        with self._errors("a draft"):
            return sweep_drafts(self.folder)

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotInExchange(f"{name} is not in the exchange {self.url}") from error
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise ConfigurationError(
                f"{self.url}: {name} cannot be read or written ({error.strerror}). Give the "
                f"user that runs the cycle a folder it may write to."
            ) from error
        except OSError as error:
            raise TransferError(f"{self.url}/{name}: {error.strerror}") from error


def _stored(path: Path) -> Stored:
    status = path.stat()
    return Stored(path.name, status.st_size, datetime.fromtimestamp(status.st_mtime, tz=UTC))
