"""What a place must be able to do to serve as an exchange."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from solar_model.errors import TransferError


class NotInExchange(TransferError):  # noqa: N818  (it is the answer to a question)
    """There is no file of that name; asking again at once does not help."""


class Sink(Protocol):
    """Where bytes go: a file, or a checksum."""

    def write(self, data: bytes, /) -> object:
        """Take some bytes."""


class Digest(NamedTuple):
    """A checksum: the algorithm's name in ``hashlib``, and the value in hexadecimal."""

    algorithm: str
    value: str


@dataclass(frozen=True)
class Stored:
    """A file as its store describes it.

    Attributes
    ----------
    name : str
        Without folder or prefix.
    size_bytes : int
        Size.
    modified : datetime.datetime
        When it was written, aware, by the store's clock.
    digest : Digest or None
        Checksum that the store itself took of its bytes; None where it takes none.
    """

    name: str
    size_bytes: int
    modified: datetime
    digest: Digest | None = None


class Store(ABC):
    """A flat place that keeps bytes under names.

    Every method raises :class:`TransferError` for what may pass (the network, a busy server),
    :class:`NotInExchange` for a file that is not there, and ``ConfigurationError`` for what stays
    wrong until somebody mends it (credentials, a missing bucket, a quota), with words on how.
    None of them retries, and none names a secret.

    Attributes
    ----------
    url : str
        Address of the place, without a slash at its end and without secrets.
    server : str or None
        Address of the server behind it; None where there is none.
    ca_file : str or None
        File of certificate authorities that the server is checked with; None for the usual ones.
    """

    url: str
    server: str | None = None
    ca_file: str | None = None

    @abstractmethod
    def write(self, name: str, source: Path) -> None:
        """Store a file; one of the same name is replaced, and readers see either, whole."""

    @abstractmethod
    def read(self, name: str, sink: Sink) -> None:
        """Copy the bytes of a file."""

    @abstractmethod
    def stat(self, name: str) -> Stored:
        """Describe a file."""

    @abstractmethod
    def list(self) -> Iterator[Stored]:
        """Describe every file, in any order, each name once."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""

    def signed_link(self, name: str, lifetime: timedelta) -> str | None:  # noqa: ARG002
        """Address that anybody can fetch the file from for a while: a secret.

        None where the store knows no such thing.
        """
        return None

    def sweep(self) -> int:
        """Remove what killed writers have left half written; returns how many there were.

        There is nothing to do where files are whole or not there.
        """
        return 0

    def preflight(self) -> None:
        """Look for what will go wrong and can be told beforehand.

        Raises
        ------
        ConfigurationError
            Says what to mend.
        """
        next(self.list(), None)
