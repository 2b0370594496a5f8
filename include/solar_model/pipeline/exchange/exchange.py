"""What every exchange does, whatever its store: whole files, verified, replaced, and not for ever.

The manifest is written after its file, so who sees it can rely on the file; it is removed before
its file for the same reason.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import quote

from solar_model.errors import InputError, TransferError
from solar_model.manifest import Manifest
from solar_model.pipeline.exchange.patience import Patience
from solar_model.pipeline.exchange.store import Digest, Store, Stored
from solar_model.pipeline.references import FileReference
from solar_model.scratch import DRAFT
from solar_model.whole_files import atomic_write

LATEST_INPUT = "users_input_latest.csv"

_PART = r"(-[\w-]+)?"
_NAME = (
    rf"(users_input_(latest|\d{{8}}_\d{{6}}{_PART})|results_\d{{8}}_\d{{4}}{_PART}"
    r"|solar_doctor_[0-9a-f]{32})\.csv(\.manifest\.json)?"
)
# Also drafts, and the doctor's probes: a process that is killed leaves them behind.
_OURS = re.compile(rf"{_NAME}|\.{_NAME}\.[0-9a-f]{{32}}{re.escape(DRAFT)}")
# of a whole tick: what is for many ticks, or a part of the community, is nobody's latest
_INPUT = re.compile(r"users_input_\d{8}_\d{6}\.csv")


class Exchange:
    """Files and their manifests in a store.

    Parameters
    ----------
    store : Store
        Keeps the bytes.
    patience : Patience
        How often a transfer is tried.
    """

    def __init__(self, store: Store, patience: Patience) -> None:
        self.store = store
        self.patience = patience

    @property
    def url(self) -> str:
        """Address of the exchange, without secrets."""
        return self.store.url

    def put(self, source: Path, *, latest: bool = True) -> FileReference:
        """Copy a file and its manifest into the exchange; the same name is replaced.

        An input file is kept as ``users_input_latest.csv`` too, unless a later tick's is there;
        the manifest beside that one names the stamped file.

        Parameters
        ----------
        source : path
            The file, its manifest beside it.
        latest : bool
            Whether an input file may become the latest; a question that is no cycle's may not.

        Returns
        -------
        FileReference
            The copy, verified by what the store then holds.

        Raises
        ------
        TransferError
            When the file is not what its manifest says, or the store cannot be reached or keeps
            something else, attempt after attempt.
        ConfigurationError
            When somebody must mend something first.
        """
        manifest = Manifest.read(source)
        manifest.verify(source)
        self._put(source.name, source, manifest)
        if latest and _INPUT.fullmatch(source.name) and not self._has_later(manifest):
            self._put(LATEST_INPUT, source, manifest)
        return FileReference.described(f"{self.url}/{quote(source.name)}", manifest)

    def get(self, name: str, folder: Path) -> FileReference:
        """Fetch a file and its manifest into a folder.

        Returns
        -------
        FileReference
            The local file, verified against the manifest.

        Raises
        ------
        TransferError
            When it is missing, cannot be fetched, or is not what its manifest says: then the
            folder stays as it was.
        ConfigurationError
            When somebody must mend something first.
        """
        if not name or Path(name).name != name:
            raise InputError(
                "this cannot be a file of an exchange", value=name, expected="a plain file name"
            )
        return self.patience.retry(lambda: self._get(name, folder))

    def list(self) -> tuple[Stored, ...]:
        """The files whose manifest is there, by name."""
        found = {stored.name: stored for stored in self.patience.retry(self._listed)}
        return tuple(
            stored for name, stored in sorted(found.items()) if _manifest_name(name) in found
        )

    def delete(self, name: str) -> None:
        """Remove a file and its manifest; what is not there is fine."""
        for each in (_manifest_name(name), name):
            self._delete(each)

    def checksum(self, name: str) -> Digest:
        """Checksum of what the store holds: its own, else of the bytes read back."""
        return self.patience.retry(lambda: self._digest(self.store.stat(name)))

    def signed_link(self, name: str, lifetime: timedelta) -> str | None:
        """Address to fetch a file from for a while, None where the store has none; a secret."""
        return self.store.signed_link(name, lifetime)

    def expire(self, retention: timedelta) -> int:
        """Remove the cycle's files that are older than the retention time; returns how many.

        Half-written ones whose writer was killed go at once. What others keep in the same place
        is left alone.
        """
        swept = self.patience.retry(self.store.sweep)
        limit = datetime.now(tz=UTC) - retention
        old = [
            stored.name
            for stored in self.patience.retry(self._listed)
            if stored.modified < limit and _OURS.fullmatch(stored.name)
        ]
        # a longer name first: the manifest goes before its file
        for name in sorted(old, reverse=True):
            self._delete(name)
        return swept + len(old)

    def _put(self, name: str, source: Path, manifest: Manifest) -> None:
        for target, path, known in (
            (name, source, Digest("sha256", manifest.sha256)),
            (_manifest_name(name), Manifest.path_of(source), None),
        ):
            self.patience.retry(partial(self._write, target, path, known))

    def _write(self, name: str, source: Path, known: Digest | None) -> None:
        self.store.write(name, source)
        stored = self.store.stat(name)
        size = source.stat().st_size
        if stored.size_bytes != size:
            raise TransferError(
                f"{self.url}/{name}: {size:,} bytes were put, the store holds {stored.size_bytes:,}"
            )
        digest = self._digest(stored)
        if known is None or known.algorithm != digest.algorithm:
            with source.open("rb") as file:
                value = hashlib.file_digest(file, digest.algorithm).hexdigest()
            known = Digest(digest.algorithm, value)
        if digest != known:
            raise TransferError(
                f"{self.url}/{name}: {digest.algorithm} of what the store holds is "
                f"{digest.value}, of what was put {known.value}"
            )

    def _get(self, name: str, folder: Path) -> FileReference:
        manifest = self._manifest(name)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / name
        with atomic_write(target) as file:
            self.store.read(name, _Here(file, target))
            file.flush()
            manifest.verify(file.name, called=f"{self.url}/{name}")
        manifest.write(target)
        return FileReference.described(target.absolute().as_uri(), manifest)

    def _manifest(self, name: str) -> Manifest:
        content = bytearray()
        self.store.read(_manifest_name(name), _Bytes(content))
        return Manifest.parse(bytes(content), f"{self.url}/{_manifest_name(name)}")

    def _has_later(self, manifest: Manifest) -> bool:
        try:
            there = self.patience.retry(lambda: self._manifest(LATEST_INPUT))
        except TransferError:
            return False  # none, or one that nobody can read
        return there.tick > manifest.tick

    def _listed(self) -> tuple[Stored, ...]:
        return tuple(self.store.list())

    def _delete(self, name: str) -> None:
        self.patience.retry(lambda: self.store.delete(name))

    def _digest(self, stored: Stored) -> Digest:
        if stored.digest is not None:
            return stored.digest
        hashing = hashlib.sha256()
        self.store.read(stored.name, _Hash(hashing))
        return Digest("sha256", hashing.hexdigest())


class _Here:
    """A file of this machine, whose errors a store would take for errors of its own."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path = file, path

    def write(self, data: bytes, /) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            raise TransferError(f"{self._path} cannot be written: {error.strerror}") from error


class _Bytes:
    def __init__(self, content: bytearray) -> None:
        self.content = content

    def write(self, data: bytes, /) -> int:
        self.content += data
        return len(data)


class _Hash:
    def __init__(self, hashing: hashlib._Hash) -> None:
        self.hashing = hashing

    def write(self, data: bytes, /) -> int:
        self.hashing.update(data)
        return len(data)


def _manifest_name(name: str) -> str:
    return Manifest.path_of(name).name
